/// A standalone page; everything that came from the document is escaped.
final class HTMLWriter: PageWriter {
  private let flow: TextFlow
  private let figures: [Int: String]
  private let output: TextOutput
  /// With a paper title as the first level, sections come below it.
  private let shift: Int
  private var notes: [String] = []
  private var inList = false

  init(_ document: Document, figures: [Int: String] = [:], _ output: TextOutput) {
    flow = TextFlow(document)
    (self.figures, self.output) = (figures, output)
    shift = document.hasPaperTitle ? 1 : 0
    let title = document.metadata.title.flatMap { $0.isEmpty ? nil : $0 } ?? document.fileName
    for line in [
      "<!doctype html>", "<html><head><meta charset=\"utf-8\">", "<title>\(Self.escaped(title))</title>",
      "<style>body{max-width:46rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif}"
        + "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2rem .5rem;text-align:left}"
        + "img{max-width:100%}pre{background:#f6f6f6;padding:.6rem;overflow:auto}figcaption,.note{color:#555;font-size:.9em}</style>",
      "</head><body>",
    ] { self.line(line) }
  }

  private func line(_ text: String) {
    output.append(text)
    output.append("\n")
  }

  func add(_ page: Page) throws {
    for unit in flow.units(of: page) {
      let isItem = unit.region.label == .list
      if inList != isItem { line(isItem ? "<ul>" : "</ul>") }
      inList = isItem
      let text = Self.escaped(unit.text)
      switch unit.region.label {
      case .paperTitle: line("<h1>\(text)</h1>")
      case .title:
        let level = min(6, (unit.region.headingLevel ?? 1) + shift)
        line("<h\(level)>\(text)</h\(level)>")
      case .list: line("<li>\(text)</li>")
      case .code, .algorithm: line("<pre>\(text)</pre>")
      case .equation:
        // TeX between \[ and \] is what MathJax and KaTeX look for.
        let content = unit.region.latex.map { "\\[\(Self.escaped($0))\\]" } ?? text
        line("<p class=\"equation\">\(content)</p>")
      case .table: line(unit.region.table.map(Self.table) ?? "<p>\(text)</p>")
      case .figure:
        let picture = figures[unit.region.id].map {
          "<img src=\"\(Self.escaped($0))\" alt=\"Figure on page \(unit.region.page + 1)\">"
        }
        line("<figure data-page=\"\(unit.region.page + 1)\">\(picture ?? "")</figure>")
      case .caption: line("<figcaption>\(text)</figcaption>")
      case .footnote: notes.append("<p class=\"note\">\(text)</p>")
      default: if !text.isEmpty { line("<p>\(text)</p>") }
      }
    }
    try output.endPage()
  }

  func finish() throws {
    if inList { line("</ul>") }
    if !notes.isEmpty { for note in ["<hr>"] + notes { line(note) } }
    line("</body></html>")
    try output.finish()
  }

  static func table(_ table: Table) -> String {
    var lines = ["<table>"]
    let header = table.headerRows
    if header > 0 { lines.append("<thead>") }
    let grid = table.grid()
    // Places that a cell from above or from the left reaches into.
    var covered = Set<Int>()
    for row in 0..<table.rows {
      var line = "<tr>"
      for column in 0..<table.columns where !covered.contains(row * table.columns + column) {
        guard let cell = grid[row][column] else {
          line += row < header ? "<th></th>" : "<td></td>"
          continue
        }
        for r in row..<min(table.rows, row + cell.rowSpan) {
          for c in column..<min(table.columns, column + cell.columnSpan) { covered.insert(r * table.columns + c) }
        }
        let name = cell.isHeader ? "th" : "td"
        let spans =
          (cell.columnSpan > 1 ? " colspan=\"\(cell.columnSpan)\"" : "")
          + (cell.rowSpan > 1 ? " rowspan=\"\(cell.rowSpan)\"" : "")
        line += "<\(name)\(spans)>\(escaped(cell.text))</\(name)>"
      }
      lines.append(line + "</tr>")
      if row + 1 == header { lines.append("</thead>") }
    }
    return (lines + ["</table>"]).joined(separator: "\n")
  }

  static func escaped(_ text: String) -> String {
    text.replacingASCII { byte in
      switch byte {
      case UInt8(ascii: "&"): "&amp;"
      case UInt8(ascii: "<"): "&lt;"
      case UInt8(ascii: ">"): "&gt;"
      case UInt8(ascii: "\""): "&quot;"
      case UInt8(ascii: "'"): "&#39;"
      default: nil
      }
    }
  }
}
