import DocumentModel

/// Finds tables by aligned columns, with rulings as evidence, and makes grids of them.
enum TableFinder {
  struct Found {
    var bbox: Rect
    var lines: [Int]
    var table: Table
  }

  static func tables(on page: Page, among lines: [Int]) -> [Found] {
    let rows = rowsOfPieces(page, lines)
    var found: [Found] = []
    var run: [[Int]] = []
    for row in rows + [[]] {
      if isTabular(row, after: run, page) {
        run.append(row)
        continue
      }
      if let table = table(of: run, page) { found.append(table) }
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
    // Two columns of running text align as well, but their pieces are long.
    let words = row.reduce(0) { $0 + page.lines[$1].words.count }
    return Double(words) / Double(row.count) <= (row.count > 2 ? 7 : 4.5)
  }

  private static func table(of run: [[Int]], _ page: Page) -> Found? {
    var run = run
    while let last = run.last, last.count == 1 { run.removeLast() }
    guard run.filter({ $0.count >= 2 }).count >= 3 else { return nil }
    let boxes = run.joined().map { page.lines[$0].bbox }
    let columns = columnBands(boxes)
    guard columns.count >= 2, columns.count <= 40 else { return nil }
    // In most rows at least half of the columns are filled.
    let filled = run.filter { $0.count * 2 >= columns.count }.count
    guard filled * 10 >= run.count * 6 else { return nil }
    let hasRulings = page.rulings.contains { ruling in
      boxes.first.map { abs(ruling.bbox.y0 - $0.y0) < 400 } ?? false && ruling.isHorizontal
    }
    let numeric = run.joined().filter { isNumeric(page.lines[$0].text) }.count
    // "Name: value" in most rows makes a form.
    let labelled = run.filter { $0.count >= 2 && page.lines[$0[0]].text.hasSuffix(":") }.count
    // Without lines, numbers or labels it takes more columns to believe in a table.
    guard hasRulings || numeric * 4 >= run.joined().count || columns.count >= 3 || labelled * 10 >= run.count * 6
    else { return nil }
    let bbox = boxes.dropFirst().reduce(boxes[0]) { $0.union($1) }
    return Found(bbox: bbox, lines: run.flatMap { $0 }, table: grid(run, columns, page))
  }

  /// Horizontal extents of the columns: overlapping cells of different rows belong together, unless a cell spans.
  private static func columnBands(_ boxes: [Rect]) -> [(x0: Double, x1: Double)] {
    let widths = boxes.map(\.width).sorted()
    let usual = widths[widths.count * 9 / 10]
    var bands: [(x0: Double, x1: Double)] = []
    for box in boxes.filter({ $0.width <= usual * 1.01 }).sorted(by: { $0.x0 < $1.x0 }) {
      if let last = bands.last, box.x0 < last.x1 - 1 {
        bands[bands.count - 1].x1 = max(last.x1, box.x1)
      } else {
        bands.append((box.x0, box.x1))
      }
    }
    return bands
  }

  private static func grid(_ run: [[Int]], _ columns: [(x0: Double, x1: Double)], _ page: Page) -> Table {
    // Lines that stand alone continue the row above.
    var rows: [[Int]] = []
    for row in run {
      if row.count == 1, rows.count > 0, columns.count > 2 { rows[rows.count - 1] += row } else { rows.append(row) }
    }
    var cells: [TableCell] = []
    let headerRows = headerCount(rows, page)
    for (r, row) in rows.enumerated() {
      var inRow: [TableCell] = []
      for line in row {
        let box = page.lines[line].bbox
        let touched = columns.indices.filter { min(columns[$0].x1, box.x1) - max(columns[$0].x0, box.x0) > 1 }
        let first =
          touched.first ?? columns.indices.min { abs(columns[$0].x0 - box.x0) < abs(columns[$1].x0 - box.x0) } ?? 0
        let span = max(1, (touched.last ?? first) - first + 1)
        if let same = inRow.firstIndex(where: { $0.column <= first && first < $0.column + $0.columnSpan }) {
          inRow[same].text = TextJoiner.join(inRow[same].text, page.lines[line].text)
          inRow[same].bbox = inRow[same].bbox.union(box)
        } else {
          inRow.append(
            TableCell(
              row: r, column: first, columnSpan: span, text: page.lines[line].text, bbox: box,
              isHeader: r < headerRows))
        }
      }
      cells += inRow.sorted { $0.column < $1.column }
    }
    return Table(rows: rows.count, columns: columns.count, cells: cells)
  }

  /// The first row is a header when it is set in bold or has no numbers above columns of numbers.
  private static func headerCount(_ rows: [[Int]], _ page: Page) -> Int {
    guard rows.count > 1 else { return 0 }
    let first = rows[0]
    let bold = first.allSatisfy { page.typography(of: page.lines[$0]).bold }
    let below = rows.dropFirst().joined()
    let numbersBelow = below.filter { isNumeric(page.lines[$0].text) }.count
    return bold || (!first.contains { isNumeric(page.lines[$0].text) } && numbersBelow * 4 >= below.count) ? 1 : 0
  }

  static func isNumeric(_ text: String) -> Bool {
    let digits = text.filter(\.isNumber).count
    return digits > 0 && digits * 2 >= text.filter { !$0.isWhitespace }.count
  }
}
