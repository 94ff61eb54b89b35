import DocumentModel

/// Where one column of a table ends and the next begins: at vertical rules, and at stretches of white that nearly all
/// lines of text leave free.
struct ColumnFinder {
  /// x from left to right: the left edge, what lies between columns, the right edge.
  private(set) var boundaries: [Double]
  /// Boundaries that are vertical rules for most of the table's height.
  private(set) var ruled: Set<Int> = []

  var count: Int { max(0, boundaries.count - 1) }

  init(_ text: TableText) {
    let boxes = text.rows.flatMap(\.segments).map(\.box)
    guard let left = boxes.map(\.x0).min(), let right = boxes.map(\.x1).max() else {
      boundaries = []
      return
    }
    let content = (boxes.map(\.y0).min()!, boxes.map(\.y1).max()!)
    let needed = 0.35 * (content.1 - content.0)
    // Rules at one x may be drawn cell by cell.
    var lines: [(x: Double, length: Double)] = []
    for rule in text.vertical.sorted(by: { $0.position < $1.position }) {
      let length = min(rule.to, content.1) - max(rule.from, content.0)
      guard length > 0 else { continue }
      if let last = lines.last, rule.position - last.x < 4 {
        lines[lines.count - 1].length += length
      } else {
        lines.append((rule.position, length))
      }
    }
    let inner = lines.filter { $0.length > needed && $0.x > left + 2 && $0.x < right - 2 }.map(\.x)
    let isFramed = lines.contains { $0.x <= left + 2 && $0.length > needed }
    var all = [left - 1] + inner + [right + 1]
    for (from, to) in zip(all, all.dropFirst()) {
      let more = Self.gutters(text, from: from, to: to)
      // A grid that is drawn says where its columns are; only two columns without any rule between them are divided.
      all += isFramed && !inner.isEmpty ? [] : more
    }
    boundaries = all.sorted()
    ruled = Set(boundaries.indices.filter { index in inner.contains(boundaries[index]) })
  }

  /// Columns that a box reaches into.
  func touched(_ box: Rect) -> ClosedRange<Int> {
    let slack = min(2, 0.2 * box.width)
    let first = (0..<count).last { boundaries[$0] <= box.x0 + slack } ?? 0
    let last = (0..<count).last { boundaries[$0] < box.x1 - slack } ?? 0
    return first...max(first, last)
  }

  func range(_ column: Int) -> (x0: Double, x1: Double) { (boundaries[column], boundaries[column + 1]) }

  // MARK: - White between columns

  private static func gutters(_ text: TableText, from: Double, to: Double) -> [Double] {
    let rows = text.rows.map { row in row.segments.map(\.box).filter { $0.midX > from && $0.midX < to } }.filter {
      !$0.isEmpty
    }
    guard rows.count >= 2 else { return [] }
    // Titles over several columns cross the white.
    let allowed = rows.count >= 3 ? max(1, rows.count * 15 / 100) : 0
    // How many lines cover each half point.
    let step = 0.5
    let count = max(1, Int((to - from) / step) + 1)
    guard count < 20_000 else { return [] }
    var cover = [Int](repeating: 0, count: count)
    for row in rows {
      var reached = -1
      for box in row {
        let first = max(reached + 1, Int((box.x0 - from) / step))
        let last = min(count - 1, Int((box.x1 - from) / step))
        if first <= last { for x in first...last { cover[x] += 1 } }
        reached = max(reached, last)
      }
    }
    let first = cover.firstIndex { $0 > 0 } ?? 0
    let end = cover.lastIndex { $0 > 0 } ?? 0
    var whites: [(from: Int, to: Int)] = []
    for x in first...max(first, end) where cover[x] <= allowed {
      if let last = whites.last, last.to == x - 1 { whites[whites.count - 1].to = x } else { whites.append((x, x)) }
    }
    var result: [Double] = []
    let boxes = rows.flatMap { $0 }
    for white in whites {
      let (x0, x1) = (from + Double(white.from) * step, from + Double(white.to + 1) * step)
      guard x1 - x0 > 0.35 * text.height else { continue }
      // What lies wholly in the white is a column of few cells, unless it is a title over the columns beside it.
      var islands: [(x0: Double, x1: Double)] = []
      let inside = boxes.filter { $0.x0 > x0 + 0.5 && $0.x1 < x1 - 0.5 }
      for box in inside.sorted(by: { $0.x0 < $1.x0 }) where !isTitle(box, over: (x0, x1), text, rows) {
        if let last = islands.last, box.x0 < last.x1 + 0.5 * text.height {
          islands[islands.count - 1].x1 = max(last.x1, box.x1)
        } else {
          islands.append((box.x0, box.x1))
        }
      }
      let edges = [x0] + islands.flatMap { [$0.x0, $0.x1] } + [x1]
      // At the ends of the table there is white on one side only.
      for pair in stride(from: 0, to: edges.count - 1, by: 2) {
        let (a, b) = (edges[pair], edges[pair + 1])
        let isOuter = (pair == 0 && white.from <= first) || (pair + 2 == edges.count && white.to >= end)
        if !isOuter { result.append(quietest(cover, from, step, a, b)) }
      }
    }
    return result
  }

  /// A short rule below the text reaches over both sides of the white; or, in the first line, nothing else stands over
  /// the columns beside the white and the text is in the middle of them.
  private static func isTitle(_ box: Rect, over white: (x0: Double, x1: Double), _ text: TableText, _ rows: [[Rect]])
    -> Bool
  {
    let width = (rows.joined().map(\.x1).max() ?? 0) - (rows.joined().map(\.x0).min() ?? 0)
    if text.horizontal.contains(where: {
      $0.position > box.midY && $0.position < box.y1 + 0.9 * text.height && $0.from < white.x0 && $0.to > white.x1
        && $0.length < 0.8 * width
    }) {
      return true
    }
    guard let first = rows.first, first.contains(box), rows.count >= 3 else { return false }
    let body = rows.dropFirst().joined()
    guard let left = body.filter({ $0.x1 <= white.x0 + 1 }).max(by: { $0.x1 < $1.x1 }),
      let right = body.filter({ $0.x0 >= white.x1 - 1 }).min(by: { $0.x0 < $1.x0 })
    else { return false }
    let reach = (x0: left.x0, x1: right.x1)
    guard first.allSatisfy({ $0 == box || $0.x1 < reach.x0 || $0.x0 > reach.x1 }) else { return false }
    return abs(box.midX - (reach.x0 + reach.x1) / 2) < text.height
  }

  /// The middle of the longest stretch with the least text.
  private static func quietest(_ cover: [Int], _ from: Double, _ step: Double, _ a: Double, _ b: Double) -> Double {
    let first = max(0, Int((a - from) / step))
    let last = min(cover.count - 1, max(first, Int((b - from) / step) - 1))
    let least = cover[first...last].min() ?? 0
    var best = (start: first, length: 0)
    var start = first
    for x in first...(last + 1) where x == last + 1 || cover[x] != least {
      if x - start > best.length { best = (start, x - start) }
      start = x + 1
    }
    return from + (Double(best.start) + Double(best.length) / 2) * step
  }
}
