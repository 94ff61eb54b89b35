import DocumentModel

/// What stands under the heading "References" is references, whatever its entries look like one by one.
package enum Bibliography {
  private static let headings: Set<String> = [
    "references", "bibliography", "literaturecited", "workscited", "referencesandnotes", "literatur",
    "literaturverzeichnis", "références", "bibliographie", "referencias", "bibliografía", "bibliografia",
    "riferimentibibliografici", "referenties", "literatuur",
  ]

  static func isHeading(_ text: String) -> Bool { headings.contains(text.lowercased().filter(\.isLetter)) }

  package static func tidy(_ document: inout Document) {
    var entries: [(page: Int, index: Int)] = []
    var isOpen = false
    func close() {
      let texts = entries.map { document.pages[$0.page].regions[$0.index].text }
      // A chapter of that name may also tell about the literature.
      if texts.count(where: looksLikeEntry) * 2 > texts.count {
        for (page, index) in entries {
          document.pages[page].regions[index].label = .reference
          document.pages[page].regions[index].table = nil
        }
      }
      entries = []
    }
    for page in document.pages.indices {
      for index in document.pages[page].regions.indices where !document.pages[page].regions[index].isFurniture {
        let region = document.pages[page].regions[index]
        switch region.label {
        case .title, .paperTitle:
          close()
          isOpen = isHeading(region.text)
        case .text, .textEquation, .list, .others, .table, .reference, .code:
          if isOpen { entries.append((page, index)) }
        default: break
        }
      }
    }
    close()
  }

  /// A year, an address, or a label in brackets.
  private static func looksLikeEntry(_ text: String) -> Bool {
    if text.first == "[", text.prefix(14).contains("]") { return true }
    if text.contains("://") || text.contains("arXiv") || text.contains("doi") { return true }
    var digits = ""
    for character in text {
      if character.isNumber {
        digits.append(character)
        continue
      }
      if digits.count == 4, digits.hasPrefix("19") || digits.hasPrefix("20") { return true }
      digits = ""
    }
    return digits.count == 4 && (digits.hasPrefix("19") || digits.hasPrefix("20"))
  }
}
