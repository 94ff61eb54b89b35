import CZlib
import Foundation

/// A value of the PDF language.
indirect enum PDFValue {
  case null
  case number(Double)
  case name(String)
  case string([UInt8])
  case array([PDFValue])
  case dictionary([String: PDFValue])
  case reference(Int)
  /// An operator of a content stream.
  case keyword(String)
}

/// Reads PDF values from bytes (ISO 32000-1, 7.3).
struct PDFLexer {
  let bytes: [UInt8]
  var position: Int

  init(_ bytes: [UInt8], at position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (byte >= 9 && byte <= 13) || byte == 0 }
  private static func isDelimiter(_ byte: UInt8) -> Bool {
    switch byte {
    case 40, 41, 60, 62, 91, 93, 123, 125, 47, 37: true
    default: false
    }
  }

  mutating func skipSpace() {
    while position < bytes.count {
      if Self.isSpace(bytes[position]) {
        position += 1
      } else if bytes[position] == 37 {
        while position < bytes.count, bytes[position] != 10, bytes[position] != 13 { position += 1 }
      } else {
        return
      }
    }
  }

  private mutating func word() -> ArraySlice<UInt8> {
    let start = position
    while position < bytes.count, !Self.isSpace(bytes[position]), !Self.isDelimiter(bytes[position]) { position += 1 }
    return bytes[start..<position]
  }

  /// The next value; nil at the end. `12 0 R` becomes a reference when `references` is set.
  mutating func next(references: Bool = false, depth: Int = 0) -> PDFValue? {
    skipSpace()
    guard position < bytes.count, depth < 40 else { return nil }
    switch bytes[position] {
    case 47:
      position += 1
      return .name(String(decoding: word(), as: UTF8.self))
    case 40: return .string(literal())
    case 60:
      if position + 1 < bytes.count, bytes[position + 1] == 60 {
        position += 2
        return dictionary(references, depth)
      }
      return .string(hexadecimal())
    case 91:
      position += 1
      var values: [PDFValue] = []
      while true {
        skipSpace()
        guard position < bytes.count else { return .array(values) }
        if bytes[position] == 93 {
          position += 1
          return .array(values)
        }
        guard let value = next(references: references, depth: depth + 1) else { return .array(values) }
        values.append(value)
      }
    case 41, 62, 93, 123, 125:
      position += 1
      return .null
    default:
      let text = word()
      guard let first = text.first else {
        position += 1
        return .null
      }
      if (first >= 48 && first <= 57) || first == 45 || first == 43 || first == 46 {
        let value = Self.number(text)
        if references, value >= 0, value == value.rounded(), let target = reference(Int(value)) { return target }
        return .number(value)
      }
      return .keyword(String(decoding: text, as: UTF8.self))
    }
  }

  private static func number(_ text: ArraySlice<UInt8>) -> Double {
    var value = 0.0, scale = 0.0, sign = 1.0
    for byte in text {
      switch byte {
      case 45: sign = -1
      case 46: scale = 1
      case 48...57:
        value = value * 10 + Double(byte - 48)
        if scale > 0 { scale *= 10 }
      default: break
      }
    }
    return sign * (scale > 1 ? value / scale : value)
  }

  private mutating func reference(_ number: Int) -> PDFValue? {
    let start = position
    skipSpace()
    let generation = word()
    skipSpace()
    if !generation.isEmpty, generation.allSatisfy({ $0 >= 48 && $0 <= 57 }), position < bytes.count,
      bytes[position] == 82,
      position + 1 == bytes.count || Self.isSpace(bytes[position + 1])
        || Self.isDelimiter(bytes[position + 1])
    {
      position += 1
      return .reference(number)
    }
    position = start
    return nil
  }

  private mutating func dictionary(_ references: Bool, _ depth: Int) -> PDFValue {
    var entries: [String: PDFValue] = [:]
    while true {
      skipSpace()
      guard position < bytes.count else { return .dictionary(entries) }
      if bytes[position] == 62 {
        position += 2
        return .dictionary(entries)
      }
      guard case .name(let key)? = next(references: references, depth: depth + 1) else { continue }
      skipSpace()
      if position < bytes.count, bytes[position] == 62, position + 1 < bytes.count, bytes[position + 1] == 62 {
        continue
      }
      entries[key] = next(references: references, depth: depth + 1) ?? .null
    }
  }

  private mutating func literal() -> [UInt8] {
    position += 1
    var out: [UInt8] = []
    var depth = 1
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case 40:
        depth += 1
        out.append(byte)
      case 41:
        depth -= 1
        if depth == 0 { return out }
        out.append(byte)
      case 92:
        guard position < bytes.count else { return out }
        let escaped = bytes[position]
        position += 1
        switch escaped {
        case 110: out.append(10)
        case 114: out.append(13)
        case 116: out.append(9)
        case 98: out.append(8)
        case 102: out.append(12)
        case 10: break
        case 13: if position < bytes.count, bytes[position] == 10 { position += 1 }
        case 48...55:
          var value = Int(escaped - 48)
          for _ in 0..<2 where position < bytes.count && bytes[position] >= 48 && bytes[position] <= 55 {
            value = value * 8 + Int(bytes[position] - 48)
            position += 1
          }
          out.append(UInt8(truncatingIfNeeded: value))
        default: out.append(escaped)
        }
      default: out.append(byte)
      }
    }
    return out
  }

  private mutating func hexadecimal() -> [UInt8] {
    position += 1
    var digits: [UInt8] = []
    while position < bytes.count, bytes[position] != 62 {
      let byte = bytes[position]
      position += 1
      switch byte {
      case 48...57: digits.append(byte - 48)
      case 65...70: digits.append(byte - 55)
      case 97...102: digits.append(byte - 87)
      default: break
      }
    }
    position += 1
    if digits.count % 2 == 1 { digits.append(0) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}

/// The objects of a PDF that pdfTeX wrote without object streams.
final class PDFObjects {
  let bytes: [UInt8]
  private var offsets: [Int: Int] = [:]
  private var cache: [Int: PDFValue] = [:]
  private(set) var trailer: [String: PDFValue] = [:]

  /// Nil when there is no classic cross-reference table.
  init?(_ bytes: [UInt8]) {
    self.bytes = bytes
    guard let tail = bytes.suffix(1024).firstRange(of: "startxref".utf8) else { return nil }
    var lexer = PDFLexer(bytes, at: tail.upperBound)
    guard case .number(let start)? = lexer.next() else { return nil }
    var table: Int? = Int(start)
    var seen = Set<Int>()
    while let place = table, place >= 0, place < bytes.count, seen.insert(place).inserted {
      guard let entries = readTable(at: place) else { return nil }
      if trailer.isEmpty { trailer = entries }
      table = entries["Prev"].flatMap { if case .number(let value) = $0 { Int(value) } else { nil } }
    }
    guard !trailer.isEmpty else { return nil }
  }

  private func readTable(at place: Int) -> [String: PDFValue]? {
    var lexer = PDFLexer(bytes, at: place)
    guard case .keyword("xref")? = lexer.next() else { return nil }
    while let value = lexer.next() {
      if case .keyword("trailer") = value {
        guard case .dictionary(let entries)? = lexer.next(references: true) else { return nil }
        return entries
      }
      guard case .number(let first) = value, case .number(let count)? = lexer.next(), count < 1e7 else { return nil }
      for index in 0..<Int(count) {
        guard case .number(let offset)? = lexer.next(), case .number? = lexer.next(), let kind = lexer.next() else {
          return nil
        }
        if case .keyword("n") = kind, offsets[Int(first) + index] == nil { offsets[Int(first) + index] = Int(offset) }
      }
    }
    return nil
  }

  /// The value itself, references followed.
  func resolve(_ value: PDFValue?, depth: Int = 0) -> PDFValue {
    guard let value else { return .null }
    guard case .reference(let number) = value else { return value }
    guard depth < 20 else { return .null }
    if let known = cache[number] { return known }
    guard let offset = offsets[number], offset < bytes.count else { return .null }
    var lexer = PDFLexer(bytes, at: offset)
    guard case .number? = lexer.next(), case .number? = lexer.next(), case .keyword("obj")? = lexer.next() else {
      return .null
    }
    let result = resolve(lexer.next(references: true), depth: depth + 1)
    cache[number] = result
    return result
  }

  func dictionary(_ value: PDFValue?) -> [String: PDFValue] {
    if case .dictionary(let entries) = resolve(value) { return entries }
    return [:]
  }

  func array(_ value: PDFValue?) -> [PDFValue] {
    if case .array(let values) = resolve(value) { return values }
    return []
  }

  func number(_ value: PDFValue?) -> Double? {
    if case .number(let number) = resolve(value) { return number }
    return nil
  }

  func numbers(_ value: PDFValue?) -> [Double] { array(value).compactMap { number($0) } }

  func name(_ value: PDFValue?) -> String? {
    if case .name(let name) = resolve(value) { return name }
    return nil
  }

  /// The bytes of a stream, inflated where it is deflated; nil for other filters.
  func stream(_ value: PDFValue?) -> [UInt8]? {
    guard case .reference(let number)? = value, let offset = offsets[number] else { return nil }
    var lexer = PDFLexer(bytes, at: offset)
    _ = lexer.next()
    _ = lexer.next()
    _ = lexer.next()
    guard case .dictionary(let entries)? = lexer.next(references: true), case .keyword("stream")? = lexer.next() else {
      return nil
    }
    var start = lexer.position
    if start < bytes.count, bytes[start] == 13 { start += 1 }
    if start < bytes.count, bytes[start] == 10 { start += 1 }
    let length = Int(self.number(entries["Length"]) ?? -1)
    guard length >= 0, start + length <= bytes.count else { return nil }
    let data = Array(bytes[start..<(start + length)])
    switch resolve(entries["Filter"]) {
    case .null: return data
    case .name("FlateDecode"): return Self.inflate(data)
    case .array(let filters) where filters.isEmpty: return data
    case .array(let filters) where filters.count == 1:
      if case .name("FlateDecode") = filters[0] { return Self.inflate(data) }
      return nil
    default: return nil
    }
  }

  private static func inflate(_ data: [UInt8]) -> [UInt8]? {
    var size = uLong(max(1 << 16, data.count * 8))
    while size < 1 << 29 {
      var out = [UInt8](repeating: 0, count: Int(size))
      var length = size
      let status = uncompress(&out, &length, data, uLong(data.count))
      if status == Z_OK { return Array(out.prefix(Int(length))) }
      guard status == Z_BUF_ERROR else { return nil }
      size *= 4
    }
    return nil
  }
}
