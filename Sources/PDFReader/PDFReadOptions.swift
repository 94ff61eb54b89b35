/// What to read from a PDF.
public struct PDFReadOptions: Codable, Sendable {
  /// The user or owner password of an encrypted file.
  public var password: String?
  /// The pages to read; nil reads all.
  public var pages: PageSelection?
  /// Look for ruling lines.
  public var findRulings: Bool
  /// Render each page as PNG at this resolution; nil renders nothing.
  public var imageDPI: Double?
  /// What `onImage` gets of a rendered page.
  public var imageFormat = ImageFormat.png
  /// Reading stops after this many pages, with a warning.
  public var maxPages: Int
  /// Embedded files larger than this are listed without their data.
  public var maxAttachmentBytes: Int

  public enum ImageFormat: String, Codable, Sendable {
    /// A PNG file.
    case png
    /// What `PixelImage` reads.
    case pixels
  }

  public init(
    password: String? = nil, pages: PageSelection? = nil, findRulings: Bool = true, imageDPI: Double? = nil,
    maxPages: Int = 10_000, maxAttachmentBytes: Int = 16 << 20
  ) {
    self.password = password
    self.pages = pages
    self.findRulings = findRulings
    self.imageDPI = imageDPI
    self.maxPages = maxPages
    self.maxAttachmentBytes = maxAttachmentBytes
  }
}

/// A rendered page as plain pixels.
public struct PixelImage: Sendable {
  public var width: Int
  public var height: Int
  /// Red, green and blue of every pixel, row by row: width x height x 3 bytes.
  public var rgb: [UInt8]

  /// Reads what `onImage` gets with `ImageFormat.pixels`: width and height as UInt32, little endian, then `rgb`.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count >= 8 else { return nil }
    func number(_ at: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) } }
    width = number(0)
    height = number(4)
    guard width > 0, height > 0, width < 1 << 16, height < 1 << 16, bytes.count == 8 + width * height * 3 else {
      return nil
    }
    rgb = Array(bytes[8...])
  }
}

/// What the parsing process may use.
public struct ParserLimits: Codable, Sendable {
  /// Processor time, in seconds.
  public var cpuSeconds: Int
  /// Time from start to end, in seconds; time spent in the caller's callbacks does not count.
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
