import Foundation

public enum ArticleReadError: Error, Equatable, Sendable, CustomStringConvertible {
  case unreadable(String)
  case empty(String)
  case noTitleColumn(String, columns: [String])
  case unknownFormat(String)
  case missingColumns(String, needed: String, columns: [String])
  case noUsableRow(String)

  public var description: String {
    switch self {
    case .unreadable(let name): "\(name): cannot be read as text"
    case .empty(let name): "\(name): there is no article in it"
    case .noTitleColumn(let name, let columns):
      "\(name): the first line has no column 'title'; it has \(columns.prefix(8).joined(separator: ", "))"
    case .unknownFormat(let name):
      "\(name): is neither CSV with a header, JSON Lines, BibTeX, RIS nor Atom XML"
    case .missingColumns(let name, let needed, let columns):
      "\(name): needs the columns \(needed); the first line has \(columns.prefix(12).joined(separator: ", "))"
    case .noUsableRow(let first): "no row can be used; the first: \(first)"
    }
  }
}

/// Articles of a file, and what was wrong with single rows of it.
public struct ArticleReadResult: Sendable {
  public var articles: [Article]
  /// One line each, naming file and row; the other rows are still read.
  public var problems: [String]
}

/// Reads articles from CSV, TSV, JSON, JSON Lines, BibTeX, RIS and Atom XML (as arXiv's API and listings give it).
public struct ArticleReader: Sendable {
  public init() {}

  public func read(file: URL) throws -> ArticleReadResult {
    guard let data = try? Data(contentsOf: file) else { throw ArticleReadError.unreadable(file.lastPathComponent) }
    return try read(data, name: file.lastPathComponent)
  }

  /// - Throws: `ArticleReadError` when nothing of it can be read; single bad rows are `problems`.
  public func read(_ data: Data, name: String) throws -> ArticleReadResult {
    guard let decoded = DecodedText(data, name) else { throw ArticleReadError.unreadable(name) }
    let text = decoded.text
    let start = text.drop(while: \.isWhitespace)
    var result: ArticleReadResult
    switch start.first {
    case nil: throw ArticleReadError.empty(name)
    case "{", "[": result = try json(Data(text.utf8), name)
    case "@", "%": result = BibTeX.articles(text, name)
    case "<": result = try AtomFeed.articles(Data(text.utf8), name)
    default: result = RIS.isRIS(start) ? RIS.articles(text, name) : try csv(text, name)
    }
    result.problems = decoded.problems + result.problems
    guard !result.articles.isEmpty || !result.problems.isEmpty else { throw ArticleReadError.empty(name) }
    markDuplicates(&result, name)
    return result
  }

  private func markDuplicates(_ result: inout ArticleReadResult, _ name: String) {
    var seen: [String: Int] = [:]
    for index in result.articles.indices {
      let id = result.articles[index].id
      seen[id, default: 0] += 1
      if let count = seen[id], count > 1 {
        result.problems.append("\(name): the id '\(id)' stands there \(count) times; called '\(id)#\(count)' here")
        result.articles[index].id = "\(id)#\(count)"
      }
    }
  }

  // MARK: - JSON

  private struct Line: Decodable {
    struct Text: Decodable {
      var value: String
      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int.self) {
          value = "\(number)"
        } else {
          value = try container.decode(String.self)
        }
      }
    }
    var id: Text?
    var title: String
    var abstract: String?
  }

  /// One of a list, of which others are read where it is no article.
  private struct Element: Decodable {
    var line: Line?
    init(from decoder: any Decoder) throws { line = try? Line(from: decoder) }
  }

  /// What `POST /impact` takes.
  private struct Request: Decodable { var articles: [Element] }

  private func json(_ data: Data, _ name: String) throws -> ArticleReadResult {
    let decoder = JSONDecoder()
    var result = ArticleReadResult(articles: [], problems: [])
    func add(_ line: Line, _ row: Int) {
      result.articles.append(Article(id: line.id?.value ?? "\(row)", title: line.title, abstract: line.abstract ?? ""))
    }
    if let list = (try? decoder.decode([Element].self, from: data))
      ?? (try? decoder.decode(Request.self, from: data))?.articles
    {
      for (row, element) in list.enumerated() {
        if let line = element.line {
          add(line, row + 1)
        } else {
          result.problems.append("\(name) entry \(row + 1): is not an object with a 'title'")
        }
      }
      return result
    }
    for (row, line) in data.split(separator: 10, omittingEmptySubsequences: false).enumerated()
    where line.contains(where: { $0 > 32 }) {
      if let value = try? decoder.decode(Line.self, from: Data(line)) {
        add(value, row + 1)
      } else {
        result.problems.append("\(name) line \(row + 1): is not an object with a 'title'")
      }
    }
    if result.articles.isEmpty { throw ArticleReadError.unknownFormat(name) }
    return result
  }

  // MARK: - CSV

  private func csv(_ text: String, _ name: String) throws -> ArticleReadResult {
    let rows = DelimitedText.rows(text, DelimitedText.separator(text))
    let columns = (rows.first ?? []).map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
    guard let title = columns.firstIndex(of: "title") else {
      throw columns.count > 1
        ? ArticleReadError.noTitleColumn(name, columns: columns) : ArticleReadError.unknownFormat(name)
    }
    let abstract = columns.firstIndex { ["abstract", "summary"].contains($0) }
    let id = columns.firstIndex { ["id", "key", "doi"].contains($0) }
    var result = ArticleReadResult(articles: [], problems: [])
    for (row, cells) in rows.enumerated().dropFirst() where cells.count > 1 || !(cells.first ?? "").isEmpty {
      guard cells.count == columns.count else {
        result.problems.append(
          "\(name) row \(row + 1): has \(cells.count) column(s) where the header has \(columns.count)")
        continue
      }
      guard !cells[title].allSatisfy(\.isWhitespace) || !(abstract.map { cells[$0] } ?? "").isEmpty else {
        result.problems.append("\(name) row \(row + 1): has neither title nor abstract")
        continue
      }
      result.articles.append(
        Article(id: id.map { cells[$0] } ?? "\(row)", title: cells[title], abstract: abstract.map { cells[$0] } ?? ""))
    }
    return result
  }
}
