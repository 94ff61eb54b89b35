import DocumentModel

/// What the features of a line need to know of the whole document.
struct LayoutContext {
  private(set) var body = BodyStyle()
  private(set) var pageCount = 0
  /// Most usual font of the body.
  private(set) var bodyFont = ""
  /// On how many pages a line comes back at the same height, digits set aside.
  private var repetitions: [String: Int] = [:]
  /// On how many pages there is a line of some height at some height of the page, whatever it says.
  private var places: [Int: Int] = [:]
  /// Titles of the file's own table of contents, letters only.
  private var outline: Set<String> = []

  /// Letters by font.
  private var fonts: [String: Int] = [:]

  init() {}

  /// - Parameter document: its pages have their lines.
  init(_ document: Document) {
    for page in document.pages { add(page) }
    finish(body: BodyStyle(of: document), outline: document.outline)
  }

  /// Takes a page with its lines.
  mutating func add(_ page: Page) {
    pageCount += 1
    var letters = [Int](repeating: 0, count: page.styles.count)
    for word in page.words where letters.indices.contains(word.style) { letters[word.style] += word.text.utf8.count }
    for (style, count) in zip(page.styles, letters) where count > 0 { fonts[style.font, default: 0] += count }
    let near = page.lines.filter { $0.bbox.y1 < 0.2 * page.height || $0.bbox.y0 > 0.8 * page.height }
    for key in Set(near.map { Self.key($0, page) }) { repetitions[key, default: 0] += 1 }
    for place in Set(near.flatMap { Self.places($0, page) }) { places[place, default: 0] += 1 }
  }

  /// Call it when all pages were added.
  mutating func finish(body: BodyStyle, outline entries: [OutlineEntry]) {
    self.body = body
    bodyFont = fonts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? ""
    // What stands on one page only is not looked up by others.
    repetitions = repetitions.filter { $0.value > 1 }
    for entry in entries {
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

  /// How many of the other pages have a line as high at the same height, near the edge; 0 to 1.
  func shareOfPages(withLineLike line: Line, _ page: Page) -> Double {
    guard pageCount > 1, line.bbox.y1 < 0.2 * page.height || line.bbox.y0 > 0.8 * page.height else { return 0 }
    return Double(max(0, (places[Self.place(line, page)] ?? 0) - 1)) / Double(pageCount - 1)
  }

  private static func place(_ line: Line, _ page: Page) -> Int {
    Int((line.bbox.midY / 2).rounded()) * 100 + min(99, Int(line.bbox.height.rounded()))
  }

  /// The place and those next to it, so that rounding does not part equals.
  private static func places(_ line: Line, _ page: Page) -> [Int] {
    let own = place(line, page)
    return [own - 101, own - 100, own - 99, own - 1, own, own + 1, own + 99, own + 100, own + 101]
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
