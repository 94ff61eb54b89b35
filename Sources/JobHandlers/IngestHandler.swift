import DocumentModel
import Foundation
import JobQueue
import PDFReader
import Synchronization

/// What an ingest job answers with: one blob per format, page images where they were asked for, drawings, figures.
public struct IngestResult: Codable, Sendable {
  public static let contentType = "application/vnd.docq.document+json"

  public var fileName: String
  public var pageCount: Int
  public var title: String?
  public var warnings: [String]
  /// Blob names by format name ("json", "markdown", ...).
  public var formats: [String: String]
  /// Blob names of page PNGs by page number, counting from 1; empty unless asked for.
  public var pages: [String: String]
  /// Every page as SVG with what was found on it.
  public var overlay = Overlay()
  /// Pictures of the figures, in reading order.
  public var figures: [Figure] = []

  /// The SVGs of several pages stand in one blob, one behind the other.
  public struct Overlay: Codable, Sendable {
    public var blobs: [String] = []
    /// By page number from 1: which of the blobs, where the page begins in it, and how many bytes it has.
    public var pages: [String: [Int]] = [:]
  }

  public struct Figure: Codable, Sendable {
    /// Page number, counting from 1.
    public var page: Int
    /// In points from the page's upper left corner.
    public var bbox: Rect
    public var caption: String?
    /// Blob name of the PNG.
    public var blob: String
  }
}

/// Reads a document and stores it in every format.
public struct IngestHandler: JobHandler {
  public let kinds: [JobKind] = [.ingest]
  private let ingestion: DocumentIngestion
  /// Resolution of the pictures of figures, in dots per inch.
  private static let figureDPI = 150.0

  public init(ingestion: DocumentIngestion = DocumentIngestion()) { self.ingestion = ingestion }

  public func run(_ job: Job, context: JobContext) async throws -> JobResult {
    let payload = try decodePayload(IngestPayload.self, of: job)
    let file = try await context.blobs.localFile(payload.document.blob)
    let result = try namingFailures(of: payload.document.fileName) {
      try ingest(file, payload, job: job.id, context)
    }
    return JobResult(
      contentType: IngestResult.contentType, body: try JSONEncoder().encode(result),
      blobs: Array(result.formats.values) + Array(result.pages.values) + result.overlay.blobs
        + result.figures.map(\.blob))
  }

  private func ingest(_ file: URL, _ payload: IngestPayload, job: String, _ context: JobContext) throws -> IngestResult
  {
    var options = DocumentIngestion.Options(pages: payload.pages, password: payload.password)
    options.imageDPI = payload.imageDPI
    options.previews = true
    options.ocr.mode = payload.ocr.flatMap(OCRMode.init(rawValue:)) ?? .auto
    if let languages = payload.ocrLanguage { options.ocr.languages = try OCRLanguages.parse(languages) }
    var images: [String: String] = [:]
    let folder = context.blobs.temporaryFolder.path
    let previews = TemporaryBytes(folder: folder)
    var previewOfPage: [Int: TemporaryBytes.Place] = [:]
    let document = try ingestion.ingestPages(
      file, fileName: payload.document.fileName, options: options, store: PageFile(folder: folder),
      progress: { context.report(progress: $0, stage: $1) },
      onImage: { index, png in images["\(index + 1)"] = try context.store(Data(png)) },
      onPreview: { index, jpeg in previewOfPage[index] = try previews.write(jpeg) },
      isCancelled: { context.isCancelled })
    let outline = document.outline
    context.report(progress: 0.9, stage: "figures")
    var result = IngestResult(
      fileName: outline.fileName, pageCount: outline.pageCount, title: outline.metadata.title,
      warnings: outline.warnings, formats: [:], pages: images)
    let figures = try self.figures(of: outline, file, options, context, &result.warnings)
    var addresses: [Int: String] = [:]
    for (number, figure) in figures.enumerated() {
      result.figures.append(figure.figure)
      addresses[figure.region] = "/v1/documents/\(job)/figures/\(number + 1).png"
    }
    // Every format at once, page by page.
    let uploads = try DocumentFormat.allCases.map { ($0, try context.makeUpload()) }
    let writers = try uploads.map { format, upload in
      try DocumentWriter.writer(of: outline, as: format, figures: addresses) { data in
        try data.withUnsafeBytes { try upload.write($0) }
      }
    }
    var drawings = OverlayBlobs(outline, context)
    try document.forEachPage { page in
      try context.checkCancelled()
      context.report(
        progress: 0.92 + 0.07 * Double(page.index) / Double(max(1, outline.pageCount)), stage: "writing")
      for writer in writers { try writer.add(page) }
      try drawings.add(page, preview: try previewOfPage[page.index].map { try previews.read($0) })
    }
    for (writer, (format, upload)) in zip(writers, uploads) {
      try writer.finish()
      result.formats[format.rawValue] = try context.store(upload)
    }
    result.overlay = try drawings.finished()
    return result
  }

  private func figures(
    of document: Document, _ file: URL, _ options: DocumentIngestion.Options, _ context: JobContext,
    _ warnings: inout [String]
  ) throws -> [(region: Int, figure: IngestResult.Figure)] {
    var blobs: [Int: String] = [:]
    let warning = try ingestion.figures(of: document, file, options: options, dpi: Self.figureDPI) { id, png in
      blobs[id] = try context.store(Data(png))
    }
    if let warning { warnings.append(warning) }
    return document.figures.compactMap { region, caption in
      blobs[region.id].map { blob in
        (region.id, IngestResult.Figure(page: region.page + 1, bbox: region.bbox, caption: caption, blob: blob))
      }
    }
  }
}

/// Pages as SVG, several of them in a blob of a few MiB.
private struct OverlayBlobs {
  private let writer: OverlayWriter
  private let context: JobContext
  private var overlay = IngestResult.Overlay()
  private var pending = Data()
  private static let blobBytes = 4 << 20

  init(_ document: Document, _ context: JobContext) { (writer, self.context) = (OverlayWriter(document), context) }

  mutating func add(_ page: Page, preview: [UInt8]?) throws {
    let picture = preview.map { "data:image/jpeg;base64," + Data($0).base64EncodedString() }
    let svg = Data(writer.svg(page, background: picture).utf8)
    overlay.pages["\(page.index + 1)"] = [overlay.blobs.count, pending.count, svg.count]
    pending += svg
    if pending.count >= Self.blobBytes { try store() }
  }

  private mutating func store() throws {
    overlay.blobs.append(try context.store(pending))
    pending = Data()
  }

  mutating func finished() throws -> IngestResult.Overlay {
    if !pending.isEmpty { try store() }
    return overlay
  }
}
