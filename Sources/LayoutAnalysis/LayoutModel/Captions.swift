import DocumentModel

/// Which regions are captions: their first words say it, where the document's captions have such words at all.
package enum Captions {
  private static let figures: Set<String> = [
    "figure", "fig", "figs", "scheme", "plate", "chart", "abbildung", "abb", "figura", "grafico", "gráfico",
    "afbeelding", "figuur", "diagram", "illustration", "photo", "exhibit",
  ]
  private static let names = figures.union([
    "table", "tab", "listing", "algorithm", "tabelle", "tableau", "tabla", "tabella", "tabela", "quadro", "tabel",
  ])

  /// A caption's beginning that names a picture.
  package static func speaksOfFigure(_ text: String) -> Bool {
    startsCaption(text) && figures.contains(text.prefix { $0 != " " }.lowercased().filter(\.isLetter))
  }

  /// "Figure 3: ...", "TABLE II", "Fig. 2.1. ...", with the number and the mark behind it.
  package static func startsCaption(_ text: String) -> Bool {
    let words = text.split(separator: " ", maxSplits: 2)
    guard words.count > 1, names.contains(words[0].lowercased().filter(\.isLetter)) else { return false }
    return isNumber(words[1])
  }

  /// The same with a mark that sentences ("Figure 3 shows") do not have.
  package static func isMarked(_ text: String) -> Bool {
    guard startsCaption(text) else { return false }
    let words = text.split(separator: " ", maxSplits: 3)
    return words[1].last.map { ":.|".contains($0) } ?? false
      || words.count > 2 && ["|", ":", "–", "—"].contains(words[2])
  }

  private static func isNumber(_ word: Substring) -> Bool {
    let bare = word.drop { $0 == "(" }.prefix { !":|)".contains($0) }
    guard let first = bare.first else { return false }
    if first.isNumber { return true }
    return bare.count <= 6 && bare.allSatisfy { "IVXABCDES.0123456789-".contains($0) }
  }

  /// Takes false captions for what they are, and finds those that were missed.
  static func tidy(_ document: inout Document) {
    var worded = 0, marked = 0
    for page in document.pages {
      for region in page.regions where region.label == .caption {
        if startsCaption(region.text) { worded += 1 }
        if isMarked(region.text) { marked += 1 }
      }
    }
    let areMarked = marked * 2 > worded
    for page in document.pages.indices {
      let own = document.pages[page]
      for index in own.regions.indices where !own.regions[index].isFurniture {
        let region = own.regions[index]
        switch region.label {
        case .caption:
          // "Figure 3 shows" begins a sentence where captions have a mark behind their number.
          let isCaption =
            startsCaption(region.text)
            ? isMarked(region.text) || !areMarked : worded == 0 && isBesideFloat(region, own)
          if !isCaption { document.pages[page].regions[index].label = label(of: region, on: own) }
        case .text, .textEquation, .list, .others, .title:
          guard isMarked(region.text), isBesideFloat(region, own) else { continue }
          document.pages[page].regions[index].label = .caption
        default: break
        }
      }
    }
  }

  private static func label(of region: Region, on page: Page) -> RegionClass {
    region.lines.contains { MathEvidence.hasMathematics(page.lines[$0], page) } ? .textEquation : .text
  }

  /// A picture or table stands right above or below it.
  private static func isBesideFloat(_ region: Region, _ page: Page) -> Bool {
    page.regions.contains { other in
      guard [.figure, .table, .algorithm, .code].contains(other.label), !other.isFurniture,
        other.bbox.horizontalOverlap(region.bbox) > 0
      else { return false }
      let gap = max(other.bbox.y0 - region.bbox.y1, region.bbox.y0 - other.bbox.y1)
      return gap < 40
    }
  }
}
