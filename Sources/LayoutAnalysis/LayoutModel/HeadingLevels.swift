import DocumentModel

/// Levels of headings that hold for the whole document: the file's own outline where it knows a heading, numbers where
/// headings have them, else the rank of a heading's look among all looks.
struct HeadingLevels {
  /// How a heading is set. Headings of one look have one level unless their numbers say otherwise.
  private struct Look: Hashable {
    /// In half points.
    var size: Int
    var isBold: Bool
    var isItalic: Bool
    var isCapitals: Bool
    var font: String
  }

  private struct Heading {
    var page: Int
    var index: Int
    var text: String
    var look: Look
    var depth: Int?
    var outlineLevel: Int?
  }

  static func assign(_ document: inout Document, body: BodyStyle) {
    let headings = collect(document)
    guard !headings.isEmpty else { return }
    var levels = levels(of: headings)
    // What stands first is not below what follows.
    if document.pages[headings[0].page].index == 0, let highest = levels.min() { levels[0] = min(levels[0], highest) }
    for (heading, level) in zip(headings, levels) {
      document.pages[heading.page].regions[heading.index].headingLevel = max(1, min(6, level))
    }
  }

  private static func collect(_ document: Document) -> [Heading] {
    let outline = Dictionary(
      document.outline.map { (letters($0.title), $0.level) }, uniquingKeysWith: { first, _ in first })
    var result: [Heading] = []
    for page in document.pages.indices {
      for (index, region) in document.pages[page].regions.enumerated()
      where region.label == .title && !region.isFurniture {
        let own = document.pages[page]
        let first = region.lines.first.map { own.typography(of: own.lines[$0]) }
        let capitals = region.text.filter(\.isLetter)
        let font = region.lines.first.flatMap { own.lines[$0].words.last }.flatMap { word in
          own.styles.indices.contains(own.words[word].style) ? own.styles[own.words[word].style].font : nil
        }
        // "Chapter 2" stands in front of the title on the page, not in the outline.
        var key = letters(region.text)
        if outline[key] == nil, let rest = HeadingNumber.withoutBookPart(region.text) { key = letters(rest) }
        result.append(
          Heading(
            page: page, index: index, text: region.text,
            look: Look(
              size: Int(((first?.size ?? region.bbox.height) * 2).rounded()), isBold: first?.bold ?? false,
              isItalic: first?.italic ?? false,
              isCapitals: capitals.count > 3 && capitals.allSatisfy(\.isUppercase), font: font ?? ""),
            depth: HeadingNumber.sectionDepth(of: region.text), outlineLevel: key.utf8.count > 2 ? outline[key] : nil))
      }
    }
    return result
  }

  private static func levels(of headings: [Heading]) -> [Int] {
    let inOutline = headings.count { $0.outlineLevel != nil }
    let trustsOutline = inOutline * 2 >= headings.count && Set(headings.compactMap(\.outlineLevel)).count > 1
    // What the outline says of headings with numbers of one depth holds for all of them.
    var levelsOfDepth: [Int: [Int: Int]] = [:]
    if trustsOutline {
      for heading in headings {
        guard let depth = heading.depth, let level = heading.outlineLevel else { continue }
        levelsOfDepth[depth, default: [:]][level, default: 0] += 1
      }
    }
    func level(ofDepth depth: Int) -> Int {
      if let votes = levelsOfDepth[depth] { return most(votes) }
      // Depths that the outline does not know go on from the nearest one that it knows.
      guard let near = levelsOfDepth.keys.min(by: { abs($0 - depth) < abs($1 - depth) }) else { return depth }
      return most(levelsOfDepth[near]!) + depth - near
    }
    // Levels that are known, by look.
    var known: [Look: [Int: Int]] = [:]
    let certain = headings.map { heading -> Int? in
      if let depth = heading.depth { return level(ofDepth: depth) }
      return trustsOutline ? heading.outlineLevel : nil
    }
    for (heading, level) in zip(headings, certain) {
      if let level { known[heading.look, default: [:]][level, default: 0] += 1 }
    }
    let levelOfLook = known.mapValues { most($0) }
    let ranks = ranks(of: headings, known: levelOfLook)
    return zip(headings, certain).map { heading, level in
      level ?? levelOfLook[heading.look] ?? ranks[heading.look] ?? 1
    }
  }

  /// The level with most votes, the higher one of equals.
  private static func most(_ votes: [Int: Int]) -> Int { votes.max { ($0.value, -$0.key) < ($1.value, -$1.key) }!.key }

  /// Looks from the largest to the smallest; a look without a known level comes one below the next larger one, but no
  /// deeper than a known look that is smaller.
  private static func ranks(of headings: [Heading], known: [Look: Int]) -> [Look: Int] {
    let looks = Set(headings.map(\.look)).sorted { weight($0) > weight($1) }
    var result: [Look: Int] = [:]
    var last: (weight: Double, level: Int)?
    for (place, look) in looks.enumerated() {
      if let level = known[look] {
        result[look] = level
        last = (weight(look), level)
        continue
      }
      var level = 1
      if let last { level = abs(last.weight - weight(look)) < 0.35 ? last.level : last.level + 1 }
      if let smaller = looks[(place + 1)...].compactMap({ known[$0] }).min() { level = min(level, max(1, smaller)) }
      result[look] = level
      last = (weight(look), level)
    }
    return result
  }

  /// Size in half points, and a little more for what stands out.
  private static func weight(_ look: Look) -> Double {
    Double(look.size) + (look.isBold ? 0.6 : 0) + (look.isCapitals ? 0.4 : 0) - (look.isItalic ? 0.4 : 0)
  }

  private static func letters(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in text.lowercased().unicodeScalars where scalar.properties.isAlphabetic { scalars.append(scalar) }
    return String(scalars)
  }
}

extension HeadingNumber {
  static let bookParts: Set<String> = [
    "chapter", "kapitel", "chapitre", "capítulo", "capitolo", "part", "appendix", "anhang",
  ]

  /// "First steps" of "Chapter 2 First steps"; nil where it does not begin so.
  static func withoutBookPart(_ text: String) -> String? {
    let words = text.split(separator: " ", maxSplits: 2)
    guard words.count == 3, isAlone(words[0] + " " + words[1]) else { return nil }
    return String(words[2])
  }

  /// The depth that a heading's number or its "Chapter 2" tells; nil without either.
  static func sectionDepth(of text: String) -> Int? {
    if let depth = depth(of: text) { return depth }
    let words = text.split(separator: " ", maxSplits: 2)
    guard words.count > 1, bookParts.contains(words[0].lowercased()),
      words[1].contains(where: \.isNumber) || words[1].prefix(while: \.isLetter).count == 1
    else { return nil }
    return 1
  }
}
