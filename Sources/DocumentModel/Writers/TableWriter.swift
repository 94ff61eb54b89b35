import Foundation

/// Tables in the forms that other programs read.
public enum TableWriter {
  /// Comma-separated values (RFC 4180); a cell over several rows or columns stands in its first place.
  public static func csv(_ table: Table) -> String {
    table.grid().map { row in row.map { quoted($0?.text ?? "") }.joined(separator: ",") }.joined(separator: "\r\n")
      + "\r\n"
  }

  private static func quoted(_ text: String) -> String {
    guard text.contains(where: { ",\"\r\n;".contains($0) }) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }

  /// A tabular of the packages booktabs and multirow; columns of numbers are right-aligned.
  public static func latex(_ table: Table) -> String {
    let columns = (0..<table.columns).map { column -> String in
      let body = table.cells.filter { $0.column == column && !$0.isHeader && $0.columnSpan == 1 && !$0.text.isEmpty }
      return !body.isEmpty && body.filter({ $0.value != nil }).count * 2 > body.count ? "r" : "l"
    }
    var lines = ["\\begin{tabular}{\(columns.joined())}", "\\toprule"]
    let header = table.headerRows
    var covered = Set<[Int]>()
    for row in 0..<table.rows {
      var cells: [String] = []
      var rules: [String] = []
      var column = 0
      while column < table.columns {
        guard !covered.contains([row, column]),
          let cell = table.cells.first(where: { $0.row == row && $0.column == column })
        else {
          cells.append("")
          column += 1
          continue
        }
        var text = LaTeXWriter.escaped(cell.text)
        if cell.rowSpan > 1 {
          text = "\\multirow{\(cell.rowSpan)}{*}{\(text)}"
          for r in row..<(row + cell.rowSpan) {
            for c in column..<(column + cell.columnSpan) { covered.insert([r, c]) }
          }
        }
        if cell.columnSpan > 1 {
          text = "\\multicolumn{\(cell.columnSpan)}{c}{\(text)}"
          if row + 1 < header { rules.append("\\cmidrule(lr){\(column + 1)-\(column + cell.columnSpan)}") }
        }
        cells.append(text)
        column += cell.columnSpan
      }
      lines.append(cells.joined(separator: " & ") + " \\\\" + rules.joined())
      if row + 1 == header { lines.append("\\midrule") }
    }
    return (lines + ["\\bottomrule", "\\end{tabular}"]).joined(separator: "\n")
  }
}

extension Table {
  /// Rows at the top whose cells name the columns.
  public var headerRows: Int { cells.filter(\.isHeader).map { $0.row + 1 }.max() ?? 0 }
}

extension Document {
  /// Tables in reading order, with their captions where there are some.
  public var tables: [(region: Region, table: Table, caption: String?)] {
    let captions = captions
    return regions.compactMap { region in region.table.map { (region, $0, captions[region.id]) } }
  }

  /// Figures in reading order, with their captions where there are some.
  public var figures: [(region: Region, caption: String?)] {
    let captions = captions
    return regions.filter { $0.label == .figure }.map { ($0, captions[$0.id]) }
  }

  /// Texts of captions by the id of what they belong to.
  private var captions: [Int: String] {
    let texts = Dictionary(
      regions.filter { $0.label == .caption }.map { ($0.id, $0.text) }, uniquingKeysWith: { first, _ in first })
    var captions: [Int: String] = [:]
    for relation in relations where relation.type == .implicitCite {
      if let text = texts[relation.from] { captions[relation.to] = text }
      if let text = texts[relation.to] { captions[relation.from] = text }
    }
    return captions
  }
}
