import DocumentModel

/// Derives DocGenome's six relations from order, classes and text.
///
/// Directions as in the published files: from the later to the earlier unit (identical, peer, adj), from the part to its
/// heading (sub), from what refers to what is referred to (explicit-cite, implicit-cite).
enum RelationFinder {
  static func relations(of document: Document) -> [Relation] {
    let regions = document.regions.filter { !$0.isFurniture && $0.label != .others }
    let captions = captions(document)
    let floats = Dictionary(captions.map { ($0.from, $0.to) }, uniquingKeysWith: { first, _ in first })
    return structure(regions, inFloats: Set(captions.map(\.to))) + captions
      + CitationFinder(document, regions, floatOfCaption: floats).relations()
  }

  /// What follows from the order of headings and text.
  private static func structure(_ regions: [Region], inFloats: Set<Int>) -> [Relation] {
    var result: [Relation] = []
    var path: [Region] = []
    var previous: Region?
    for region in regions {
      if let next = region.continuedBy { result.append(Relation(type: .identical, from: next, to: region.id)) }
      if region.label == .title {
        let level = region.headingLevel ?? 1
        path.removeAll { ($0.headingLevel ?? 1) > level }
        if let last = path.last, last.headingLevel ?? 1 == level {
          result.append(Relation(type: .peer, from: region.id, to: last.id))
          path.removeLast()
        }
        if let parent = path.last { result.append(Relation(type: .sub, from: region.id, to: parent.id)) }
        path.append(region)
        previous = nil
        continue
      }
      if let parent = path.last { result.append(Relation(type: .sub, from: region.id, to: parent.id)) }
      if isText(region), !inFloats.contains(region.id) {
        if let previous { result.append(Relation(type: .adj, from: region.id, to: previous.id)) }
        previous = region
      }
    }
    return result
  }

  static func isText(_ region: Region) -> Bool {
    [.text, .textEquation, .equation, .list, .code, .algorithm].contains(region.label)
  }

  /// A caption and the figures, or the table, algorithm or code, nearest to it on its page.
  private static func captions(_ document: Document) -> [Relation] {
    document.pages.flatMap { page in
      page.regions.filter { $0.label == .caption && !$0.isFurniture }.flatMap { caption -> [Relation] in
        let text = caption.text.lowercased()
        let wanted: [RegionClass] =
          text.hasPrefix("tab")
          ? [.table, .figure]
          : text.hasPrefix("alg")
            ? [.algorithm, .code] : text.hasPrefix("list") ? [.code] : [.figure, .algorithm, .code, .table]
        let floats = page.regions.filter { wanted.contains($0.label) && !$0.isFurniture }
        let nearest = floats.min {
          distance($0.bbox, caption.bbox, $0.label == wanted[0])
            < distance($1.bbox, caption.bbox, $1.label == wanted[0])
        }
        guard let nearest, distance(nearest.bbox, caption.bbox, true) < 80 else { return [] }
        // Pictures side by side, or under each other without text between, share a caption.
        let beside = floats.filter {
          $0.id != nearest.id && $0.label == nearest.label
            && $0.bbox.verticalOverlap(nearest.bbox) > 0.5 * min($0.bbox.height, nearest.bbox.height)
            && $0.bbox.horizontalOverlap(caption.bbox) > 0.3 * $0.bbox.width
        }
        return ([nearest] + beside).map { Relation(type: .implicitCite, from: caption.id, to: $0.id) }
      }
    }
  }

  private static func distance(_ a: Rect, _ b: Rect, _ isPreferred: Bool) -> Double {
    max(0, max(a.y0, b.y0) - min(a.y1, b.y1)) + max(0, max(a.x0, b.x0) - min(a.x1, b.x1)) + (isPreferred ? 0 : 40)
  }
}

/// What the text says about other parts: "Figure 2", "Section 3.1", "(4)", and the marks of footnotes.
private struct CitationFinder {
  private let document: Document
  private let regions: [Region]
  /// Key such as "fig2", "sec3.1" or "eq4" to the region that is meant.
  private var targets: [String: Int] = [:]

  init(_ document: Document, _ regions: [Region], floatOfCaption: [Int: Int]) {
    self.document = document
    self.regions = regions
    for region in regions {
      switch region.label {
      case .caption:
        if let key = Self.floatKey(region.text.split(separator: " ", maxSplits: 2).prefix(2)), targets[key] == nil {
          targets[key] = floatOfCaption[region.id] ?? region.id
        }
      case .title:
        let first = region.text.split(separator: " ").first { $0.contains(where: \.isNumber) } ?? ""
        let number = Self.number(first)
        if !number.isEmpty, HeadingNumber.sectionDepth(of: region.text) != nil, targets["sec" + number] == nil {
          targets["sec" + number] = region.id
        }
      case .equation:
        for line in region.lines where document.pages.indices.contains(pageIndex(region.page)) {
          let text = document.pages[pageIndex(region.page)].lines[line].text
          if let number = Self.parenthesised(text.split(separator: " ").last ?? ""), targets["eq" + number] == nil {
            targets["eq" + number] = region.id
          }
        }
      case .text, .textEquation, .list:
        let words = region.text.split(separator: " ", maxSplits: 2)
        if words.count > 2, let key = Self.statementKey(words[0], words[1], begins: true), targets[key] == nil {
          targets[key] = region.id
        }
      default: break
      }
    }
  }

  private func pageIndex(_ page: Int) -> Int {
    document.pages.indices.contains(page) && document.pages[page].index == page
      ? page : document.pages.firstIndex { $0.index == page } ?? -1
  }

  func relations() -> [Relation] {
    var result: [Relation] = []
    var seen: Set<Relation> = []
    func add(_ from: Int, _ to: Int?) {
      guard let to, to != from else { return }
      let relation = Relation(type: .explicitCite, from: from, to: to)
      if seen.insert(relation).inserted { result.append(relation) }
    }
    if !targets.isEmpty {
      for region in regions
      where RelationFinder.isText(region) || [.abstract, .caption, .footnote].contains(region.label) {
        let words = region.text.split(separator: " ")
        for (place, word) in words.enumerated() {
          let next = place + 1 < words.count ? words[place + 1] : ""
          if !(region.label == .caption && place == 0), let key = Self.floatKey([word, next][...]) {
            add(region.id, targets[key])
          } else if let number = Self.sectionNumber(word, next) {
            add(region.id, targets["sec" + number])
          } else if place > 0 || region.label == .caption || region.label == .footnote,
            let key = Self.statementKey(word, next, begins: false)
          {
            add(region.id, targets[key])
          } else if region.label != .equation, let number = Self.parenthesised(word) {
            add(region.id, targets["eq" + number])
          }
        }
      }
    }
    for (from, to) in footnotes() { add(from, to) }
    return result
  }

  /// Text with a raised mark, and the footnote on its page that begins with it.
  private func footnotes() -> [(from: Int, to: Int)] {
    document.pages.flatMap { page -> [(from: Int, to: Int)] in
      page.regions.filter { $0.label == .footnote && !$0.isFurniture }.compactMap { note in
        let mark = note.text.prefix { $0.isNumber || "*†‡§¶".contains($0) }
        guard !mark.isEmpty, mark.count < 4 else { return nil }
        let source = page.regions.first { region in
          guard region.id != note.id, region.label != .footnote, !region.isFurniture else { return false }
          return region.lines.contains { line in
            page.lines[line].words.contains { index in
              let word = page.words[index]
              return word.text.drop { ".,;:)”\"".contains($0) } == mark
                && page.styles[word.style].size < 0.85 * page.typography(of: page.lines[line]).size
            }
          }
        }
        return source.map { ($0.id, note.id) }
      }
    }
  }

  // MARK: - Keys

  private static let floats: [(prefix: String, key: String)] = [
    ("fig", "fig"), ("abb", "fig"), ("tab", "tab"), ("alg", "alg"), ("listing", "lst"),
  ]

  private static func floatKey(_ words: ArraySlice<Substring>) -> String? {
    guard words.count == 2, let first = words.first, let second = words.last else { return nil }
    let name = first.lowercased().drop { !$0.isLetter }
    guard let kind = floats.first(where: { name.hasPrefix($0.prefix) }) else { return nil }
    let number = second.drop { !$0.isNumber }.prefix { $0.isNumber }
    return number.isEmpty || second.first?.isLetter == true ? nil : kind.key + number
  }

  private static func sectionNumber(_ word: Substring, _ next: Substring) -> String? {
    if word.first == "§" {
      let own = number(word.dropFirst())
      return own.isEmpty ? nil : own
    }
    let name = word.lowercased().drop { !$0.isLetter }
    guard ["section", "sections", "sec.", "sect.", "chapter", "appendix", "abschnitt"].contains(String(name)) else {
      return nil
    }
    let own = number(next)
    return own.isEmpty ? nil : own
  }

  private static let statements = [
    "theorem", "lemma", "proposition", "corollary", "definition", "remark", "example", "claim", "conjecture",
    "assumption",
  ]

  /// "theorem2.6", of "Theorem 2.6." and of "Theorems 2.6".
  ///
  /// - Parameter begins: the words begin a paragraph, and must be written as the beginning of a statement is.
  private static func statementKey(_ word: Substring, _ next: Substring, begins: Bool) -> String? {
    let name = word.lowercased().drop { !$0.isLetter }.prefix { $0.isLetter }
    guard let kind = statements.first(where: { name == $0 || !begins && name == $0 + "s" }),
      !begins || word.first?.isUppercase == true
    else { return nil }
    let own = number(next.prefix { !":)".contains($0) })
    return own.isEmpty ? nil : kind + own
  }

  /// "3.1", of "3.1," or "3.1.".
  private static func number(_ word: Substring) -> String {
    var text = String(word.prefix { $0.isNumber || $0 == "." || ($0.isUppercase && $0.isASCII) })
    while text.last == "." { text.removeLast() }
    return text.contains(where: \.isNumber) || text.count == 1 ? text : ""
  }

  /// "4" of "(4)" and "(4),".
  private static func parenthesised(_ word: Substring) -> String? {
    guard word.first == "(", let end = word.firstIndex(of: ")"), word.utf8.count <= 10 else { return nil }
    let inside = word[word.index(after: word.startIndex)..<end]
    guard inside.first.map({ $0.isNumber || $0.isUppercase }) == true, inside.contains(where: \.isNumber),
      inside.allSatisfy({ $0.isNumber || $0.isLetter || $0 == "." })
    else { return nil }
    return String(inside)
  }
}
