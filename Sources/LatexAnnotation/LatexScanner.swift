/// Walks LaTeX text byte by byte: knows comments, verbatim text and groups, and nothing of macros.
struct LatexScanner {
  let bytes: [UInt8]
  var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Environments whose text TeX takes as it stands.
  static let verbatimEnvironments: Set<String> = [
    "verbatim", "verbatim*", "Verbatim", "BVerbatim", "LVerbatim", "lstlisting", "minted", "comment", "alltt",
    "filecontents", "filecontents*", "listing*", "luacode", "tcblisting", "spverbatim",
  ]

  var isAtEnd: Bool { position >= bytes.count }

  func byte(_ offset: Int = 0) -> UInt8? {
    let index = position + offset
    return index < bytes.count && index >= 0 ? bytes[index] : nil
  }

  static func isLetter(_ byte: UInt8) -> Bool {
    (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte == 64
  }

  /// At a backslash: the control sequence's name; the position moves behind it.
  mutating func controlSequence() -> String {
    position += 1
    guard let first = byte() else { return "" }
    guard Self.isLetter(first) else {
      position += 1
      return String(decoding: [first], as: UTF8.self)
    }
    let start = position
    while let next = byte(), Self.isLetter(next) { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// At a percent sign: moves to the start of the next line.
  mutating func skipComment() {
    while let next = byte() {
      position += 1
      if next == 10 { return }
    }
  }

  mutating func skipSpace(newlines: Bool = true) {
    while let next = byte(), next == 32 || next == 9 || (newlines && (next == 10 || next == 13)) { position += 1 }
  }

  /// The position behind the group that opens here, or nil when it is never closed or none opens here.
  func endOfGroup(from start: Int, open: UInt8 = 123, close: UInt8 = 125) -> Int? {
    guard start < bytes.count, bytes[start] == open else { return nil }
    var depth = 0, braces = 0
    var scan = self
    scan.position = start
    while let byte = scan.byte() {
      switch byte {
      case 92: scan.position += 2
      case 37: scan.skipComment()
      default:
        scan.position += 1
        if byte == open, braces == 0 || open == 123 { depth += 1 }
        if open != 123 {
          if byte == 123 { braces += 1 } else if byte == 125 { braces -= 1 }
        }
        if byte == close, braces == 0 || open == 123 {
          depth -= 1
          if depth == 0 { return scan.position }
        }
        if braces < 0 { return nil }
      }
    }
    return nil
  }

  /// At "{": the group's content; the position moves behind it.
  mutating func group() -> [UInt8]? {
    guard let end = endOfGroup(from: position) else { return nil }
    defer { position = end }
    return Array(bytes[(position + 1)..<(end - 1)])
  }

  /// Behind `\begin{name}` of a verbatim environment: moves behind its `\end{name}`.
  mutating func skipVerbatim(_ name: String) {
    let needle = Array("\\end{\(name)}".utf8)
    while position + needle.count <= bytes.count {
      if bytes[position] == 92, bytes[position..<(position + needle.count)].elementsEqual(needle) {
        position += needle.count
        return
      }
      position += 1
    }
    position = bytes.count
  }

  /// Behind `\verb`: moves behind its argument.
  mutating func skipVerb() {
    if byte() == 42 { position += 1 }
    guard let delimiter = byte(), delimiter != 10 else { return }
    position += 1
    while let next = byte(), next != 10 {
      position += 1
      if next == delimiter { return }
    }
  }
}
