import Foundation

/// Reads title and abstract of BibTeX entries.
enum BibTeX {
  static func articles(_ text: String, _ name: String) -> ArticleReadResult {
    var result = ArticleReadResult(articles: [], problems: [])
    let characters = Array(text)
    var strings: [String: String] = [:]
    var at = 0
    while let start = characters[at...].firstIndex(of: "@") {
      let kind = String(characters[(start + 1)...].prefix { $0.isLetter }).lowercased()
      var position = start + 1 + kind.count
      while position < characters.count, characters[position].isWhitespace { position += 1 }
      guard position < characters.count, characters[position] == "{" || characters[position] == "(" else {
        at = start + 1
        continue
      }
      guard let end = closing(characters, position) else {
        result.problems.append("\(name): the entry at character \(start + 1) is not closed")
        // Goes on with the next entry that begins a line.
        guard let next = nextEntry(characters, after: start + 1) else { break }
        at = next
        continue
      }
      let body = Array(characters[(position + 1)..<end])
      at = end + 1
      if kind == "comment" || kind == "preamble" { continue }
      if kind == "string" {
        for (key, value) in fields(body, strings) { strings[key] = value }
        continue
      }
      let comma = body.firstIndex(of: ",") ?? body.count
      let key = String(body[..<comma]).filter { !$0.isWhitespace }
      let values = comma < body.count ? fields(Array(body[(comma + 1)...]), strings) : [:]
      guard let title = values["title"], !title.isEmpty else {
        result.problems.append("\(name): the entry '\(key)' has no title")
        continue
      }
      result.articles.append(
        Article(
          id: key.isEmpty ? "\(result.articles.count + 1)" : key, title: plain(title),
          abstract: plain(values["abstract"] ?? "")))
    }
    return result
  }

  private static func nextEntry(_ text: [Character], after start: Int) -> Int? {
    text.indices.dropFirst(start).first { text[$0] == "@" && text[$0 - 1].isNewline }
  }

  private static func closing(_ text: [Character], _ open: Int) -> Int? {
    let close: Character = text[open] == "{" ? "}" : ")"
    var depth = 0
    for index in open..<text.count {
      if text[index] == "{" || (index == open) { depth += 1 } else if text[index] == "}" && close == "}" { depth -= 1 }
      if close == ")", text[index] == "}" { depth -= 1 }
      if close == ")", text[index] == ")", depth == 1 { return index }
      if depth == 0 { return index }
    }
    return nil
  }

  /// name = {value} | "value" | number | name of a @string, joined by #.
  private static func fields(_ body: [Character], _ strings: [String: String]) -> [String: String] {
    var result: [String: String] = [:]
    var at = 0
    func skipSpace() { while at < body.count, body[at].isWhitespace || body[at] == "," { at += 1 } }
    while true {
      skipSpace()
      let start = at
      while at < body.count, body[at] != "=", body[at] != "," { at += 1 }
      guard at < body.count, body[at] == "=" else { return result }
      let name = String(body[start..<at]).trimmingPrefix(while: \.isWhitespace).filter { !$0.isWhitespace }.lowercased()
      at += 1
      var value = ""
      while true {
        while at < body.count, body[at].isWhitespace { at += 1 }
        guard at < body.count else { break }
        if body[at] == "{" {
          guard let end = closing(body, at) else { return result }
          value += String(body[(at + 1)..<end])
          at = end + 1
        } else if body[at] == "\"" {
          at += 1
          var depth = 0
          let begin = at
          while at < body.count, !(body[at] == "\"" && depth == 0) {
            if body[at] == "{" { depth += 1 } else if body[at] == "}" { depth -= 1 }
            at += 1
          }
          value += String(body[begin..<at])
          at += 1
        } else {
          let begin = at
          while at < body.count, body[at] != ",", body[at] != "#", !body[at].isWhitespace { at += 1 }
          let word = String(body[begin..<at])
          value += strings[word.lowercased()] ?? word
          if begin == at { at += 1 }
        }
        while at < body.count, body[at].isWhitespace { at += 1 }
        guard at < body.count, body[at] == "#" else { break }
        at += 1
      }
      result[name] = value
    }
  }

  /// Without braces and commands; accents become the letters they make.
  static func plain(_ text: String) -> String {
    let accents: [Character: Character] = [
      "\"": "\u{308}", "'": "\u{301}", "`": "\u{300}", "^": "\u{302}", "~": "\u{303}",
    ]
    let letters = ["ss": "ß", "ae": "æ", "o": "ø", "aa": "å", "l": "ł", "oe": "œ"]
    var result = ""
    var rest = Substring(text)
    while let character = rest.popFirst() {
      switch character {
      case "{", "}", "$": continue
      case "~": result.append(" ")
      case "\\":
        if let mark = rest.first, let accent = accents[mark] {
          rest = rest.dropFirst().drop { $0 == "{" || $0 == "\\" }
          if let letter = rest.popFirst() {
            result += "\(letter == "ı" ? "i" : letter)\(accent)".precomposedStringWithCanonicalMapping
          }
        } else {
          let command = rest.prefix { $0.isLetter }
          rest = rest.dropFirst(command.count)
          if let letter = letters[String(command)] {
            result += letter
          } else if command.isEmpty, let sign = rest.popFirst() {
            result.append(sign)
          }
        }
      default: result.append(character)
      }
    }
    return result.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
