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
    /// Small JPEG pictures of the pages, too.
    public var previews = false
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
  private static let cropsAtATime = 300

  /// - Parameter childExecutable: a program whose `main` calls `ParserChild.runIfRequested`; this one unless told.
  public init(limits: ParserLimits = ParserLimits(), childExecutable: URL? = nil) {
    reader = PDFReader(limits: limits, childExecutable: childExecutable)
  }

  /// Starts the parser's server, so that it gets ready while other things are loaded.
  public func prepare() { reader.prepare() }

  /// Reads and analyses one file.
  ///
  /// - Parameters:
  ///   - fileName: the user's name for the file, used in messages.
  ///   - progress: called with a fraction in [0, 1] and a stage such as "page 7/12".
  /// - Throws: `DocumentReadError` naming the file; `CancellationError` when `isCancelled` answered true.
  public func ingest(
    _ file: URL, fileName: String, options: Options = Options(), progress: (@Sendable (Double, String) -> Void)? = nil,
    isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws -> Document {
    guard options.analyzesLayout else {
      return try reader.read(
        file, fileName: fileName, options: try readOptions(options),
        onPage: { _, done, total in progress?(Double(done) / Double(max(1, total)), "page \(done)/\(total)") },
        isCancelled: isCancelled)
    }
    return try ingestPages(
      file, fileName: fileName, options: options, store: PagesInMemory(), progress: progress, isCancelled: isCancelled
    ).whole()
  }

  /// Reads and analyses one file of any length: the pages of long ones wait in a temporary file.
  ///
  /// - Parameters:
  ///   - store: where pages wait.
  ///   - onImage: called with page index and PNG bytes when `imageDPI` is set.
  ///   - onPreview: called with page index and JPEG bytes when `previews` is set.
  public func ingestPages(
    _ file: URL, fileName: String, options: Options = Options(), store: any PageStore = PageFile(),
    progress: (@Sendable (Double, String) -> Void)? = nil, onImage: ((Int, [UInt8]) throws -> Void)? = nil,
    onPreview: ((Int, [UInt8]) throws -> Void)? = nil, isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws -> PagedDocument {
    let layout = PagedLayout(options.layout, store: store)
    let document = try reader.read(
      file, fileName: fileName, options: try readOptions(options), keepPages: false,
      onPage: { page, done, total in
        progress?(0.6 * Double(done) / Double(max(1, total)), "page \(done)/\(total)")
        try layout.add(page)
      }, onImage: onImage, onPreview: onPreview, isCancelled: isCancelled)
    return try layout.finish(document) { done in
      if isCancelled() { throw CancellationError() }
      progress?(0.6 + 0.3 * Double(done) / Double(max(1, store.count)), "layout \(done)/\(store.count)")
    }
  }

  private func readOptions(_ options: Options) throws -> PDFReadOptions {
    var readOptions = PDFReadOptions()
    readOptions.password = options.password
    readOptions.imageDPI = options.imageDPI
    readOptions.previews = options.previews
    readOptions.ocr = options.ocr
    readOptions.keepsInk = options.layout.seesImages
    readOptions.processes = options.processes
    if let maxPages = options.maxPages { readOptions.maxPages = min(readOptions.maxPages, maxPages) }
    if let pages = options.pages { readOptions.pages = try PageSelection(pages) }
    return readOptions
  }

  /// Pictures of a document's figures as PNG, by region id, as `onFigure` gets them.
  ///
  /// - Parameters:
  ///   - document: its pages need not have more than their regions.
  ///   - options: as the document was read.
  /// - Returns: a warning where some pictures could not be made.
  public func figures(
    of document: Document, _ file: URL, options: Options, dpi: Double = 150,
    onFigure: @escaping (Int, [UInt8]) throws -> Void
  ) throws -> String? {
    var readOptions = PDFReadOptions()
    readOptions.password = options.password
    readOptions.imageDPI = dpi
    readOptions.processes = options.processes
    let crops = document.pages.flatMap { page in
      page.regions.filter { $0.label == .figure && $0.bbox.area > 0 }.map {
        PageCrop(id: $0.id, page: page.index, box: $0.bbox, straightening: page.straightening)
      }
    }
    do {
      // What a parser is told has a limited length.
      for first in stride(from: 0, to: crops.count, by: Self.cropsAtATime) {
        readOptions.crops = Array(crops[first..<min(crops.count, first + Self.cropsAtATime)])
        _ = try reader.read(file, fileName: document.fileName, options: readOptions, onImage: onFigure)
      }
      return nil
    } catch let error as DocumentReadError {
      // The document is there without them.
      return "not all pictures of figures could be made: \(error)"
    }
  }
}
