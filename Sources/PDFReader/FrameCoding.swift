// The bytes between the parsing process and the one that started it: frames of
// [payload length: UInt32] [kind: UInt8] [payload], little endian; strings and arrays with a UInt32 count in front.

enum FrameKind: UInt8 {
  case hello = 1
  case document, page, image, attachment, warning, failure, done, probe, preview, begin
}

let frameHeaderBytes = 5
/// "dqp" and the version of this format.
let frameMagic: UInt32 = 0x6471_7005

struct FrameEncoder {
  private(set) var bytes: [UInt8]

  init(_ kind: FrameKind, reserving capacity: Int = 64) {
    bytes = []
    bytes.reserveCapacity(capacity + frameHeaderBytes)
    bytes.append(contentsOf: [0, 0, 0, 0, kind.rawValue])
  }

  /// The frame with its length filled in.
  consuming func finished() -> [UInt8] {
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: bytes.count - frameHeaderBytes).littleEndian) { length in
      for position in 0..<4 { bytes[position] = length[position] }
    }
    return bytes
  }

  mutating func append(_ value: UInt8) { bytes.append(value) }
  mutating func append(_ value: Bool) { bytes.append(value ? 1 : 0) }
  mutating func append(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
  mutating func append(_ value: UInt64) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
  mutating func append(_ value: Int) { append(UInt64(bitPattern: Int64(value))) }
  mutating func append(_ value: Double) { append(value.bitPattern) }

  mutating func append(_ value: String) {
    var value = value
    value.withUTF8 { text in
      append(UInt32(truncatingIfNeeded: text.count))
      bytes.append(contentsOf: text)
    }
  }

  mutating func append(_ value: String?) {
    append(value != nil)
    if let value { append(value) }
  }

  mutating func append(data: [UInt8]) {
    append(UInt32(truncatingIfNeeded: data.count))
    bytes.append(contentsOf: data)
  }

  mutating func append<Element>(_ values: [Element], _ body: (inout FrameEncoder, Element) -> Void) {
    append(UInt32(truncatingIfNeeded: values.count))
    for value in values { body(&self, value) }
  }
}

/// What is wrong with a frame, as the end of "the parser's answer ...".
struct FrameError: Error { var reason: String }

/// Reads a payload written by a process that must not be trusted: every read is checked against the end, and every
/// count against the bytes that are left.
///
/// Invariant: `buffer` outlives the decoder, and `position` is within 0...buffer.count.
struct FrameDecoder {
  private let buffer: UnsafeRawBufferPointer
  private var position = 0

  init(_ buffer: UnsafeRawBufferPointer) { self.buffer = buffer }

  var remaining: Int { buffer.count - position }

  private mutating func take<Value: FixedWidthInteger & BitwiseCopyable>(_: Value.Type) throws -> Value {
    guard remaining >= MemoryLayout<Value>.size else { throw FrameError(reason: "ends too early") }
    defer { position += MemoryLayout<Value>.size }
    return Value(littleEndian: buffer.loadUnaligned(fromByteOffset: position, as: Value.self))
  }

  mutating func byte() throws -> UInt8 { try take(UInt8.self) }
  mutating func bool() throws -> Bool { try take(UInt8.self) != 0 }
  mutating func uint32() throws -> UInt32 { try take(UInt32.self) }
  mutating func uint64() throws -> UInt64 { try take(UInt64.self) }
  mutating func int() throws -> Int { Int(truncatingIfNeeded: Int64(bitPattern: try take(UInt64.self))) }

  /// A finite number within what a page can hold.
  mutating func double() throws -> Double {
    let value = Double(bitPattern: try take(UInt64.self))
    guard value.isFinite, abs(value) < 1e9 else { throw FrameError(reason: "has a number that is out of range") }
    return value
  }

  private mutating func slice() throws -> UnsafeRawBufferPointer {
    let count = Int(try uint32())
    guard count <= remaining else { throw FrameError(reason: "ends too early") }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: buffer[position..<position + count])
  }

  mutating func string() throws -> String { String(decoding: try slice(), as: UTF8.self) }
  mutating func optionalString() throws -> String? { try bool() ? try string() : nil }
  mutating func data() throws -> [UInt8] { [UInt8](try slice()) }

  /// An array whose elements take at least `minimumBytes` each.
  mutating func array<Element>(
    minimumBytes: Int, _ body: (inout FrameDecoder) throws -> Element
  ) throws -> [Element] {
    let count = Int(try uint32())
    guard count <= remaining / minimumBytes else { throw FrameError(reason: "has a count that cannot be") }
    var result: [Element] = []
    result.reserveCapacity(count)
    for _ in 0..<count { result.append(try body(&self)) }
    return result
  }
}
