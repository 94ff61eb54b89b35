import Foundation

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

public enum ArticleReadError: Error, Equatable, Sendable, CustomStringConvertible {
  case unreadable(String)
  case empty(String)
  case noTitleColumn(String, columns: [String])
  case unknownFormat(String)

  public var description: String {
    switch self {
    case .unreadable(let name): "\(name): cannot be read as text"
    case .empty(let name): "\(name): there is no article in it"
    case .noTitleColumn(let name, let columns):
      "\(name): the first line has no column 'title'; it has \(columns.prefix(8).joined(separator: ", "))"
    case .unknownFormat(let name):
      "\(name): is neither CSV with a header, JSON Lines nor BibTeX"
    }
  }
}

/// Articles of a file, and what was wrong with single rows of it.
public struct ArticleReadResult: Sendable {
  public var articles: [Article]
  /// One line each, naming file and row; the other rows are still read.
  public var problems: [String]
}

/// Reads articles from CSV, TSV, JSON, JSON Lines and BibTeX.
public struct ArticleReader: Sendable {
  public init() {}

  public func read(file: URL) throws -> ArticleReadResult {
    guard let data = try? Data(contentsOf: file) else { throw ArticleReadError.unreadable(file.lastPathComponent) }
    return try read(data, name: file.lastPathComponent)
  }

  /// - Throws: `ArticleReadError` when nothing of it can be read; single bad rows are `problems`.
  public func read(_ data: Data, name: String) throws -> ArticleReadResult {
    guard !data.prefix(4096).contains(0),
      let decoded = String(data: data, encoding: .utf8) ?? String(data: data, encoding: .isoLatin1)
    else { throw ArticleReadError.unreadable(name) }
    let text = decoded.hasPrefix("\u{FEFF}") ? String(decoded.dropFirst()) : decoded
    let start = text.drop(while: \.isWhitespace)
    var result: ArticleReadResult
    switch start.first {
    case nil: throw ArticleReadError.empty(name)
    case "{", "[": result = try json(Data(text.utf8), name)
    case "@", "%": result = BibTeX.articles(text, name)
    default: result = try csv(text, name)
    }
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

  private func json(_ data: Data, _ name: String) throws -> ArticleReadResult {
    let decoder = JSONDecoder()
    var result = ArticleReadResult(articles: [], problems: [])
    func add(_ line: Line, _ row: Int) {
      result.articles.append(Article(id: line.id?.value ?? "\(row)", title: line.title, abstract: line.abstract ?? ""))
    }
    if let lines = try? decoder.decode([Line].self, from: data) {
      for (row, line) in lines.enumerated() { add(line, row + 1) }
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
    let head = text.prefix { !$0.isNewline }
    let separator: Character = head.contains("\t") ? "\t" : head.contains(";") && !head.contains(",") ? ";" : ","
    let rows = DelimitedText.rows(text, separator)
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

/// Delimited text as in RFC 4180: quoted cells may hold separators, quotes and line breaks.
enum DelimitedText {
  static func rows(_ text: String, _ separator: Character) -> [[String]] {
    var rows: [[String]] = [], row: [String] = [], cell = "", quoted = false, closed = false
    for character in text {
      if quoted {
        if character == "\"" { (quoted, closed) = (false, true) } else { cell.append(character) }
        continue
      }
      switch character {
      case "\"":
        if closed { cell.append("\"") }
        quoted = true
      case separator:
        row.append(cell)
        cell = ""
      case "\n", "\r\n", "\r":
        rows.append(row + [cell])
        (row, cell) = ([], "")
      default: cell.append(character)
      }
      closed = false
    }
    if !cell.isEmpty || !row.isEmpty { rows.append(row + [cell]) }
    return rows
  }

  /// One line. A cell that a spreadsheet would run as a formula gets a leading apostrophe.
  static func line(_ cells: [String]) -> String {
    cells.map { cell in
      let isFormula = cell.first.map { "=+-@\t\r".contains($0) } ?? false
      let safe = isFormula && Double(cell) == nil ? "'" + cell : cell
      guard safe.contains(where: { ",\"\n\r\r\n".contains($0) }) else { return safe }
      return "\"" + safe.replacingOccurrences(of: "\"", with: "\"\"") + "\""
    }.joined(separator: ",") + "\n"
  }
}
