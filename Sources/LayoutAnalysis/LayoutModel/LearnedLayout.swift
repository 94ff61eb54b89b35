import DocumentModel

/// Layout by the learned model: classes and regions of lines from `LayoutModel`; reading order, heading levels, joined
/// paragraphs, tables and relations from there.
public struct LearnedLayout: Sendable {
  private let model: LayoutModel
  /// Pages with more words than this are read by rules.
  private static let maxLinesPerPage = 4000
  /// Pages that go through the model together.
  private static let batch = 16

  public init(_ model: LayoutModel) { self.model = model }

  /// Fills lines and regions of every page and the document's relations.
  public func analyze(_ document: inout Document) {
    let turns = document.pages.map(\.quarterTurnsToUpright)
    for index in document.pages.indices { document.pages[index] = document.pages[index].turned(by: turns[index]) }
    analyzeUpright(&document)
    for index in document.pages.indices { EquationReader.read(&document.pages[index]) }
    for index in document.pages.indices { document.pages[index] = document.pages[index].turned(by: -turns[index]) }
  }

  private func analyzeUpright(_ document: inout Document) {
    for index in document.pages.indices {
      document.pages[index].lines = LineBuilder.lines(of: document.pages[index])
    }
    // Sizes beyond reason are for the rules, which take such pages as one region.
    guard document.pages.allSatisfy({ $0.lines.count <= Self.maxLinesPerPage }) else {
      return RuleBasedLayout().analyzeUpright(&document)
    }
    let context = LayoutContext(document)
    let hyphens = Compounds(document)
    let furniture = FurnitureFinder(document)
    let hasMathFonts = MathEvidence.isToldByFonts(document)
    var resumed: Set<Int> = []
    var nextID = 0
    for first in stride(from: 0, to: document.pages.count, by: Self.batch) {
      let numbers = Array(first..<min(document.pages.count, first + Self.batch))
      let pages = numbers.map { (page: document.pages[$0], features: LineFeatures(document.pages[$0], context)) }
      let predictions = model.predict(pages)
      for (place, number) in numbers.enumerated() {
        let page = pages[place].page
        var builder = RegionBuilder(
          page, pages[place].features, predictions[place], body: context.body,
          hasMathFonts: hasMathFonts)
        var regions = builder.regions()
        furniture.mark(&regions, on: page)
        regions = CaptionedFigures(page, em: context.body.size).join(regions)
        for position in regions.indices where regions[position].label == .table && !regions[position].isFurniture {
          regions[position].table = TableRegions.table(of: regions[position].lines, on: page)
        }
        regions =
          ReadingOrder.sorted(regions.filter { !$0.isFurniture })
          + regions.filter(\.isFurniture).sorted { $0.bbox.y0 < $1.bbox.y0 }
        var page = page
        RunInHeadings.split(&page, &regions)
        document.pages[number].lines = page.lines
        for position in regions.indices {
          regions[position].id = nextID
          nextID += 1
          regions[position].text = TextJoiner.text(of: regions[position], on: page, hyphens)
          if let top = regions[position].lines.first, top < predictions[place].count,
            predictions[place][top].resumes > 0.5
          {
            resumed.insert(regions[position].id)
          }
        }
        document.pages[number].regions = regions
      }
    }
    Captions.tidy(&document)
    Headings.tidy(&document)
    HeadingLevels.assign(&document, body: context.body)
    BrokenRegions.join(&document, resumed: resumed)
    document.relations = RelationFinder.relations(of: document)
  }
}
