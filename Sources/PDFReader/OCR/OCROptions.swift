/// When pages go through optical character recognition.
public enum OCRMode: String, Codable, CaseIterable, Sendable {
  /// Pages that show something but carry no text, or none that can be read.
  case auto
  case never
  /// Every page; text that the file carries is not used.
  case always
}

/// How pages are recognised.
public struct OCROptions: Codable, Hashable, Sendable {
  public var mode: OCRMode
  /// Tesseract's names of languages, the likeliest first.
  public var languages: [String]
  /// Time for one page, in seconds; what was recognised until then is kept.
  public var secondsPerPage: Double
  /// Larger pictures are made smaller, in pixels.
  public var maxPixels: Int

  public init(
    mode: OCRMode = .auto, languages: [String] = OCRLanguages.standard, secondsPerPage: Double = 6,
    maxPixels: Int = 4_000_000
  ) {
    self.mode = mode
    self.languages = languages
    self.secondsPerPage = secondsPerPage
    self.maxPixels = maxPixels
  }

  public static let never = OCROptions(mode: .never)
}
