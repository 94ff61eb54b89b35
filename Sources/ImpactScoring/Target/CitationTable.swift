import Foundation

/// A paper of a table from which the target is computed.
public struct CitedPaper: Sendable, Equatable {
  public var id: String
  /// From the widest to the narrowest: "vision/segmentation" is a topic within "vision".
  public var topic: [String]
  /// Days since 1970-01-01.
  public var day: Int
  public var citations: Double

  public init(id: String, topic: [String], day: Int, citations: Double) {
    (self.id, self.topic, self.day, self.citations) = (id, topic, day, citations)
  }
}

/// Reads a CSV or TSV table with the columns id, topic, date and citations.
public struct CitationTable: Sendable {
  public var papers: [CitedPaper] = []
  /// The row of each paper in the table, for tables that hold titles and abstracts, too.
  public var rows: [[String: String]] = []
  /// One line for each row that could not be used.
  public var problems: [String] = []

  /// - Throws: `ArticleReadError` where columns are missing or nothing can be read.
  public init(_ data: Data, name: String) throws {
    guard let decoded = DecodedText(data, name) else { throw ArticleReadError.unreadable(name) }
    problems = decoded.problems
    let table = DelimitedText.rows(decoded.text, DelimitedText.separator(decoded.text))
    let columns = (table.first ?? []).map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
    func column(_ names: String...) -> Int? { columns.firstIndex { names.contains($0) } }
    guard let topic = column("topic", "field", "keyphrase"), let date = column("date", "published", "publication_date"),
      let citations = column("citations", "cites", "citation_count", "citationcount")
    else { throw ArticleReadError.missingColumns(name, needed: "topic, date and citations", columns: columns) }
    let id = column("id", "key", "doi")
    for (index, cells) in table.enumerated().dropFirst() where cells.count > 1 || !(cells.first ?? "").isEmpty {
      func skip(_ reason: String) { problems.append("\(name) row \(index + 1): \(reason)") }
      guard cells.count == columns.count else {
        skip("has \(cells.count) column(s) where the header has \(columns.count)")
        continue
      }
      let path = cells[topic].split(whereSeparator: { "/>".contains($0) }).map {
        $0.trimmingCharacters(in: .whitespaces).lowercased()
      }.filter { !$0.isEmpty }
      guard !path.isEmpty else {
        skip("has no topic")
        continue
      }
      guard let day = Self.day(cells[date]) else {
        skip("'\(cells[date].prefix(40))' is no date; write 2024-05-31, 2024-05 or 2024")
        continue
      }
      guard let count = Double(cells[citations].trimmingCharacters(in: .whitespaces)), count >= 0, count.isFinite else {
        skip("'\(cells[citations].prefix(40))' is no number of citations")
        continue
      }
      papers.append(CitedPaper(id: id.map { cells[$0] } ?? "\(index)", topic: path, day: day, citations: count))
      rows.append(Dictionary(zip(columns, cells), uniquingKeysWith: { first, _ in first }))
    }
    guard !papers.isEmpty else { throw problems.isEmpty ? ArticleReadError.empty(name) : .noUsableRow(problems[0]) }
  }

  /// 2024-05-31 (also with a time behind it), 2024-05 (its middle) or 2024 (its middle), as days since 1970.
  static func day(_ text: String) -> Int? {
    let date = text.trimmingCharacters(in: .whitespaces).prefix { $0 != "T" && $0 != " " }
    let parts = date.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...3).contains(parts.count), let year = parts[0], (1000...3000).contains(year) else { return nil }
    guard parts.count > 1 else { return days(year, 7, 1) }
    guard let month = parts[1], (1...12).contains(month) else { return nil }
    guard parts.count > 2 else { return days(year, month, 15) }
    guard let day = parts[2], (1...31).contains(day) else { return nil }
    return days(year, month, day)
  }

  /// Days from 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
  private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let year = month <= 2 ? year - 1 : year
    let era = (year >= 0 ? year : year - 399) / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
