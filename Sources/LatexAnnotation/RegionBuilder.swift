import DocumentModel

/// Joins what was painted to regions: one per unit, page and column.
struct RegionBuilder {
  /// What of a unit stands together on one page.
  struct Piece {
    var unit: Int
    var page: Int
    var glyphs: Rect?
    var graphics: Rect?
    var words: [Int] = []
    var mathGlyphs = 0
    var glyphCount = 0
    /// Place in the order of painting.
    var first: Int

    var box: Rect? {
      guard let glyphs else { return graphics }
      return graphics.map { glyphs.union($0) } ?? glyphs
    }
  }

  var resolver: UnitResolver
  var pieces: [Piece] = []
  /// Glyphs that belong to no unit.
  private(set) var unlabelled = 0
  private(set) var labelled = 0

  init(_ log: MarkLog) { resolver = UnitResolver(log) }

  /// Adds a page: `page` is what poppler reads of it, `items` what the marked compile painted.
  mutating func add(_ page: Page, _ items: [PaintedItem], _ trace: PaintTrace) {
    var owner = [Int](repeating: -1, count: items.count)
    var open: [Int: Int] = [:]
    let start = pieces.count
    var unitOfStack: [Int: Int?] = [:]
    for (index, item) in items.enumerated() {
      let stack = trace.stacks[item.stack]
      let unit: Int?
      if stack.isEmpty {
        unit = resolver.resolve(stack, behind: item.behind)
      } else if let found = unitOfStack[item.stack] {
        unit = found
      } else {
        unit = resolver.resolve(stack, behind: item.behind)
        unitOfStack[item.stack] = .some(unit)
      }
      guard let unit else {
        if item.kind == .glyph, !isTag(stack) { unlabelled += 1 }
        continue
      }
      if item.kind == .glyph { labelled += 1 }
      let source = resolver.units[unit]
      guard item.kind == .glyph || Self.ownsGraphics(source.label) || item.kind == .image else { continue }
      var piece = open[unit] ?? -1
      if piece < 0 || startsNewPiece(item, pieces[piece], source) {
        piece = pieces.count
        pieces.append(Piece(unit: unit, page: page.index, first: index))
        open[unit] = piece
      }
      owner[index] = piece
      if item.kind == .glyph {
        pieces[piece].glyphs = pieces[piece].glyphs?.union(item.box) ?? item.box
        pieces[piece].glyphCount += 1
        if item.isMath { pieces[piece].mathGlyphs += 1 }
      } else {
        pieces[piece].graphics = pieces[piece].graphics?.union(item.box) ?? item.box
      }
    }
    assignWords(page, items, owner, from: start)
  }

  private func isTag(_ stack: [PaintTrace.Entry]) -> Bool {
    stack.contains { resolver.log.marks[$0.mark]?.kind == "tag" }
  }

  private static func ownsGraphics(_ label: RegionClass) -> Bool {
    [.table, .figure, .algorithm, .equation, .code].contains(label)
  }

  /// Text that goes on higher up and beside: another column. Furniture: every place for itself.
  private func startsNewPiece(_ item: PaintedItem, _ piece: Piece, _ unit: SourceUnit) -> Bool {
    guard let box = piece.glyphs else { return false }
    if unit.label == .others, case .furniture = unit.key {
      return item.box.x0 > box.x1 + 24 || item.box.x1 < box.x0 - 24 || item.box.verticalOverlap(box) <= 0
    }
    guard item.kind == .glyph, ![.table, .figure, .equation].contains(unit.label) else { return false }
    let size = max(4, item.size)
    return item.box.y1 < box.y1 - 2 * size && (item.box.x0 > box.x1 + size || item.box.x1 < box.x0 - size)
  }

  /// Gives every word to the piece that most of its glyphs belong to, and takes the words' boxes.
  private mutating func assignWords(_ page: Page, _ items: [PaintedItem], _ owner: [Int], from start: Int) {
    // Glyphs in cells of 20 points.
    var cells: [Int: [Int]] = [:]
    func cell(_ x: Double, _ y: Double) -> Int { Int(y / 20) * 10_000 + Int(x / 20) }
    for (index, item) in items.enumerated() where item.kind == .glyph {
      cells[cell(item.box.midX, item.box.midY), default: []].append(index)
    }
    var boxes: [Int: Rect] = [:]
    for (number, word) in page.words.enumerated() {
      var votes: [Int: Int] = [:]
      for y in Int(word.bbox.y0 / 20)...max(Int(word.bbox.y0 / 20), Int(word.bbox.y1 / 20)) {
        for x in Int(word.bbox.x0 / 20)...max(Int(word.bbox.x0 / 20), Int(word.bbox.x1 / 20)) {
          for index in cells[y * 10_000 + x] ?? []
          where word.bbox.contains(x: items[index].box.midX, y: items[index].box.midY) {
            votes[owner[index], default: 0] += 1
          }
        }
      }
      guard let best = votes.max(by: { ($0.value, -$0.key) < ($1.value, -$1.key) })?.key, best >= 0 else { continue }
      pieces[best].words.append(number)
      boxes[best] = boxes[best]?.union(word.bbox) ?? word.bbox
    }
    for (piece, box) in boxes where piece >= start { pieces[piece].glyphs = box }
  }

  /// The size of most words, in points.
  func bodySize(_ pages: [Page]) -> Double {
    var counts: [Double: Int] = [:]
    for page in pages { for word in page.words { counts[page.styles[word.style].size, default: 0] += word.text.count } }
    return counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? 10
  }
}
