import DocumentModel

/// What a first look at the pages of a document tells about all of them: pages come one at a time, with their lines.
struct LayoutSurvey {
  private var types = BodyStyle.Counts()
  private(set) var context = LayoutContext()
  private(set) var hyphens = Compounds()
  private(set) var furniture = FurnitureFinder()
  private(set) var mathematics = MathEvidence.Counts()
  private(set) var mostLines = 0

  mutating func add(_ page: Page) {
    types.add(page)
    context.add(page)
    hyphens.add(page)
    furniture.add(page)
    mathematics.add(page)
    mostLines = max(mostLines, page.lines.count)
  }

  mutating func finish(outline: [OutlineEntry]) {
    context.finish(body: types.style, outline: outline)
    furniture.finish(body: types.style)
  }
}
