/// Pages of a document that need not be in memory at the same time, in reading order.
public protocol PageStore: AnyObject {
  var count: Int { get }
  func append(_ page: Page) throws
  /// - Parameter number: counting from 0 in the order of `append`.
  func page(_ number: Int) throws -> Page
  func replace(_ number: Int, with page: Page) throws
}

/// Pages of a short document.
public final class PagesInMemory: PageStore {
  public private(set) var pages: [Page]

  public init(_ pages: [Page] = []) { self.pages = pages }

  public var count: Int { pages.count }
  public func append(_ page: Page) { pages.append(page) }
  public func page(_ number: Int) -> Page { pages[number] }
  public func replace(_ number: Int, with page: Page) { pages[number] = page }
}

/// An analysed document whose pages are at hand one at a time.
public struct PagedDocument {
  /// Everything but the pages' contents: its pages have their regions, tables without cells, and no words.
  public let outline: Document
  private let store: any PageStore

  /// - Parameter store: the pages as they are, in the order of `outline.pages`; what `outline` says of their regions
  ///   counts, the cells of tables come from the store.
  public init(_ outline: Document, _ store: any PageStore) { (self.outline, self.store) = (outline, store) }

  /// Calls `body` with each whole page, in order.
  public func forEachPage(_ body: (Page) throws -> Void) throws {
    for number in outline.pages.indices { try body(try page(number)) }
  }

  /// - Parameter number: counting from 0 among the pages that were read.
  public func page(_ number: Int) throws -> Page {
    var page = try store.page(number)
    var tables: [Int: Table] = [:]
    for region in page.regions { tables[region.id] = region.table }
    page.regions = outline.pages[number].regions
    // What turned out to be no table has no cells.
    for index in page.regions.indices where page.regions[index].label == .table {
      page.regions[index].table = tables[page.regions[index].id]
    }
    return page
  }

  /// The document with all of its pages.
  public func whole() throws -> Document {
    var document = outline
    for number in document.pages.indices { document.pages[number] = try page(number) }
    return document
  }
}
