import CPoppler
import CTesseract
import DocumentModel
import Foundation

/// Finds straight horizontal and vertical lines in a small picture of the page: the same way for drawn lines and scans.
enum RulingFinder {
  /// Pixels per point of the picture.
  static let scale = 1.25
  /// Pixels of a square of the page's image, along each axis.
  private static let cell = 5
  private static let minLength = 18.0
  private static let minBar = 3.5
  private static let maxThickness = 3
  private static let maxRulings = 2000

  /// The picture of a page that marks are found in; nil for posters and maps, which are no tables.
  static func picture(of source: OpaquePointer, width: Double, height: Double) -> CairoPicture? {
    guard width * height < 2_000_000 else { return nil }
    return PageImageRenderer.render(source, width: width, height: height, scale: scale).map { CairoPicture($0) }
  }

  /// Finds the rulings of a page, its drawings, how dark it is where and, for pages that keep their glyphs, the bars of formulas.
  ///
  /// - Parameter keepsInk: the page gets how dark it is where.
  static func addMarks(_ picture: CairoPicture, to page: inout Page, keepsInk: Bool = false) {
    guard let dark = DarkPixels(picture) else { return }
    page.rulings = rulings(dark)
    if let ink = dark.grid(of: cell, scale: scale) {
      if keepsInk { page.ink = ink }
      page.images += DrawingFinder.drawings(
        ink, words: page.words.map(\.bbox), images: page.images.map(\.bbox),
        page: Rect(x0: 0, y0: 0, x1: Double(dark.columns) / scale, y1: Double(dark.rows) / scale)
      ).map { PageImage(.drawing, bbox: $0) }
    }
    if !page.glyphs.isEmpty { page.bars = bars(dark, besides: page.glyphs.map(\.bbox)) }
  }

  /// Short horizontal lines that are no part of a glyph.
  private static func bars(_ dark: DarkPixels, besides glyphs: [Rect]) -> [Rect] {
    // Minus signs and the strokes of letters lie within glyphs; signs of the font of large signs hang below their box.
    merged(dark.horizontalRuns(atLeast: Int(minBar * scale))).map {
      Rect(
        x0: Double($0.start) / scale, y0: Double($0.line) / scale, x1: Double($0.end) / scale,
        y1: Double($0.last + 1) / scale)
    }.filter { bar in
      !glyphs.contains {
        $0.y0 < bar.midY + 0.5 && $0.y1 > bar.midY - 0.5 && $0.x0 - 1 < bar.midX && $0.x1 + 1 > bar.midX
      }
    }
  }

  /// Finds the rulings of a scan, and how dark it is where.
  static func addRulings(on picture: Raster, pixelsPerPoint: Double, to page: inout Page, keepsInk: Bool) {
    guard let gray = picture.gray(), let small = gray.scaled(by: scale / pixelsPerPoint), small.pixels < 4_000_000,
      let dark = DarkPixels(small)
    else { return }
    page.rulings = rulings(dark)
    if keepsInk { page.ink = dark.grid(of: cell, scale: scale) }
  }

  private static func rulings(_ dark: DarkPixels) -> [Ruling] {
    let needed = Int(minLength * scale)
    let found =
      merged(dark.horizontalRuns(atLeast: needed)).map {
        Rect(x0: Double($0.start), y0: Double($0.line), x1: Double($0.end), y1: Double($0.last + 1))
      }
      + merged(dark.verticalRuns(atLeast: needed)).map {
        Rect(x0: Double($0.line), y0: Double($0.start), x1: Double($0.last + 1), y1: Double($0.end))
      }
    return found.prefix(maxRulings).map {
      Ruling(bbox: Rect(x0: $0.x0 / scale, y0: $0.y0 / scale, x1: $0.x1 / scale, y1: $0.y1 / scale))
    }
  }

  /// Joins runs of neighbouring lines; what is thicker than a line is a filled area and left out.
  private static func merged(_ runs: [DarkPixels.Run]) -> [DarkPixels.Run] {
    var open: [DarkPixels.Run] = [], done: [DarkPixels.Run] = []
    for run in runs {
      done += open.filter { $0.last < run.line - 1 }
      open.removeAll { $0.last < run.line - 1 }
      if let same = open.firstIndex(where: {
        min($0.end, run.end) - max($0.start, run.start) > (run.end - run.start) / 2
      }) {
        open[same].last = run.line
        open[same].start = min(open[same].start, run.start)
        open[same].end = max(open[same].end, run.end)
      } else {
        open.append(run)
      }
    }
    return (done + open).filter { $0.last - $0.line < maxThickness + 1 }
  }
}
