import Foundation
import MixtureOfExperts
import Tensor

/// Predicts TNCSI_SP from title and abstract: a linear part over hashed words and word pairs and, in docq-impact-1, the
/// features of a sparse text encoder.
///
/// percentile = intercept + wide(title, abstract) + deep . mean(encoder(title, abstract)), then a linear calibration to
/// TNCSI_SP. Method and target: Zhao et al., "From Words to Worth: Newborn Article Impact Prediction with LLM"
/// (arXiv 2408.03934). Recipes in Training/impact.
public struct ImpactModel: Sendable {
  /// What the number is not; shown with every report.
  public static let limitations =
    "The score predicts later citations from title and abstract alone, relative to papers of the same topic and time. "
    + "It is weak evidence, does not measure quality and is no basis for decisions about people."

  /// Name of the model that comes with docq.
  public static let standardName = "docq-impact-1"
  /// The models that come with docq.
  public static let names = [standardName, "docq-impact-linear-1"]

  struct Config: Codable {
    var architecture: String
    var name: String
    var bits: Int
    var intercept, slope, offset: Double
    var bandKnots, bandLow, bandHigh, reference: [Double]
    var referenceName: String
    /// The encoder's sizes, or nil for a linear model.
    var encoder: TextEncoderConfiguration?
    /// Name of the shipped model whose encoder is used, for a model that was fitted to a user's own field.
    var base: String?
  }

  let config: Config
  let wide: WideBranch
  let encoder: TextEncoder?
  /// [model size], with an encoder.
  let deep: [Float]
  let neighbours: NeighbourIndex?

  public var name: String { config.name }
  /// What percentiles refer to.
  public var referenceSet: String { config.referenceName }
  /// Whether the model makes embeddings and finds similar papers.
  public var hasEncoder: Bool { encoder != nil }

  // MARK: - Loading

  /// The model that comes with docq.
  public static func shipped() throws -> ImpactModel { try named(standardName) }

  /// A model by its name or folder.
  /// - Throws: `ImpactModelError`, `CheckpointError`.
  public static func named(_ name: String) throws -> ImpactModel {
    if names.contains(name) { return try ImpactModel(directory: folder(of: name)) }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: name, isDirectory: &isFolder), isFolder.boolValue else {
      throw ImpactModelError.notAModel(name)
    }
    return try ImpactModel(directory: URL(fileURLWithPath: name, isDirectory: true))
  }

  static func folder(of name: String) throws -> URL {
    guard let folder = Bundle.module.url(forResource: "Resources/\(name)", withExtension: nil) else {
      throw ImpactModelError.missing(name)
    }
    return folder
  }

  /// The pieces of the text encoder that comes with docq.
  public static func vocabulary() throws -> URL { try folder(of: standardName).appendingPathComponent("vocab.txt") }

  /// Loads config.json, head.safetensors and, with an encoder, model.safetensors and vocab.txt of a folder.
  public init(directory: URL) throws {
    let config = try Self.config(directory)
    self.config = config
    let isLinear = config.encoder == nil && config.base == nil
    let head = try SafeTensors(directory.appendingPathComponent(isLinear ? "model.safetensors" : "head.safetensors"))
    wide = try WideBranch(head, bits: config.bits)
    if let base = config.base {
      let folder = try Self.folder(of: base)
      guard let sizes = try Self.config(folder).encoder else { throw ImpactModelError.noEncoder(base) }
      encoder = try TextEncoder(sizes, directory: folder)
    } else {
      encoder = try config.encoder.map { try TextEncoder($0, directory: directory) }
    }
    deep = try encoder.map { try head.floats("deep", shape: [$0.size]).values } ?? []
    neighbours = try encoder.flatMap { try NeighbourIndex(head, directory: directory, size: $0.size) }
  }

  private static func config(_ directory: URL) throws -> Config {
    let file = directory.appendingPathComponent("config.json")
    guard let data = try? Data(contentsOf: file) else { throw ImpactModelError.missing(file.lastPathComponent) }
    let config: Config
    do {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      config = try decoder.decode(Config.self, from: data)
    } catch {
      throw ImpactModelError.malformed("config.json", reason: "\(error)")
    }
    guard (8...22).contains(config.bits), config.bandKnots.count > 1, config.reference.count == 101,
      config.bandKnots.count == config.bandLow.count, config.bandKnots.count == config.bandHigh.count
    else { throw ImpactModelError.malformed("config.json", reason: "bits, band or reference are out of range") }
    return config
  }

  // MARK: - Scoring

  public func score(_ article: Article) -> ImpactScore { score([article])[0] }

  /// Scores in the order of the articles.
  public func score(_ articles: [Article]) -> [ImpactScore] { score(articles, progress: { _ in }) }

  /// Scores in the order of the articles.
  /// - Parameter progress: called now and then with the number of articles that are done; stops where it throws.
  public func score(_ articles: [Article], progress: (Int) throws -> Void) rethrows -> [ImpactScore] {
    let cleaned = Parallel.map(articles) { CleanedArticle($0) }
    return try zip(articles, zip(cleaned, linear(cleaned, progress: progress))).map { article, found in
      let (clean, linear) = found
      let score = min(1, max(0, config.slope * linear + config.offset))
      let low = interpolate(config.bandLow, at: score), high = interpolate(config.bandHigh, at: score)
      let below = config.reference.lastIndex { $0 <= score } ?? 0
      return ImpactScore(
        id: article.id, title: article.title, score: score, low: min(score, max(0, score + low)),
        high: max(score, min(1, score + high)), percentile: Double(below),
        notes: clean.notes.isEmpty ? nil : clean.notes)
    }
  }

  /// The predicted percentile before calibration.
  func linear(_ articles: [CleanedArticle], progress: (Int) throws -> Void) rethrows -> [Double] {
    var result = Parallel.map(articles) { config.intercept + wide.sum(title: $0.title, abstract: $0.abstract) }
    guard let encoder else { return result }
    let sequences = Parallel.map(articles) { encoder.sequence(title: $0.title, abstract: $0.abstract) }
    let features = try encoder.pooled(sequences, .impact, progress: progress)
    for index in articles.indices {
      let row = features.row(index)
      result[index] += deep.indices.reduce(0) { $0 + Double(deep[$1]) * Double(row[$1]) }
    }
    return result
  }

  /// The features that the score is linear in, [articles, model size]; nil without an encoder.
  public func features(_ articles: [Article], progress: (Int) throws -> Void) rethrows -> Tensor? {
    try encoder.map { encoder in
      let sequences = Parallel.map(articles) { article in
        let clean = CleanedArticle(article)
        return encoder.sequence(title: clean.title, abstract: clean.abstract)
      }
      return try encoder.pooled(sequences, .impact, progress: progress)
    }
  }

  /// Embeddings of length 1, [texts, model size].
  /// - Throws: `ImpactModelError.noEncoder`.
  public func embeddings(_ texts: [String], progress: (Int) throws -> Void) throws -> Tensor {
    guard let encoder else { throw ImpactModelError.noEncoder(name) }
    return try encoder.embeddings(texts, progress: progress)
  }

  /// What an article's embedding is made of.
  public static func embeddedText(_ article: Article) -> String {
    let clean = CleanedArticle(article)
    return [clean.title, clean.abstract].filter { !$0.isEmpty }.joined(separator: ". ")
  }

  /// The papers of the training set that are most alike, for each article.
  /// - Throws: `ImpactModelError.noEncoder`.
  public func similar(_ articles: [Article], count: Int) throws -> [[SimilarPaper]] {
    guard let encoder, let neighbours else { throw ImpactModelError.noEncoder(name) }
    let vectors = encoder.embeddings(articles.map { Self.embeddedText($0) }, progress: { _ in })
    return articles.indices.map { neighbours.nearest(to: vectors.row($0), count: count) }
  }

  private func interpolate(_ values: [Double], at score: Double) -> Double {
    let knots = config.bandKnots
    guard let after = knots.firstIndex(where: { $0 > score }) else { return values[values.count - 1] }
    guard after > 0 else { return values[0] }
    let share = (score - knots[after - 1]) / max(1e-12, knots[after] - knots[after - 1])
    return values[after - 1] + share * (values[after] - values[after - 1])
  }
}
