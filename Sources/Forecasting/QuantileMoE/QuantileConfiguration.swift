import Foundation
import MixtureOfExperts
import Tensor

/// The shape of docq's own forecaster, as its config.json has it.
public struct QuantileConfiguration: Codable, Equatable, Sendable {
  static let architecture = "docq-quantile-moe"

  public var architecture = Self.architecture
  /// Values of a token.
  public var patchSize = 8
  /// Patches that each token predicts at once.
  public var outputPatches = 8
  /// Patches of context that the model sees at most.
  public var maxPatches = 128
  public var quantileLevels = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
  public var encoder: EncoderConfiguration

  public init(modelSize: Int = 192, layers: Int = 4, heads: Int = 6, feedForwardSize: Int = 256, experts: Int = 8) {
    encoder = EncoderConfiguration(
      modelSize: modelSize, layers: layers, heads: heads, feedForwardSize: feedForwardSize)
    encoder.experts = experts
    encoder.expertsPerToken = min(2, experts)
    encoder.balanceLoss = 0.01
    encoder.isCausal = true
    encoder.queryKeyNorm = true
    encoder.positions = .rotary(fraction: 0.5, base: 10_000)
  }

  /// Steps that one pass predicts.
  public var horizon: Int { patchSize * outputPatches }
  /// Values that the model sees at most.
  public var maxContext: Int { patchSize * maxPatches }
  /// Values that describe a token; see `QuantileFeatures`.
  var tokenWidth: Int { 4 * patchSize + 2 * horizon + 3 }
  /// Logits of the weights of the two base forecasts and of zero, for each output patch.
  var baseWidth: Int { 3 * outputPatches }

  /// - Throws: `CheckpointError.badConfiguration` naming the key.
  public init(_ data: Data) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      self = try decoder.decode(Self.self, from: data)
    } catch DecodingError.keyNotFound(let key, _) {
      throw CheckpointError.badConfiguration("config.json", key: key.stringValue, reason: "is missing")
    } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
      let key = context.codingPath.map(\.stringValue).joined(separator: ".")
      throw CheckpointError.badConfiguration("config.json", key: key, reason: "is not what it should be")
    } catch {
      throw CheckpointError.malformed("config.json", reason: "it is no JSON object of this architecture")
    }
    func need(_ condition: Bool, _ key: String, _ reason: String) throws {
      guard condition else { throw CheckpointError.badConfiguration("config.json", key: key, reason: reason) }
    }
    try need(architecture == Self.architecture, "architecture", "'\(architecture)' is not \(Self.architecture)")
    try need((1...256).contains(patchSize), "patch_size", "\(patchSize) is not from 1 to 256")
    try need((1...64).contains(outputPatches), "output_patches", "\(outputPatches) is not from 1 to 64")
    try need((1...4096).contains(maxPatches), "max_patches", "\(maxPatches) is not from 1 to 4096")
    try need(
      (1...99).contains(quantileLevels.count) && quantileLevels == quantileLevels.sorted()
        && quantileLevels.allSatisfy { $0 > 0 && $0 < 1 },
      "quantile_levels", "must be ascending numbers between 0 and 1")
    try encoder.validate(file: "config.json")
  }

  public func json() throws -> Data {
    let coder = JSONEncoder()
    coder.keyEncodingStrategy = .convertToSnakeCase
    coder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return try coder.encode(self) + Data("\n".utf8)
  }

  /// All arrays of a checkpoint.
  public var parameters: [ParameterSpecification] {
    let size = encoder.modelSize
    func linear(_ name: String, _ outputs: Int, _ inputs: Int, gain: Double = 1) -> [ParameterSpecification] {
      [
        ParameterSpecification(name + ".weight", [outputs, inputs], .normal(gain / Double(inputs).squareRoot())),
        ParameterSpecification(name + ".bias", [outputs], .zeros),
      ]
    }
    return linear("in_proj", size, tokenWidth) + linear("feat_proj", size, size) + linear("res_proj", size, tokenWidth)
      + encoder.parameters()
      + linear("quantile_proj", horizon * quantileLevels.count, size, gain: 0.2)
      + linear("base_proj", baseWidth, size, gain: 0.2)
  }
}
