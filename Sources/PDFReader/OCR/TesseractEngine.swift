import CTesseract
import DocumentModel
import Foundation

/// A word as tesseract saw it; the box is in pixels of the picture.
struct RecognizedWord {
  var text: String
  var box: Rect
  /// In [0, 1].
  var confidence: Double
  /// Height of the line's type in points, from the picture's resolution.
  var size: Double
  /// Where the word's line stands, in pixels from the top.
  var baseline: Double
}

/// One tesseract engine (Smith, "An Overview of the Tesseract OCR Engine", ICDAR 2007; its LSTM recogniser since 4.0).
/// Not for use from two threads at once. Runs in the confined child only.
///
/// Invariant: `handle` is valid from init to deinit.
final class TesseractEngine {
  private let handle: OpaquePointer

  struct Result {
    var words: [RecognizedWord]
    /// The time was up before the whole page was recognised.
    var isPartial: Bool

    /// Median height of the words, in pixels; 0 for no words.
    var letterHeight: Double {
      let heights = words.filter { $0.text.count > 1 }.map(\.box.height).sorted()
      return heights.isEmpty ? 0 : heights[heights.count / 2]
    }

    /// The words as they stand in a picture of another size.
    func scaled(by factor: Double) -> Result {
      var result = self
      guard factor != 1 else { return result }
      for index in words.indices {
        let box = words[index].box
        result.words[index].box = Rect(
          x0: box.x0 * factor, y0: box.y0 * factor, x1: box.x1 * factor, y1: box.y1 * factor)
        result.words[index].baseline *= factor
      }
      return result
    }

    /// Each word as it was read more surely, here or in another look at the same picture.
    func improved(by other: Result) -> Result {
      var result = self
      for (index, word) in words.enumerated() {
        let same = other.words.first { candidate in
          guard candidate.confidence > word.confidence + 0.05, let both = candidate.box.intersection(word.box) else {
            return false
          }
          return both.area > 0.7 * max(candidate.box.area, word.box.area)
        }
        if let same { (result.words[index].text, result.words[index].confidence) = (same.text, same.confidence) }
      }
      return result
    }

    /// How much was read: letters weighted by how far their confidence is above that of guesses.
    var evidence: Double { words.reduce(0) { $0 + ($1.confidence - 0.4) * Double($1.text.count) } }

    /// Of all letters, in [0, 1]; 0 for no words.
    var confidence: Double {
      let letters = words.reduce(0) { $0 + $1.text.count }
      guard letters > 0 else { return 0 }
      return words.reduce(0) { $0 + $1.confidence * Double($1.text.count) } / Double(letters)
    }
  }

  /// - Returns: nil when the data of a language cannot be loaded.
  init?(languages: [String]) {
    guard let folder = OCRLanguages.folder, let handle = TessBaseAPICreate() else { return nil }
    self.handle = handle
    let names = languages.joined(separator: "+")
    guard TessBaseAPIInit2(handle, folder, names, OEM_LSTM_ONLY) == 0 else {
      TessBaseAPIDelete(handle)
      return nil
    }
  }

  deinit {
    TessBaseAPIEnd(handle)
    TessBaseAPIDelete(handle)
  }

  /// Ways to look at a page.
  enum Pass {
    /// Columns, pictures and tables are told apart first.
    case page
    /// All text is one block, as on a receipt.
    case block
    /// A block, black and white told apart tile by tile.
    case blockInUnevenLight
  }

  /// - Parameters:
  ///   - resolution: pixels per inch of the picture.
  ///   - seconds: after so long, what was recognised is returned.
  func recognize(_ raster: Raster, _ pass: Pass, resolution: Int, seconds: Double) -> Result {
    TessBaseAPISetPageSegMode(handle, pass == .page ? PSM_AUTO : PSM_SINGLE_BLOCK)
    // 0: Otsu's threshold for the whole page; 1: leptonica's for tiles.
    _ = TessBaseAPISetVariable(handle, "thresholding_method", pass == .blockInUnevenLight ? "1" : "0")
    TessBaseAPISetImage2(handle, raster.pix)
    TessBaseAPISetSourceResolution(handle, Int32(resolution))
    defer { TessBaseAPIClear(handle) }
    let monitor = TessMonitorCreate()
    defer { TessMonitorDelete(monitor) }
    let end = ContinuousClock.now + .seconds(seconds)
    TessMonitorSetDeadlineMSecs(monitor, Int32(max(1, seconds * 1000)))
    _ = TessBaseAPIRecognize(handle, monitor)
    return Result(words: words(), isPartial: ContinuousClock.now >= end)
  }

  /// Clockwise quarter turns that bring the page upright, by tesseract's own test; nil when it is not sure.
  static func quarterTurns(of raster: Raster, resolution: Int) -> Int? {
    guard let folder = OCRLanguages.folder, let handle = TessBaseAPICreate() else { return nil }
    defer { TessBaseAPIDelete(handle) }
    guard TessBaseAPIInit2(handle, folder, "osd", OEM_TESSERACT_ONLY) == 0 else { return nil }
    TessBaseAPISetPageSegMode(handle, PSM_OSD_ONLY)
    TessBaseAPISetImage2(handle, raster.pix)
    TessBaseAPISetSourceResolution(handle, Int32(resolution))
    var degrees: Int32 = 0
    var confidence: Float = 0, scriptConfidence: Float = 0
    guard
      TessBaseAPIDetectOrientationScript(handle, &degrees, &confidence, nil, &scriptConfidence) != 0, confidence > 1.5
    else { return nil }
    // Degrees tell how far the page is turned clockwise, so it goes back by as much.
    return (4 - Int(degrees) / 90) % 4
  }

  private func words() -> [RecognizedWord] {
    guard let iterator = TessBaseAPIGetIterator(handle) else { return [] }
    defer { TessResultIteratorDelete(iterator) }
    let page = TessResultIteratorGetPageIterator(iterator)
    var result: [RecognizedWord] = []
    repeat {
      guard let raw = TessResultIteratorGetUTF8Text(iterator, RIL_WORD) else { continue }
      defer { TessDeleteText(raw) }
      let text = String(cString: raw).filter { !$0.isWhitespace }
      var (left, top, right, bottom): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
      guard !text.isEmpty, TessPageIteratorBoundingBox(page, RIL_WORD, &left, &top, &right, &bottom) != 0,
        right > left, bottom > top
      else { continue }
      var (x0, y0, x1, y1): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
      let hasBaseline = TessPageIteratorBaseline(page, RIL_WORD, &x0, &y0, &x1, &y1) != 0
      var flags = [Int32](repeating: 0, count: 6)
      var size: Int32 = 0, font: Int32 = 0
      flags.withUnsafeMutableBufferPointer { flag in
        let at = flag.baseAddress!
        _ = TessResultIteratorWordFontAttributes(iterator, at, at + 1, at + 2, at + 3, at + 4, at + 5, &size, &font)
      }
      let confidence = Double(TessResultIteratorConfidence(iterator, RIL_WORD)) / 100
      result.append(
        RecognizedWord(
          text: text, box: Rect(x0: Double(left), y0: Double(top), x1: Double(right), y1: Double(bottom)),
          confidence: min(1, max(0, confidence)), size: Double(size),
          baseline: hasBaseline ? Double(y0 + y1) / 2 : Double(bottom)))
    } while TessResultIteratorNext(iterator, RIL_WORD) != 0 && result.count < 100_000
    return result
  }
}
