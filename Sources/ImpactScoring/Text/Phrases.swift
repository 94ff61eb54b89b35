import Foundation

/// Cuts text into the phrases whose influence is measured: runs of up to four words between punctuation and function words.
enum Phrases {
  /// Words of a text that are looked at.
  static let maxWords = 450
  static let maxWordsOfPhrase = 4

  private static let stopWords: Set<String> = [
    "a", "an", "the", "of", "and", "or", "but", "nor", "in", "on", "at", "to", "for", "from", "by", "with", "without",
    "as",
    "is", "are", "was", "were", "be", "been", "being", "has", "have", "had", "do", "does", "did", "can", "could", "may",
    "might", "will", "would", "shall", "should", "must", "we", "our", "us", "i", "it", "its", "they", "their", "them",
    "this", "that", "these", "those", "which", "who", "whose", "what", "where", "when", "while", "such", "so", "than",
    "then", "there", "here", "if", "into", "onto", "over", "under", "via", "per", "not", "no", "also", "both",
    "between",
    "through", "during", "however", "thus", "hence", "therefore", "more", "most", "each", "all", "any", "some", "only",
  ]

  /// Ranges of the phrases in the text, in order, without overlap.
  static func ranges(_ text: String) -> [Range<String.Index>] {
    var phrases: [Range<String.Index>] = []
    var run: [Range<String.Index>] = []
    var count = 0
    func finish() {
      // Long runs become pieces of equal length.
      let pieces = (run.count + maxWordsOfPhrase - 1) / maxWordsOfPhrase
      for piece in 0..<pieces {
        let first = run.count * piece / pieces, last = run.count * (piece + 1) / pieces - 1
        phrases.append(run[first].lowerBound..<run[last].upperBound)
      }
      run = []
    }
    var index = text.startIndex
    while index < text.endIndex, count < maxWords {
      let character = text[index]
      guard character.isLetter || character.isNumber else {
        // A hyphen or apostrophe within a word does not end the phrase, other signs do.
        if !character.isWhitespace, !"-'’".contains(character) { finish() }
        index = text.index(after: index)
        continue
      }
      let end = text[index...].firstIndex { !($0.isLetter || $0.isNumber || $0 == "-" || $0 == "'") } ?? text.endIndex
      count += 1
      if stopWords.contains(text[index..<end].lowercased()) { finish() } else { run.append(index..<end) }
      index = end
    }
    finish()
    return phrases
  }
}
