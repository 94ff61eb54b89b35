/// A document as docq reads it: pages of words, and what analysis made of them.
///
/// A reader fills `metadata`, `outline`, `attachments` and the pages' words, images and rulings; layout analysis
/// then fills the pages' lines and regions and the document's `relations`.
public struct Document: Codable, Sendable {
  /// Name of the input as the user gave it, without folders.
  public var fileName: String
  public var metadata: Metadata
  /// Number of pages in the file, also when only some of them were read.
  public var pageCount: Int
  public var pages: [Page]
  public var outline: [OutlineEntry]
  public var attachments: [Attachment]
  public var relations: [Relation]
  /// What was odd but not fatal, one sentence each ("page 3 could not be rendered").
  public var warnings: [String]

  public init(fileName: String, metadata: Metadata = Metadata(), pageCount: Int = 0, pages: [Page] = []) {
    self.fileName = fileName
    self.metadata = metadata
    self.pageCount = pageCount
    self.pages = pages
    outline = []
    attachments = []
    relations = []
    warnings = []
  }

  /// All regions in reading order.
  public var regions: [Region] { pages.flatMap(\.regions) }

  var hasPaperTitle: Bool { pages.contains { $0.regions.contains { $0.label == .paperTitle } } }
}

/// What the file says about itself. Dates are ISO 8601 in UTC.
public struct Metadata: Codable, Hashable, Sendable {
  public var title: String?
  public var author: String?
  public var subject: String?
  public var keywords: String?
  public var creator: String?
  public var producer: String?
  public var created: String?
  public var modified: String?
  /// For example "PDF-1.7".
  public var formatVersion: String?
  public var encrypted: Bool

  public init() { encrypted = false }
}

/// One entry of the file's own table of contents. `page` counts from 1; `level` from 1.
public struct OutlineEntry: Codable, Hashable, Sendable {
  public var title: String
  public var level: Int
  public var page: Int?

  public init(title: String, level: Int, page: Int?) {
    self.title = title
    self.level = level
    self.page = page
  }
}

/// A file embedded in the document.
public struct Attachment: Codable, Hashable, Sendable {
  public var name: String
  public var description: String?
  public var byteCount: Int
  /// The file's bytes; absent when it was larger than the reader's limit. Left out of exports.
  public var data: [UInt8]?

  public init(name: String, description: String?, byteCount: Int, data: [UInt8]?) {
    self.name = name
    self.description = description
    self.byteCount = byteCount
    self.data = data
  }

  private enum CodingKeys: String, CodingKey { case name, description, byteCount }
}
