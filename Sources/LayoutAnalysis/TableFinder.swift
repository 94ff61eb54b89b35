import DocumentModel

/// Finds tables: drawn grids, blocks between horizontal rules, and aligned columns; makes grids of them.
public enum TableFinder {
  /// A table and the lines of the page that it takes.
  public struct Found: Sendable {
    public var bbox: Rect
    /// Indices into the page's lines.
    public var lines: [Int]
    public var table: Table
  }

  /// The tables of an upright page among some of its lines, from top to bottom.
  public static func tables(on page: Page, among lines: [Int]) -> [Found] {
    var found: [Found] = []
    var free = lines
    let candidates = RuledRegions.grids(on: page) + RuledRegions.betweenRules(on: page, lines: lines)
    for box in candidates where !found.contains(where: { ($0.bbox.intersection(box)?.area ?? 0) > 0.2 * box.area }) {
      let inside = free.filter { page.lines[$0].bbox.midY > box.y0 && page.lines[$0].bbox.midY < box.y1 }.filter {
        page.lines[$0].bbox.midX > box.x0 && page.lines[$0].bbox.midX < box.x1
      }
      guard inside.count >= 2, let one = table(in: box, lines: inside, on: page, isDrawn: true) else { continue }
      found.append(one)
      let taken = Set(inside)
      free.removeAll { taken.contains($0) }
    }
    for run in AlignedRegions.runs(on: page, among: free) {
      let boxes = run.map { page.lines[$0].bbox }
      let box = boxes.dropFirst().reduce(boxes[0]) { $0.union($1) }
      if let one = table(in: box, lines: run, on: page, isDrawn: false) { found.append(one) }
    }
    return found.sorted { $0.bbox.y0 < $1.bbox.y0 }
  }

  /// The structure of a region that is known to be a table, as a layout model finds them.
  ///
  /// - Returns: nil when no two rows and columns can be told apart.
  public static func table(in box: Rect, lines: [Int], on page: Page, isDrawn: Bool = false) -> Found? {
    let words = lines.flatMap { page.lines[$0].words }
    guard let table = TableStructure.table(words, in: box, on: page) else { return nil }
    guard isDrawn == false || isPlausible(table) else { return nil }
    let boxes = lines.map { page.lines[$0].bbox }
    var bbox = boxes.dropFirst().reduce(boxes[0]) { $0.union($1) }
    if isDrawn { bbox = bbox.union(box) }
    return Found(bbox: bbox, lines: lines, table: table)
  }

  /// Frames around text and the axes of charts are drawn, too.
  private static func isPlausible(_ table: Table) -> Bool {
    let filled = table.cells.reduce(0) { $0 + $1.rowSpan * $1.columnSpan }
    let isFull = filled * 10 >= table.rows * table.columns * 3
    let longest = table.cells.map(\.text.count).max() ?? 0
    let letters = table.cells.reduce(0) { $0 + $1.text.count }
    return isFull && table.cells.count >= 4 && (longest * 10 < letters * 8 || table.cells.count > 6)
  }
}
