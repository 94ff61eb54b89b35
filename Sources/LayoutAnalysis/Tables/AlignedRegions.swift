import DocumentModel

/// Runs of lines whose pieces align in columns without any rule around them.
enum AlignedRegions {
  static func runs(on page: Page, among lines: [Int]) -> [[Int]] {
    let rows = rowsOfPieces(page, lines)
    var found: [[Int]] = []
    var run: [[Int]] = []
    for row in rows + [[]] {
      if isTabular(row, after: run, page) {
        run.append(row)
        continue
      }
      if isTable(&run, page) { found.append(run.flatMap { $0 }) }
      run = isTabular(row, after: [], page) ? [row] : []
    }
    return found
  }

  /// Pieces of lines that share a baseline, left to right; rows from top to bottom.
  private static func rowsOfPieces(_ page: Page, _ lines: [Int]) -> [[Int]] {
    var rows: [[Int]] = []
    for line in lines.sorted(by: { page.lines[$0].bbox.midY < page.lines[$1].bbox.midY }) {
      let box = page.lines[line].bbox
      if let last = rows.last?.first.map({ page.lines[$0].bbox }),
        last.verticalOverlap(box) > 0.5 * min(last.height, box.height)
      {
        rows[rows.count - 1].append(line)
      } else {
        rows.append([line])
      }
    }
    return rows.map { $0.sorted { page.lines[$0].bbox.x0 < page.lines[$1].bbox.x0 } }
  }

  /// A row with at least two cells that could follow the rows before it.
  private static func isTabular(_ row: [Int], after run: [[Int]], _ page: Page) -> Bool {
    guard let first = row.first else { return false }
    let box = page.lines[first].bbox
    if let last = run.last?.first {
      guard box.y0 - page.lines[last].bbox.y1 < 2.2 * max(box.height, 6) else { return false }
      // A second line of a cell stands alone but under a column.
      if row.count == 1, run.count > 1 {
        let columns = run.joined().map { page.lines[$0].bbox }
        return page.lines[first].words.count <= 8 && columns.contains { abs($0.x0 - box.x0) < 2 }
          && box.width < 0.5 * (columns.map(\.x1).max()! - columns.map(\.x0).min()!)
      }
    }
    guard row.count >= 2 else { return false }
    // The pieces of a formula stand apart, too.
    guard row.contains(where: { page.typography(of: page.lines[$0]).mathShare < 0.3 }) else { return false }
    // Two columns of running text align as well, but their pieces are long.
    let words = row.reduce(0) { $0 + page.lines[$1].words.count }
    return Double(words) / Double(row.count) <= (row.count > 2 ? 7 : 4.5)
  }

  private static func isTable(_ run: inout [[Int]], _ page: Page) -> Bool {
    while let last = run.last, last.count == 1 { run.removeLast() }
    guard run.filter({ $0.count >= 2 }).count >= 3 else { return false }
    let boxes = run.joined().map { page.lines[$0].bbox }
    let columns = columnBands(boxes)
    guard columns >= 2, columns <= 40 else { return false }
    // In most rows at least half of the columns are filled.
    guard run.filter({ $0.count * 2 >= columns }).count * 10 >= run.count * 6 else { return false }
    let hasRulings = page.rulings.contains { ruling in
      boxes.first.map { abs(ruling.bbox.y0 - $0.y0) < 400 } ?? false && ruling.isHorizontal
    }
    let numeric = run.joined().filter { TableFinder.isNumeric(page.lines[$0].text) }.count
    // "Name: value" in most rows makes a form.
    let labelled = run.filter { $0.count >= 2 && page.lines[$0[0]].text.hasSuffix(":") }.count
    // Without lines, numbers or labels it takes more columns to believe in a table.
    return hasRulings || numeric * 4 >= run.joined().count || columns >= 3 || labelled * 10 >= run.count * 6
  }

  /// How many columns: overlapping pieces of different rows belong together, unless one spans.
  private static func columnBands(_ boxes: [Rect]) -> Int {
    let widths = boxes.map(\.width).sorted()
    let usual = widths[widths.count * 9 / 10]
    var ends: [Double] = []
    for box in boxes.filter({ $0.width <= usual * 1.01 }).sorted(by: { $0.x0 < $1.x0 }) {
      if let last = ends.last, box.x0 < last - 1 {
        ends[ends.count - 1] = max(last, box.x1)
      } else {
        ends.append(box.x1)
      }
    }
    return ends.count
  }
}
