/// Builds JSON text, the same as `JSONEncoder` writes with sorted keys and plain slashes, many times as fast.
struct JSONText {
  private(set) var bytes: [UInt8] = []

  /// Takes out what is there so far.
  mutating func taken() -> [UInt8] {
    defer { bytes.removeAll(keepingCapacity: true) }
    return bytes
  }

  /// Keys and punctuation.
  mutating func raw(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func integer(_ value: Int) {
    guard value >= 0, value < 100 else { return bytes.append(contentsOf: String(value).utf8) }
    if value >= 10 { bytes.append(48 + UInt8(value / 10)) }
    bytes.append(48 + UInt8(value % 10))
  }

  /// The shortest text that reads back as the number; JSON has no infinity, which becomes 0.
  mutating func number(_ value: Double) {
    guard value.isFinite else { return bytes.append(48) }
    let text = value.description
    bytes.append(contentsOf: text.hasSuffix(".0") ? text.dropLast(2).utf8 : text[...].utf8)
  }

  /// A number with at most two digits behind the point.
  mutating func hundredths(_ value: Double) {
    let scaled = (value * 100).rounded()
    guard abs(scaled) < 1e15 else { return number(scaled / 100) }
    var rest = Int(scaled)
    if rest < 0 {
      bytes.append(UInt8(ascii: "-"))
      rest = -rest
    }
    integer(rest / 100)
    let (tens, ones) = (UInt8(rest / 10 % 10), UInt8(rest % 10))
    guard tens + ones > 0 else { return }
    bytes.append(UInt8(ascii: "."))
    bytes.append(48 + tens)
    if ones > 0 { bytes.append(48 + ones) }
  }

  mutating func boolean(_ value: Bool) { if value { raw("true") } else { raw("false") } }

  mutating func string(_ value: String) {
    bytes.append(UInt8(ascii: "\""))
    var value = value
    value.withUTF8 { text in
      var start = 0
      for (place, byte) in text.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C {
        bytes.append(contentsOf: text[start..<place])
        start = place + 1
        escape(byte)
      }
      bytes.append(contentsOf: text[start...])
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func escape(_ byte: UInt8) {
    switch byte {
    case 0x22: raw("\\\"")
    case 0x5C: raw("\\\\")
    case 0x08: raw("\\b")
    case 0x09: raw("\\t")
    case 0x0A: raw("\\n")
    case 0x0C: raw("\\f")
    case 0x0D: raw("\\r")
    default:
      let digits = Array("0123456789abcdef".utf8)
      raw("\\u00")
      bytes.append(digits[Int(byte >> 4)])
      bytes.append(digits[Int(byte & 15)])
    }
  }

  /// `[x0, y0, x1, y1]`.
  mutating func box(_ box: Rect) {
    raw("[")
    hundredths(box.x0)
    raw(",")
    hundredths(box.y0)
    raw(",")
    hundredths(box.x1)
    raw(",")
    hundredths(box.y1)
    raw("]")
  }

  /// What JSON itself looks like already.
  mutating func json(_ text: some Sequence<UInt8>) { bytes.append(contentsOf: text) }

  /// A key with the comma before it, and a list.
  mutating func list<Element>(
    _ key: StaticString, _ elements: some Sequence<Element>, _ body: (inout JSONText, Element) -> Void
  ) {
    raw(key)
    raw("[")
    var isFirst = true
    for element in elements {
      if !isFirst { raw(",") }
      isFirst = false
      body(&self, element)
    }
    raw("]")
  }
}
