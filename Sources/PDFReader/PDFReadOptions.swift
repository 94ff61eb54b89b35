import DocumentModel

/// What to read from a document.
public struct PDFReadOptions: Codable, Sendable {
  /// The user or owner password of an encrypted file.
  public var password: String?
  /// The pages to read; nil reads all.
  public var pages: PageSelection?
  /// Look for ruling lines.
  public var findRulings: Bool
  /// Render each page at this resolution; nil renders nothing.
  public var imageDPI: Double?
  /// How rendered pages are written.
  public var imageFormat = ImageFormat.png
  /// A small JPEG picture of each page, of 90 dots per inch, costs little besides the rulings: it is what they are found in.
  public var previews = false
  /// Keep how dark each page is where, for models that see it.
  public var keepsInk = false
  /// Reading stops after this many pages, with a warning.
  public var maxPages: Int
  /// Embedded files larger than this are listed without their data.
  public var maxAttachmentBytes: Int
  /// When and how text is recognised from pictures.
  public var ocr: OCROptions
  /// So many processes share the pages of a document.
  public var processes: Int
  /// Parts of pages to render as PNG at `imageDPI`; when there are some, nothing else is read.
  public var crops: [PageCrop] = []
  /// Which of the processes this is, counting from 0: it reads every `processes`-th page from its own number on.
  var share = 0
  /// So many pages of its share were read before by another process.
  var skipped = 0
  /// The page of which only the text is read, because drawing it failed; counting from 0.
  var plainPage: Int?

  public enum ImageFormat: String, Codable, Sendable {
    /// A PNG file.
    case png
    /// What `PixelImage` reads.
    case pixels
  }

  public init(
    password: String? = nil, pages: PageSelection? = nil, findRulings: Bool = true, imageDPI: Double? = nil,
    maxPages: Int = 10_000, maxAttachmentBytes: Int = 16 << 20, ocr: OCROptions = .never, processes: Int = 1
  ) {
    self.password = password
    self.pages = pages
    self.findRulings = findRulings
    self.imageDPI = imageDPI
    self.maxPages = maxPages
    self.maxAttachmentBytes = maxAttachmentBytes
    self.ocr = ocr
    self.processes = processes
  }
}

/// What the parsing process may use.
public struct ParserLimits: Codable, Sendable {
  /// Processor time, in seconds; each page that is read adds a quarter, and the time that recognising pages takes does not
  /// count.
  public var cpuSeconds: Int
  /// Time from start to end, in seconds; each page that is read adds a quarter, and time spent in the caller's callbacks and
  /// for recognising pages does not count.
  public var wallSeconds: Double
  /// Processor time for one page, in seconds; of a page that takes longer only the text is read.
  public var pageSeconds: Double
  /// Memory the parser may map on top of its own program, in bytes.
  public var addressSpaceBytes: Int
  /// Largest file the parser may write, in bytes.
  public var outputFileBytes: Int
  /// Larger inputs are refused unread, in bytes.
  public var maxInputBytes: Int
  /// The parser's answer may not be longer than this, in bytes.
  public var maxAnswerBytes: Int

  public init(
    cpuSeconds: Int = 60, wallSeconds: Double = 120, pageSeconds: Double = 4, addressSpaceBytes: Int = 2 << 30,
    outputFileBytes: Int = 0,
    maxInputBytes: Int = 512 << 20, maxAnswerBytes: Int = 8 << 30
  ) {
    self.cpuSeconds = cpuSeconds
    self.wallSeconds = wallSeconds
    self.pageSeconds = pageSeconds
    self.addressSpaceBytes = addressSpaceBytes
    self.outputFileBytes = outputFileBytes
    self.maxInputBytes = maxInputBytes
    self.maxAnswerBytes = maxAnswerBytes
  }
}

extension ParserLimits {
  /// So much more time a document has for each of its pages.
  var secondsForEachPage: Double { 0.25 }
}

/// A part of a page to make a picture of.
public struct PageCrop: Codable, Sendable {
  /// Comes back with the picture.
  public var id: Int
  /// Counting from 0.
  public var page: Int
  /// In points of the page as it was read.
  public var box: Rect
  /// How the page was turned when it was read.
  public var straightening: Straightening?

  public init(id: Int, page: Int, box: Rect, straightening: Straightening?) {
    self.id = id
    self.page = page
    self.box = box
    self.straightening = straightening
  }
}

extension PDFReadOptions {
  /// Of the pictures of parts, those that fall to this process.
  var sharedCrops: [PageCrop] {
    processes > 1 ? stride(from: share, to: crops.count, by: processes).map { crops[$0] } : crops
  }

  /// Of the pages that are read, those that are left to this process.
  func shared(_ pages: [Int]) -> [Int] { Array(allShared(pages).dropFirst(skipped)) }

  private func allShared(_ pages: [Int]) -> [Int] {
    guard processes > 1 else { return pages }
    // A few pages are read before a second process has opened the file.
    guard pages.count >= 2 * processes else { return share == 0 ? pages : [] }
    return stride(from: share, to: pages.count, by: processes).map { pages[$0] }
  }
}
