import Foundation

/// Writes one JSON object byte by byte, its members in the order in which they are added.
///
/// For the few answers that are asked for more than anything else: several times faster than an encoder.
struct JSONObjectWriter {
  private(set) var bytes: [UInt8] = [UInt8(ascii: "{")]

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func add(_ name: StaticString, _ value: Int) {
    begin(name)
    append("\(value)")
  }

  mutating func add(_ name: StaticString, _ value: Double) {
    begin(name)
    append(Int(exactly: value).map { "\($0)" } ?? (value.isFinite ? "\(value)" : "null"))
  }

  mutating func add(_ name: StaticString, _ value: Bool) {
    begin(name)
    append(value ? "true" : "false")
  }

  /// - Parameters: `before` and `after` stand around the value and hold nothing that JSON escapes.
  mutating func add(_ name: StaticString, before: StaticString = "", _ value: String, after: StaticString = "") {
    begin(name)
    bytes.append(UInt8(ascii: "\""))
    append(before)
    appendEscaped(value)
    append(after)
    bytes.append(UInt8(ascii: "\""))
  }

  /// An object that `body` fills.
  mutating func add(_ name: StaticString, _ body: (inout JSONObjectWriter) -> Void) {
    begin(name)
    bytes.append(UInt8(ascii: "{"))
    body(&self)
    end()
  }

  /// Ends the object; nothing can be added any more.
  mutating func end() { bytes.append(UInt8(ascii: "}")) }

  private mutating func begin(_ name: StaticString) {
    if bytes.last != UInt8(ascii: "{") { bytes.append(UInt8(ascii: ",")) }
    bytes.append(UInt8(ascii: "\""))
    append(name)
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
  }

  private mutating func append(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private mutating func appendEscaped(_ text: String) {
    let isPlain = text.utf8.allSatisfy { $0 >= 32 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    if isPlain { return append(text) }
    // Between the quotes of what the encoder makes of it.
    bytes.append(contentsOf: ((try? JSONOutput.encoder.encode(text)) ?? Data("\"\"".utf8)).dropFirst().dropLast())
  }
}
