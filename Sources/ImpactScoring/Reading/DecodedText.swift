import Foundation

/// A file's bytes as text, whatever encoding they are in: UTF-8, UTF-16 with its mark, or Windows-1252 for the lines that
/// are no UTF-8.
struct DecodedText {
  var text: String
  /// The lines that had to be read as Windows-1252.
  var problems: [String] = []

  /// nil for what is no text.
  init?(_ data: Data, _ name: String) {
    if data.starts(with: [0xFF, 0xFE]) || data.starts(with: [0xFE, 0xFF]) {
      guard let decoded = String(data: data, encoding: .utf16) else { return nil }
      text = Self.withoutMark(decoded)
      return
    }
    guard !data.prefix(4096).contains(0) else { return nil }
    if let decoded = String(data: data, encoding: .utf8) {
      text = Self.withoutMark(decoded)
      return
    }
    var lines: [String] = [], bad: [Int] = []
    for (number, line) in data.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
      if let decoded = String(data: line, encoding: .utf8) {
        lines.append(decoded)
      } else {
        lines.append(String(line.map { Self.windows1252($0) }))
        bad.append(number + 1)
      }
    }
    text = Self.withoutMark(lines.joined(separator: "\n"))
    let named = bad.prefix(5).map(String.init).joined(separator: ", ") + (bad.count > 5 ? ", ..." : "")
    problems = ["\(name): \(bad.count) line(s) are not UTF-8 and were read as Windows-1252: \(named)"]
  }

  private static func withoutMark(_ text: String) -> String {
    text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
  }

  private static let upper: [Unicode.Scalar] = Array(
    "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}Ž\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}žŸ".unicodeScalars)

  private static func windows1252(_ byte: UInt8) -> Character {
    (0x80..<0xA0).contains(byte) ? Character(upper[Int(byte) - 0x80]) : Character(Unicode.Scalar(byte))
  }
}
