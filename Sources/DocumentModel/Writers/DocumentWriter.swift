import Foundation

/// The formats that documents are written in.
public enum DocumentFormat: String, CaseIterable, Sendable {
  case json, docgenome, coco, markdown, html, text, latex, csv

  public var contentType: String {
    switch self {
    case .json, .docgenome, .coco: "application/json"
    case .markdown: "text/markdown; charset=utf-8"
    case .html: "text/html; charset=utf-8"
    case .text: "text/plain; charset=utf-8"
    case .latex: "application/x-latex"
    case .csv: "text/csv; charset=utf-8"
    }
  }

  public var fileExtension: String {
    switch self {
    case .json: "json"
    case .docgenome: "docgenome.json"
    case .coco: "coco.json"
    case .markdown: "md"
    case .html: "html"
    case .text: "txt"
    case .latex: "tex"
    case .csv: "csv"
    }
  }
}

/// Writes an analysed document in any format.
public enum DocumentWriter {
  /// - Parameter figures: addresses of the pictures of figures by region id, for Markdown, HTML and LaTeX.
  public static func write(_ document: Document, as format: DocumentFormat, figures: [Int: String] = [:]) throws -> Data
  {
    switch format {
    case .json: try json(document)
    case .docgenome: try DocGenomeWriter(document).combined()
    case .coco: try DocGenomeWriter(document).coco()
    case .markdown: Data(MarkdownWriter(document, figures: figures).text().utf8)
    case .html: Data(HTMLWriter(document, figures: figures).text().utf8)
    case .text: Data(PlainTextWriter(document).text().utf8)
    case .latex: Data(LaTeXWriter(document: document, figures: figures).text().utf8)
    // All tables, with an empty line between them.
    case .csv: Data(document.tables.map { TableWriter.csv($0.table) }.joined(separator: "\r\n").utf8)
    }
  }

  /// The four JSON files of a DocGenome folder.
  public static func docGenomeFiles(_ document: Document, dpi: Double = 200) throws -> [(name: String, data: Data)] {
    try DocGenomeWriter(document, dpi: dpi).files()
  }

  private static func json(_ document: Document) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(document)
  }
}

/// A unit of the text flow: paragraphs that were broken over columns or pages are whole again.
struct FlowUnit {
  var region: Region
  var text: String
}

extension Document {
  /// Regions in reading order without furniture and continuations.
  func flow() -> [FlowUnit] {
    let all = regions
    let byID = Dictionary(all.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let continuations = Set(all.compactMap(\.continuedBy))
    return all.filter { !$0.isFurniture && !continuations.contains($0.id) }.map { region in
      var text = region.text
      var next = region.continuedBy
      var seen = Set([region.id])
      while let id = next, let part = byID[id], seen.insert(id).inserted {
        text = joined(text, part.text)
        next = part.continuedBy
      }
      return FlowUnit(region: region, text: text)
    }
  }

  private func joined(_ first: String, _ second: String) -> String {
    if first.hasSuffix("-"), first.dropLast().last?.isLetter == true, second.first?.isLowercase == true {
      return first.dropLast() + second
    }
    return first + " " + second
  }
}

/// Plain text in reading order.
struct PlainTextWriter {
  let document: Document

  init(_ document: Document) { self.document = document }

  func text() -> String {
    let parts = document.flow().map { unit -> String in
      if unit.region.label == .equation { return unit.region.latex ?? unit.text }
      guard let table = unit.region.table else { return unit.text }
      return table.grid().map { $0.map { $0?.text ?? "" }.joined(separator: "\t") }.joined(separator: "\n")
    }
    return parts.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
  }
}

extension Table {
  /// Cells by row and column; nil where nothing stands or a span reaches.
  func grid() -> [[TableCell?]] {
    var result = [[TableCell?]](repeating: Array(repeating: nil, count: columns), count: rows)
    for cell in cells where cell.row < rows && cell.column < columns { result[cell.row][cell.column] = cell }
    return result
  }

  var hasSpans: Bool { cells.contains { $0.rowSpan > 1 || $0.columnSpan > 1 } }
}
