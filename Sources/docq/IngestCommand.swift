import ArgumentParser
import DocqClient
import DocumentModel
import Foundation
import JobHandlers
import LayoutAnalysis
import PDFReader

struct IngestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest", abstract: "Read PDFs and scans: text, layout, tables, in the format you want.",
    discussion: """
      One file goes to standard output; with -o, each file is written into that folder under its own name. Several formats
      (--format json,markdown or --format json --format markdown) are written in one pass over the document.
      The docgenome format is a folder of four JSON files per document when -o is given.
      PNG, JPEG and TIFF pictures are documents, too. Pages without text go through text recognition (tesseract).

      EXAMPLES
        docq ingest paper.pdf --format markdown
        docq ingest *.pdf --format json,markdown -o out
        docq ingest scan.pdf --pages 1-3,7 --format html -o out --images
        docq ingest report.pdf --format csv -o tables
        docq ingest paper.pdf --overlay -o out
        docq ingest receipt.jpg --format text --ocr-language eng+deu
      """)

  @Argument(help: "PDF, PNG, JPEG or TIFF files.") var files: [String]
  @Option(
    help: """
      json, docgenome, coco, markdown, html, latex, text, or csv (tables only; with -o one file for each); several with \
      commas (default: json).
      """)
  var format: [FormatList] = []
  @Option(name: [.customShort("o"), .long], help: "Folder for the results.") var output: String?
  @Option(help: "Pages to read, for example 1-3,7.") var pages: String?
  @Option(help: "Password of an encrypted file.") var password: String?
  @Option(help: "Recognise text in pictures: auto (pages without text), never, always.") var ocr: OCRMode = .auto
  @Option(help: "Languages of text recognition, the likeliest first, for example eng+deu (default: eng).")
  var ocrLanguage: String?
  @Flag(help: "Write every page as PNG, too (needs -o).") var images = false
  @Flag(help: "Draw every page with its regions, reading order and relations as SVG (needs -o).") var overlay = false
  @Option(help: "What finds the layout: model, rules, or the folder of a model of your own.") var layout = "model"
  @Option(help: "Resolution of the page images in dots per inch.") var dpi = 150.0
  @OptionGroup var remote: RemoteOptions

  func validate() throws {
    guard !images || output != nil else { throw ValidationError("--images needs a folder: add -o DIR") }
    guard !overlay || output != nil else { throw ValidationError("--overlay needs a folder: add -o DIR") }
    guard !overlay || remote.server == nil else { throw ValidationError("--overlay works without --server only") }
    guard (20...600).contains(dpi) else { throw ValidationError("--dpi must be between 20 and 600") }
    guard files.count == 1 || output != nil || !formats.contains(.docgenome) else {
      throw ValidationError("several files as docgenome need a folder: add -o DIR")
    }
    guard formats.count == 1 || output != nil else {
      throw ValidationError("several formats need a folder: add -o DIR")
    }
    if let output {
      let names = Dictionary(grouping: files) { baseName(URL(fileURLWithPath: $0)) }
      if let clash = names.first(where: { $0.value.count > 1 }) {
        throw ValidationError("\(clash.value.joined(separator: " and ")) would overwrite each other in \(output)")
      }
    }
  }

  func run() async throws {
    if let output { try Output.makeFolder(output) }
    // What goes to standard output stays in order.
    let cores = max(1, ProcessInfo.processInfo.activeProcessorCount)
    let parallel = output == nil || remote.server != nil ? 1 : min(cores, files.count)
    let (ingestion, layout) = (DocumentIngestion(), try LayoutChoice(layout))
    if remote.server == nil {
      ingestion.prepare()
      layout.prepare()
    }
    try await FileBatch(files: files).run(parallel: parallel) { file, label in
      if let server = try remote.client() {
        let job = try await server.submit(
          .ingest(file: file, pages: pages, password: password, ocr: ocr.rawValue, ocrLanguage: ocrLanguage),
          label: label, options: remote)
        guard let job else { return }
        for format in formats {
          try Output.write(try await server.result(of: job, format: format.rawValue), to: path(format, of: file))
        }
      } else {
        try ingestHere(file, label: label, ingestion, layout)
      }
    }
  }

  private func ingestHere(_ file: URL, label: String, _ ingestion: DocumentIngestion, _ layout: LayoutChoice) throws {
    StartPriority.give()
    var options = DocumentIngestion.Options(pages: pages, password: password, imageDPI: images || overlay ? dpi : nil)
    options.ocr.mode = ocr
    options.processes = files.count == 1 || output == nil ? max(1, ProcessInfo.processInfo.activeProcessorCount) : 1
    if let ocrLanguage, ocr != .never { options.ocr.languages = try OCRLanguages.parse(ocrLanguage) }
    options.layout = layout
    let folder = try images || overlay ? makeFolder(file, "pages") : nil
    var drawn: Set<Int> = []
    let document = try ingestion.ingestPages(
      file, fileName: file.lastPathComponent, options: options, progress: { Terminal.progress($0, "\(label) \($1)") },
      onImage: { index, png in
        guard let folder else { return }
        try Output.write(Data(png), to: "\(folder)/\(Self.pageName(index)).png")
        drawn.insert(index)
      })
    for warning in document.outline.warnings { Terminal.note("\(file.lastPathComponent): \(warning)") }
    let figures =
      try output != nil && formats.contains(where: \.hasFigures)
      ? writeFigures(of: document.outline, file, ingestion, options) : [:]
    // Every page goes through all writers while it is at hand.
    let writers = try formats.map { format in try writer(format, document.outline, file, figures) }
    let drawings = overlay ? OverlayWriter(document.outline) : nil
    try document.forEachPage { page in
      for writer in writers { try writer.add(page) }
      guard let drawings, let folder else { return }
      let name = Self.pageName(page.index)
      let svg = drawings.svg(page, background: drawn.contains(page.index) ? "\(name).png" : nil)
      try Output.write(Data(svg.utf8), to: "\(folder)/\(name).svg")
    }
    for writer in writers { try writer.finish() }
  }

  private func writer(
    _ format: DocumentFormat, _ document: Document, _ file: URL, _ figures: [Int: String]
  ) throws -> any PageWriter {
    guard let output else { return try FormatFile(document, format, figures, to: nil) }
    switch format {
    case .docgenome: return DocGenomeFolder(document, "\(output)/\(baseName(file))")
    case .csv: return TableFiles("\(output)/\(baseName(file))")
    default: return try FormatFile(document, format, figures, to: path(format, of: file))
    }
  }

  /// The pictures of figures, in a folder beside the text; their addresses relative to it, by region id.
  private func writeFigures(
    of document: Document, _ file: URL, _ ingestion: DocumentIngestion, _ options: DocumentIngestion.Options
  ) throws -> [Int: String] {
    let ids = document.regions.filter { $0.label == .figure }.map(\.id)
    guard !ids.isEmpty, let folder = try makeFolder(file, "figures") else { return [:] }
    let numbers = Dictionary(uniqueKeysWithValues: zip(ids, 1...))
    var names: [Int: String] = [:]
    let warning = try ingestion.figures(of: document, file, options: options, dpi: dpi) { id, png in
      guard let number = numbers[id] else { return }
      try Output.write(Data(png), to: "\(folder)/figure\(number).png")
      let address = "\(URL(fileURLWithPath: folder).lastPathComponent)/figure\(number).png"
      let safe = address.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? address
      names[id] = safe
    }
    if let warning { Terminal.note("\(file.lastPathComponent): \(warning)") }
    return names
  }

  /// "out/report.pages" beside "out/report.md".
  private func makeFolder(_ file: URL, _ kind: String) throws -> String? {
    guard let output else { return nil }
    let folder = "\(output)/\(baseName(file)).\(kind)"
    try Output.makeFolder(folder)
    return folder
  }

  private static func pageName(_ index: Int) -> String { String(format: "page_%04d", index) }

  private func path(_ format: DocumentFormat, of file: URL) -> String? {
    output.map { "\($0)/\(baseName(file)).\(format.fileExtension)" }
  }

  private var formats: [DocumentFormat] {
    var seen: Set<DocumentFormat> = []
    let all = format.flatMap(\.formats).filter { seen.insert($0).inserted }
    return all.isEmpty ? [.json] : all
  }

  private func baseName(_ file: URL) -> String { file.deletingPathExtension().lastPathComponent }
}

/// Formats with commas between them.
struct FormatList: ExpressibleByArgument {
  let formats: [DocumentFormat]

  init?(argument: String) {
    let names = argument.split(separator: ",", omittingEmptySubsequences: false)
    formats = names.compactMap { DocumentFormat(rawValue: $0.trimmingCharacters(in: .whitespaces)) }
    guard formats.count == names.count else { return nil }
  }

  static var allValueStrings: [String] { DocumentFormat.allCases.map(\.rawValue) }
}

extension OCRMode: ExpressibleByArgument {}
