/// What is scored: a title and, where there is one, an abstract.
public struct Article: Codable, Sendable, Hashable {
  public var id: String
  public var title: String
  public var abstract: String

  public init(id: String, title: String, abstract: String) {
    self.id = id
    self.title = title
    self.abstract = abstract
  }
}
