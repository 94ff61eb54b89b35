import DocumentModel
import Foundation
import JobQueue
import PDFReader
import Synchronization

/// What an ingest job answers with: one blob per format, and page images where they were asked for.
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
  /// Every page as SVG with what was found on it; nil in results of older versions.
  public var overlay: Overlay?

  /// One blob with the SVGs one behind the other.
  public struct Overlay: Codable, Sendable {
    public var blob: String
    /// Where a page begins and how many bytes it has, by page number from 1.
    public var pages: [String: [Int]]
  }
}

/// Reads a PDF and stores it in every format.
public struct IngestHandler: JobHandler {
  public let kinds: [JobKind] = [.ingest]
  private let ingestion: DocumentIngestion

  public init(ingestion: DocumentIngestion = DocumentIngestion()) { self.ingestion = ingestion }

  public func run(_ job: Job, context: JobContext) async throws -> JobResult {
    let payload = try decodePayload(IngestPayload.self, of: job)
    let file = try await context.blobs.localFile(payload.document.blob)
    let images = Mutex<[String: String]>([:])
    var options = DocumentIngestion.Options(pages: payload.pages, password: payload.password)
    options.imageDPI = payload.imageDPI
    options.ocr.mode = payload.ocr.flatMap(OCRMode.init(rawValue:)) ?? .auto
    let languages = payload.ocrLanguage
    let document = try namingFailures(of: payload.document.fileName) {
      if let languages { options.ocr.languages = try OCRLanguages.parse(languages) }
      return try ingestion.ingest(
        file, fileName: payload.document.fileName, options: options,
        progress: { context.report(progress: $0, stage: $1) },
        onImage: { index, png in
          let name = try context.store(Data(png))
          images.withLock { $0["\(index + 1)"] = name }
        }, isCancelled: { context.isCancelled })
    }
    var result = IngestResult(
      fileName: document.fileName, pageCount: document.pageCount, title: document.metadata.title,
      warnings: document.warnings, formats: [:], pages: images.withLock { $0 })
    for format in DocumentFormat.allCases {
      try context.checkCancelled()
      context.report(progress: 0.95, stage: "writing \(format.rawValue)")
      result.formats[format.rawValue] = try context.store(try DocumentWriter.write(document, as: format))
    }
    let overlay = Self.overlay(of: document)
    result.overlay = IngestResult.Overlay(blob: try context.store(overlay.data), pages: overlay.pages)
    return JobResult(
      contentType: IngestResult.contentType, body: try JSONEncoder().encode(result),
      blobs: Array(result.formats.values) + Array(result.pages.values) + [result.overlay?.blob].compactMap { $0 })
  }

  private static func overlay(of document: Document) -> (data: Data, pages: [String: [Int]]) {
    let writer = OverlayWriter(document)
    var data = Data()
    var pages: [String: [Int]] = [:]
    for page in document.pages {
      let svg = Data(writer.svg(page).utf8)
      pages["\(page.index + 1)"] = [data.count, svg.count]
      data += svg
    }
    return (data, pages)
  }
}
