import CPoppler
import CTesseract
import DocumentModel

/// Pages of a PDF whose text is in their picture.
enum ScannedPage {
  private static let resolution = 300.0

  /// True when the page shows something and the file's text does not say what.
  static func needsRecognition(_ page: Page, mode: OCRMode) -> Bool {
    switch mode {
    case .never: return false
    case .always: return true
    case .auto:
      let letters = page.words.lazy.flatMap { $0.text.unicodeScalars }
      let all = letters.count
      if all == 0 { return true }
      // Fonts without a map to Unicode come out as private characters.
      let unreadable = letters.count {
        $0.value == 0xFFFD || $0.value < 32 || $0.properties.generalCategory == .privateUse
          || $0.properties.generalCategory == .unassigned
      }
      if unreadable * 2 > all { return true }
      // A page number or a stamp on a scan.
      let pageArea = page.width * page.height
      return all < 30 && page.images.contains { $0.bbox.area > 0.6 * pageArea }
    }
  }

  /// Renders and reads the page. Its words are replaced or completed; other things on it turn with it.
  static func read(
    _ source: OpaquePointer, _ page: inout Page, _ recognizer: PageRecognizer, options: PDFReadOptions
  ) -> PageRecognizer.Outcome? {
    let start = ContinuousClock.now
    // The file's text that nobody can read would stand beside what was recognised.
    let carried = page.words
    if carried.count > 10 || options.ocr.mode == .always { page.words = [] }
    let scale = min(
      resolution / 72, (Double(options.ocr.maxPixels) / max(1, page.width * page.height)).squareRoot())
    guard let picture = picture(of: source, page, scale: scale),
      let outcome = recognizer.read(picture, scale: scale, into: &page, since: start)
    else {
      page.words = carried
      return nil
    }
    if page.textSource != .ocr { page.words = carried }
    page.straightening = outcome.straightening
    return outcome
  }

  /// The page in colour.
  static func picture(of source: OpaquePointer, _ page: Page, scale: Double) -> Raster? {
    PageImageRenderer.render(source, width: page.width, height: page.height, scale: scale)
      .flatMap { CairoPicture($0).raster() }
  }
}
