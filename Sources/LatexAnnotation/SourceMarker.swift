/// Writes calls of the marks into a flattened source, where TeX itself cannot be asked: arguments that classes keep
/// and typeset later, and displays between double dollars. No line is added or removed.
enum SourceMarker {
  /// Commands whose (last) argument is typeset elsewhere, and what stands in it.
  private static let arguments: [String: String] = [
    "title": "title", "abstract": "abstract", "caption": "cap", "captionof": "cap", "subcaption": "cap",
    "captionabove": "cap", "captionbelow": "cap", "icmltitle": "title", "maintitle": "title", "articletitle": "title",
    "Title": "title", "tablecaption": "cap", "topcaption": "cap", "bottomcaption": "cap", "figcaption": "cap",
  ]

  static func mark(_ bytes: [UInt8]) -> [UInt8] {
    var scan = LatexScanner(bytes)
    var inserts: [(at: Int, text: String)] = []
    while let byte = scan.byte() {
      switch byte {
      case 37: scan.skipComment()
      case 36 where scan.byte(1) == 36:
        inserts.append((scan.position, "\\docqD"))
        inserts.append((scan.position + 2, letterFollows(scan, 2) ? "\\docqS " : "\\docqS"))
        scan.position += 2
      case 92:
        let start = scan.position
        let name = scan.controlSequence()
        if name == "verb" || name == "lstinline" || name == "mintinline" {
          scan.skipVerb()
        } else if name == "begin" {
          scan.skipSpace(newlines: false)
          if let group = scan.group() {
            let environment = String(decoding: group, as: UTF8.self)
            if LatexScanner.verbatimEnvironments.contains(environment) { scan.skipVerbatim(environment) }
          }
        } else if ["def", "gdef", "edef", "newcommand", "renewcommand", "let", "providecommand"].contains(name) {
          // The name that is being defined is no call.
          scan.skipSpace(newlines: false)
          if scan.byte() == 42 { scan.position += 1 }
          if scan.byte() == 123 { scan.position += 1 }
          if scan.byte() == 92 { _ = scan.controlSequence() }
        } else if let kind = arguments[name], let inner = argument(of: name, scan, behind: start) {
          inserts.append((inner.lowerBound, "\\docqB{\(kind)}"))
          inserts.append((inner.upperBound, "\\docqE{\(kind)}"))
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

  private static func letterFollows(_ scan: LatexScanner, _ offset: Int) -> Bool {
    scan.byte(offset).map(LatexScanner.isLetter) ?? false
  }

  /// The inside of the argument behind a command's star and optional arguments.
  private static func argument(of name: String, _ scan: LatexScanner, behind: Int) -> Range<Int>? {
    var scan = scan
    if scan.byte() == 42 { scan.position += 1 }
    var groups = name == "captionof" ? 2 : 1
    var inner: Range<Int>?
    while groups > 0 {
      scan.skipSpace()
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
