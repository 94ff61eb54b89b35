import Foundation

/// Reads title and abstract of RIS records (the exchange format of reference managers: "TI  - A title").
enum RIS {
  static func isRIS(_ text: Substring) -> Bool { text.prefix(200).firstMatch(of: /^[A-Z][A-Z0-9]  -/) != nil }

  static func articles(_ text: String, _ name: String) -> ArticleReadResult {
    var result = ArticleReadResult(articles: [], problems: [])
    var record: [String: String] = [:]
    var last = ""
    var start = 1
    func finish() {
      defer { (record, last) = ([:], "") }
      guard !record.isEmpty else { return }
      guard let title = record["TI"] ?? record["T1"] ?? record["CT"] else {
        result.problems.append("\(name) line \(start): the record has no title")
        return
      }
      let id = record["ID"] ?? record["DO"] ?? "\(result.articles.count + result.problems.count + 1)"
      result.articles.append(Article(id: id, title: title, abstract: record["AB"] ?? record["N2"] ?? ""))
    }
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      guard let match = line.prefixMatch(of: /([A-Z][A-Z0-9])  -\s?(.*)/) else {
        // A value goes on.
        let more = line.trimmingCharacters(in: .whitespaces)
        if !more.isEmpty, !last.isEmpty { record[last, default: ""] += " " + more }
        continue
      }
      let tag = String(match.output.1)
      if tag == "TY" || tag == "ER" { finish() }
      if tag == "TY" { start = number + 1 }
      guard tag != "ER" else { continue }
      last = tag
      let value = match.output.2.trimmingCharacters(in: .whitespaces)
      if record[tag] == nil, !value.isEmpty || tag == "TY" { record[tag] = value }
    }
    finish()
    return result
  }
}
