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

  /// Whether the format refers to the pictures of figures.
  public var hasFigures: Bool { [.markdown, .html, .latex].contains(self) }
}

/// Writes an analysed document in any format.
public enum DocumentWriter {
  /// - Parameter figures: addresses of the pictures of figures by region id, for Markdown, HTML and LaTeX.
  public static func write(_ document: Document, as format: DocumentFormat, figures: [Int: String] = [:]) throws -> Data
  {
    var data = Data()
    let writer = try writer(of: document, as: format, figures: figures) { data += $0 }
    for page in document.pages { try writer.add(page) }
    try writer.finish()
    return data
  }

  /// A writer that gets the pages one at a time.
  ///
  /// - Parameters:
  ///   - document: its pages need not have more than their size and their regions, tables without cells.
  ///   - receive: called with the text, piece by piece.
  public static func writer(
    of document: Document, as format: DocumentFormat, figures: [Int: String] = [:],
    receive: @escaping (Data) throws -> Void
  ) throws -> any PageWriter {
    let output = TextOutput(receive)
    return switch format {
    case .json: try JSONWriter(document, output)
    case .docgenome: AnnotationWriter(output) { try DocGenomeWriter(document).writeCombined($0) }
    case .coco: AnnotationWriter(output) { try DocGenomeWriter(document).writeLayout($0) }
    case .markdown: MarkdownWriter(document, figures: figures, output)
    case .html: HTMLWriter(document, figures: figures, output)
    case .text: PlainTextWriter(document, output)
    case .latex: LaTeXWriter(document, figures: figures, output)
    case .csv: CSVWriter(output)
    }
  }

  /// The four JSON files of a DocGenome folder.
  public static func docGenomeFiles(_ document: Document, dpi: Double = 200) throws -> [(name: String, data: Data)] {
    try DocGenomeWriter(document, dpi: dpi).files()
  }
}

/// Annotations are made of the regions alone, all at the end.
private final class AnnotationWriter: PageWriter {
  private let output: TextOutput
  private let write: (PrettyJSON) throws -> Void

  init(_ output: TextOutput, _ write: @escaping (PrettyJSON) throws -> Void) {
    (self.output, self.write) = (output, write)
  }

  func add(_ page: Page) {}

  func finish() throws {
    try write(PrettyJSON(output))
    try output.finish()
  }
}

/// Plain text in reading order.
private final class PlainTextWriter: PageWriter {
  private let flow: TextFlow
  private let output: TextOutput
  private var isEmpty = true

  init(_ document: Document, _ output: TextOutput) { (flow, self.output) = (TextFlow(document), output) }

  func add(_ page: Page) throws {
    for unit in flow.units(of: page) {
      var text = unit.text
      if unit.region.label == .equation { text = unit.region.latex ?? text }
      if let table = unit.region.table {
        text = table.grid().map { $0.map { $0?.text ?? "" }.joined(separator: "\t") }.joined(separator: "\n")
      }
      guard !text.isEmpty else { continue }
      if !isEmpty { output.append("\n\n") }
      isEmpty = false
      output.append(text)
    }
    try output.endPage()
  }

  func finish() throws {
    output.append("\n")
    try output.finish()
  }
}

/// All tables, with an empty line between them.
private final class CSVWriter: PageWriter {
  private let output: TextOutput
  private var isEmpty = true

  init(_ output: TextOutput) { self.output = output }

  func add(_ page: Page) throws {
    for table in page.regions.compactMap(\.table) {
      if !isEmpty { output.append("\r\n") }
      isEmpty = false
      output.append(TableWriter.csv(table))
    }
    try output.endPage()
  }

  func finish() throws { try output.finish() }
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
