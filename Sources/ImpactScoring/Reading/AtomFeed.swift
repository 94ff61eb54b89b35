import Foundation

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// Reads the entries of an Atom feed (RFC 4287), such as a listing of arXiv: title, summary, id. RSS items
/// (title, description, link) are read, too. A document type declaration is refused: nothing outside is ever loaded.
enum AtomFeed {
  static func articles(_ data: Data, _ name: String) throws -> ArticleReadResult {
    guard data.range(of: Data("<!DOCTYPE".utf8)) == nil, data.range(of: Data("<!ENTITY".utf8)) == nil else {
      throw ArticleReadError.unknownFormat(name)
    }
    let parser = XMLParser(data: data)
    parser.shouldResolveExternalEntities = false
    let collector = Collector(name)
    parser.delegate = collector
    let isComplete = parser.parse()
    var result = collector.result
    if !isComplete {
      guard !result.articles.isEmpty else { throw ArticleReadError.unknownFormat(name) }
      result.problems.append(
        "\(name) line \(parser.lineNumber): the XML is broken from there on; what came before was read")
    }
    if result.articles.isEmpty, result.problems.isEmpty { throw ArticleReadError.empty(name) }
    return result
  }

  private final class Collector: NSObject, XMLParserDelegate {
    var result = ArticleReadResult(articles: [], problems: [])
    private let name: String
    private var entry: [String: String]?
    private var path: [String] = []
    private var text = ""
    private var count = 0

    init(_ name: String) { self.name = name }

    private static func local(_ element: String) -> String {
      element.split(separator: ":").last.map(String.init) ?? element
    }

    func parser(
      _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      let element = Self.local(element)
      if element == "entry" || element == "item" {
        entry = [:]
        count += 1
        path = []
      } else if entry != nil {
        path.append(element)
        if path.count == 1 { text = "" }
      }
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { if path.count > 0 { text += string } }

    func parser(_ parser: XMLParser, foundCDATA block: Data) {
      if path.count > 0 { text += String(decoding: block, as: UTF8.self) }
    }

    func parser(
      _ parser: XMLParser, didEndElement element: String, namespaceURI: String?, qualifiedName: String?
    ) {
      let element = Self.local(element)
      if element == "entry" || element == "item" {
        finish()
      } else if entry != nil, !path.isEmpty {
        if path.count == 1, entry?[element] == nil {
          entry?[element] = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        path.removeLast()
      }
    }

    private func finish() {
      guard let found = entry else { return }
      entry = nil
      guard let title = found["title"], !title.isEmpty else {
        result.problems.append("\(name): entry \(count) has no title")
        return
      }
      var id = found["id"] ?? found["guid"] ?? found["link"] ?? "\(count)"
      // http://arxiv.org/abs/2408.03934v1
      if let range = id.range(of: "arxiv.org/abs/") { id = String(id[range.upperBound...]) }
      var abstract = found["summary"] ?? found["abstract"] ?? found["description"] ?? ""
      // arXiv's listing puts its own line in front.
      if let range = abstract.range(of: "Abstract: "), abstract.hasPrefix("arXiv:") {
        abstract = String(abstract[range.upperBound...])
      }
      result.articles.append(Article(id: id, title: title, abstract: abstract))
    }
  }
}
