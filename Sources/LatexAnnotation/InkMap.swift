import DocumentModel
import PDFReader

/// Where a page's picture has ink: boxes made of fonts' measures are fitted to the letters that are really there.
struct InkMap {
  private let width: Int
  private let height: Int
  private let isInk: [Bool]
  /// Pixels per point.
  private let scale: Double

  init(_ image: PixelImage, dpi: Double) {
    width = image.width
    height = image.height
    scale = dpi / 72
    var ink = [Bool](repeating: false, count: image.width * image.height)
    for index in ink.indices {
      ink[index] = min(image.rgb[3 * index], image.rgb[3 * index + 1], image.rgb[3 * index + 2]) < 190
    }
    isInk = ink
  }

  private func rowHasInk(_ y: Int, _ x0: Int, _ x1: Int) -> Bool {
    guard y >= 0, y < height, x0 < x1 else { return false }
    return isInk[(y * width + x0)..<(y * width + x1)].contains(true)
  }

  private func columnHasInk(_ x: Int, _ y0: Int, _ y1: Int) -> Bool {
    guard x >= 0, x < width else { return false }
    for y in y0..<y1 where isInk[y * width + x] { return true }
    return false
  }

  /// The box around the letters of a box: empty margins go, and letters that reach out of it come in.
  ///
  /// - Parameters:
  ///   - first: the box of the first line, `last` of the last: their letters may reach up and down.
  func fitted(_ box: Rect, first: Rect, last: Rect) -> Rect {
    func pixel(_ value: Double, _ limit: Int) -> Int { max(0, min(limit, Int((value * scale).rounded()))) }
    var (x0, x1) = (pixel(box.x0, width), pixel(box.x1, width))
    var (y0, y1) = (pixel(box.y0, height), pixel(box.y1, height))
    guard x1 - x0 > 1, y1 - y0 > 1 else { return box }
    let reachUp = Int(0.35 * first.height * scale), reachDown = Int(0.35 * last.height * scale)
    let (f0, f1) = (pixel(first.x0, width), pixel(first.x1, width))
    let (l0, l1) = (pixel(last.x0, width), pixel(last.x1, width))
    var grown = 0
    while grown < reachUp, y0 > 0, rowHasInk(y0 - 1, f0, f1) {
      y0 -= 1
      grown += 1
    }
    grown = 0
    while grown < reachDown, y1 < height, rowHasInk(y1, l0, l1) {
      y1 += 1
      grown += 1
    }
    while y0 < y1 - 1, !rowHasInk(y0, x0, x1) { y0 += 1 }
    while y1 > y0 + 1, !rowHasInk(y1 - 1, x0, x1) { y1 -= 1 }
    guard y1 - y0 > 2 else { return box }
    let reach = Int(2 * scale)
    grown = 0
    while grown < reach, x0 > 0, columnHasInk(x0 - 1, y0, y1) {
      x0 -= 1
      grown += 1
    }
    grown = 0
    while grown < reach, x1 < width, columnHasInk(x1, y0, y1) {
      x1 += 1
      grown += 1
    }
    while x0 < x1 - 1, !columnHasInk(x0, y0, y1) { x0 += 1 }
    while x1 > x0 + 1, !columnHasInk(x1 - 1, y0, y1) { x1 -= 1 }
    return Rect(x0: Double(x0) / scale, y0: Double(y0) / scale, x1: Double(x1) / scale, y1: Double(y1) / scale)
  }
}
