import Foundation

/// From tagged words to the tags of tokens.
enum TokenTags {
  static func tags(_ tagged: TaggedDocument, _ document: DocumentTokens, _ configuration: ExtractorConfiguration)
    -> [Int32]
  {
    var places: [String: Int] = [:]
    for (index, field) in configuration.fields.enumerated() { places[field.name] = index }
    var seen = Set<Int>()
    return document.tokens.map { token in
      guard tagged.tags.indices.contains(token.pagePosition),
        tagged.tags[token.pagePosition].indices.contains(token.word),
        let tag = tagged.tags[token.pagePosition][token.word]
      else { return 0 }
      let word = token.pagePosition << 32 | token.word
      if tag.field == "flight_range" {
        let isWhole = token.text.count == tagged.document.pages[token.pagePosition].words[token.word].text.count
        guard !isWhole, let place = places[token.start == 0 ? "flight_from" : "flight_to"] else { return 0 }
        return Int32(1 + 2 * place)
      }
      guard let place = places[tag.field], token.start + token.text.count > tag.skipped else { return 0 }
      // The first part of a word that is divided begins the value.
      let isStart = tag.isStart && seen.insert(word).inserted
      return Int32(isStart ? 1 + 2 * place : 2 + 2 * place)
    }
  }
}
