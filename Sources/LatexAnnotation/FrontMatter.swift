import DocumentModel

/// Titles, abstracts and headings of papers that have no commands for them: old papers, and classes of their own.
struct FrontMatter {
  private static let abstractWords: Set<String> = [
    "abstract", "summary", "zusammenfassung", "résumé", "resume", "resumé", "sommaire", "riassunto", "resumen",
    "resumo",
    "abstrakt", "kurzfassung",
  ]

  /// Corrects the builder's units by what stands on the pages.
  static func apply(to builder: inout RegionBuilder, _ pages: [Page]) {
    markHeadings(&builder, pages)
    separateAbstractHeadings(&builder, pages)
    findAbstract(&builder, pages)
    findTitle(&builder, pages)
  }

  private static func text(_ piece: RegionBuilder.Piece, _ page: Page) -> String {
    piece.words.map { page.words[$0].text }.joined(separator: " ")
  }

  private static func isAbstractHeading(_ text: String) -> Bool {
    let letters = text.lowercased().filter { $0.isLetter }
    return abstractWords.contains(letters) && text.count < 30
  }

  /// A paragraph of one bold line is a heading for a reader: "{\bf 1. Introduction}".
  private static func markHeadings(_ builder: inout RegionBuilder, _ pages: [Page]) {
    let count = Dictionary(grouping: builder.pieces, by: \.unit).mapValues(\.count)
    for piece in builder.pieces {
      let unit = builder.resolver.units[piece.unit]
      guard unit.label == .text, unit.float == nil, count[piece.unit] == 1, case .paragraph(_, 0) = unit.key,
        (1...12).contains(piece.words.count), builder.resolver.isPlainParagraph(unit)
      else { continue }
      let page = pages[piece.page]
      let words = piece.words.map { page.words[$0] }
      guard let height = words.map(\.bbox.height).max(), (piece.glyphs?.height ?? 0) < 1.6 * height else { continue }
      let lettered = words.filter { $0.text.contains { $0.isLetter } }
      guard !lettered.isEmpty, lettered.allSatisfy({ page.styles[$0.style].bold }) else { continue }
      let text = text(piece, page)
      // "Proof of Theorem 1" begins a proof.
      guard !["Proof", "Theorem", "Lemma", "Remark", "Definition", "Example"].contains(where: text.hasPrefix) else {
        continue
      }
      guard !text.hasSuffix(",") && (!text.hasSuffix(".") || text.first?.isNumber == true) else { continue }
      builder.resolver.change(piece.unit, to: .title, level: 1)
    }
  }

  /// The word "Abstract" above an abstract is not part of it.
  private static func separateAbstractHeadings(_ builder: inout RegionBuilder, _ pages: [Page]) {
    for index in builder.pieces.indices {
      let piece = builder.pieces[index]
      guard builder.resolver.units[piece.unit].label == .abstract, let first = piece.words.first else { continue }
      let page = pages[piece.page]
      let line = piece.words.filter {
        page.words[$0].bbox.verticalOverlap(page.words[first].bbox) > 0.5 * page.words[first].bbox.height
      }
      guard line.count < piece.words.count, isAbstractHeading(line.map { page.words[$0].text }.joined()) else {
        continue
      }
      let heading = builder.resolver.addHeading(before: piece.unit)
      builder.split(Set(line), from: index, to: heading, page)
    }
  }

  /// Paragraphs under a heading "Abstract" are one.
  private static func findAbstract(_ builder: inout RegionBuilder, _ pages: [Page]) {
    guard !builder.resolver.units.contains(where: { $0.label == .abstract }) else { return }
    let pieces = builder.pieces.filter { $0.page < 2 && !$0.words.isEmpty }
      .sorted { (builder.resolver.units[$0.unit].order, $0.first) < (builder.resolver.units[$1.unit].order, $1.first) }
    guard
      let place = pieces.firstIndex(where: { piece in
        [.title, .text].contains(builder.resolver.units[piece.unit].label)
          && isAbstractHeading(text(piece, pages[piece.page]))
      })
    else { return }
    let heading = pieces[place].unit
    let isCommand = builder.resolver.units[heading].label == .title
    var members: [Int] = []
    for piece in pieces[(place + 1)...] where piece.unit != members.last && piece.unit != heading {
      let unit = builder.resolver.units[piece.unit]
      if unit.key == .furniture || unit.label == .footnote { continue }
      guard unit.label == .text || unit.label == .equation else { break }
      // Without a heading command nothing tells where the abstract ends, but for its environment.
      if !isCommand, let first = members.first,
        builder.resolver.surroundings(unit) != builder.resolver.surroundings(builder.resolver.units[first])
          || builder.resolver.surroundings(unit).isEmpty
      {
        break
      }
      members.append(piece.unit)
      if members.count > 12 { return }
    }
    guard let first = members.first else { return }
    builder.resolver.change(first, to: .abstract, level: nil)
    if !isCommand { builder.resolver.change(heading, to: .others, level: nil) }
    builder.join(Set(members.dropFirst()), into: first)
  }

  /// Without \title: what is set largest in front of the abstract or the first heading.
  private static func findTitle(_ builder: inout RegionBuilder, _ pages: [Page]) {
    let units = builder.resolver.units
    guard !units.contains(where: { $0.label == .paperTitle }), let page = pages.first else { return }
    let pieces = builder.pieces.filter { $0.page == 0 && !$0.words.isEmpty }
      .sorted { (units[$0.unit].order, $0.first) < (units[$1.unit].order, $1.first) }
    guard let end = pieces.firstIndex(where: { [.abstract, .title].contains(units[$0.unit].label) }), end > 0 else {
      return
    }
    let front = pieces[..<end].filter {
      [.text, .others].contains(units[$0.unit].label) && units[$0.unit].key != .furniture
    }
    func size(_ piece: RegionBuilder.Piece) -> Double {
      let sizes = piece.words.map { page.styles[page.words[$0].style].size }.sorted()
      return sizes[sizes.count / 2]
    }
    guard let largest = front.max(by: { size($0) < size($1) }), front.count <= 20 else { return }
    let rest = front.filter { $0.unit != largest.unit }
    let body = builder.bodySize(pages)
    let isBold = largest.words.allSatisfy { page.styles[page.words[$0].style].bold }
    let title = size(largest) > 1.1 * body ? largest : isBold ? largest : front.first!
    guard size(title) > 1.1 * body || title.words.allSatisfy({ page.styles[page.words[$0].style].bold }) else { return }
    builder.resolver.change(title.unit, to: .paperTitle, level: nil)
    for piece in rest + [largest] where piece.unit != title.unit {
      builder.resolver.change(piece.unit, to: .others, level: nil)
    }
  }
}
