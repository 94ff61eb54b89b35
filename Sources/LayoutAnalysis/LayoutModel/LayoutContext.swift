import DocumentModel

/// What the features of a line need to know of the whole document.
struct LayoutContext {
  let body: BodyStyle
  let pageCount: Int
  /// Most usual font of the body.
  let bodyFont: String
  /// On how many pages a line comes back at the same height, digits set aside.
  private var repetitions: [String: Int] = [:]
  /// Titles of the file's own table of contents, letters only.
  private var outline: Set<String> = []

  init(_ document: Document) {
    body = BodyStyle(of: document)
    pageCount = document.pages.count
    var fonts: [String: Int] = [:]
    for page in document.pages {
      for word in page.words where page.styles.indices.contains(word.style) {
        fonts[page.styles[word.style].font, default: 0] += word.text.utf8.count
      }
      if pageCount > 1 {
        let near = page.lines.filter { $0.bbox.y1 < 0.2 * page.height || $0.bbox.y0 > 0.8 * page.height }
        for key in Set(near.map { Self.key($0, page) }) { repetitions[key, default: 0] += 1 }
      }
    }
    bodyFont = fonts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? ""
    for entry in document.outline {
      let folded = Self.letters(entry.title)
      if folded.utf8.count > 2 { outline.insert(folded) }
    }
  }

  var hasOutline: Bool { !outline.isEmpty }

  /// Other pages that have such a line at such a height.
  func repetitions(_ line: Line, _ page: Page) -> Int {
    guard pageCount > 1, line.bbox.y1 < 0.2 * page.height || line.bbox.y0 > 0.8 * page.height else { return 0 }
    return max(0, (repetitions[Self.key(line, page)] ?? 0) - 1)
  }

  func isInOutline(_ text: String) -> Bool {
    !outline.isEmpty && text.utf8.count < 200 && outline.contains(Self.letters(text))
  }

  private static func letters(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in text.lowercased().unicodeScalars where scalar.properties.isAlphabetic { scalars.append(scalar) }
    return String(scalars)
  }

  /// Text with its digits as one sign, and where it stands.
  private static func key(_ line: Line, _ page: Page) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in line.text.lowercased().unicodeScalars.prefix(80) {
      if ("0"..."9").contains(scalar) {
        if scalars.last != "#" { scalars.append("#") }
      } else {
        scalars.append(scalar)
      }
    }
    return "\(Int(line.bbox.midY / 8)):\(String(scalars))"
  }
}
