import DocumentModel
import Foundation
import LayoutAnalysis
import PDFReader

/// From a file to an analysed document: read in a sandboxed child, then laid out.
public struct DocumentIngestion: Sendable {
  /// What to read of a document, and how.
  public struct Options: Sendable {
    /// "1-3,7", counting from 1; nil for all pages.
    public var pages: String?
    public var password: String?
    /// Resolution of page images in dots per inch; nil for none.
    public var imageDPI: Double?
    /// No more than the first so many of the pages; nil for the reader's own limit.
    public var maxPages: Int?
    /// So many processes share the pages of the document.
    public var processes = 1
    /// Whether and how pages without text are recognised.
    public var ocr: OCROptions
    /// What finds the layout.
    public var layout = LayoutChoice.model
    /// False where words are enough.
    public var analyzesLayout: Bool

    public init(
      pages: String? = nil, password: String? = nil, imageDPI: Double? = nil, maxPages: Int? = nil,
      ocr: OCROptions = OCROptions(), analyzesLayout: Bool = true
    ) {
      self.pages = pages
      self.password = password
      self.imageDPI = imageDPI
      self.maxPages = maxPages
      self.ocr = ocr
      self.analyzesLayout = analyzesLayout
    }
  }

  private let reader: PDFReader
  public init(limits: ParserLimits = ParserLimits()) { reader = PDFReader(limits: limits) }

  /// Reads and analyses one file.
  ///
  /// - Parameters:
  ///   - fileName: the user's name for the file, used in messages.
  ///   - progress: called with a fraction in [0, 1] and a stage such as "page 7/12".
  ///   - onImage: called with page index and PNG bytes when `imageDPI` is set.
  /// - Throws: `DocumentReadError` naming the file; `CancellationError` when `isCancelled` answered true.
  public func ingest(
    _ file: URL, fileName: String, options: Options = Options(), progress: (@Sendable (Double, String) -> Void)? = nil,
    onImage: (@Sendable (Int, [UInt8]) throws -> Void)? = nil, isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws -> Document {
    var readOptions = PDFReadOptions()
    readOptions.password = options.password
    readOptions.imageDPI = options.imageDPI
    readOptions.ocr = options.ocr
    readOptions.processes = options.processes
    if let maxPages = options.maxPages { readOptions.maxPages = min(readOptions.maxPages, maxPages) }
    if let pages = options.pages { readOptions.pages = try PageSelection(pages) }
    var document = try reader.read(
      file, fileName: fileName, options: readOptions,
      onPage: { _, done, total in progress?(0.9 * Double(done) / Double(max(1, total)), "page \(done)/\(total)") },
      onImage: onImage, isCancelled: isCancelled)
    if isCancelled() { throw CancellationError() }
    guard options.analyzesLayout else { return document }
    progress?(0.9, "layout")
    options.layout.analyze(&document)
    return document
  }

  /// Pictures of a document's figures as PNG, by region id, as `onFigure` gets them.
  ///
  /// - Parameter options: as the document was read.
  public func figures(
    of document: Document, _ file: URL, options: Options, dpi: Double = 150,
    onFigure: @escaping @Sendable (Int, [UInt8]) throws -> Void
  ) throws {
    var readOptions = PDFReadOptions()
    readOptions.password = options.password
    readOptions.imageDPI = dpi
    for page in document.pages {
      for region in page.regions where region.label == .figure && region.bbox.area > 0 {
        readOptions.crops.append(
          PageCrop(id: region.id, page: page.index, box: region.bbox, straightening: page.straightening))
      }
    }
    guard !readOptions.crops.isEmpty else { return }
    _ = try reader.read(file, fileName: document.fileName, options: readOptions, onImage: onFigure)
  }
}
