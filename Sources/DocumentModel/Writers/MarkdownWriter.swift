/// GitHub-flavoured Markdown. Running heads and page numbers are left out; footnotes come last.
final class MarkdownWriter: PageWriter {
  private let flow: TextFlow
  private let figures: [Int: String]
  private let output: TextOutput
  /// With a paper title as the first level, sections come below it.
  private let shift: Int
  private var footnotes: [String] = []
  private var isEmpty = true
  private var inList = false

  init(_ document: Document, figures: [Int: String] = [:], _ output: TextOutput) {
    flow = TextFlow(document)
    (self.figures, self.output) = (figures, output)
    shift = document.hasPaperTitle ? 1 : 0
  }

  func add(_ page: Page) throws {
    for unit in flow.units(of: page) {
      let isItem = unit.region.label == .list
      defer { inList = isItem }
      switch unit.region.label {
      case .paperTitle: part("# " + escaped(unit.text))
      case .title:
        let level = min(6, (unit.region.headingLevel ?? 1) + shift)
        part(String(repeating: "#", count: level) + " " + escaped(unit.text))
      case .list: part(listItem(unit.text), isClose: inList)
      case .code, .algorithm:
        let fence = unit.text.contains("```") ? "````" : "```"
        part("\(fence)\n\(unit.text)\n\(fence)")
      case .equation: part("$$\n\(unit.region.latex ?? unit.text.replacing("$", with: "\\$"))\n$$")
      case .table: part(table(unit.region))
      case .figure:
        let page = unit.region.page + 1
        part("![Figure on page \(page)](\(figures[unit.region.id] ?? "#page-\(page)"))")
      case .caption: part("*" + escaped(unit.text) + "*")
      case .footnote: footnotes.append(escaped(unit.text))
      default: if !unit.text.isEmpty { part(paragraph(unit.text)) }
      }
    }
    try output.endPage()
  }

  func finish() throws {
    if !footnotes.isEmpty { part("---\n\n" + footnotes.joined(separator: "\n\n")) }
    output.append("\n")
    try output.finish()
  }

  /// - Parameter isClose: right under the part before.
  private func part(_ text: String, isClose: Bool = false) {
    if !isEmpty { output.append(isClose ? "\n" : "\n\n") }
    isEmpty = false
    output.append(text)
  }

  private func paragraph(_ text: String) -> String {
    let safe = escaped(text)
    // A line that begins like a block would become one.
    guard let first = safe.first else { return safe }
    if "#>+-=|".contains(first) { return "\\" + safe }
    let digits = safe.prefix { $0.isNumber }
    if !digits.isEmpty, digits.count < 10, let mark = safe.dropFirst(digits.count).first, mark == "." || mark == ")" {
      return digits + "\\" + safe.dropFirst(digits.count)
    }
    return safe
  }

  private func listItem(_ text: String) -> String {
    let digits = text.drop { $0 == "(" }.prefix { $0.isNumber }
    if !digits.isEmpty {
      let rest = text.drop { $0 == "(" }.dropFirst(digits.count).drop { ".) ".contains($0) }
      return "\(digits). " + escaped(String(rest))
    }
    let rest = text.first?.isLetter == true ? Substring(text) : text.dropFirst().drop { $0 == " " }
    return "- " + escaped(String(rest))
  }

  private func table(_ region: Region) -> String {
    guard let table = region.table, table.rows > 0 else { return escaped(region.text) }
    // A pipe table has one row of names and no spans.
    if table.hasSpans || table.headerRows > 1 { return HTMLWriter.table(table) }
    var lines: [String] = []
    let grid = table.grid()
    let hasHeader = table.cells.contains { $0.isHeader }
    let empty = [String](repeating: "", count: table.columns)
    func row(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
    func texts(_ cells: [TableCell?]) -> [String] {
      cells.map { escaped($0?.text ?? "").replacing("|", with: "\\|").replacing("\n", with: " ") }
    }
    lines.append(row(hasHeader ? texts(grid[0]) : empty))
    lines.append(row([String](repeating: "---", count: table.columns)))
    for cells in grid.dropFirst(hasHeader ? 1 : 0) { lines.append(row(texts(cells))) }
    return lines.joined(separator: "\n")
  }

  /// Escapes what Markdown or HTML would read as mark-up.
  private func escaped(_ text: String) -> String {
    text.replacingASCII { byte in
      switch byte {
      case UInt8(ascii: "\\"): "\\\\"
      case UInt8(ascii: "`"): "\\`"
      case UInt8(ascii: "*"): "\\*"
      case UInt8(ascii: "["): "\\["
      case UInt8(ascii: "]"): "\\]"
      case UInt8(ascii: "_"): "\\_"
      case UInt8(ascii: "<"): "&lt;"
      case UInt8(ascii: "&"): "&amp;"
      default: nil
      }
    }
  }
}
