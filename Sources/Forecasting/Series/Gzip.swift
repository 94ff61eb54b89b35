import CZlib
import Foundation

/// Decompression of .gz files, with a limit on what comes out.
enum Gzip {
  static func decompress(_ data: Data, limit: Int, name: String) throws -> Data {
    var stream = z_stream()
    guard inflateInit2_(&stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw SeriesReadError.malformed(name, line: nil, reason: "cannot be decompressed")
    }
    defer { inflateEnd(&stream) }
    var input = [UInt8](data)
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    var output = Data()
    return try input.withUnsafeMutableBufferPointer { source in
      stream.next_in = source.baseAddress
      stream.avail_in = UInt32(source.count)
      while true {
        let status = chunk.withUnsafeMutableBufferPointer { buffer in
          stream.next_out = buffer.baseAddress
          stream.avail_out = UInt32(buffer.count)
          return inflate(&stream, Z_NO_FLUSH)
        }
        output.append(contentsOf: chunk.prefix(chunk.count - Int(stream.avail_out)))
        guard output.count <= limit else {
          throw SeriesReadError.tooLarge(name, reason: "decompresses to more than \(limit >> 20) MiB")
        }
        if status == Z_STREAM_END { return output }
        guard status == Z_OK else {
          throw SeriesReadError.malformed(name, line: nil, reason: "the gzip data is damaged or cut off")
        }
      }
    }
  }
}
