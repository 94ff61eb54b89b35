import Foundation

/// Delimited text as in RFC 4180: quoted cells may hold separators, quotes and line breaks.
enum DelimitedText {
  /// Tab, semicolon or comma, as the first line says.
  static func separator(_ text: String) -> Character {
    let head = text.prefix { !$0.isNewline }
    return head.contains("\t") ? "\t" : head.contains(";") && !head.contains(",") ? ";" : ","
  }

  static func rows(_ text: String, _ separator: Character) -> [[String]] {
    var rows: [[String]] = [], row: [String] = [], cell = "", quoted = false, closed = false
    for character in text {
      if quoted {
        if character == "\"" { (quoted, closed) = (false, true) } else { cell.append(character) }
        continue
      }
      switch character {
      case "\"":
        if closed { cell.append("\"") }
        quoted = true
      case separator:
        row.append(cell)
        cell = ""
      case "\n", "\r\n", "\r":
        rows.append(row + [cell])
        (row, cell) = ([], "")
      default: cell.append(character)
      }
      closed = false
    }
    if !cell.isEmpty || !row.isEmpty { rows.append(row + [cell]) }
    return rows
  }

  /// One line. A cell that a spreadsheet would run as a formula gets a leading apostrophe.
  static func line(_ cells: [String]) -> String {
    cells.map { cell in
      let isFormula = cell.first.map { "=+-@\t\r".contains($0) } ?? false
      let safe = isFormula && Double(cell) == nil ? "'" + cell : cell
      guard safe.contains(where: { ",\"\n\r\r\n".contains($0) }) else { return safe }
      return "\"" + safe.replacingOccurrences(of: "\"", with: "\"\"") + "\""
    }.joined(separator: ",") + "\n"
  }
}
