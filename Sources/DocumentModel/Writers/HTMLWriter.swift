/// A standalone page; everything that came from the document is escaped.
struct HTMLWriter {
  let document: Document

  init(_ document: Document) { self.document = document }

  func text() -> String {
    let title = document.metadata.title.flatMap { $0.isEmpty ? nil : $0 } ?? document.fileName
    var parts = [
      "<!doctype html>", "<html><head><meta charset=\"utf-8\">", "<title>\(Self.escaped(title))</title>",
      "<style>body{max-width:46rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif}"
        + "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2rem .5rem;text-align:left}"
        + "pre{background:#f6f6f6;padding:.6rem;overflow:auto}figcaption,.note{color:#555;font-size:.9em}</style>",
      "</head><body>",
    ]
    var notes: [String] = []
    var inList = false
    let shift = document.regions.contains { $0.label == .paperTitle } ? 1 : 0
    for unit in document.flow() {
      let isItem = unit.region.label == .list
      if inList != isItem { parts.append(isItem ? "<ul>" : "</ul>") }
      inList = isItem
      let text = Self.escaped(unit.text)
      switch unit.region.label {
      case .paperTitle: parts.append("<h1>\(text)</h1>")
      case .title:
        let level = min(6, (unit.region.headingLevel ?? 1) + shift)
        parts.append("<h\(level)>\(text)</h\(level)>")
      case .list: parts.append("<li>\(text)</li>")
      case .code, .algorithm: parts.append("<pre>\(text)</pre>")
      case .equation: parts.append("<p class=\"equation\">\(text)</p>")
      case .table: parts.append(unit.region.table.map(Self.table) ?? "<p>\(text)</p>")
      case .figure: parts.append("<figure data-page=\"\(unit.region.page + 1)\"></figure>")
      case .caption: parts.append("<figcaption>\(text)</figcaption>")
      case .footnote: notes.append("<p class=\"note\">\(text)</p>")
      default: if !text.isEmpty { parts.append("<p>\(text)</p>") }
      }
    }
    if inList { parts.append("</ul>") }
    if !notes.isEmpty { parts += ["<hr>"] + notes }
    return (parts + ["</body></html>"]).joined(separator: "\n") + "\n"
  }

  static func table(_ table: Table) -> String {
    var lines = ["<table>"]
    for row in 0..<table.rows {
      var line = "<tr>"
      var column = 0
      for cell in table.cells.filter({ $0.row == row }).sorted(by: { $0.column < $1.column }) {
        while column < cell.column {
          line += "<td></td>"
          column += 1
        }
        let name = cell.isHeader ? "th" : "td"
        let spans =
          (cell.columnSpan > 1 ? " colspan=\"\(cell.columnSpan)\"" : "")
          + (cell.rowSpan > 1 ? " rowspan=\"\(cell.rowSpan)\"" : "")
        line += "<\(name)\(spans)>\(escaped(cell.text))</\(name)>"
        column = cell.column + cell.columnSpan
      }
      while column < table.columns {
        line += "<td></td>"
        column += 1
      }
      lines.append(line + "</tr>")
    }
    return (lines + ["</table>"]).joined(separator: "\n")
  }

  static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.append(character)
      }
    }
    return result
  }
}
