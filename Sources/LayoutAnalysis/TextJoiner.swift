import DocumentModel

/// Makes running text of a region's lines.
enum TextJoiner {
  static func text(of region: Region, on page: Page, _ compounds: Compounds = Compounds()) -> String {
    if region.label == .code { return CodeText.text(of: region.lines, on: page) }
    let lines = region.lines.map { page.lines[$0].text }
    if region.label == .table || region.label == .algorithm { return lines.joined(separator: "\n") }
    let text = lines.reduce("") { join($0, $1, compounds) }
    return region.label == .list ? Leaders.shortened(text) : text
  }

  /// Joins two pieces; a word that was divided at the line's end is made whole again.
  static func join(_ first: String, _ second: String, _ compounds: Compounds = Compounds()) -> String {
    guard !first.isEmpty, let next = second.first else { return first + second }
    guard let last = first.last else { return second }
    if last == "-" || last == "\u{AD}" || last == "\u{2010}" {
      let before = first.dropLast().last
      // "well-\nknown" keeps its hyphen when a capital or a digit follows, or when the document has it within a line.
      if before?.isLetter == true, next.isLowercase {
        if last == "-", compounds.contains(first, second) { return first + second }
        return first.dropLast() + second
      }
      if before?.isLetter == true || before?.isNumber == true { return first + second }
    }
    return first + " " + second
  }
}

/// Words with a hyphen that a document has within its lines.
struct Compounds {
  private var words: Set<Substring> = []

  init() {}

  mutating func add(_ page: Page) {
    for word in page.words where word.text.utf8.count < 60 && word.text.utf8.dropFirst().dropLast().contains(0x2D) {
      words.insert(Self.bare(word.text[...]))
    }
  }

  /// Whether the last word of one line and the first of the next are a known compound.
  func contains(_ first: String, _ second: String) -> Bool {
    guard !words.isEmpty, let head = first.split(separator: " ").last, let tail = second.split(separator: " ").first
    else { return false }
    return words.contains(Self.bare((head + tail)[...]))
  }

  private static func bare(_ word: Substring) -> Substring {
    let lower = word.lowercased()[...]
    let start = lower.drop { !$0.isLetter && !$0.isNumber }
    guard let end = start.lastIndex(where: { $0.isLetter || $0.isNumber }) else { return "" }
    return start[...end]
  }
}

/// Lines of code with the indents that they are set with.
enum CodeText {
  static func text(of lines: [Int], on page: Page) -> String {
    let left = lines.map { page.lines[$0].bbox.x0 }.min() ?? 0
    // Width of a character: typewriter type has one.
    var width = 0.0, characters = 0.0
    for line in lines {
      for word in page.lines[line].words where page.words[word].text.count > 2 {
        width += page.words[word].bbox.width
        characters += Double(page.words[word].text.count)
      }
    }
    let advance = characters > 0 ? width / characters : 5
    var result: [String] = []
    var lastRow: Rect?
    for line in lines {
      let box = page.lines[line].bbox
      // Pieces of one row that stand apart.
      if let row = lastRow, row.verticalOverlap(box) > 0.5 * min(row.height, box.height), let text = result.popLast() {
        let gap = max(1, min(60, Int(((box.x0 - row.x1) / max(1, advance)).rounded())))
        result.append(text + String(repeating: " ", count: gap) + page.lines[line].text)
        lastRow = row.union(box)
        continue
      }
      let indent = max(0, min(60, Int(((box.x0 - left) / max(1, advance)).rounded())))
      result.append(String(repeating: " ", count: indent) + page.lines[line].text)
      lastRow = box
    }
    return result.joined(separator: "\n")
  }
}

/// Joins paragraphs that go on in the next column or on the next page.
enum ParagraphJoiner {
  static func join(_ document: inout Document) {
    var last: (page: Int, region: Int, size: Double)?
    for page in document.pages.indices {
      for index in document.pages[page].regions.indices {
        let region = document.pages[page].regions[index]
        guard !region.isFurniture, [.text, .textEquation, .abstract].contains(region.label) else {
          // Floats and notes may stand between the halves of a paragraph; a heading may not.
          if [.title, .paperTitle, .list, .reference, .equation].contains(region.label) { last = nil }
          continue
        }
        let size =
          region.lines.first.map { document.pages[page].typography(of: document.pages[page].lines[$0]).size } ?? 0
        // Small print at the foot of a column is a float, too.
        if let last, size < 0.93 * last.size { continue }
        if let last, isBroken(document.pages[last.page].regions[last.region], region) {
          document.pages[last.page].regions[last.region].continuedBy = region.id
        }
        last = (page, index, size)
      }
    }
  }

  private static func isBroken(_ first: Region, _ second: Region) -> Bool {
    let apart = first.page != second.page || second.bbox.y0 < first.bbox.y0
    guard apart, first.lines.count > 1, let end = first.text.last, let start = second.text.first else { return false }
    return !".!?:;\"”".contains(end) && (start.isLowercase || end == "-" || end == ",")
  }
}
