import DocumentModel

/// Gives regions their class by what they say and how they are set.
struct Classifier {
  let body: BodyStyle

  func label(_ document: inout Document) {
    var headingStyles: [Int: (size: Double, bold: Bool)] = [:]
    var section = ""
    let title = titleRegion(document)
    for page in document.pages.indices {
      for index in document.pages[page].regions.indices {
        let region = document.pages[page].regions[index]
        guard !region.isFurniture, region.label == .text, !region.lines.isEmpty else { continue }
        let here = document.pages[page]
        let types = region.lines.map { here.typography(of: here.lines[$0]) }
        let size = types.map(\.size).reduce(0, +) / Double(types.count)
        let bold = types.allSatisfy(\.bold), mono = types.allSatisfy(\.mono)
        let math = types.map(\.mathShare).reduce(0, +) / Double(types.count)
        var label = RegionClass.text
        if region.id == title {
          label = .paperTitle
        } else if isCaption(region.text) {
          label = .caption
        } else if isHeading(region, size: size, bold: bold, on: here) {
          label = .title
          headingStyles[region.id] = (size, bold)
          section = region.text.lowercased().drop { !$0.isLetter }.description
        } else if mono, region.text.count > 12, !isAddress(region) {
          label = .code
        } else if isEquation(region, math: math, on: here) {
          label = .equation
        } else if isFootnote(region, size: size, on: here) {
          label = .footnote
        } else if section.hasPrefix("abstract"), page < 2 {
          label = .abstract
        } else if region.text.lowercased().hasPrefix("abstract"), page < 2 {
          label = .abstract
        } else if isReferences(section), startsReference(region.text) || region.lines.count > 0 {
          label = .reference
        } else if ListMarker.length(of: region.text) != nil {
          label = .list
        } else if math > 0.04 {
          label = .textEquation
        }
        if region.text.lowercased().hasPrefix("algorithm "), region.text.dropFirst(10).first?.isNumber == true {
          label = .algorithm
        }
        document.pages[page].regions[index].label = label
        if label == .code {
          document.pages[page].regions[index].text = TextJoiner.text(
            of: document.pages[page].regions[index], on: document.pages[page])
        }
      }
    }
    assignLevels(&document, headingStyles)
  }

  // MARK: - Rules

  private func isCaption(_ text: String) -> Bool {
    let words = text.split(separator: " ", maxSplits: 2)
    guard words.count > 1 else { return false }
    let names = [
      "figure", "fig.", "fig", "table", "tab.", "abbildung", "abb.", "tabelle", "tableau", "listing", "scheme",
    ]
    guard names.contains(words[0].lowercased()) else { return false }
    let mark = words[1]
    return mark.first?.isNumber == true || (mark.count <= 4 && mark.allSatisfy { "IVXAB.:".contains($0) })
      ? mark.last.map { ":.".contains($0) || text.count < 300 } ?? false : false
  }

  private func isHeading(_ region: Region, size: Double, bold: Bool, on page: Page) -> Bool {
    let text = region.text
    guard region.lines.count <= 3, text.count <= 200, text.contains(where: \.isLetter) else { return false }
    let larger = size > body.size * 1.12 + 0.2
    let numbered = HeadingNumber.depth(of: text) != nil
    guard let last = text.last else { return false }
    if ",;-".contains(last) { return false }
    if ListMarker.length(of: text) != nil, !ListMarker.isOrdered(text) { return false }
    if larger { return text.count >= 2 && (text.count <= 120 || bold) }
    guard size > body.size * 0.93 else { return false }
    if bold, !body.isBold {
      return text.count <= 120 && region.lines.count <= 2 && last != "." && last != ":" && wordCount(text) <= 16
    }
    let known = [
      "abstract", "references", "bibliography", "introduction", "conclusion", "acknowledgements",
      "acknowledgments", "contents", "zusammenfassung", "literatur",
    ]
    if known.contains(text.lowercased()) { return true }
    let capitals = text.filter(\.isLetter)
    let isAllCapitals = capitals.count > 3 && capitals.allSatisfy(\.isUppercase)
    return numbered && region.lines.count == 1 && isAllCapitals && last != "."
  }

  private func wordCount(_ text: String) -> Int { text.split(separator: " ").count }

  private func isEquation(_ region: Region, math: Double, on page: Page) -> Bool {
    guard math > 0.25, region.lines.count <= 12, !region.text.contains("@") else { return false }
    let longWords = region.text.split(separator: " ").filter { $0.count > 3 && $0.allSatisfy(\.isLetter) }.count
    return longWords <= 2 + region.lines.count / 2
  }

  /// Mail and web addresses are often set in typewriter type.
  private func isAddress(_ region: Region) -> Bool {
    region.lines.count <= 2 && (region.text.contains("@") || region.text.contains("://"))
  }

  private func isFootnote(_ region: Region, size: Double, on page: Page) -> Bool {
    guard size < body.size * 0.92, region.bbox.y0 > 0.6 * page.height, let first = region.text.first else {
      return false
    }
    let below = page.regions.contains { other in
      !other.isFurniture && other.id != region.id && other.bbox.y0 > region.bbox.y1
        && other.bbox.horizontalOverlap(region.bbox) > 10 && other.label == .text
        && other.lines.first.map { page.typography(of: page.lines[$0]).size > body.size * 0.95 } ?? false
    }
    return !below && (first.isNumber || "*†‡§¹²³".contains(first))
  }

  private func isReferences(_ section: String) -> Bool {
    ["reference", "bibliograph", "literatur", "works cited"].contains { section.hasPrefix($0) }
  }

  private func startsReference(_ text: String) -> Bool { text.first == "[" || text.first?.isNumber == true }

  /// The largest type in the upper half of a first page that is clearly larger than the body.
  private func titleRegion(_ document: Document) -> Int? {
    guard let page = document.pages.first, page.index == 0 else { return nil }
    let sized = page.regions.filter {
      $0.label == .text && !$0.lines.isEmpty && !$0.isFurniture && $0.bbox.y0 < 0.5 * page.height && $0.text.count > 7
        && $0.text.count < 300
    }.map { region in (region, page.typography(of: page.lines[region.lines[0]]).size) }
    guard let largest = sized.max(by: { $0.1 < $1.1 }), largest.1 > body.size * 1.25 else { return nil }
    // Only a document with an abstract or authors under the title is a paper; others have a first heading.
    let isPaper =
      page.regions.contains { $0.text.lowercased().hasPrefix("abstract") }
      || document.pages.suffix(3).contains { $0.regions.contains { isReferences($0.text.lowercased()) } }
    return isPaper ? largest.0.id : nil
  }

  // MARK: - Levels

  /// Numbered headings say their level; others take the rank of their size among the headings' sizes.
  private func assignLevels(_ document: inout Document, _ styles: [Int: (size: Double, bold: Bool)]) {
    var ranks: [Double] = []
    for size in styles.values.map({ ($0.size * 2).rounded() / 2 }).sorted(by: >)
    where ranks.last.map({ $0 - size > 0.6 }) ?? true {
      ranks.append(size)
    }
    for page in document.pages.indices {
      for index in document.pages[page].regions.indices where document.pages[page].regions[index].label == .title {
        let region = document.pages[page].regions[index]
        guard let style = styles[region.id] else { continue }
        let rank = (ranks.lastIndex { $0 >= (style.size * 2).rounded() / 2 - 0.01 } ?? 0) + 1
        let depth = HeadingNumber.depth(of: region.text)
        document.pages[page].regions[index].headingLevel = min(6, depth.map { max($0, 1) } ?? rank)
      }
    }
  }
}

/// "2.3.1 Name" has depth 3; "A.1 Name" depth 2; "IV. Name" depth 1.
enum HeadingNumber {
  static func depth(of text: String) -> Int? {
    guard let head = text.split(separator: " ", maxSplits: 1).first, text.count > head.count, head.count <= 10 else {
      return nil
    }
    let parts = head.split(separator: ".", omittingEmptySubsequences: true)
    guard let first = parts.first, parts.count <= 6 else { return nil }
    let isRoman = first.allSatisfy { "IVX".contains($0) } && head.hasSuffix(".")
    let isLetter =
      first.count == 1 && first.first?.isUppercase == true && first.first?.isLetter == true && head.contains(".")
    let isNumber = first.allSatisfy(\.isNumber) && first.count <= 2
    guard isNumber || isRoman || isLetter, parts.dropFirst().allSatisfy({ $0.allSatisfy(\.isNumber) && $0.count <= 2 })
    else { return nil }
    return parts.count
  }
}
