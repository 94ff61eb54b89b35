import Foundation

/// Articles with their targets, from a table with the columns title, abstract and target, or with topic, date and
/// citations instead of the target.
public struct LabelledArticles: Sendable {
  public var articles: [Article] = []
  /// TNCSI_SP of each, in [0, 1].
  public var targets: [Double] = []
  /// One line for each row that could not be used.
  public var problems: [String] = []

  /// - Throws: `ArticleReadError`.
  public init(_ data: Data, name: String) throws {
    guard let decoded = DecodedText(data, name) else { throw ArticleReadError.unreadable(name) }
    let table = DelimitedText.rows(decoded.text, DelimitedText.separator(decoded.text))
    let columns = (table.first ?? []).map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
    guard columns.contains("title") else { throw ArticleReadError.noTitleColumn(name, columns: columns) }
    guard let target = columns.firstIndex(where: { ["target", "tncsi_sp"].contains($0) }) else {
      try compute(data, name)
      return
    }
    problems = decoded.problems
    for (index, cells) in table.enumerated().dropFirst() where cells.count > 1 {
      let row = Dictionary(zip(columns, cells), uniquingKeysWith: { first, _ in first })
      guard cells.count == columns.count, let value = Double(cells[target].trimmingCharacters(in: .whitespaces)),
        (0...1).contains(value)
      else {
        problems.append("\(name) row \(index + 1): its target is no number from 0 to 1")
        continue
      }
      add(row, value, "\(name) row \(index + 1)")
    }
    guard !articles.isEmpty else { throw problems.first.map(ArticleReadError.noUsableRow) ?? .empty(name) }
  }

  private mutating func compute(_ data: Data, _ name: String) throws {
    let table = try CitationTable(data, name: name)
    problems = table.problems
    for (target, row) in zip(CitationTarget().compute(table.papers), table.rows) {
      guard target.periodFit.n >= CitationTarget.leastPapers else {
        problems.append("\(name), \(target.id): \(target.flags.joined(separator: "; "))")
        continue
      }
      add(row, target.tncsiSP, "\(name), \(target.id)")
    }
    guard !articles.isEmpty else { throw problems.first.map(ArticleReadError.noUsableRow) ?? .empty(name) }
  }

  private mutating func add(_ row: [String: String], _ target: Double, _ place: String) {
    let title = row["title"] ?? "", abstract = row["abstract"] ?? row["summary"] ?? ""
    guard !(title + abstract).allSatisfy(\.isWhitespace) else {
      problems.append("\(place): has neither title nor abstract")
      return
    }
    articles.append(Article(id: row["id"] ?? "\(articles.count + 1)", title: title, abstract: abstract))
    targets.append(target)
  }
}
