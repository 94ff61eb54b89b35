import CPoppler
import CTesseract
import DocumentModel
import Foundation

/// Finds straight horizontal and vertical lines in a small picture of the page: the same way for drawn lines and scans.
enum RulingFinder {
  /// Pixels per point of the picture.
  static let scale = 1.25
  private static let minLength = 18.0
  private static let minBar = 3.5
  private static let maxThickness = 3
  private static let maxRulings = 2000

  /// The picture of a page that marks are found in; nil for posters and maps, which are no tables.
  static func picture(of source: OpaquePointer, width: Double, height: Double) -> CairoPicture? {
    guard width * height < 2_000_000 else { return nil }
    return PageImageRenderer.render(source, width: width, height: height, scale: scale).map { CairoPicture($0) }
  }

  /// Finds the rulings of a page, its drawings (as images with a negative id) and, for pages that keep their glyphs, the
  /// bars of formulas.
  static func addMarks(_ picture: CairoPicture, to page: inout Page) {
    let surface = picture.surface
    let columns = Int(cairo_image_surface_get_width(surface)), rows = Int(cairo_image_surface_get_height(surface))
    let stride = Int(cairo_image_surface_get_stride(surface))
    guard let pixels = cairo_image_surface_get_data(surface) else { return }
    var dark = [Bool](repeating: false, count: columns * rows)
    for y in 0..<rows {
      let line = pixels + y * stride
      for x in 0..<columns {
        // Green tells light from dark well enough.
        let pixel = line + 4 * x
        dark[y * columns + x] = Int(pixel[0]) + 2 * Int(pixel[1]) + Int(pixel[2]) < 4 * 200
      }
    }
    page.rulings = rulings(dark, columns: columns, rows: rows)
    page.images += DrawingFinder.drawings(
      dark, columns: columns, rows: rows, scale: scale, words: page.words.map(\.bbox), images: page.images.map(\.bbox)
    ).map { PageImage(id: -1, bbox: $0) }
    if !page.glyphs.isEmpty { page.bars = bars(dark, columns: columns, rows: rows, besides: page.glyphs.map(\.bbox)) }
  }

  /// Short horizontal lines that are no part of a glyph.
  private static func bars(_ dark: [Bool], columns: Int, rows: Int, besides glyphs: [Rect]) -> [Rect] {
    // Minus signs and the strokes of letters lie within glyphs; signs of the font of large signs hang below their box.
    merged(runs(dark, lines: rows, along: columns, step: (columns, 1), minLength: minBar)).map {
      Rect(
        x0: Double($0.start) / scale, y0: Double($0.line) / scale, x1: Double($0.end) / scale,
        y1: Double($0.last + 1) / scale)
    }.filter { bar in
      !glyphs.contains {
        $0.y0 < bar.midY + 0.5 && $0.y1 > bar.midY - 0.5 && $0.x0 - 1 < bar.midX && $0.x1 + 1 > bar.midX
      }
    }
  }

  /// The rulings of a picture, in points.
  static func rulings(on picture: Raster, pixelsPerPoint: Double) -> [Ruling] {
    guard let gray = picture.gray(), let small = gray.scaled(by: scale / pixelsPerPoint), small.pixels < 4_000_000,
      let data = pixGetData(small.pix)
    else { return [] }
    let (columns, rows) = (small.width, small.height)
    let wordsPerLine = Int(pixGetWpl(small.pix))
    var dark = [Bool](repeating: false, count: columns * rows)
    for y in 0..<rows {
      // Leptonica keeps four pixels in a word, the leftmost in the highest byte.
      let line = data + y * wordsPerLine
      for x in 0..<columns { dark[y * columns + x] = (line[x >> 2] >> UInt32(24 - 8 * (x & 3))) & 0xFF < 170 }
    }
    return rulings(dark, columns: columns, rows: rows)
  }

  private static func rulings(_ dark: [Bool], columns: Int, rows: Int) -> [Ruling] {
    let horizontal = runs(dark, lines: rows, along: columns, step: (columns, 1))
    let vertical = runs(dark, lines: columns, along: rows, step: (1, columns))
    let found =
      merged(horizontal).map {
        Rect(x0: Double($0.start), y0: Double($0.line), x1: Double($0.end), y1: Double($0.last + 1))
      }
      + merged(vertical).map {
        Rect(x0: Double($0.line), y0: Double($0.start), x1: Double($0.last + 1), y1: Double($0.end))
      }
    return found.prefix(maxRulings).map {
      Ruling(bbox: Rect(x0: $0.x0 / scale, y0: $0.y0 / scale, x1: $0.x1 / scale, y1: $0.y1 / scale))
    }
  }

  private struct Run {
    var line: Int
    var last: Int
    var start: Int
    var end: Int
  }

  /// Stretches of dark pixels along each line that are long enough.
  private static func runs(
    _ dark: [Bool], lines: Int, along: Int, step: (line: Int, along: Int), minLength: Double = minLength
  ) -> [Run] {
    let needed = Int(minLength * scale)
    var result: [Run] = []
    dark.withUnsafeBufferPointer { dark in
      for line in 0..<lines {
        var length = 0
        for position in 0...along {
          if position < along, dark[line * step.line + position * step.along] {
            length += 1
          } else {
            if length >= needed { result.append(Run(line: line, last: line, start: position - length, end: position)) }
            length = 0
          }
        }
        if result.count > 20_000 { return }
      }
    }
    return result
  }

  /// Joins runs of neighbouring lines; what is thicker than a line is a filled area and left out.
  private static func merged(_ runs: [Run]) -> [Run] {
    var open: [Run] = [], done: [Run] = []
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
