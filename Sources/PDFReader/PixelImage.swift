import CTesseract

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

  /// The form that `init(_:)` reads.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 + rgb.count)
    for number in [UInt32(width), UInt32(height)] { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
    return bytes + rgb
  }

  /// A picture of 32 bits a pixel; nil for others.
  init?(_ raster: Raster) {
    guard pixGetDepth(raster.pix) == 32, let data = pixGetData(raster.pix) else { return nil }
    (width, height) = (raster.width, raster.height)
    let (width, height) = (width, height)
    let wordsPerLine = Int(pixGetWpl(raster.pix))
    rgb = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
      var next = 0
      for y in 0..<height {
        let line = data + y * wordsPerLine
        for x in 0..<width {
          // Leptonica keeps 0xRRGGBBAA in a word.
          buffer[next] = UInt8(truncatingIfNeeded: line[x] >> 24)
          buffer[next + 1] = UInt8(truncatingIfNeeded: line[x] >> 16)
          buffer[next + 2] = UInt8(truncatingIfNeeded: line[x] >> 8)
          next += 3
        }
      }
      count = next
    }
  }

  /// A JPEG file.
  ///
  /// - Parameter quality: 1 to 100.
  public func jpeg(quality: Int = 85) -> [UInt8]? {
    guard let raster = Raster(pixCreate(Int32(width), Int32(height), 32)), let data = pixGetData(raster.pix) else {
      return nil
    }
    let wordsPerLine = Int(pixGetWpl(raster.pix))
    for y in 0..<height {
      let line = data + y * wordsPerLine
      for x in 0..<width {
        let place = 3 * (y * width + x)
        line[x] = UInt32(rgb[place]) << 24 | UInt32(rgb[place + 1]) << 16 | UInt32(rgb[place + 2]) << 8
      }
    }
    return raster.jpeg(quality: quality)
  }
}
