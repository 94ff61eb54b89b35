import CTesseract
import DocumentModel
import Foundation

/// Reads the words of a page from its picture: upright and straight first, then tesseract.
final class PageRecognizer {
  private let options: OCROptions
  private lazy var engine = TesseractEngine(languages: options.languages)

  /// More pieces of ink than this are noise, not text: tesseract would need minutes for them.
  private static let maxPieces = 60_000
  /// From this confidence of all letters on, a page needs no second look.
  private static let clean = 0.88
  /// Height of words in pixels that is read best.
  private static let letterHeight = 36.0
  /// Below this confidence of all letters a page may be read from the wrong side.
  private static let doubtful = 0.6
  /// Below this one, what looks like words is none.
  private static let hopeless = 0.3

  init(_ options: OCROptions) { self.options = options }

  struct Outcome {
    /// The picture as it was read.
    var raster: Raster
    var straightening: Straightening?
    var warning: String?
  }

  /// Adds the words of a picture of the page to it, in the page's points.
  ///
  /// The page is straightened first: its size, images and what else stands on it turn with the picture.
  /// - Parameters:
  ///   - scale: pixels of the picture per point of the page.
  ///   - start: since then the time of the page counts.
  /// - Returns: the picture as it was read; nil when there is nothing to read.
  func read(
    _ picture: Raster, scale: Double, into page: inout Page, since start: ContinuousClock.Instant = .now
  ) -> Outcome? {
    guard let fitted = fitted(picture), var gray = fitted.raster.gray(), var ink = gray.binary() else { return nil }
    let scale = scale * fitted.factor
    let resolution = min(2400, max(70, Int((scale * 72).rounded())))
    guard hasInk(ink) else { return nil }
    var pieces: Int32 = 0
    guard pixCountConnComp(ink.pix, 8, &pieces) == 0 else { return nil }
    guard Int(pieces) <= Self.maxPieces, !isNoise(ink) else {
      return Outcome(raster: gray, warning: "looks like noise: its text was not recognised")
    }
    guard let engine else {
      return Outcome(raster: gray, warning: "has no text, and text recognition is not installed or cannot start")
    }
    var turns = quarterTurns(of: ink)
    if turns != 0, let turnedGray = gray.turned(by: turns), let turnedInk = ink.turned(by: turns) {
      (gray, ink) = (turnedGray, turnedInk)
    }
    func left() -> Double {
      let used = ContinuousClock.now - start
      return max(
        0.01, options.secondsPerPage - Double(used.components.seconds) - Double(used.components.attoseconds) / 1e18)
    }
    var (straight, degrees) = straightened(gray, ink)
    var result = engine.recognize(straight, .page, resolution: resolution, seconds: left())
    if result.confidence < Self.doubtful, !result.isPartial,
      let more = TesseractEngine.quarterTurns(of: gray, resolution: resolution), more != 0,
      let turnedGray = gray.turned(by: more), let turnedInk = ink.turned(by: more)
    {
      let (otherStraight, otherDegrees) = straightened(turnedGray, turnedInk)
      let other = engine.recognize(otherStraight, .page, resolution: resolution, seconds: left())
      if other.evidence > result.evidence {
        (straight, degrees, result, turns) = (otherStraight, otherDegrees, other, (turns + more) % 4)
      }
    }
    // Receipts and bad copies: other ways to see the page often find more; the best of them counts.
    if result.confidence < Self.clean, !result.isPartial {
      let larger = enlarged(straight, letterHeight: result.letterHeight)
      for pass in [TesseractEngine.Pass.block, .blockInUnevenLight]
      where result.confidence < Self.clean && !result.isPartial && left() > 1 {
        let other = engine.recognize(
          larger.raster, pass, resolution: Int(Double(resolution) * larger.factor), seconds: left()
        ).scaled(by: 1 / larger.factor)
        guard !other.isPartial else { break }
        result = other.evidence > result.evidence ? other.improved(by: result) : result.improved(by: other)
      }
    }
    let straightening = Straightening(quarterTurns: turns, degrees: degrees)
    page = page.turned(by: turns)
    add(result.confidence < Self.hopeless ? [] : result.words, scale: scale, to: &page)
    return Outcome(
      raster: straight, straightening: straightening.isNothing ? nil : straightening,
      warning: result.isPartial
        ? "took longer than \(Int(options.secondsPerPage)) s to recognise: it is not complete" : nil)
  }

  // MARK: - Preparing the picture

  /// The picture in a size that tesseract likes: at most `maxPixels`; small ones doubled.
  private func fitted(_ picture: Raster) -> (raster: Raster, factor: Double)? {
    let room = (Double(options.maxPixels) / Double(max(1, picture.pixels))).squareRoot()
    guard room < 1 else { return (picture, 1) }
    return picture.scaled(by: room).map { ($0, room) }
  }

  /// Small letters made as large as tesseract was trained on, as far as `maxPixels` allows.
  private func enlarged(_ raster: Raster, letterHeight: Double) -> (raster: Raster, factor: Double) {
    let room = (Double(options.maxPixels) / Double(max(1, raster.pixels))).squareRoot()
    let factor = min(room, 3, Self.letterHeight / max(1, letterHeight))
    guard letterHeight > 0, factor > 1.2, let larger = raster.scaled(by: factor) else { return (raster, 1) }
    return (larger, factor)
  }

  /// Much ink, and most of it gone when single pixels are taken away: strokes of letters would stay.
  private func isNoise(_ ink: Raster) -> Bool {
    var share: Float = 0, left: Float = 0
    guard pixForegroundFraction(ink.pix, &share) == 0, share > 0.25,
      let opened = Raster(pixOpenBrick(nil, ink.pix, 2, 2)),
      pixForegroundFraction(opened.pix, &left) == 0
    else { return false }
    return left < 0.6 * share
  }

  private func hasInk(_ ink: Raster) -> Bool {
    var share: Float = 0
    return pixForegroundFraction(ink.pix, &share) == 0 && share > 0.0001 && share < 0.95
  }

  /// Clockwise quarter turns by the ascenders and descenders of Roman text (Bloomberg, Kopec, Dasari, SPIE 2422).
  private func quarterTurns(of ink: Raster) -> Int {
    var up: Float = 0, left: Float = 0
    var orientation: Int32 = 0
    guard pixOrientDetect(ink.pix, &up, &left, 0, 0) == 0,
      makeOrientDecision(up, left, 0, 0, &orientation, 0) == 0
    else { return 0 }
    switch Int(orientation) {
    case Int(L_TEXT_ORIENT_LEFT): return 1
    case Int(L_TEXT_ORIENT_DOWN): return 2
    case Int(L_TEXT_ORIENT_RIGHT): return 3
    default: return 0
    }
  }

  /// The picture with its lines level, and by how many degrees it was turned clockwise.
  private func straightened(_ gray: Raster, _ ink: Raster) -> (Raster, Double) {
    var angle: Float = 0, confidence: Float = 0
    guard pixFindSkew(ink.pix, &angle, &confidence) == 0, confidence > 3, abs(angle) > 0.2, abs(angle) < 15,
      let straight = gray.rotated(by: Double(angle))
    else { return (gray, 0) }
    return (straight, (Double(angle) * 100).rounded() / 100)
  }

  // MARK: - Words

  private func add(_ words: [RecognizedWord], scale: Double, to page: inout Page) {
    let carried = page.words
    var added: [Word] = []
    var styles: [Double: Int] = [:]
    for word in words {
      // A speck is not a word.
      guard word.confidence > 0.1 || word.text.contains(where: { $0.isLetter || $0.isNumber }) else { continue }
      let size = max(2, word.size)
      let style = styles[size] ?? page.styles.count
      if styles[size] == nil {
        styles[size] = style
        page.styles.append(TextStyle(font: "", size: size))
      }
      // Up and down as a font's box would reach: dashes and points get the height of their line.
      let baseline = word.baseline / scale
      var box = Rect(
        x0: word.box.x0 / scale, y0: word.box.y0 / scale, x1: word.box.x1 / scale, y1: word.box.y1 / scale)
      if abs(baseline - box.y1) < size {
        box.y0 = min(box.y0, baseline - 0.7 * size)
        box.y1 = max(box.y1, baseline + 0.2 * size)
      }
      box.y0 = max(0, box.y0)
      box.y1 = min(page.height, box.y1)
      added.append(
        Word(text: word.text, bbox: box, style: style, confidence: (word.confidence * 1000).rounded() / 1000))
    }
    guard !added.isEmpty else { return }
    // A stamp or a page number that the file carries as text stays, unless it was read as well.
    let kept = carried.filter { word in
      !added.contains { ($0.bbox.intersection(word.bbox)?.area ?? 0) > 0.4 * word.bbox.area }
    }
    page.words = kept + added
    page.textSource = .ocr
  }
}
