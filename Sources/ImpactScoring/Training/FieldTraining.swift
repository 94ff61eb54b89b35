import Foundation
import MixtureOfExperts
import Tensor

public enum FieldTrainingError: Error, Equatable, Sendable, CustomStringConvertible {
  case tooFew(Int, needed: Int)
  case noSpread

  public var description: String {
    switch self {
    case .tooFew(let count, let needed):
      "\(count) usable papers are too few to learn from and to check what was learned; give at least \(needed)"
    case .noSpread: "all papers have the same target: there is nothing to learn"
    }
  }
}

/// Fits the score to a user's own field: the encoder stays as it is, the linear part and the weights of the features get
/// corrections by ridge regression. What is shipped is the starting point, and remains where the field's papers do not
/// say otherwise.
///
/// Strength of the corrections by five-fold cross-validation; "no correction" (only a new calibration) is among the
/// choices. The figures of the report are from an outer cross-validation that chooses within its training parts.
public struct FieldTraining: Sendable {
  public static let leastPapers = 50

  public struct Report: Codable, Sendable {
    public var papers: Int
    /// nil where no correction was better than any.
    public var penalty: Double?
    /// Cross-validated, of the shipped score with a new calibration and of the fitted one.
    public var spearmanBefore: Double
    public var spearman: Double
    public var maeBefore: Double
    public var mae: Double
    public var folder: String

    public var text: String {
      """
      \(papers) papers; five-fold cross-validation: Spearman \(Self.f(spearmanBefore)) before, \(Self.f(spearman)) after; \
      MAE \(Self.f(maeBefore)) before, \(Self.f(mae)) after
      \(penalty.map { "corrections with penalty \($0)" } ?? "no correction helped: only the calibration is new")

      """
    }

    private static func f(_ value: Double) -> String { String(format: "%.3f", value) }
  }

  private static let penalties: [Double?] = [nil, 1, 3, 10, 30]
  private static let folds = 5

  public init() {}

  /// Writes config.json and head.safetensors to the folder.
  /// - Parameters:
  ///   - targets: TNCSI_SP of each article, in [0, 1].
  ///   - progress: called with the share that is done.
  /// - Throws: `FieldTrainingError`, `ImpactModelError`, whatever `progress` throws.
  public func run(
    _ articles: [Article], targets: [Double], base: ImpactModel, name: String, folder: URL,
    progress: (Double, String) throws -> Void = { _, _ in }
  ) throws -> Report {
    guard articles.count >= Self.leastPapers else {
      throw FieldTrainingError.tooFew(articles.count, needed: Self.leastPapers)
    }
    guard let encoder = base.encoder else { throw ImpactModelError.noEncoder(base.name) }
    guard Set(targets).count > 1 else { throw FieldTrainingError.noSpread }
    let cleaned = articles.map { CleanedArticle($0) }
    let features = try encoder.pooled(
      cleaned.map { encoder.sequence(title: $0.title, abstract: $0.abstract) }, .impact,
      progress: { try progress(0.8 * Double($0) / Double(articles.count), "reading \($0)/\(articles.count)") })
    let problem = Problem(cleaned, targets, base, features)
    let all = Array(articles.indices)
    // Neighbouring rows of a table are often alike: folds are drawn.
    var random = CounterBasedRandom(seed: 1, stream: 7)
    var order = all
    for place in order.indices.dropLast() {
      order.swapAt(place, place + Int(random.uniform() * Double(order.count - place)))
    }
    func part(_ fold: Int, of rows: [Int]) -> (train: [Int], test: [Int]) {
      let size = rows.count
      let test = rows[size * fold / Self.folds..<size * (fold + 1) / Self.folds]
      return (Array(rows[..<test.startIndex] + rows[test.endIndex...]), Array(test))
    }
    func choose(_ rows: [Int]) -> Double? {
      let scores = Self.penalties.map { penalty -> Double in
        var predicted = [Double](repeating: 0, count: articles.count)
        for fold in 0..<Self.folds {
          let (train, test) = part(fold, of: rows)
          let fit = problem.fit(train, penalty)
          for row in test { predicted[row] = problem.predict(row, fit) }
        }
        return ImpactMetrics.spearman(rows.map { targets[$0] }, rows.map { predicted[$0] })
      }
      let best = scores.indices.max { scores[$0] < scores[$1] } ?? 0
      return Self.penalties[best]
    }
    var before = [Double](repeating: 0, count: articles.count), after = before
    for fold in 0..<Self.folds {
      try progress(0.8 + 0.15 * Double(fold) / Double(Self.folds), "cross-validation \(fold + 1)/\(Self.folds)")
      let (train, test) = part(fold, of: order)
      let plain = problem.fit(train, nil), fitted = problem.fit(train, choose(train))
      for row in test { (before[row], after[row]) = (problem.predict(row, plain), problem.predict(row, fitted)) }
    }
    let penalty = choose(order)
    let fit = problem.fit(order, penalty)
    try write(base, problem, fit, name: name, folder: folder, targets: targets, heldOut: after)
    return Report(
      papers: articles.count, penalty: penalty, spearmanBefore: ImpactMetrics.spearman(targets, before),
      spearman: ImpactMetrics.spearman(targets, after), maeBefore: ImpactMetrics.meanAbsoluteError(targets, before),
      mae: ImpactMetrics.meanAbsoluteError(targets, after), folder: folder.path)
  }

  /// The regression: wide features, then the encoder's, centred and scaled to a length like the wide ones'.
  private struct Problem {
    let prior: [Double]
    let targets: [Double]
    let squares: LeastSquares
    let wideColumns: Int
    let mean: [Double]
    let scale: Double

    init(_ articles: [CleanedArticle], _ targets: [Double], _ base: ImpactModel, _ features: Tensor) {
      self.targets = targets
      let wideColumns = 1 << base.config.bits
      self.wideColumns = wideColumns
      let size = features.rowSize, count = Double(articles.count)
      var mean = [Double](repeating: 0, count: size)
      for row in articles.indices { for place in 0..<size { mean[place] += Double(features.row(row)[place]) / count } }
      var square = 0.0
      for row in articles.indices {
        for place in 0..<size { square += pow(Double(features.row(row)[place]) - mean[place], 2) / count }
      }
      let scale = square > 0 ? 1 / square.squareRoot() : 1
      (self.mean, self.scale) = (mean, scale)
      var prior: [Double] = []
      var rows: [LeastSquares.Row] = []
      for (index, article) in articles.enumerated() {
        let wide = base.wide.features(title: article.title, abstract: article.abstract).vector
        let row = features.row(index)
        prior.append(
          base.config.intercept + wide.reduce(0) { $0 + Double($1.value) * Double(base.wide.weight[$1.index]) }
            + (0..<size).reduce(0) { $0 + Double(base.deep[$1]) * Double(row[$1]) })
        rows.append(
          wide + (0..<size).map { (wideColumns + $0, Float((Double(row[$0]) - mean[$0]) * scale)) })
      }
      self.prior = prior
      squares = LeastSquares(rows: rows, columns: wideColumns + size)
    }

    struct Fit {
      /// target = offset + slope x prior + corrections.
      var slope: Double
      var offset: Double
      var corrections: [Double]?
    }

    func fit(_ rows: [Int], _ penalty: Double?) -> Fit {
      let count = Double(rows.count)
      let x = rows.reduce(0) { $0 + prior[$1] } / count, y = rows.reduce(0) { $0 + targets[$1] } / count
      let variance = rows.reduce(0) { $0 + pow(prior[$1] - x, 2) }
      let slope = variance > 0 ? max(0, rows.reduce(0) { $0 + (prior[$1] - x) * (targets[$1] - y) } / variance) : 0
      var fit = Fit(slope: slope, offset: y - slope * x, corrections: nil)
      guard let penalty else { return fit }
      let residuals = targets.indices.map { targets[$0] - fit.offset - slope * prior[$0] }
      fit.corrections = squares.solve(residuals, chosen: rows, penalty: penalty)
      return fit
    }

    func predict(_ row: Int, _ fit: Fit) -> Double {
      min(1, max(0, fit.offset + fit.slope * prior[row] + (fit.corrections.map { squares.product(row, $0) } ?? 0)))
    }
  }

  private func write(
    _ base: ImpactModel, _ problem: Problem, _ fit: Problem.Fit, name: String, folder: URL, targets: [Double],
    heldOut: [Double]
  ) throws {
    let size = base.deep.count
    var wide = base.wide.weight.map { Float(fit.slope) * $0 }
    var deep = base.deep.map { fit.slope * Double($0) }
    var intercept = fit.offset + fit.slope * base.config.intercept
    if let corrections = fit.corrections {
      for place in wide.indices { wide[place] += Float(corrections[place]) }
      for place in 0..<size {
        let weight = corrections[problem.wideColumns + place] * problem.scale
        deep[place] += weight
        intercept -= weight * problem.mean[place]
      }
    }
    // The band: what held-out papers of like scores missed by.
    let order = heldOut.indices.sorted { heldOut[$0] < heldOut[$1] }
    let bins = max(2, min(10, order.count / 50))
    var config = base.config
    (config.bandKnots, config.bandLow, config.bandHigh) = ([], [], [])
    for bin in 0..<bins {
      let rows = order[order.count * bin / bins..<order.count * (bin + 1) / bins]
      let errors = rows.map { targets[$0] - heldOut[$0] }.sorted()
      config.bandKnots.append(rows.reduce(0) { $0 + heldOut[$1] } / Double(rows.count))
      config.bandLow.append(Self.quantile(errors, 0.1))
      config.bandHigh.append(Self.quantile(errors, 0.9))
    }
    let sorted = heldOut.sorted()
    config.reference = (0...100).map { Self.quantile(sorted, Double($0) / 100) }
    config.referenceName = "the \(heldOut.count) papers that \(name) was fitted on"
    (config.name, config.intercept, config.slope, config.offset) = (name, intercept, 1, 0)
    config.base = config.base ?? ImpactModel.standardName
    config.encoder = nil
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try SafeTensors.write(
      [
        ("idf", Tensor(shape: [wide.count], base.wide.idf)), ("weight", Tensor(shape: [wide.count], wide)),
        ("deep", Tensor(shape: [size], deep.map { Float($0) })),
      ], to: folder.appendingPathComponent("head.safetensors"))
    try encoder.encode(config).write(to: folder.appendingPathComponent("config.json"), options: .atomic)
  }

  private static func quantile(_ sorted: [Double], _ q: Double) -> Double {
    let place = q * Double(sorted.count - 1)
    let low = Int(place)
    let high = min(low + 1, sorted.count - 1)
    return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
  }
}
