import Foundation
import MixtureOfExperts
import Tensor

/// Runs a checkpoint on reference cases that stand beside it: cases.json and case_NAME.safetensors with `input.*` and
/// `ref.*` arrays of the reference implementation (uni2ts).
public struct ModelVerification {
  public struct Deviation: Codable, Sendable {
    /// "embedded", "encoded", "components.0.df", ...
    public var array: String
    /// Largest |ours - reference| / max(|reference|, root mean square of the reference array).
    public var error: Double
  }

  public struct Case: Codable, Sendable {
    public var name: String
    public var deviations: [Deviation]
    public var worst: Double { deviations.map(\.error).max() ?? .infinity }
  }

  /// Above this a case fails.
  public static let tolerance = 1e-4

  private let model: MoiraiMoE

  public init(_ model: MoiraiMoE) { self.model = model }

  private struct Description: Decodable {
    var name: String
    var predictionLength: Int
    var targetDim: Int
    var futureCovariates: Int
    var pastCovariates: Int
    var batch: Int
  }

  /// - Throws: `CheckpointError` where cases.json or a case's file is missing or damaged.
  public func run() throws -> [Case] {
    guard let data = FileManager.default.contents(atPath: model.directory.appendingPathComponent("cases.json").path)
    else { throw CheckpointError.cannotOpen("cases.json", reason: "there are no reference cases beside the model") }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let descriptions: [Description]
    do {
      descriptions = try decoder.decode([Description].self, from: data)
    } catch {
      throw CheckpointError.badConfiguration("cases.json", key: "", reason: "it is not a list of cases: \(error)")
    }
    return try descriptions.map { description in
      guard description.name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" }) else {
        throw CheckpointError.badConfiguration("cases.json", key: "name", reason: "'\(description.name)' is not a name")
      }
      return try run(description)
    }
  }

  private func run(_ description: Description) throws -> Case {
    let file = try SafeTensors(
      model.directory.appendingPathComponent("case_\(description.name).safetensors"))
    let inputs = try (0..<description.batch).map { try input(file, description, $0) }
    let patch = model.configuration.patchSize
    let tokens = inputs.map { MoiraiTokens($0, patchSize: patch) }
    let count = tokens[0].count
    let scalings = tokens.map { model.configuration.isScaling ? $0.scaling() : $0.noScaling }
    let all = Tensor(shape: [tokens.count * count, patch], zeroed: false)
    for (index, (tokens, scaling)) in zip(tokens, scalings).enumerated() {
      let part = model.scaled(tokens, Array(0..<count), scaling.location, scaling.scale)
      all.row(index * count).update(from: part.pointer, count: part.count)
    }
    var deviations: [Deviation] = []
    func compare(_ name: String, _ ours: [Double]) throws {
      let reference = try file.floats("ref." + name).values.map(Double.init)
      deviations.append(Deviation(array: name, error: Self.deviation(ours, reference)))
    }
    try compare("target", tokens.flatMap { $0.values.map(Double.init) })
    try compare("time_id", tokens.flatMap { $0.times.map(Double.init) })
    try compare("variate_id", tokens.flatMap { $0.variates.map(Double.init) })
    try compare("loc", scalings.flatMap(\.location))
    try compare("scale", scalings.flatMap(\.scale))
    let x = model.embed(all)
    try compare("embedded", x.values.map(Double.init))
    model.encoder.forward(
      x,
      TokenLayout(
        segments: tokens.indices.map { $0 * count..<($0 + 1) * count }, times: tokens.flatMap(\.times),
        variates: tokens.flatMap(\.variates)))
    try compare("encoded", x.values.map(Double.init))
    let raw = model.parameters(x)
    let components = model.configuration.components
    for (index, component) in components.enumerated() {
      for (place, name) in component.parameters.enumerated() {
        try compare(
          "param.components.\(index).\(name)",
          (0..<x.rows).flatMap { row in
            (0..<patch).map { model.distribution(raw, row).parameter(index, place, $0) }
          })
      }
    }
    try compare(
      "param.weights_logits",
      (0..<x.rows).flatMap { row in
        (0..<patch).flatMap { position in components.indices.map { model.distribution(raw, row).logit($0, position) } }
      })
    return Case(name: description.name, deviations: deviations)
  }

  static func deviation(_ ours: [Double], _ reference: [Double]) -> Double {
    guard ours.count == reference.count, !ours.isEmpty else { return .infinity }
    let square = reference.reduce(0) { $0 + $1 * $1 } / Double(reference.count)
    let size = max(square.squareRoot(), 1e-12)
    var worst = 0.0
    for (a, b) in zip(ours, reference) {
      let error = abs(a - b) / max(abs(b), size)
      if !(error <= worst) { worst = error.isNaN ? .infinity : error }
    }
    return worst
  }

  private func input(_ file: SafeTensors, _ description: Description, _ item: Int) throws -> MoiraiInput {
    func variates(_ values: String, _ observed: String, _ expected: Int) throws -> [MoiraiInput.Variate] {
      guard expected > 0 else { return [] }
      let values = try file.floats("input." + values), observed = try file.floats("input." + observed)
      guard values.shape.count == 3, values.shape == observed.shape, values.shape[0] > item,
        values.shape[2] == expected
      else {
        throw CheckpointError.badConfiguration(
          file.fileName, key: "input", reason: "arrays of the shapes \(values.shape) and \(observed.shape)")
      }
      let length = values.shape[1]
      return (0..<expected).map { variate in
        let places = (0..<length).map { (item * length + $0) * expected + variate }
        return MoiraiInput.Variate(
          values: places.map { values.pointer[$0] }, observed: places.map { observed.pointer[$0] != 0 })
      }
    }
    let input = MoiraiInput(
      targets: try variates("past_target", "past_observed_target", description.targetDim),
      futureCovariates: try variates(
        "feat_dynamic_real", "observed_feat_dynamic_real", description.futureCovariates),
      pastCovariates: try variates(
        "past_feat_dynamic_real", "past_observed_feat_dynamic_real", description.pastCovariates),
      horizon: description.predictionLength)
    let context = input.contextLength
    guard context > 0, (1...65_536).contains(input.horizon),
      input.futureCovariates.allSatisfy({ $0.values.count == context + input.horizon }),
      input.pastCovariates.allSatisfy({ $0.values.count == context })
    else {
      throw CheckpointError.badConfiguration(
        file.fileName, key: "input", reason: "the lengths of targets and covariates do not fit")
    }
    return input
  }
}
