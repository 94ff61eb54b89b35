import DocumentModel

/// What only the whole document tells about headings.
package enum Headings {
  package static func tidy(_ document: inout Document, body: BodyStyle) {
    FrontPage.keepOneTitle(&document)
    correct(&document)
    takeCodeForCode(&document)
    dropRunningHeads(&document, body)
    FrontPage.takeAuthorsForOthers(&document)
    FrontPage.takeEmblemsForOthers(&document)
    joinChapterNumbers(&document)
    FrontPage.completeAbstract(&document)
  }

  private static let statements: Set<String> = [
    "theorem", "lemma", "proposition", "corollary", "definition", "remark", "example", "fact", "claim", "conjecture",
    "proof",
    "satz", "beweis", "bemerkung",
  ]
  /// "Theorem", "Proof", ... begin statements, not sections.
  static func isStatement(_ word: String) -> Bool { statements.contains(word.lowercased().filter(\.isLetter)) }

  /// "Theorem 2: ...", "Lemma 1.3 Let ...".
  static func beginsStatement(_ text: String) -> Bool {
    let words = text.split(separator: " ", maxSplits: 2)
    return words.count > 1 && isStatement(String(words[0])) && words[1].contains(where: \.isNumber)
  }

  /// "References", "Abstract", "Acknowledgements": headings by what they say.
  static func isUsual(_ region: Region) -> Bool {
    region.isNamedAbstract || Bibliography.isHeading(region.text)
      || ["acknowledgements", "acknowledgments"].contains(region.text.lowercased().filter(\.isLetter))
  }

  /// "Theorem 2" begins a statement, not a section; "References" alone on a line is a heading.
  private static func correct(_ document: inout Document) {
    for page in document.pages.indices {
      for index in document.pages[page].regions.indices where !document.pages[page].regions[index].isFurniture {
        let region = document.pages[page].regions[index]
        let words = region.text.split(separator: " ", maxSplits: 2)
        if region.label == .title, words.count == 3, statements.contains(words[0].lowercased()),
          words[1].contains(where: \.isNumber) || words[1] == "of"
        {
          let own = document.pages[page]
          let isMixed = region.lines.contains { MathEvidence.hasMathematics(own.lines[$0], own) }
          document.pages[page].regions[index].label = isMixed ? .textEquation : .text
        } else if [.text, .others, .abstract, .reference].contains(region.label), region.lines.count == 1,
          isUsual(region)
        {
          document.pages[page].regions[index].label = .title
        }
      }
    }
  }

  /// Where headings are not set in typewriter type, what looks like a heading in it is code.
  private static func takeCodeForCode(_ document: inout Document) {
    var typewritten: [(page: Int, index: Int)] = []
    var all = 0
    for page in document.pages.indices {
      let own = document.pages[page]
      for (index, region) in own.regions.enumerated() where region.label == .title && !region.isFurniture {
        all += 1
        if !region.lines.isEmpty, region.lines.allSatisfy({ own.typography(of: own.lines[$0]).mono }) {
          typewritten.append((page, index))
        }
      }
    }
    guard typewritten.count * 4 < all else { return }
    for (page, index) in typewritten { document.pages[page].regions[index].label = .code }
  }

  /// A heading at the top edge that another page, or this one further down, has as well is a running head.
  private static func dropRunningHeads(_ document: inout Document, _ body: BodyStyle) {
    var seen: [String: Int] = [:], same: [String: Int] = [:]
    for page in document.pages {
      for region in page.regions where region.label == .title && !region.isFurniture {
        seen[key(region.text), default: 0] += 1
        same[region.text, default: 0] += 1
      }
    }
    for page in document.pages.indices {
      let height = document.pages[page].height
      for index in document.pages[page].regions.indices {
        let region = document.pages[page].regions[index]
        guard region.label == .title, !region.isFurniture, region.lines.count == 1, region.bbox.y1 < 0.16 * height,
          seen[key(region.text), default: 0] > 1,
          // Larger type and a number of its own: a heading like others.
          same[region.text, default: 0] > 1
            || document.pages[page].typography(of: document.pages[page].lines[region.lines[0]]).size < 1.1 * body.size,
          !document.pages[page].regions.contains(where: {
            !$0.isFurniture && $0.id != region.id && $0.bbox.y1 < region.bbox.y0
          })
        else { continue }
        document.pages[page].regions[index].isFurniture = true
        document.pages[page].regions[index].label = .others
      }
      let flow = document.pages[page].regions.filter { !$0.isFurniture }
      document.pages[page].regions = flow + document.pages[page].regions.filter(\.isFurniture)
    }
  }

  /// "Chapter 3" on a line of its own and the title under it are one heading.
  private static func joinChapterNumbers(_ document: inout Document) {
    for page in document.pages.indices {
      var regions: [Region] = []
      for region in document.pages[page].regions {
        if region.label == .title, !region.isFurniture, let last = regions.last, last.label == .title,
          !last.isFurniture,
          HeadingNumber.isAlone(last.text), region.bbox.y0 > last.bbox.y0,
          region.bbox.y0 - last.bbox.y1 < 8 * max(10, region.bbox.height)
        {
          regions[regions.count - 1].text += " " + region.text
          regions[regions.count - 1].lines += region.lines
          regions[regions.count - 1].bbox = last.bbox.union(region.bbox)
        } else {
          regions.append(region)
        }
      }
      document.pages[page].regions = regions
    }
  }

  /// Letters, and a section's number in front: "2.1 Options" is not "3.1 Options", while numbers of pages differ by nature.
  private static func key(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    let number = text.split(separator: " ").first.map {
      $0.contains(".") && $0.first?.isNumber == true ? String($0) : ""
    }
    scalars.append(contentsOf: (number ?? "").unicodeScalars)
    for scalar in text.lowercased().unicodeScalars where scalar.properties.isAlphabetic { scalars.append(scalar) }
    return String(scalars)
  }
}

extension FurnitureFinder {
  /// Lines that repeat at the edges and page numbers are furniture, also where the model took them for something else; they are
  /// cut from regions that they were joined to.
  func mark(_ regions: inout [Region], on page: Page) {
    let edge = lines(of: page)
    guard !edge.isEmpty else { return }
    var cut: [Region] = []
    for index in regions.indices where !regions[index].isFurniture {
      let own = regions[index].lines.filter { edge.contains($0) }
      guard !own.isEmpty, regions[index].table == nil, regions[index].label != .figure else { continue }
      if own.count == regions[index].lines.count {
        // A title on a first page that the next pages repeat is the title nevertheless.
        if [.title, .paperTitle].contains(regions[index].label),
          page.index == 0 || own.allSatisfy({ isHeading(page.lines[$0], page) })
        {
          continue
        }
        regions[index].isFurniture = true
        regions[index].label = .others
      } else {
        let rest = regions[index].lines.filter { !edge.contains($0) }
        regions[index].lines = rest
        regions[index].bbox = rest.dropFirst().reduce(page.lines[rest[0]].bbox) { $0.union(page.lines[$1].bbox) }
        for line in own {
          var region = Region(id: 0, label: .others, page: page.index, bbox: page.lines[line].bbox, lines: [line])
          region.isFurniture = true
          cut.append(region)
        }
      }
    }
    regions += cut
  }
}

extension HeadingNumber {
  private static let words: Set<String> = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen",
    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
  ]

  /// "Chapter 3", "APPENDIX A", "Chapter", "FOUR": a number whose heading follows.
  static func isAlone(_ text: String) -> Bool {
    let parts = text.lowercased().split(separator: " ")
    guard let first = parts.first.map(String.init), parts.count <= 2 else { return false }
    let isNumber = { (word: String) in
      words.contains(word) || word.allSatisfy(\.isNumber) || word.count == 1 || word.allSatisfy { "ivxlc".contains($0) }
    }
    if parts.count == 1 { return words.contains(first) || bookParts.contains(first) || first.allSatisfy(\.isNumber) }
    return bookParts.contains(first) && isNumber(String(parts[1].drop { ".:".contains($0) }))
  }
}
