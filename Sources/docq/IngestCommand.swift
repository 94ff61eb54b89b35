import ArgumentParser
import DocqClient
import DocumentModel
import Foundation
import JobHandlers
import PDFReader
import LayoutAnalysis

struct IngestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest",
    abstract: "Read PDFs and scans: text, layout, tables, in the format you want.",
    discussion: """
      One file goes to standard output; with -o, each file is written into that folder under its own name.
      The docgenome format is a folder of four JSON files per document when -o is given.
      PNG, JPEG and TIFF pictures are documents, too. Pages without text go through text recognition (tesseract).

      EXAMPLES
        docq ingest paper.pdf --format markdown
        docq ingest *.pdf --format json -o out
        docq ingest scan.pdf --pages 1-3,7 --format html -o out --images
        docq ingest receipt.jpg --format text --ocr-language eng+deu
      """)

  @Argument(help: "PDF, PNG, JPEG or TIFF files.")
  var files: [String]
  @Option(help: "json, docgenome, coco, markdown, html or text.")
  var format: DocumentFormat = .json
  @Option(name: [.customShort("o"), .long], help: "Folder for the results.")
  var output: String?
  @Option(help: "Pages to read, for example 1-3,7.")
  var pages: String?
  @Option(help: "Password of an encrypted file.")
  var password: String?
  @Option(help: "Recognise text in pictures: auto (pages without text), never, always.")
  var ocr: OCRMode = .auto
  @Option(help: "Languages of text recognition, the likeliest first, for example eng+deu (default: eng).")
  var ocrLanguage: String?
  @Flag(help: "Write every page as PNG, too (needs -o).")
  var images = false
  @Option(help: "What finds the layout: model, rules, or the folder of a model of your own.")
  var layout = "model"
  @Option(help: "Resolution of the page images in dots per inch.")
  var dpi = 150.0
  @OptionGroup var remote: RemoteOptions

  func validate() throws {
    guard !images || output != nil else { throw ValidationError("--images needs a folder: add -o DIR") }
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
    try await FileBatch(files: files).run { file, label in
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
    let imageFolder = output.map { "\($0)/\(baseName(file)).pages" }
    if images, let imageFolder { try Output.makeFolder(imageFolder) }
    var options = DocumentIngestion.Options(pages: pages, password: password, imageDPI: images ? dpi : nil)
    options.ocr.mode = ocr
    if let ocrLanguage, ocr != .never { options.ocr.languages = try OCRLanguages.parse(ocrLanguage) }
    options.layout = try LayoutChoice(layout)
    let document = try DocumentIngestion().ingest(
      file, fileName: file.lastPathComponent, options: options,
      progress: { Terminal.progress($0, "\(label) \($1)") },
      onImage: { index, png in
        guard let imageFolder else { return }
        let name = String(format: "page_%04d.png", index)
        try Output.write(Data(png), to: "\(imageFolder)/\(name)")
      })
    for warning in document.warnings { Terminal.note("\(file.lastPathComponent): \(warning)") }
    if format == .docgenome, let output {
      let folder = "\(output)/\(baseName(file))"
      try Output.makeFolder(folder)
      for part in try DocumentWriter.docGenomeFiles(document) {
        try Output.write(part.data, to: "\(folder)/\(part.name)")
      }
    } else {
      try write(try DocumentWriter.write(document, as: format), for: file)
    }
  }

  private func write(_ data: Data, for file: URL) throws {
    try Output.write(data, to: output.map { "\($0)/\(baseName(file)).\(format.fileExtension)" })
  }

  private func baseName(_ file: URL) -> String { file.deletingPathExtension().lastPathComponent }
}

extension DocumentFormat: ExpressibleByArgument {}
extension OCRMode: ExpressibleByArgument {}
