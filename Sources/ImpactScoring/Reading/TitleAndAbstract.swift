import DocumentModel

/// Finds the title and the abstract of a paper that was read.
public enum TitleAndAbstract {
  /// nil when there is no title.
  public static func find(in document: Document) -> Article? {
    let regions = document.pages.prefix(2).flatMap(\.regions).filter { !$0.isFurniture }
    let title =
      regions.first { $0.label == .paperTitle }?.text
      ?? document.metadata.title.flatMap { $0.count > 8 ? $0 : nil }
      ?? regions.first { $0.label == .title }?.text
    guard let title, !title.isEmpty else { return nil }
    var abstract = regions.filter { $0.label == .abstract }.map(\.text).joined(separator: " ")
    if abstract.isEmpty,
      let heading = regions.firstIndex(where: { $0.label == .title && $0.text.lowercased().hasPrefix("abstract") })
    {
      abstract = regions[(heading + 1)...].prefix { $0.label != .title }.map(\.text).joined(separator: " ")
    }
    if let word = abstract.lowercased().firstRange(of: "abstract"), word.lowerBound == abstract.lowercased().startIndex
    {
      abstract = String(abstract.dropFirst(8).drop { !$0.isLetter })
    }
    return Article(id: document.fileName, title: title, abstract: abstract)
  }
}
