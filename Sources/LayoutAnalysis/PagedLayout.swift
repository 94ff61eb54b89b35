import DocumentModel

/// Layout of a document whose pages come one at a time and are kept in a store in between, so that memory need not grow
/// with them: `add` every page in order, then `finish`.
public final class PagedLayout {
  private let choice: LayoutChoice
  private let store: any PageStore
  private var survey = LayoutSurvey()
  private var turns: [Int] = []

  public init(_ choice: LayoutChoice, store: any PageStore) { (self.choice, self.store) = (choice, store) }

  /// Takes a page as it was read.
  public func add(_ page: Page) throws {
    var page = page
    guard choice.usesModel else { return try store.append(page) }
    let turn = page.quarterTurnsToUpright
    page = page.turned(by: turn)
    page.lines = LineBuilder.lines(of: page)
    turns.append(turn)
    survey.add(page)
    try store.append(page)
  }

  /// Finds the layout.
  ///
  /// - Parameters:
  ///   - document: what the file says of itself; its pages are those that were added.
  ///   - progress: called with how many pages are done.
  public func finish(_ document: Document, progress: (Int) throws -> Void = { _ in }) throws -> PagedDocument {
    var document = document
    survey.finish(outline: document.outline)
    // Sizes beyond reason are for the rules, which take such pages as one region.
    if let model = choice.model, survey.mostLines <= LearnedLayout.maxLinesPerPage {
      try LearnedLayout(model).analyze(&document, store, survey, turns, progress)
      return PagedDocument(document, store)
    }
    // The rules want all pages at once.
    document.pages = try (0..<store.count).map { number in
      var page = try store.page(number)
      if choice.usesModel { page = page.turned(by: -turns[number]) }
      return page
    }
    RuleBasedLayout().analyze(&document)
    if choice.lacksModel {
      document.warnings.append("the layout model docq-layout-1 cannot be read: the layout was found by rules")
    }
    for number in document.pages.indices {
      try store.replace(number, with: document.pages[number])
      document.pages[number] = document.pages[number].outline()
    }
    return PagedDocument(document, store)
  }
}
