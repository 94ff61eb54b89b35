import CPoppler
import DocumentModel
import Foundation

/// Words of a page with box, font, size and colour; images and links.
enum PageText {
  /// Glyphs of one page that are looked at.
  private static let maxGlyphs = 2_000_000

  /// - Parameter isPlain: nothing but the words.
  static func read(_ source: OpaquePointer, index: Int, isPlain: Bool = false) -> Page {
    var width = 0.0, height = 0.0
    poppler_page_get_size(source, &width, &height)
    if !(width.isFinite && height.isFinite && width > 0 && height > 0 && width < 1e6 && height < 1e6) {
      (width, height) = (612, 792)
    }
    var page = Page(index: index, width: width, height: height)
    page.label = DocumentFacts.taken(poppler_page_get_label(source))
    words(source, &page)
    FormFields.addWords(of: source, to: &page)
    if page.words.isEmpty { page.textSource = .none }
    if isPlain { return page }
    page.images = images(source, page)
    page.links = links(source, page)
    return page
  }

  private static func words(_ source: OpaquePointer, _ page: inout Page) {
    var glyphs = Glyphs(source, PopplerRectangle(x1: 0, y1: 0, x2: page.width, y2: page.height))
    if glyphs.runFromRightToLeft {
      // Poppler selects from corner to corner: where lines begin at the right, text begins in the other corner.
      let others = Glyphs(source, PopplerRectangle(x1: page.width, y1: 0, x2: 0, y2: page.height))
      if others.boxes.count > glyphs.boxes.count { glyphs = others }
    }
    let (scalars, boxes) = (glyphs.scalars, glyphs.boxes)
    // One box for each character; a mismatch would put every word in the wrong place.
    let count = min(scalars.count, boxes.count, maxGlyphs)
    guard count > 0 else { return }
    let runs = StyleRuns(source, glyphs.area, glyphs: count)
    page.styles = runs.styles
    var word = WordBuilder()
    var seen = Set<SeenWord>()
    func close() {
      guard let done = word.finished(), seen.insert(SeenWord(done)).inserted else { return }
      page.words.append(done)
    }
    let hasMath = page.styles.contains(where: EquationFonts.isMathematics)
    for position in 0..<count {
      let scalar = scalars[position]
      let style = runs.style(at: position)
      if hasMath { note(scalar, boxes[position], style, &page) }
      if scalar.properties.isWhitespace || scalar.value == 0xA0 || scalar.value < 32 {
        close()
        continue
      }
      let box = boxes[position]
      let rect = Rect(
        x0: min(box.x1, box.x2), y0: min(box.y1, box.y2), x1: max(box.x1, box.x2), y1: max(box.y1, box.y2))
      guard rect.x0.isFinite, rect.x1.isFinite, rect.y0.isFinite, rect.y1.isFinite else { continue }
      // A footnote mark is a word of its own; so is what stands somewhere else.
      if let current = word.style,
        abs(page.styles[current].size - page.styles[style].size) > 0.2 * page.styles[current].size
      {
        close()
      }
      // Words of another column, and the next word of text that runs from right to left, come without a space.
      if let last = word.lastBox,
        rect.y0 > last.y1 || rect.y1 < last.y0
          || rect.x0 > last.x1 + 0.8 * max(1, last.height) || rect.x1 < last.x0 - 0.5 * max(1, last.height)
      {
        close()
      }
      word.append(scalar, rect, style)
    }
    close()
  }

  /// Keeps the glyph by itself; in TeX's font of large signs, codes of control characters are signs, too.
  private static func note(_ scalar: Unicode.Scalar, _ box: PopplerRectangle, _ style: Int, _ page: inout Page) {
    // Spaces and line ends are poppler's own, in whatever font stands beside them.
    guard scalar.value > 32 && scalar.value != 0xA0 || EquationFonts.isLargeSigns(page.styles[style].font),
      scalar != " ", scalar != "\n"
    else { return }
    let rect = Rect(
      x0: min(box.x1, box.x2), y0: min(box.y1, box.y2), x1: max(box.x1, box.x2), y1: max(box.y1, box.y2))
    guard rect.x0.isFinite, rect.x1.isFinite, rect.y0.isFinite, rect.y1.isFinite, rect.width > 0 else { return }
    page.glyphs.append(Glyph(scalar: scalar, bbox: rect, style: style))
  }

  /// Bold made by painting twice, and shadows: the same text within a point.
  private struct SeenWord: Hashable {
    var text: String
    var x: Int
    var y: Int
    init(_ word: Word) {
      text = word.text
      x = Int((word.bbox.x0 / 1.5).rounded())
      y = Int((word.bbox.y0 / 1.5).rounded())
    }
  }

  private struct WordBuilder {
    private var text = String.UnicodeScalarView()
    private var box: Rect?
    private(set) var lastBox: Rect?
    private(set) var style: Int?
    /// Letters of the first style less those of others: a brace or a quote in another font does not make the style.
    private var lead = 0

    mutating func append(_ scalar: Unicode.Scalar, _ rect: Rect, _ style: Int) {
      if lead == 0 { self.style = style }
      lead += style == self.style ? 1 : -1
      switch scalar.value {
      case 0xFB00: text.append(contentsOf: "ff".unicodeScalars)
      case 0xFB01: text.append(contentsOf: "fi".unicodeScalars)
      case 0xFB02: text.append(contentsOf: "fl".unicodeScalars)
      case 0xFB03: text.append(contentsOf: "ffi".unicodeScalars)
      case 0xFB04: text.append(contentsOf: "ffl".unicodeScalars)
      case 0xAD: text.append("-")
      // Bullets of the symbol fonts that word processors use.
      case 0xF0B7: text.append("•")
      case 0xF0A7: text.append("▪")
      case 0xF0D8: text.append("➢")
      case 0xF0FC: text.append("✓")
      default: text.append(scalar)
      }
      box = box?.union(rect) ?? rect
      lastBox = rect
    }

    mutating func finished() -> Word? {
      defer { self = WordBuilder() }
      guard let box, let style, box.width > 0, box.height > 0, abs(box.x0) < 1e6, abs(box.y1) < 1e6 else { return nil }
      return Word(text: String(text), bbox: box, style: style)
    }
  }

  private static func images(_ source: OpaquePointer, _ page: Page) -> [PageImage] {
    let list = poppler_page_get_image_mapping(source)
    defer { poppler_page_free_image_mapping(list) }
    var result: [PageImage] = []
    var node = list
    while let current = node, result.count < 5000 {
      if let data = current.pointee.data {
        let mapping = data.assumingMemoryBound(to: PopplerImageMapping.self).pointee
        if let box = clipped(mapping.area, page, fromTop: true) {
          result.append(PageImage(id: Int(mapping.image_id), bbox: box))
        }
      }
      node = current.pointee.next
    }
    return result
  }

  private static func links(_ source: OpaquePointer, _ page: Page) -> [Link] {
    let list = poppler_page_get_link_mapping(source)
    defer { poppler_page_free_link_mapping(list) }
    var result: [Link] = []
    var node = list
    while let current = node, result.count < 5000 {
      if let data = current.pointee.data {
        let mapping = data.assumingMemoryBound(to: PopplerLinkMapping.self).pointee
        if let action = mapping.action, let box = clipped(mapping.area, page, fromTop: false) {
          if action.pointee.type == POPPLER_ACTION_URI, let uri = action.pointee.uri.uri {
            result.append(Link(bbox: box, target: String(String(cString: uri).prefix(4000))))
          } else if let target = DocumentFacts.page(action, nil) {
            result.append(Link(bbox: box, target: "page:\(target)"))
          }
        }
      }
      node = current.pointee.next
    }
    return result
  }

  /// Image areas count from the top, link areas from the bottom of the page.
  static func clipped(_ area: PopplerRectangle, _ page: Page, fromTop: Bool) -> Rect? {
    let (top, bottom) = fromTop ? (area.y1, area.y2) : (page.height - area.y2, page.height - area.y1)
    let box = Rect(x0: min(area.x1, area.x2), y0: min(top, bottom), x1: max(area.x1, area.x2), y1: max(top, bottom))
    guard box.x0.isFinite, box.x1.isFinite, box.y0.isFinite, box.y1.isFinite else { return nil }
    return box.intersection(Rect(x0: 0, y0: 0, x1: page.width, y1: page.height))
  }
}

/// The characters within a selection and their boxes.
private struct Glyphs {
  let area: PopplerRectangle
  var scalars: [Unicode.Scalar] = []
  var boxes: [PopplerRectangle] = []
  var runFromRightToLeft = false

  init(_ source: OpaquePointer, _ area: PopplerRectangle) {
    self.area = area
    var area = area
    guard let raw = poppler_page_get_text_for_area(source, &area) else { return }
    defer { g_free(raw) }
    let text = String(cString: raw).unicodeScalars
    runFromRightToLeft = text.contains("\u{202B}")
    // Marks around text that runs from right to left have no box.
    scalars = text.filter { !(0x202A...0x202E).contains($0.value) }
    var list: UnsafeMutablePointer<PopplerRectangle>?
    var count: UInt32 = 0
    guard poppler_page_get_text_layout_for_area(source, &area, &list, &count) != 0, let list else { return }
    defer { g_free(list) }
    boxes = Array(UnsafeBufferPointer(start: list, count: Int(count)))
  }
}

/// Which style holds at which glyph.
private struct StyleRuns {
  private(set) var styles: [TextStyle] = []
  private var indexOfGlyph: [Int32]

  init(_ source: OpaquePointer, _ area: PopplerRectangle, glyphs: Int) {
    indexOfGlyph = [Int32](repeating: 0, count: glyphs)
    var known: [TextStyle: Int] = [:]
    var area = area
    let list = poppler_page_get_text_attributes_for_area(source, &area)
    defer { poppler_page_free_text_attributes(list) }
    var node = list
    while let current = node {
      if let data = current.pointee.data {
        let run = data.assumingMemoryBound(to: PopplerTextAttributes.self).pointee
        let style = Self.style(run)
        let index = known[style] ?? styles.count
        if index == styles.count {
          known[style] = index
          styles.append(style)
        }
        let start = max(0, Int(run.start_index)), end = min(glyphs - 1, Int(run.end_index))
        if start <= end { for position in start...end { indexOfGlyph[position] = Int32(index) } }
      }
      node = current.pointee.next
    }
    if styles.isEmpty { styles = [TextStyle(font: "", size: 10)] }
  }

  func style(at position: Int) -> Int { Int(indexOfGlyph[position]) }

  private static func style(_ run: PopplerTextAttributes) -> TextStyle {
    var name = run.font_name.map { String(cString: $0) } ?? ""
    if name.count > 7, name.dropFirst(6).first == "+", name.prefix(6).allSatisfy(\.isUppercase) {
      name = String(name.dropFirst(7))
    }
    let size = run.font_size.isFinite ? min(2000, max(0, (run.font_size * 100).rounded() / 100)) : 10
    let color = UInt32(run.color.red >> 8) << 16 | UInt32(run.color.green >> 8) << 8 | UInt32(run.color.blue >> 8)
    return FontName(name).style(size: size, color: color)
  }
}

/// What a font's name tells about its looks.
struct FontName {
  private let name: String
  private let folded: String

  init(_ name: String) {
    self.name = String(name.prefix(200))
    folded = name.lowercased()
  }

  func style(size: Double, color: UInt32) -> TextStyle {
    TextStyle(
      font: name, size: size, color: color,
      bold: has("bold", "black", "heavy", "-bd", "cmbx", "cmssbx", "sfbx", "medi", "demi", "semibd"),
      italic: has("italic", "oblique", "cmti", "cmsl", "sfti", "-it", "ital", "slanted"),
      monospaced: has(
        "cmtt", "courier", "mono", "consol", "menlo", "typewriter", "inconsolata", "sftt", "txtt", "lucidacons"),
      math: has(
        "cmmi", "cmsy", "cmex", "msam", "msbm", "math", "symbol", "eufm", "eufb", "eusm", "eusb", "eurm", "eurb",
        "rsfs",
        "txsy", "txmi", "txex", "pxsy", "pxmi", "nxlmi", "cmbsy", "stixint", "stixsiz", "stixnon", "stixvar", "mtmi",
        "mtsy", "mtex", "standardsym",
        "dsrom",
        "bbold", "stmary", "wasy", "esint"))
  }

  private func has(_ parts: String...) -> Bool { parts.contains { folded.contains($0) } }
}
