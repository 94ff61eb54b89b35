import Foundation

/// Title and abstract as they are scored, and what there is to say about them.
struct CleanedArticle: Sendable {
  /// Characters of an abstract that are looked at; the encoder reads a few hundred words of them, the linear part 5,000.
  static let maxCharacters = 60_000
  /// Of NAID's 11,773 titles with abstracts one in a thousand has fewer words.
  static let fewWords = 46

  var title: String
  var abstract: String
  var notes: [String] = []

  init(_ article: Article) {
    title = Self.plain(article.title.prefix(2000))
    let isLong = article.abstract.utf8.count > Self.maxCharacters
    abstract = Self.plain(article.abstract.prefix(Self.maxCharacters))
    if title.isEmpty, abstract.isEmpty {
      notes.append("neither title nor abstract: the score is that of no text")
    } else if abstract.isEmpty {
      notes.append("no abstract: scored from the title alone")
    } else if title.isEmpty {
      notes.append("no title: scored from the abstract alone")
    }
    let words = (title + " " + abstract).split(whereSeparator: \.isWhitespace).count
    if !abstract.isEmpty, words < Self.fewWords {
      notes.append("only \(words) words: far shorter than what the model learned from")
    }
    if isLong { notes.append("very long abstract: only its beginning was used") }
    if !Self.looksEnglish(title + " " + abstract.prefix(4000)) {
      notes.append("the text does not look English: the model was trained on English only")
    }
  }

  /// Without HTML tags and LaTeX commands; references such as &amp; become the characters they stand for.
  static func plain(_ text: some StringProtocol) -> String {
    var text = String(text)
    if text.utf8.contains(UInt8(ascii: "<")) {
      text = text.replacing(/<[A-Za-z\/!][^<>]{0,200}>/, with: " ")
    }
    if text.utf8.contains(UInt8(ascii: "&")) {
      for (name, character) in [
        ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&nbsp;", " "),
        ("&ndash;", "–"), ("&mdash;", "—"), ("&amp;", "&"),
      ] {
        text = text.replacingOccurrences(of: name, with: character)
      }
    }
    if text.utf8.contains(UInt8(ascii: "\\")) {
      // \emph{x} is x, \cite{x} nothing, \% a percent sign; what is left of a formula stays.
      text = text.replacing(/\\(cite[a-z]*|ref|label|eqref)\s?\{[^{}]{0,200}\}/, with: " ")
      text = text.replacing(/\\[A-Za-z]+\*?\s?\{([^{}]{0,2000})\}/) { $0.output.1 }
      text = text.replacing(/\\([%&_#$])/) { $0.output.1 }
      text = text.replacing(/\\[A-Za-z]+/, with: " ")
    }
    return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private static let functionWords: Set<String> = [
    "the", "of", "and", "a", "in", "to", "is", "we", "for", "that", "with", "on", "this", "are", "by", "as", "an",
    "from",
    "our", "be", "which", "can", "it", "have", "using", "based",
  ]

  /// English text has a good share of English function words. Short texts get the benefit of the doubt.
  static func looksEnglish(_ text: String) -> Bool {
    var letters = 0, foreign = 0, words = 0, known = 0
    var word = ""
    func endWord() {
      guard !word.isEmpty else { return }
      words += 1
      if functionWords.contains(word) { known += 1 }
      word.removeAll(keepingCapacity: true)
    }
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 65...90, 97...122: word.unicodeScalars.append(Unicode.Scalar(UInt8(scalar.value | 32)))
      case 128... where scalar.properties.isAlphabetic:
        foreign += 1
        word.unicodeScalars.append(scalar)
      default:
        endWord()
        continue
      }
      letters += 1
    }
    endWord()
    if letters >= 8, foreign * 5 > letters { return false }
    return words < 25 || known * 12 >= words
  }
}
