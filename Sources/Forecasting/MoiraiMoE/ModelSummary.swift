import MixtureOfExperts
import Tensor

/// What a checkpoint is, for people and scripts.
public struct ModelSummary: Codable, Sendable {
  public var architecture: String
  public var layers: Int
  public var modelSize: Int
  public var feedForwardSize: Int
  public var heads: Int
  public var experts: Int
  public var expertsPerToken: Int
  public var gate: String
  public var patchSize: Int
  public var maxTokens: Int
  public var distribution: [String]
  /// All weights, and those that one token meets.
  public var parameters: Int
  public var activatedParameters: Int
  public var precision: String
  /// Of the packed weights.
  public var memoryBytes: Int
  public var instructions: String

  public var text: String {
    """
    architecture   \(architecture), patches of \(patchSize), up to \(maxTokens) tokens
    layers         \(layers) x \(modelSize) wide, \(heads) heads
    experts        \(experts) of \(feedForwardSize) in each layer, \(expertsPerToken) per token, gate: \(gate)
    output         \(distribution.joined(separator: " + "))
    parameters     \(millions(parameters)), \(millions(activatedParameters)) for each token
    precision      \(precision)
    memory         \(memoryBytes / 1_048_576) MiB
    instructions   \(instructions)

    """
  }

  private func millions(_ count: Int) -> String {
    count < 1_000_000 ? "\(count)" : "\((Double(count) / 1e5).rounded() / 10) million"
  }
}

extension MoiraiMoE {
  var summary: ModelSummary {
    ModelSummary(
      "Moirai-MoE", configuration.encoder, patchSize: configuration.patchSize, maxTokens: configuration.maxTokens,
      output: configuration.components.map { "\($0)" }, outside: projectionParameters, precision, memoryBytes)
  }
}

extension QuantileMoE {
  var summary: ModelSummary {
    let levels = configuration.quantileLevels.map { "\($0)" }.joined(separator: ", ")
    return ModelSummary(
      "docq quantile mixture of experts", configuration.encoder, patchSize: configuration.patchSize,
      maxTokens: configuration.maxPatches, output: ["quantiles \(levels) of the next \(configuration.horizon) values"],
      outside: projectionParameters, precision, memoryBytes)
  }
}

extension ModelSummary {
  /// - Parameter outside: parameters outside the encoder.
  init(
    _ architecture: String, _ encoder: EncoderConfiguration, patchSize: Int, maxTokens: Int, output: [String],
    outside: Int, _ precision: Precision, _ memoryBytes: Int
  ) {
    let expert = 3 * encoder.modelSize * encoder.feedForwardSize
    let all = encoder.parameters().reduce(0) { $0 + ($1.trains ? $1.shape.reduce(1, *) : 0) } + outside
    self.init(
      architecture: architecture, layers: encoder.layers, modelSize: encoder.modelSize,
      feedForwardSize: encoder.feedForwardSize, heads: encoder.heads, experts: encoder.experts,
      expertsPerToken: encoder.expertsPerToken, gate: encoder.gate.rawValue, patchSize: patchSize,
      maxTokens: maxTokens, distribution: output, parameters: all,
      activatedParameters: all - encoder.layers * (encoder.experts - encoder.expertsPerToken) * expert,
      precision: precision.rawValue, memoryBytes: memoryBytes, instructions: Kernels.name)
  }
}
