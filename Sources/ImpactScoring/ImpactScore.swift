import Foundation

/// What the model says about an article.
public struct ImpactScore: Codable, Sendable {
  public var id: String
  public var title: String
  /// Predicted TNCSI_SP in [0, 1].
  public var score: Double
  /// 80 % band of the score.
  public var low: Double
  public var high: Double
  /// Share of the reference set that scores lower, in percent.
  public var percentile: Double
  /// Place in the list, 1 for the highest score; equal scores share a place.
  public var rank: Int?
  public var notes: [String]?
  /// Phrases that moved the score, where an explanation was asked for.
  public var phrases: [PhraseContribution]?
  /// Papers of the training set that are most alike, where they were asked for.
  public var similar: [SimilarPaper]?

  public init(
    id: String, title: String, score: Double, low: Double, high: Double, percentile: Double, notes: [String]? = nil
  ) {
    self.id = id
    self.title = title
    self.score = score
    self.low = low
    self.high = high
    self.percentile = percentile
    self.notes = notes
  }

  /// The scores with their places in the list.
  public static func ranked(_ scores: [ImpactScore]) -> [ImpactScore] {
    let sorted = scores.map(\.score).sorted(by: >)
    var place: [Double: Int] = [:]
    for (index, score) in sorted.enumerated() where place[score] == nil { place[score] = index + 1 }
    return scores.map {
      var score = $0
      score.rank = place[score.score]
      return score
    }
  }
}

/// A phrase and what it added to the score: positive where the score would be lower without it.
public struct PhraseContribution: Codable, Sendable, Equatable {
  public enum Part: String, Codable, Sendable { case title, abstract }

  public var phrase: String
  public var part: Part
  /// Where it stands in the title or abstract, in characters.
  public var start: Int
  public var end: Int
  public var contribution: Double

  public init(phrase: String, part: Part, start: Int, end: Int, contribution: Double) {
    (self.phrase, self.part) = (phrase, part)
    (self.start, self.end, self.contribution) = (start, end, contribution)
  }
}

/// A scored paper of the training set.
public struct SimilarPaper: Codable, Sendable, Equatable {
  public var title: String
  /// Cosine of the embeddings.
  public var similarity: Double
  /// Its true TNCSI_SP.
  public var tncsiSP: Double

  enum CodingKeys: String, CodingKey {
    case title, similarity
    case tncsiSP = "tncsi_sp"
  }
}

public enum ImpactModelError: Error, Equatable, Sendable, CustomStringConvertible {
  case missing(String)
  case malformed(String, reason: String)
  case notAModel(String)
  case noEncoder(String)

  public var description: String {
    switch self {
    case .missing(let file): "the model file \(file) is missing; reinstall docq or name another model"
    case .malformed(let file, let reason): "the model file \(file) is damaged: \(reason)"
    case .notAModel(let name): "'\(name)' is neither \(ImpactModel.names.joined(separator: " nor ")) nor a folder"
    case .noEncoder(let name): "the model \(name) has no text encoder; use \(ImpactModel.standardName)"
    }
  }
}
