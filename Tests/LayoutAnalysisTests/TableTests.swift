import DocumentModel
import LayoutAnalysis
import Testing

/// A page with a table set by hand: cells at given places, and rules.
private struct TablePage {
  var page = Page(index: 0, width: 600, height: 800)

  init() {
    page.styles = [TextStyle(font: "Body", size: 10), TextStyle(font: "Bold", size: 10, bold: true)]
  }

  mutating func text(_ text: String, x: Double, y: Double, style: Int = 0) {
    var x = x
    for word in text.split(separator: " ") {
      let width = Double(word.count) * 5
      page.words.append(Word(text: String(word), bbox: Rect(x0: x, y0: y, x1: x + width, y1: y + 10), style: style))
      x += width + 2.8
    }
  }

  mutating func across(_ y: Double, _ x0: Double = 100, _ x1: Double = 400) {
    page.rulings.append(Ruling(bbox: Rect(x0: x0, y0: y - 0.4, x1: x1, y1: y + 0.4)))
  }

  mutating func down(_ x: Double, _ y0: Double, _ y1: Double) {
    page.rulings.append(Ruling(bbox: Rect(x0: x - 0.4, y0: y0, x1: x + 0.4, y1: y1)))
  }

  func table() throws -> Table {
    var document = Document(fileName: "t.pdf", pageCount: 1, pages: [page])
    RuleBasedLayout().analyze(&document)
    return try #require(document.tables.first).table
  }
}

/// Rows of texts; "<" where a cell from the left, "^" where one from above reaches.
private func grid(_ table: Table) -> [[String]] {
  var result = [[String]](repeating: Array(repeating: "", count: table.columns), count: table.rows)
  for cell in table.cells {
    for row in 0..<cell.rowSpan {
      for column in 0..<cell.columnSpan { result[cell.row + row][cell.column + column] = row > 0 ? "^" : "<" }
    }
    result[cell.row][cell.column] = cell.text
  }
  return result
}

@Suite struct TableTests {
  @Test func titlesOverSeveralColumnsSpanThem() throws {
    var set = TablePage()
    set.across(100)
    set.text("Revenue", x: 225, y: 105)
    set.across(119, 190, 300)
    set.text("Item", x: 105, y: 123)
    set.text("2022", x: 200, y: 123)
    set.text("2023", x: 270, y: 123)
    set.text("Note", x: 350, y: 123)
    set.across(138)
    for (row, name) in ["North", "South", "West"].enumerated() {
      let y = 143 + Double(row) * 15
      set.text(name, x: 105, y: y)
      set.text("1,25\(row)", x: 196, y: y)
      set.text("3.\(row)%", x: 270, y: y)
      set.text("good", x: 350, y: y)
    }
    set.across(190)
    let table = try set.table()
    #expect(
      grid(table) == [
        ["", "Revenue", "<", ""], ["Item", "2022", "2023", "Note"], ["North", "1,250", "3.0%", "good"],
        ["South", "1,251", "3.1%", "good"], ["West", "1,252", "3.2%", "good"],
      ])
    #expect(table.headerRows == 2)
    let number = try #require(table.cells.first { $0.text == "3.1%" })
    #expect(number.value == 3.1 && number.unit == "%")
    #expect(table.cells.first { $0.text == "1,251" }?.value == 1251)
  }

  @Test func drawnGridsSpanWhereRulesAreMissing() throws {
    var set = TablePage()
    for y in [100.0, 120, 160] { set.across(y) }
    // The first column goes on over the rule between the rows.
    set.across(140, 200, 400)
    for x in [100.0, 200, 300, 400] { set.down(x, 100, 160) }
    set.text("Area", x: 110, y: 105, style: 1)
    set.text("Size", x: 210, y: 105, style: 1)
    set.text("Price", x: 310, y: 105, style: 1)
    set.text("Garden", x: 110, y: 135)
    set.text("12", x: 210, y: 125)
    set.text("13", x: 310, y: 125)
    set.text("14", x: 210, y: 145)
    set.text("15", x: 310, y: 145)
    let table = try set.table()
    #expect(grid(table) == [["Area", "Size", "Price"], ["Garden", "12", "13"], ["^", "14", "15"]])
    #expect(table.headerRows == 1)
  }

  @Test func linesOfACellBelongTogether() throws {
    var set = TablePage()
    for y in [100.0, 120, 152, 172] { set.across(y) }
    for x in [100.0, 250, 400] { set.down(x, 100, 172) }
    set.text("Name", x: 110, y: 105)
    set.text("Meaning", x: 260, y: 105)
    set.text("lease", x: 110, y: 125)
    set.text("the time for which", x: 260, y: 123)
    set.text("a job is held", x: 260, y: 136)
    set.text("turn", x: 110, y: 157)
    set.text("one after another", x: 260, y: 157)
    #expect(
      grid(try set.table()) == [
        ["Name", "Meaning"], ["lease", "the time for which a job is held"], ["turn", "one after another"],
      ])
  }

  @Test(
    arguments: [
      ("1,234.5", 1234.5, nil), ("1.234,5 €", 1234.5, "€"), ("(12.3)", -12.3, nil), ("−0.5 %", -0.5, "%"),
      ("$1,000", 1000, "$"), ("1 234 567", 1_234_567, nil), ("0.91 ± 0.02", 0.91, nil), ("12*", 12, nil),
      (".5", 0.5, nil),
      ("12 kg", 12, "kg"),
    ] as [(String, Double, String?)])
  func numbersAreTyped(_ text: String, _ value: Double, _ unit: String?) throws {
    let number = try #require(TableNumber(text))
    #expect(abs(number.value - value) < 1e-9 && number.unit == unit)
  }

  @Test(arguments: ["Q3 2021", "n/a", "1.2.3", "12:30", "v2", "-", "", "2021-05-06", "1,23,4"])
  func otherTextIsNoNumber(_ text: String) { #expect(TableNumber(text) == nil) }

  @Test func tablesAreWrittenWithTheirSpans() throws {
    let box = Rect(x0: 0, y0: 0, x1: 1, y1: 1)
    let table = Table(
      rows: 3, columns: 2,
      cells: [
        TableCell(row: 0, column: 0, columnSpan: 2, text: "A, \"B\"", bbox: box, isHeader: true),
        TableCell(row: 1, column: 0, rowSpan: 2, text: "x & y", bbox: box),
        TableCell(row: 1, column: 1, text: "1", bbox: box), TableCell(row: 2, column: 1, text: "50%", bbox: box),
      ])
    #expect(TableWriter.csv(table) == "\"A, \"\"B\"\"\",\r\nx & y,1\r\n,50%\r\n")
    let latex = TableWriter.latex(table)
    #expect(latex.contains("\\multicolumn{2}{c}{A, \"B\"} \\\\\n\\midrule"))
    #expect(latex.contains("\\multirow{2}{*}{x \\& y} & 1 \\\\\n & 50\\% \\\\"))
    var document = Document(fileName: "t.pdf", pageCount: 1, pages: [Page(index: 0, width: 600, height: 800)])
    var region = Region(id: 0, label: .table, page: 0, bbox: box)
    region.table = table
    document.pages[0].regions = [region]
    let html = String(decoding: try DocumentWriter.write(document, as: .markdown), as: UTF8.self)
    #expect(html.contains("<tr><th colspan=\"2\">A, &quot;B&quot;</th></tr>"))
    #expect(html.contains("<tr><td rowspan=\"2\">x &amp; y</td><td>1</td></tr>\n<tr><td>50%</td></tr>"))
  }
}
