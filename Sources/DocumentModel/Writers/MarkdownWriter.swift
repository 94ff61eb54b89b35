/// GitHub-flavoured Markdown. Running heads and page numbers are left out; footnotes come last.
struct MarkdownWriter {
  let document: Document
  let figures: [Int: String]

  init(_ document: Document, figures: [Int: String] = [:]) {
    self.document = document
    self.figures = figures
  }

  func text() -> String {
    var parts: [String] = []
    var footnotes: [String] = []
    var inList = false
    // With a paper title as the first level, sections come below it.
    let shift = document.regions.contains { $0.label == .paperTitle } ? 1 : 0
    for unit in document.flow() {
      let isItem = unit.region.label == .list
      defer { inList = isItem }
      switch unit.region.label {
      case .paperTitle: parts.append("# " + escaped(unit.text))
      case .title:
        let level = min(6, (unit.region.headingLevel ?? 1) + shift)
        parts.append(String(repeating: "#", count: level) + " " + escaped(unit.text))
      case .list:
        let item = listItem(unit.text)
        if inList, let last = parts.popLast() { parts.append(last + "\n" + item) } else { parts.append(item) }
      case .code, .algorithm:
        let fence = unit.text.contains("```") ? "````" : "```"
        parts.append("\(fence)\n\(unit.text)\n\(fence)")
      case .equation: parts.append("$$\n\(unit.region.latex ?? unit.text.replacing("$", with: "\\$"))\n$$")
      case .table: parts.append(table(unit.region))
      case .figure:
        let page = unit.region.page + 1
        parts.append("![Figure on page \(page)](\(figures[unit.region.id] ?? "#page-\(page)"))")
      case .caption: parts.append("*" + escaped(unit.text) + "*")
      case .footnote: footnotes.append(escaped(unit.text))
      default: if !unit.text.isEmpty { parts.append(paragraph(unit.text)) }
      }
    }
    if !footnotes.isEmpty { parts.append("---\n\n" + footnotes.joined(separator: "\n\n")) }
    return parts.joined(separator: "\n\n") + "\n"
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
    var result = ""
    for character in text {
      switch character {
      case "\\", "`", "*", "[", "]": result += "\\\(character)"
      case "<": result += "&lt;"
      case "&": result += "&amp;"
      case "_": result += "\\_"
      default: result.append(character)
      }
    }
    return result
  }
}
