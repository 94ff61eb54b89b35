import ArgumentParser
import DocqClient
import DocumentModel
import Foundation
import JobHandlers
import LayoutAnalysis
import PDFReader
import Synchronization

struct IngestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest", abstract: "Read PDFs and scans: text, layout, tables, in the format you want.",
    discussion: """
      One file goes to standard output; with -o, each file is written into that folder under its own name.
      The docgenome format is a folder of four JSON files per document when -o is given.
      PNG, JPEG and TIFF pictures are documents, too. Pages without text go through text recognition (tesseract).

      EXAMPLES
        docq ingest paper.pdf --format markdown
        docq ingest *.pdf --format json -o out
        docq ingest scan.pdf --pages 1-3,7 --format html -o out --images
        docq ingest report.pdf --format csv -o tables
        docq ingest paper.pdf --overlay -o out
        docq ingest receipt.jpg --format text --ocr-language eng+deu
      """)

  @Argument(help: "PDF, PNG, JPEG or TIFF files.") var files: [String]
  @Option(help: "json, docgenome, coco, markdown, html, latex, text, or csv (tables only; with -o one file for each).")
  var format: DocumentFormat = .json
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
    guard files.count == 1 || output != nil || format != .docgenome else {
      throw ValidationError("several files as docgenome need a folder: add -o DIR")
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
    try await FileBatch(files: files).run(parallel: parallel) { file, label in
      if let server = try remote.client() {
        let job = try await server.submit(
          .ingest(file: file, pages: pages, password: password, ocr: ocr.rawValue, ocrLanguage: ocrLanguage),
          label: label, options: remote)
        guard let job else { return }
        let data = try await server.result(of: job, format: format.rawValue)
        try write(data, for: file)
      } else {
        try ingestHere(file, label: label)
      }
    }
  }

  private func ingestHere(_ file: URL, label: String) throws {
    var options = DocumentIngestion.Options(pages: pages, password: password, imageDPI: images || overlay ? dpi : nil)
    options.ocr.mode = ocr
    options.processes = files.count == 1 || output == nil ? max(1, ProcessInfo.processInfo.activeProcessorCount) : 1
    if let ocrLanguage, ocr != .never { options.ocr.languages = try OCRLanguages.parse(ocrLanguage) }
    options.layout = try LayoutChoice(layout)
    let folder = try images || overlay ? makeFolder(file, "pages") : nil
    let ingestion = DocumentIngestion()
    let document = try ingestion.ingest(
      file, fileName: file.lastPathComponent, options: options, progress: { Terminal.progress($0, "\(label) \($1)") },
      onImage: { index, png in
        if let folder { try Output.write(Data(png), to: "\(folder)/\(Self.pageName(index)).png") }
      })
    for warning in document.warnings { Terminal.note("\(file.lastPathComponent): \(warning)") }
    if overlay, let folder { try writeOverlay(document, folder) }
    switch (format, output) {
    case (.docgenome, let output?):
      let folder = "\(output)/\(baseName(file))"
      try Output.makeFolder(folder)
      for part in try DocumentWriter.docGenomeFiles(document) {
        try Output.write(part.data, to: "\(folder)/\(part.name)")
      }
    case (.csv, let output?):
      for (number, entry) in document.tables.enumerated() {
        try Output.write(
          Data(TableWriter.csv(entry.table).utf8), to: "\(output)/\(baseName(file)).table\(number + 1).csv")
      }
    case (.markdown, _?), (.html, _?), (.latex, _?):
      let figures = try writeFigures(of: document, file, ingestion, options)
      try write(try DocumentWriter.write(document, as: format, figures: figures), for: file)
    default: try write(try DocumentWriter.write(document, as: format), for: file)
    }
  }

  /// The pictures of figures, in a folder beside the text; their addresses relative to it, by region id.
  private func writeFigures(
    of document: Document, _ file: URL, _ ingestion: DocumentIngestion, _ options: DocumentIngestion.Options
  ) throws -> [Int: String] {
    let ids = document.regions.filter { $0.label == .figure }.map(\.id)
    guard !ids.isEmpty, let folder = try makeFolder(file, "figures") else { return [:] }
    let numbers = Dictionary(uniqueKeysWithValues: zip(ids, 1...))
    let names = Mutex<[Int: String]>([:])
    try ingestion.figures(of: document, file, options: options, dpi: dpi) { id, png in
      guard let number = numbers[id] else { return }
      try Output.write(Data(png), to: "\(folder)/figure\(number).png")
      let address = "\(URL(fileURLWithPath: folder).lastPathComponent)/figure\(number).png"
      let safe = address.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? address
      names.withLock { $0[id] = safe }
    }
    return names.withLock { $0 }
  }

  private func writeOverlay(_ document: Document, _ folder: String) throws {
    let writer = OverlayWriter(document)
    for page in document.pages {
      let name = Self.pageName(page.index)
      let hasImage = FileManager.default.fileExists(atPath: "\(folder)/\(name).png")
      let svg = writer.svg(page, background: hasImage ? "\(name).png" : nil)
      try Output.write(Data(svg.utf8), to: "\(folder)/\(name).svg")
    }
  }

  /// "out/report.pages" beside "out/report.md".
  private func makeFolder(_ file: URL, _ kind: String) throws -> String? {
    guard let output else { return nil }
    let folder = "\(output)/\(baseName(file)).\(kind)"
    try Output.makeFolder(folder)
    return folder
  }

  private static func pageName(_ index: Int) -> String { String(format: "page_%04d", index) }

  private func write(_ data: Data, for file: URL) throws {
    try Output.write(data, to: output.map { "\($0)/\(baseName(file)).\(format.fileExtension)" })
  }

  private func baseName(_ file: URL) -> String { file.deletingPathExtension().lastPathComponent }
}

extension DocumentFormat: ExpressibleByArgument {}
extension OCRMode: ExpressibleByArgument {}
