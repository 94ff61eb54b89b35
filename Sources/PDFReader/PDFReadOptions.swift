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
  /// Reading stops after this many pages, with a warning.
  public var maxPages: Int
  /// Embedded files larger than this are listed without their data.
  public var maxAttachmentBytes: Int
  /// When and how text is recognised from pictures.
  public var ocr: OCROptions

  public enum ImageFormat: String, Codable, Sendable {
    case png, jpeg
  }

  public init(
    password: String? = nil, pages: PageSelection? = nil, findRulings: Bool = true, imageDPI: Double? = nil,
    maxPages: Int = 10_000, maxAttachmentBytes: Int = 16 << 20, ocr: OCROptions = .never
  ) {
    self.password = password
    self.pages = pages
    self.findRulings = findRulings
    self.imageDPI = imageDPI
    self.maxPages = maxPages
    self.maxAttachmentBytes = maxAttachmentBytes
    self.ocr = ocr
  }
}

/// What the parsing process may use.
public struct ParserLimits: Codable, Sendable {
  /// Processor time, in seconds; the time that recognising pages takes does not count.
  public var cpuSeconds: Int
  /// Time from start to end, in seconds; time spent in the caller's callbacks and for recognising pages does not count.
  public var wallSeconds: Double
  /// Memory the parser may map on top of its own program, in bytes.
  public var addressSpaceBytes: Int
  /// Largest file the parser may write, in bytes.
  public var outputFileBytes: Int
  /// Larger inputs are refused unread, in bytes.
  public var maxInputBytes: Int
  /// The parser's answer may not be longer than this, in bytes.
  public var maxAnswerBytes: Int

  public init(
    cpuSeconds: Int = 60, wallSeconds: Double = 120, addressSpaceBytes: Int = 2 << 30, outputFileBytes: Int = 0,
    maxInputBytes: Int = 512 << 20, maxAnswerBytes: Int = 8 << 30
  ) {
    self.cpuSeconds = cpuSeconds
    self.wallSeconds = wallSeconds
    self.addressSpaceBytes = addressSpaceBytes
    self.outputFileBytes = outputFileBytes
    self.maxInputBytes = maxInputBytes
    self.maxAnswerBytes = maxAnswerBytes
  }
}
