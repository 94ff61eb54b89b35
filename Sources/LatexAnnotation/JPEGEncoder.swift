/// Writes pictures as baseline JPEG (ITU T.81) with full-resolution colour.
struct JPEGEncoder {
  /// 1 to 100, as in the tables of the IJG's library.
  var quality = 90

  private static let zigzag: [Int] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
  ]
  // Annex K.1 and K.2 of the standard.
  private static let luminance: [Int] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
  ]
  private static let chrominance: [Int] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99,
  ]
  // Annex K.3: how many codes of each length, and their values.
  private static let dcLengths: [UInt8] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
  private static let dcValues: [UInt8] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
  private static let acLengths: [UInt8] = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D]
  private static let acValues: [UInt8] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71, 0x14,
    0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09,
    0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A,
    0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65,
    0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88,
    0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9,
    0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA,
    0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA,
    0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA,
  ]

  private struct Codes {
    var code = [UInt32](repeating: 0, count: 256)
    var length = [UInt32](repeating: 0, count: 256)

    init(_ lengths: [UInt8], _ values: [UInt8]) {
      var next: UInt32 = 0
      var index = 0
      for bits in 1...16 {
        for _ in 0..<lengths[bits - 1] {
          code[Int(values[index])] = next
          length[Int(values[index])] = UInt32(bits)
          next += 1
          index += 1
        }
        next <<= 1
      }
    }
  }

  private struct BitWriter {
    var bytes: [UInt8]
    var buffer: UInt32 = 0
    var count: UInt32 = 0

    mutating func put(_ value: UInt32, _ length: UInt32) {
      for bit in stride(from: Int(length) - 1, through: 0, by: -1) {
        buffer = buffer << 1 | (value >> UInt32(bit) & 1)
        count += 1
        if count == 8 {
          let byte = UInt8(truncatingIfNeeded: buffer)
          bytes.append(byte)
          if byte == 0xFF { bytes.append(0) }
          buffer = 0
          count = 0
        }
      }
    }

    mutating func flush() { while count != 0 { put(1, 1) } }
  }

  private static let cosines: [Float] = {
    var table = [Float](repeating: 0, count: 64)
    for u in 0..<8 {
      for x in 0..<8 {
        let scale: Float = u == 0 ? 0.35355339 : 0.5
        table[u * 8 + x] = scale * Float(cosine(Double(2 * x + 1) * Double(u) * Double.pi / 16))
      }
    }
    return table
  }()

  /// The cosine by its series: good to 1e-15 for the few angles of the transform.
  private static func cosine(_ angle: Double) -> Double {
    var x = angle.truncatingRemainder(dividingBy: 2 * Double.pi)
    if x > Double.pi { x -= 2 * Double.pi }
    var term = 1.0, sum = 1.0
    for n in 1..<20 {
      term *= -x * x / Double((2 * n - 1) * (2 * n))
      sum += term
    }
    return sum
  }

  /// - Parameter rgb: three bytes a pixel, row by row, width x height x 3 in all.
  func encode(rgb: [UInt8], width: Int, height: Int) -> [UInt8] {
    precondition(rgb.count == width * height * 3 && width > 0 && height > 0 && width < 65536 && height < 65536)
    let scale = quality < 50 ? 5000 / max(1, quality) : 200 - 2 * quality
    let tables = [Self.luminance, Self.chrominance].map { $0.map { min(255, max(1, ($0 * scale + 50) / 100)) } }
    var out: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 0x4A, 0x46, 0x49, 0x46, 0, 1, 1, 1, 0, 200, 0, 200, 0, 0]
    for (index, table) in tables.enumerated() {
      out += [0xFF, 0xDB, 0, 67, UInt8(index)] + Self.zigzag.map { UInt8(table[$0]) }
    }
    out += [0xFF, 0xC0, 0, 17, 8, UInt8(height >> 8), UInt8(height & 255), UInt8(width >> 8), UInt8(width & 255), 3]
    out += [1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]
    for (kind, lengths, values) in [(UInt8(0), Self.dcLengths, Self.dcValues), (0x10, Self.acLengths, Self.acValues)] {
      out += [0xFF, 0xC4, UInt8((19 + values.count) >> 8), UInt8((19 + values.count) & 255), kind] + lengths + values
    }
    out += [0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0]

    let dc = Codes(Self.dcLengths, Self.dcValues), ac = Codes(Self.acLengths, Self.acValues)
    var writer = BitWriter(bytes: out)
    writer.bytes.reserveCapacity(out.count + rgb.count / 8)
    var previous = [Int](repeating: 0, count: 3)
    var planes = [[Float]](repeating: [Float](repeating: 0, count: 64), count: 3)
    let reciprocals = tables.map { $0.map { 1 / Float($0) } }
    for top in stride(from: 0, to: height, by: 8) {
      for left in stride(from: 0, to: width, by: 8) {
        var isUniform = true
        for y in 0..<8 {
          let row = min(height - 1, top + y) * width
          for x in 0..<8 {
            let pixel = (row + min(width - 1, left + x)) * 3
            let (r, g, b) = (Float(rgb[pixel]), Float(rgb[pixel + 1]), Float(rgb[pixel + 2]))
            planes[0][y * 8 + x] = 0.299 * r + 0.587 * g + 0.114 * b - 128
            planes[1][y * 8 + x] = -0.168736 * r - 0.331264 * g + 0.5 * b
            planes[2][y * 8 + x] = 0.5 * r - 0.418688 * g - 0.081312 * b
            if isUniform,
              rgb[pixel] != rgb[(min(height - 1, top) * width + min(width - 1, left)) * 3]
                || rgb[pixel] != rgb[pixel + 1] || rgb[pixel] != rgb[pixel + 2]
            {
              isUniform = false
            }
          }
        }
        for component in 0..<3 {
          let table = component == 0 ? 0 : 1
          var levels = [Int](repeating: 0, count: 64)
          if isUniform {
            // Most of a page is paper: one level says all.
            levels[0] = Int((planes[component][0] * 8 * reciprocals[table][0]).rounded())
          } else {
            let transformed = Self.transform(planes[component])
            for index in 0..<64 {
              levels[index] = Int((transformed[Self.zigzag[index]] * reciprocals[table][Self.zigzag[index]]).rounded())
            }
          }
          write(levels, &previous[component], dc, ac, &writer)
        }
      }
    }
    writer.flush()
    return writer.bytes + [0xFF, 0xD9]
  }

  private static func transform(_ block: [Float]) -> [Float] {
    var rows = [Float](repeating: 0, count: 64), result = rows
    for y in 0..<8 {
      for u in 0..<8 {
        var sum: Float = 0
        for x in 0..<8 { sum += block[y * 8 + x] * cosines[u * 8 + x] }
        rows[y * 8 + u] = sum
      }
    }
    for u in 0..<8 {
      for v in 0..<8 {
        var sum: Float = 0
        for y in 0..<8 { sum += rows[y * 8 + u] * cosines[v * 8 + y] }
        result[v * 8 + u] = sum
      }
    }
    return result
  }

  private func write(_ levels: [Int], _ previous: inout Int, _ dc: Codes, _ ac: Codes, _ writer: inout BitWriter) {
    func bits(_ value: Int) -> UInt32 { UInt32(Int.bitWidth - abs(value).leadingZeroBitCount) }
    func pattern(_ value: Int, _ length: UInt32) -> UInt32 {
      UInt32(truncatingIfNeeded: value < 0 ? value + (1 << Int(length)) - 1 : value)
    }
    let difference = levels[0] - previous
    previous = levels[0]
    let size = bits(difference)
    writer.put(dc.code[Int(size)], dc.length[Int(size)])
    writer.put(pattern(difference, size), size)
    var zeros = 0
    for level in levels[1...] {
      if level == 0 {
        zeros += 1
        continue
      }
      while zeros > 15 {
        writer.put(ac.code[0xF0], ac.length[0xF0])
        zeros -= 16
      }
      let size = bits(level)
      let symbol = zeros << 4 | Int(size)
      writer.put(ac.code[symbol], ac.length[symbol])
      writer.put(pattern(level, size), size)
      zeros = 0
    }
    if zeros > 0 { writer.put(ac.code[0], ac.length[0]) }
  }
}
