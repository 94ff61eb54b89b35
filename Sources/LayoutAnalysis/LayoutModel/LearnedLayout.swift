import DocumentModel

/// Layout by the learned model: classes and regions of lines from `LayoutModel`; reading order, heading levels, joined
/// paragraphs, tables and relations from there.
public struct LearnedLayout: Sendable {
  private let model: LayoutModel
  /// Documents with longer pages are read by rules.
  static let maxLinesPerPage = 4000
  /// Pages that go through the model together.
  private static let batch = 16

  public init(_ model: LayoutModel) { self.model = model }

  /// Fills lines and regions of every page and the document's relations.
  public func analyze(_ document: inout Document) { LayoutChoice.other(model).analyze(&document) }

  /// Finds the layout of the pages of a store.
  ///
  /// - Parameters:
  ///   - document: gets the outlines of the pages and the relations.
  ///   - store: upright pages with their lines; afterwards they are as in the file, with their regions.
  ///   - turns: by how many quarters each page was turned.
  func analyze(
    _ document: inout Document, _ store: any PageStore, _ survey: LayoutSurvey, _ turns: [Int],
    _ progress: (Int) throws -> Void
  ) throws {
    var resumed: Set<Int> = []
    var nextID = 0
    for first in stride(from: 0, to: store.count, by: Self.batch) {
      let numbers = first..<min(store.count, first + Self.batch)
      var pages = try numbers.map { try store.page($0) }
      let features = pages.map { LineFeatures($0, survey.context, seesImage: model.configuration.seesImage) }
      let predictions = model.predict(zip(pages, features).map { (page: $0, features: $1) })
      for place in pages.indices {
        regions(of: &pages[place], features[place], predictions[place], survey, &nextID, &resumed)
        document.pages.append(pages[place].outline())
        EquationReader.read(&pages[place])
        for (index, region) in pages[place].regions.enumerated() {
          document.pages[first + place].regions[index].latex = region.latex
        }
        pages[place].ink = nil
        try store.replace(first + place, with: pages[place].turned(by: -turns[first + place]))
      }
      try progress(numbers.upperBound)
    }
    Captions.tidy(&document)
    Headings.tidy(&document, body: survey.context.body)
    Bibliography.tidy(&document)
    HeadingLevels.assign(&document, body: survey.context.body)
    BrokenRegions.join(&document, resumed: resumed)
    document.relations = RelationFinder.relations(of: document)
    for number in document.pages.indices { document.pages[number] = document.pages[number].turned(by: -turns[number]) }
  }

  private func regions(
    of page: inout Page, _ features: LineFeatures, _ predictions: [LayoutModel.Prediction], _ survey: LayoutSurvey,
    _ nextID: inout Int, _ resumed: inout Set<Int>
  ) {
    var builder = RegionBuilder(
      page, features, predictions, body: survey.context.body, hasMathFonts: survey.mathematics.isToldByFonts)
    var regions = builder.regions()
    survey.furniture.mark(&regions, on: page)
    regions = CaptionedFigures(page, em: survey.context.body.size).join(regions)
    for position in regions.indices where regions[position].label == .table && !regions[position].isFurniture {
      regions[position].table = TableRegions.table(of: regions[position].lines, on: page)
      if regions[position].table == nil,
        regions[position].lines.allSatisfy({ MathEvidence.isProse(page.lines[$0], page) })
      {
        // Sentences without columns.
        regions[position].label = .text
      }
    }
    regions =
      ReadingOrder.sorted(regions.filter { !$0.isFurniture })
      + regions.filter(\.isFurniture).sorted { $0.bbox.y0 < $1.bbox.y0 }
    RunInHeadings.split(&page, &regions)
    for position in regions.indices {
      regions[position].id = nextID
      nextID += 1
      regions[position].text = TextJoiner.text(of: regions[position], on: page, survey.hyphens)
      if let top = regions[position].lines.first, top < predictions.count, predictions[top].resumes > 0.5 {
        resumed.insert(regions[position].id)
      }
    }
    page.regions = regions
  }
}
