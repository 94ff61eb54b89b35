import CPoppler
import CTesseract
import DocumentModel

/// The dark pixels of a small picture of a page.
struct DarkPixels {
  let columns: Int
  let rows: Int
  /// 1 for dark, row by row.
  private let bytes: [UInt8]

  /// A straight stretch of dark pixels: along a row for horizontal ones, along a column for vertical ones.
  struct Run {
    /// Row or column of the run, and the last one that was joined to it.
    var line: Int
    var last: Int
    var start: Int
    var end: Int
  }

  /// More runs than this are a pattern.
  private static let mostRuns = 20_000

  init?(_ picture: CairoPicture) {
    let surface = picture.surface
    (columns, rows) = (Int(cairo_image_surface_get_width(surface)), Int(cairo_image_surface_get_height(surface)))
    let stride = Int(cairo_image_surface_get_stride(surface))
    guard let data = cairo_image_surface_get_data(surface) else { return nil }
    let (columns, rows) = (columns, rows)
    bytes = [UInt8](unsafeUninitializedCapacity: columns * rows) { buffer, count in
      for y in 0..<rows {
        let line = UnsafeRawPointer(data + y * stride).assumingMemoryBound(to: UInt32.self)
        let dark = buffer.baseAddress! + y * columns
        for x in 0..<columns {
          // Green tells light from dark well enough.
          let pixel = line[x]
          dark[x] = (pixel & 255) &+ 2 &* (pixel >> 8 & 255) &+ (pixel >> 16 & 255) < 800 ? 1 : 0
        }
      }
      count = columns * rows
    }
  }

  /// - Parameter picture: of 8 bits a pixel.
  init?(_ picture: Raster) {
    guard let data = pixGetData(picture.pix) else { return nil }
    (columns, rows) = (picture.width, picture.height)
    let (columns, rows) = (columns, rows)
    let wordsPerLine = Int(pixGetWpl(picture.pix))
    bytes = [UInt8](unsafeUninitializedCapacity: columns * rows) { buffer, count in
      for y in 0..<rows {
        // Leptonica keeps four pixels in a word, the leftmost in the highest byte.
        let line = data + y * wordsPerLine
        for x in 0..<columns {
          buffer[y * columns + x] = (line[x >> 2] >> UInt32(24 - 8 * (x & 3))) & 0xFF < 170 ? 1 : 0
        }
      }
      count = columns * rows
    }
  }

  /// Stretches of at least `length` pixels along the rows, from top to bottom.
  func horizontalRuns(atLeast length: Int) -> [Run] {
    var result: [Run] = []
    bytes.withUnsafeBufferPointer { bytes in
      for y in 0..<rows {
        let row = bytes.baseAddress! + y * columns
        var x = 0
        while x < columns {
          // Most of a page is white.
          if x + 8 <= columns, UnsafeRawPointer(row + x).loadUnaligned(as: UInt64.self) == 0 {
            x += 8
            continue
          }
          guard row[x] != 0 else {
            x += 1
            continue
          }
          let start = x
          while x < columns, row[x] != 0 { x += 1 }
          if x - start >= length { result.append(Run(line: y, last: y, start: start, end: x)) }
        }
        if result.count > Self.mostRuns { return }
      }
    }
    return result
  }

  /// Stretches of at least `length` pixels along the columns, from left to right.
  func verticalRuns(atLeast length: Int) -> [Run] {
    var result: [Run] = []
    // How many dark pixels end here, column by column: rows are read in the order in which they lie in memory.
    var lengths = [UInt16](repeating: 0, count: columns)
    let needed = UInt16(length)
    bytes.withUnsafeBufferPointer { bytes in
      lengths.withUnsafeMutableBufferPointer { lengths in
        for y in 0...rows {
          let row = y < rows ? bytes.baseAddress! + y * columns : nil
          for first in stride(from: 0, to: columns, by: 64) {
            let end = min(columns, first + 64)
            var ended: UInt16 = 0
            if let row {
              for x in first..<end { ended |= lengths[x] >= needed ? UInt16(1 &- row[x]) : 0 }
            } else {
              for x in first..<end { ended |= lengths[x] >= needed ? 1 : 0 }
            }
            if ended != 0 {
              for x in first..<end where lengths[x] >= needed && (row.map { $0[x] == 0 } ?? true) {
                result.append(Run(line: x, last: x, start: y - Int(lengths[x]), end: y))
              }
            }
            if let row { for x in first..<end { lengths[x] = (lengths[x] &+ 1) &* UInt16(row[x]) } }
          }
          if result.count > Self.mostRuns { return }
        }
      }
    }
    return result.sorted { ($0.line, $0.start) < ($1.line, $1.start) }
  }

  /// The share of dark pixels in squares of `cell` pixels, at most 15; those at the right and the lower edge are cut.
  ///
  /// - Parameter scale: pixels of a point.
  func grid(of cell: Int, scale: Double) -> InkGrid? {
    let (width, height) = ((columns + cell - 1) / cell, (rows + cell - 1) / cell)
    var darkness = [UInt8](repeating: 0, count: width * height)
    var band = [UInt8](repeating: 0, count: columns)
    bytes.withUnsafeBufferPointer { bytes in
      band.withUnsafeMutableBufferPointer { band in
        for row in 0..<height {
          band.update(repeating: 0)
          for y in (row * cell)..<min(rows, (row + 1) * cell) {
            let line = bytes.baseAddress! + y * columns
            for x in 0..<columns { band[x] &+= line[x] }
          }
          var x = 0
          for column in 0..<width {
            var sum = 0
            for _ in 0..<min(cell, columns - x) {
              sum += Int(band[x])
              x += 1
            }
            // One dark pixel of a square is to be seen, too.
            darkness[row * width + column] = UInt8((sum * 255 + cell * cell - 1) / (cell * cell))
          }
        }
      }
    }
    return InkGrid(cell: Double(cell) / scale, columns: width, rows: height, darkness: darkness)
  }
}
