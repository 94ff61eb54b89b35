import CTesseract
import DocumentModel

/// A picture of a page in leptonica's form. Owns its pixels.
///
/// Invariant: `pix` is valid until deinit and nobody else destroys it.
final class Raster {
  let pix: UnsafeMutablePointer<Pix>

  /// Takes over a picture that leptonica made; nil for its null pointer.
  init?(_ pix: UnsafeMutablePointer<Pix>?) {
    guard let pix else { return nil }
    self.pix = pix
  }

  deinit {
    var pix: UnsafeMutablePointer<Pix>? = pix
    pixDestroy(&pix)
  }

  var width: Int { Int(pixGetWidth(pix)) }
  var height: Int { Int(pixGetHeight(pix)) }
  var pixels: Int { width * height }

  /// 8 bits a pixel, 0 black.
  func gray() -> Raster? { Raster(pixConvertTo8(pix, 0)) }

  func scaled(by factor: Double) -> Raster? { Raster(pixScale(pix, Float(factor), Float(factor))) }

  /// Clockwise.
  func turned(by quarterTurns: Int) -> Raster? { Raster(pixRotateOrth(pix, Int32(quarterTurns & 3))) }

  /// The part within a box of pixels.
  func part(_ box: Rect) -> Raster? {
    var frame = boxCreate(
      Int32(max(0, box.x0)), Int32(max(0, box.y0)), Int32(max(1, box.width.rounded(.up))),
      Int32(max(1, box.height.rounded(.up))))
    defer { boxDestroy(&frame) }
    return Raster(pixClipRectangle(pix, frame, nil))
  }

  /// Clockwise for positive degrees, on white, same size.
  func rotated(by degrees: Double) -> Raster? {
    // Sizes of 0 keep the picture's own.
    Raster(pixRotate(pix, Float(degrees * .pi / 180), Int32(L_ROTATE_AREA_MAP), Int32(L_BRING_IN_WHITE), 0, 0))
  }

  /// 1 bit a pixel, ink 1, with a threshold that follows the lighting.
  func binary() -> Raster? {
    guard let gray = gray() else { return nil }
    var result: UnsafeMutablePointer<Pix>?
    let tile = Int32(max(32, min(2000, min(width, height) / 4)))
    guard pixOtsuAdaptiveThreshold(gray.pix, tile, tile, 0, 0, 0.1, nil, &result) == 0 else { return nil }
    return Raster(result)
  }

  func png() -> [UInt8]? {
    // Several times as fast as the usual 6, for files that are a little larger.
    pixSetZlibCompression(pix, 1)
    var data: UnsafeMutablePointer<UInt8>?
    var size = 0
    guard pixWriteMemPng(&data, &size, pix, 0) == 0, let data else { return nil }
    defer { lept_free(data) }
    return Array(UnsafeBufferPointer(start: data, count: size))
  }

  /// - Parameter quality: 1 to 100.
  func jpeg(quality: Int) -> [UInt8]? {
    var data: UnsafeMutablePointer<UInt8>?
    var size = 0
    guard pixWriteMemJpeg(&data, &size, pix, Int32(quality), 0) == 0, let data else { return nil }
    defer { lept_free(data) }
    return Array(UnsafeBufferPointer(start: data, count: size))
  }
}

extension Rect {
  func scaled(by factor: Double) -> Rect {
    Rect(x0: x0 * factor, y0: y0 * factor, x1: x1 * factor, y1: y1 * factor)
  }
}
