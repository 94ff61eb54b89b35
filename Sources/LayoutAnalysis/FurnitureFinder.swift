import DocumentModel

/// Running heads, feet and page numbers: lines at the edge that come back on other pages.
struct FurnitureFinder {
  private var repeated: Set<String> = []
  /// Places and texts, digits and all, that more than one page has.
  private var identical: Set<String> = []
  private var bodySize = BodyStyle().size
  private var pageCount = 0
  /// On how many pages a line at the edge stands.
  private var seen: [String: Int] = [:]
  private var same: [String: Int] = [:]

  init() {}

  init(_ document: Document) {
    for page in document.pages { add(page) }
    finish(body: BodyStyle(of: document))
  }

  /// Takes a page with its lines.
  mutating func add(_ page: Page) {
    pageCount += 1
    let edge = Self.edgeLines(of: page)
    for key in Set(edge.map { Self.key(page.lines[$0], page) }) { seen[key, default: 0] += 1 }
    for key in Set(edge.map { Self.place(page.lines[$0]) }) { same[key, default: 0] += 1 }
  }

  /// Call it when all pages were added.
  mutating func finish(body: BodyStyle) {
    bodySize = body.size
    let needed = max(2, min(4, pageCount / 3))
    repeated = Set(seen.filter { $0.value >= needed }.map(\.key))
    identical = Set(same.filter { $0.value > 1 }.map(\.key))
    (seen, same) = ([:], [:])
  }

  /// Indices of the page's lines that are furniture.
  func lines(of page: Page) -> Set<Int> {
    Set(
      Self.edgeLines(of: page).filter { index in
        let line = page.lines[index]
        return repeated.contains(Self.key(line, page)) || (pageCount > 1 && Self.isPageNumber(line, page))
      })
  }

  /// Lines in the upper and lower tenth, at most four from each edge, and the outermost line within the fifth: TeX's
  /// standard pages have wide margins.
  private static func edgeLines(of page: Page) -> [Int] {
    let order = page.lines.indices.sorted { page.lines[$0].bbox.y0 < page.lines[$1].bbox.y0 }
    let top = order.prefix(4).enumerated().filter {
      page.lines[$1].bbox.y1 < ($0 == 0 ? 0.2 : 0.11) * page.height
    }.map(\.element)
    let bottom = order.reversed().prefix(4).enumerated().filter {
      page.lines[$1].bbox.y0 > ($0 == 0 ? 0.8 : 0.89) * page.height
    }.map(\.element)
    return top + bottom.filter { !top.contains($0) }
  }

  /// A heading in larger type than the body's that no other page has in the same place: "Chapter 2" over another "Chapter 3" is no
  /// running head.
  func isHeading(_ line: Line, _ page: Page) -> Bool {
    page.typography(of: line).size > 1.1 * bodySize && !identical.contains(Self.place(line))
      && line.text.contains(where: \.isLetter)
  }

  private static func place(_ line: Line) -> String { "\(Int(line.bbox.midY / 8)):\(line.text.lowercased())" }

  /// Text with its digits as one sign, and where it stands.
  private static func key(_ line: Line, _ page: Page) -> String {
    let folded = line.text.lowercased().map { $0.isNumber ? "#" : $0 }
    var text = ""
    for character in folded where !(character == "#" && text.last == "#") { text.append(character) }
    return "\(Int(line.bbox.midY / 8)):\(text)"
  }

  private static func isPageNumber(_ line: Line, _ page: Page) -> Bool {
    let text = line.text.lowercased().replacing("page", with: "").replacing("seite", with: "")
    let kept = text.filter { !$0.isWhitespace && !"-–—|/.of".contains($0) }
    return !kept.isEmpty && kept.count <= 6
      && (kept.allSatisfy(\.isNumber) || kept.allSatisfy { "ivxl".contains($0) })
  }
}
