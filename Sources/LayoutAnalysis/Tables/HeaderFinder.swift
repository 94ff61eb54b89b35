import DocumentModel

/// How many rows at the top of a table name its columns.
enum HeaderFinder {
  static func rows(_ cells: [TableCell], _ rows: RowFinder, _ text: TableText, _ columns: ColumnFinder, _ page: Page)
    -> Int
  {
    let count = rows.groups.count
    guard count > 1 else { return 0 }
    // The first rule across the table, unless every row has one.
    if !rows.isRuled, let rule = rows.fullRules.map(\.position).min() {
      let above = rows.extents.filter { ($0.y0 + $0.y1) / 2 < rule }.count
      if above >= 1, above <= 4, above * 2 <= count || above == 1 { return above }
    }
    var header = 0
    while header < min(4, count - 1), isBold(header, rows, text, page) { header += 1 }
    if header > 0 { return extended(header, cells, count) }
    let first = cells.filter { $0.row == 0 }
    let below = cells.filter { $0.row > 0 }
    let numbersBelow = below.filter { TableFinder.isNumeric($0.text) }.count
    let namesOnly = !first.contains { TableFinder.isNumeric($0.text) && !isYear($0.text) }
    if namesOnly, numbersBelow * 4 >= below.count || first.count * 10 >= columns.count * 8 {
      return extended(1, cells, count)
    }
    return 0
  }

  /// Titles over several columns have the columns' names below them.
  private static func extended(_ header: Int, _ cells: [TableCell], _ count: Int) -> Int {
    let last = cells.filter { $0.row < header && $0.row + $0.rowSpan >= header }
    let reach = last.map { $0.row + $0.rowSpan }.max() ?? header
    let hasTitles = last.contains { $0.columnSpan > 1 } && last.count > 1
    return min(count - 1, max(reach, hasTitles && reach == header ? header + 1 : header))
  }

  private static func isYear(_ text: String) -> Bool {
    text.count == 4 && text.allSatisfy(\.isNumber) && (text.hasPrefix("19") || text.hasPrefix("20"))
  }

  private static func isBold(_ row: Int, _ rows: RowFinder, _ text: TableText, _ page: Page) -> Bool {
    func share(_ lines: [Int]) -> Double {
      var bold = 0
      var all = 0
      for line in lines {
        for word in text.rows[line].segments.flatMap(\.words) where page.styles.indices.contains(page.words[word].style)
        {
          let letters = page.words[word].text.count
          all += letters
          if page.style(of: page.words[word]).bold { bold += letters }
        }
      }
      return all == 0 ? 0 : Double(bold) / Double(all)
    }
    // Where all is bold, bold says nothing.
    return share(rows.groups[row]) > 0.8 && share(rows.groups[(row + 1)...].flatMap { $0 }) < 0.6
  }
}
