import DocumentModel

/// Finds the white bands between columns of text by the left edges that the lines right of them share.
///
/// A gutter of 8 to 12 points is no wider than a stretched space: one line alone does not tell them apart, a stack of
/// lines that all begin anew at one place does.
struct GutterFinder {
  /// One stretch of a gutter.
  struct Gutter {
    /// Where the column right of it begins.
    var edge: Double
    /// Everything left of it ends here or before.
    var left: Double
    var y0: Double
    var y1: Double

    var width: Double { edge - left }
  }

  private(set) var gutters: [Gutter] = []

  private static let minLines = 5
  private static let tolerance = 1.5

  /// - Parameter page: words in any order; their boxes are finite.
  init(_ page: Page) {
    let boxes = page.words.filter { word in
      let box = word.bbox
      return box.x0.isFinite && box.x1.isFinite && box.y0.isFinite && box.y1.isFinite && box.height > 0
        && box.width > 0
    }
    guard boxes.count >= 30, boxes.count < 20_000 else { return }
    let heights = boxes.map(\.bbox.height).sorted()
    let em = max(4, heights[heights.count / 2])
    let starts = columnStarts(page, boxes, em)
    for edge in candidates(starts) {
      gutters += stretches(at: edge, starts: starts, words: boxes.map(\.bbox), em: em)
    }
  }

  /// True when a gutter stands between a line's end and a word that would go on with it.
  func separates(_ line: Rect, _ word: Rect) -> Bool {
    gutters.contains { gutter in
      word.x0 >= gutter.edge - 2 && line.x1 <= gutter.left + 1 && word.midY > gutter.y0 && word.midY < gutter.y1
    }
  }

  /// Gutters that run along a good part of the page: columns that hold all the way, also beside few lines.
  func ofColumns(pageHeight: Double) -> GutterFinder {
    var copy = self
    copy.gutters = gutters.filter { gutter in
      let along = gutters.filter { abs($0.edge - gutter.edge) < 6 }.reduce(0) { $0 + $1.y1 - $1.y0 }
      return along > 0.35 * pageHeight
    }.map { Gutter(edge: $0.edge, left: $0.left, y0: -.infinity, y1: .infinity) }
    return copy
  }

  /// The same without some of the gutters.
  func without(_ isLeftOut: (Gutter) -> Bool) -> GutterFinder {
    var copy = self
    copy.gutters.removeAll(where: isLeftOut)
    return copy
  }

  // MARK: - Evidence

  /// Words with white before them that is wide enough for a gutter, within the text or at the start of a line.
  private func columnStarts(_ page: Page, _ words: [Word], _ em: Double) -> [Rect] {
    let order = words.indices.sorted { words[$0].bbox.midY < words[$1].bbox.midY }
    var result: [Rect] = []
    for (place, index) in order.enumerated() {
      let word = words[index]
      // In typewriter type everything stands below something.
      if page.styles.indices.contains(word.style), page.styles[word.style].monospaced { continue }
      let box = word.bbox
      let band = (x0: box.x0 - 0.35 * em, x1: box.x0 - 0.3)
      var isFree = true
      for step in [-1, 1] {
        var other = place + step
        while isFree, order.indices.contains(other) {
          let next = words[order[other]].bbox
          if abs(next.midY - box.midY) > 0.5 * em { break }
          if next.x0 < band.x1, next.x1 > band.x0 { isFree = false }
          other += step
        }
      }
      if isFree { result.append(box) }
    }
    return result
  }

  /// Left edges that enough words share.
  private func candidates(_ starts: [Rect]) -> [Double] {
    var result: [Double] = []
    let edges = starts.map(\.x0).sorted()
    var first = 0
    while first < edges.count {
      var end = first
      while end < edges.count, edges[end] - edges[first] <= Self.tolerance { end += 1 }
      if end - first >= Self.minLines {
        result.append(edges[(first + end) / 2])
        first = end
      } else {
        first += 1
      }
    }
    return result
  }

  /// Where the white before the edge goes on without a word in it, and text stands on both sides.
  private func stretches(at edge: Double, starts: [Rect], words: [Rect], em: Double) -> [Gutter] {
    let band = (x0: edge - 0.35 * em, x1: edge - Self.tolerance - 0.2)
    let crossing = words.filter { $0.x0 < band.x1 && $0.x1 > band.x0 }.sorted { $0.midY < $1.midY }
    let aligned = starts.filter { abs($0.x0 - edge) <= Self.tolerance }.sorted { $0.midY < $1.midY }
    var stacks: [[Rect]] = []
    var next = 0
    for word in aligned {
      var isCut = stacks.isEmpty
      while next < crossing.count, crossing[next].midY < word.midY {
        if let above = stacks.last?.last, crossing[next].midY > above.midY { isCut = true }
        next += 1
      }
      // A title above the columns may begin a word at the same place.
      if let above = stacks.last?.last, word.midY - above.midY > 3.5 * em { isCut = true }
      if isCut { stacks.append([word]) } else { stacks[stacks.count - 1].append(word) }
    }
    let found = stacks.compactMap { gutter($0, edge, words, em) }
    guard let width = found.filter({ $0.lines >= Self.minLines }).map({ $0.gutter.width }).min() else { return [] }
    // What proved to be a gutter in one place is one in places with fewer lines, too, if it is as wide there.
    return found.filter { $0.lines >= Self.minLines || ($0.lines >= 2 && $0.gutter.width > 0.7 * width) }.map(\.gutter)
  }

  private func gutter(_ stack: [Rect], _ edge: Double, _ words: [Rect], _ em: Double) -> (gutter: Gutter, lines: Int)? {
    guard let top = stack.first, let bottom = stack.last else { return nil }
    let (y0, y1) = (top.y0 - 0.3 * em, bottom.y1 + 0.3 * em)
    let beside = words.filter { $0.midY > y0 && $0.midY < y1 }
    let left = beside.filter { $0.x1 <= edge }, right = beside.filter { $0.x0 >= edge - Self.tolerance }
    // Numbers before list items and labels before values are not columns of text.
    let needed = 6 * em * Double(stack.count)
    guard left.reduce(0, { $0 + $1.width }) >= needed, right.reduce(0, { $0 + $1.width }) >= needed,
      let end = left.map(\.x1).max()
    else { return nil }
    return (Gutter(edge: edge, left: end, y0: y0, y1: y1), stack.count)
  }
}
