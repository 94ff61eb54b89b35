/// Writes calls of the marks into a flattened source, where TeX itself cannot be asked: arguments that classes keep
/// and typeset later, and displays between double dollars. No line is added or removed.
package enum SourceMarker {
  /// Commands whose (last) argument is typeset elsewhere, and what stands in it.
  private static let arguments: [String: String] = [
    "title": "title", "abstract": "abstract", "caption": "cap", "captionof": "cap", "subcaption": "cap",
    "captionabove": "cap", "captionbelow": "cap", "icmltitle": "title", "maintitle": "title", "articletitle": "title",
    "Title": "title", "frametitle": "head1", "framesubtitle": "head2",
    "paragraph": "head4", "subparagraph": "head5", "tablecaption": "cap", "topcaption": "cap",
    "bottomcaption": "cap", "figcaption": "cap",
  ]

  package static func mark(_ bytes: [UInt8], insideAbstracts: Bool = true) -> [UInt8] {
    var scan = LatexScanner(bytes)
    var inserts: [(at: Int, text: String)] = []
    while let byte = scan.byte() {
      switch byte {
      case 37: scan.skipComment()
      case 36 where scan.byte(1) == 36:
        inserts.append((scan.position, "\\docqD"))
        inserts.append((scan.position + 2, "\\docqS0"))
        scan.position += 2
      case 92:
        let name = scan.controlSequence()
        if name == "verb" || name == "lstinline" || name == "mintinline" {
          scan.skipVerb()
        } else if name == "begin" {
          scan.skipSpace(newlines: false)
          if let group = scan.group() {
            let environment = String(decoding: group, as: UTF8.self)
            if LatexScanner.verbatimEnvironments.contains(environment) { scan.skipVerbatim(environment) }
            if insideAbstracts, environment == "abstract", let body = body(of: environment, scan) {
              inserts.append((body.lowerBound, "\\docqB{abstract}"))
              inserts.append((body.upperBound, "\\docqE{abstract}"))
            }
            if environment == "frame" || environment == "frame*", let inner = argument(of: environment, scan) {
              inserts.append((inner.lowerBound, "\\docqB{head1}"))
              inserts.append((inner.upperBound, "\\docqE{head1}"))
            }
          }
        } else if ["def", "gdef", "edef", "newcommand", "renewcommand", "let", "providecommand"].contains(name) {
          // The name that is being defined is no call.
          scan.skipSpace(newlines: false)
          if scan.byte() == 42 { scan.position += 1 }
          if scan.byte() == 123 { scan.position += 1 }
          if scan.byte() == 92 { _ = scan.controlSequence() }
        } else if let kind = arguments[name], let inner = argument(of: name, scan) {
          let text = trimmed(inner, bytes)
          inserts.append((text.lowerBound, "\\docqB{\(kind)}"))
          inserts.append((text.upperBound, "\\docqE{\(kind)}"))
        }
      default: scan.position += 1
      }
    }
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count + inserts.count * 12)
    var copied = 0
    for insert in inserts.sorted(by: { $0.at < $1.at }) {
      out += bytes[copied..<insert.at] + Array(insert.text.utf8)
      copied = insert.at
    }
    return out + bytes[copied...]
  }

  /// What stands between `\begin{name}`, its optional argument and `\end{name}`.
  private static func body(of name: String, _ scan: LatexScanner) -> Range<Int>? {
    let start = scan.position
    var inside = scan
    inside.skipSpace()
    if inside.byte() == 91 || inside.byte() == 123 { return nil }
    while let byte = inside.byte() {
      switch byte {
      case 37: inside.skipComment()
      case 92:
        let here = inside.position
        if inside.controlSequence() == "end", inside.group() == Array(name.utf8) {
          // Behind a comment the mark would be part of it.
          let text = trimmed(start..<here, inside.bytes)
          return text.isEmpty ? nil : text
        }
      default: inside.position += 1
      }
    }
    return nil
  }

  /// Without the space at the ends, which classes remove: a mark would be in their way.
  private static func trimmed(_ range: Range<Int>, _ bytes: [UInt8]) -> Range<Int> {
    func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 10 || byte == 13 }
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, isSpace(bytes[start]) { start += 1 }
    while end > start, isSpace(bytes[end - 1]) { end -= 1 }
    // A comment on the last line, or a backslash before a space, stays in front of the mark.
    let lastLine = bytes[start..<end].lastIndex(of: 10) ?? start
    if bytes[lastLine..<end].contains(37) || (end > start && bytes[end - 1] == 92) { end = range.upperBound }
    return start..<end
  }

  private static func letterFollows(_ scan: LatexScanner, _ offset: Int) -> Bool {
    scan.byte(offset).map(LatexScanner.isLetter) ?? false
  }

  /// The inside of the argument behind a command's star and optional arguments.
  private static func argument(of name: String, _ scan: LatexScanner) -> Range<Int>? {
    var scan = scan
    if scan.byte() == 42 { scan.position += 1 }
    var groups = name == "captionof" ? 2 : 1
    var inner: Range<Int>?
    while groups > 0 {
      scan.skipSpace(newlines: !name.hasPrefix("frame"))
      if scan.byte() == 60 {
        // An overlay specification of slides.
        while let byte = scan.byte(), byte != 62, byte != 10 { scan.position += 1 }
        scan.position += 1
        continue
      }
      if scan.byte() == 91 {
        guard let end = scan.endOfGroup(from: scan.position, open: 91, close: 93) else { return nil }
        scan.position = end
        continue
      }
      guard let end = scan.endOfGroup(from: scan.position) else { return nil }
      inner = (scan.position + 1)..<(end - 1)
      scan.position = end
      groups -= 1
    }
    guard let inner, inner.count > 0 else { return nil }
    return inner
  }
}
