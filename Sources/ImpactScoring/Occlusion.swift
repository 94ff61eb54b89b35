import Foundation

/// Explains a score by occlusion (Zeiler and Fergus, arXiv 1311.2901): each phrase is left out in turn, and what the score
/// loses is what the phrase added. It speaks about the model, not about the article.
extension ImpactModel {
  /// The phrases that moved the score most, the strongest first.
  public func explain(_ article: Article, count: Int = 10) -> [PhraseContribution] {
    let clean = CleanedArticle(article)
    var variants = [clean]
    var phrases: [(part: PhraseContribution.Part, range: Range<String.Index>)] = []
    for (part, text) in [(PhraseContribution.Part.title, clean.title), (.abstract, clean.abstract)] {
      for range in Phrases.ranges(text) {
        var variant = clean
        let rest = text.replacingCharacters(in: range, with: "")
        if part == .title { variant.title = rest } else { variant.abstract = rest }
        variants.append(variant)
        phrases.append((part, range))
      }
    }
    let scores = linear(variants, progress: { _ in })
    let all = zip(phrases, scores.dropFirst()).map { phrase, without in
      let text = phrase.part == .title ? clean.title : clean.abstract
      return PhraseContribution(
        phrase: String(text[phrase.range]), part: phrase.part,
        start: text.distance(from: text.startIndex, to: phrase.range.lowerBound),
        end: text.distance(from: text.startIndex, to: phrase.range.upperBound),
        contribution: config.slope * (scores[0] - without))
    }
    return Array(
      all.sorted {
        (abs($0.contribution), $1.part.rawValue, $1.start) > (abs($1.contribution), $0.part.rawValue, $0.start)
      }
      .prefix(count))
  }

  /// Title and abstract as they were scored; phrases are places in them.
  public static func scoredText(_ article: Article) -> (title: String, abstract: String) {
    let clean = CleanedArticle(article)
    return (clean.title, clean.abstract)
  }

  /// What single words and word pairs add in the linear part of the model, exactly; the strongest first.
  public func linearTerms(_ article: Article, count: Int = 20) -> [(term: String, contribution: Double)] {
    let clean = CleanedArticle(article)
    return wide.contributions(title: clean.title, abstract: clean.abstract).map { term, value in
      (
        String(decoding: term.dropFirst(2), as: UTF8.self) + (term.first == UInt8(ascii: "t") ? " (title)" : ""),
        value * config.slope
      )
    }.sorted { (abs($0.1), $1.0) > (abs($1.1), $0.0) }.prefix(count).map { $0 }
  }
}
