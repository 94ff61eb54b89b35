import Foundation
import MixtureOfExperts
import Tensor

/// config.json of a published Moirai-MoE checkpoint (Liu et al., arXiv 2410.10469).
struct MoiraiConfiguration: Sendable {
  /// A part of the predictive mixture, by the class name of the reference implementation.
  enum Component: Equatable, Sendable {
    case studentT
    case normalFixedScale(Double)
    case negativeBinomial
    case logNormal

    /// Names of its parameters, as the file has them.
    var parameters: [String] {
      switch self {
      case .studentT: ["df", "loc", "scale"]
      case .normalFixedScale: ["loc"]
      case .negativeBinomial: ["total_count", "logits"]
      case .logNormal: ["loc", "scale"]
      }
    }
  }

  var patchSize: Int
  /// Tokens of a sequence that the model was trained for.
  var maxTokens: Int
  /// Whether values are standardised first.
  var isScaling: Bool
  var components: [Component]
  var encoder: EncoderConfiguration

  /// - Parameter centroids: shape of `encoder.centroid`, which tells the number of experts.
  /// - Throws: `CheckpointError.badConfiguration` naming the key.
  init(_ data: Data, centroids: [Int], file: String = "config.json") throws {
    guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw CheckpointError.badConfiguration(file, key: "", reason: "it is not a JSON object")
    }
    func bad(_ key: String, _ reason: String) -> CheckpointError { .badConfiguration(file, key: key, reason: reason) }
    func whole(_ key: String) throws -> Int {
      guard let number = object[key] as? NSNumber, let value = Int(exactly: number.doubleValue), value > 0 else {
        throw bad(key, object[key] == nil ? "is missing" : "must be a whole number above 0")
      }
      return value
    }
    guard let sizes = object["patch_sizes"] as? [Int], sizes.count == 1, (1...4096).contains(sizes[0]) else {
      throw bad("patch_sizes", "must be a list of one size from 1 to 4096; several patch sizes are not supported")
    }
    patchSize = sizes[0]
    maxTokens = try whole("max_seq_len")
    guard maxTokens <= 1 << 20 else { throw bad("max_seq_len", "\(maxTokens) is above 1048576") }
    if let scaling = object["scaling"], !(scaling is Bool) { throw bad("scaling", "must be true or false") }
    isScaling = object["scaling"] as? Bool ?? true
    components = try Self.components(object["distr_output"], bad)
    let size = try whole("d_model"), layers = try whole("num_layers")
    // As in the reference: heads of 64.
    guard size % 64 == 0 else { throw bad("d_model", "\(size) is not a multiple of 64, the size of a head") }
    encoder = EncoderConfiguration(
      modelSize: size, layers: layers, heads: size / 64, feedForwardSize: try whole("d_ff"))
    encoder.isCausal = true
    encoder.positions = .rotary(fraction: 0.5, base: 10000)
    encoder.variateBias = true
    encoder.queryKeyNorm = true
    encoder.gate = .centroidDistance
    guard centroids.count == 3, centroids[0] == layers, centroids[2] == size, centroids[1] >= 2 else {
      throw bad(
        "num_layers", "the tensor 'encoder.centroid' has the shape \(centroids), not [\(layers), experts, \(size)]")
    }
    encoder.experts = centroids[1]
    encoder.expertsPerToken = 2
    try encoder.validate(file: file)
  }

  private static func components(
    _ value: Any?, _ bad: (String, String) -> CheckpointError
  ) throws -> [Component] {
    let prefix = "uni2ts.distribution."
    guard let output = value as? [String: Any], output["_target_"] as? String == prefix + "mixture.MixtureOutput",
      let list = output["components"] as? [[String: Any]], (1...16).contains(list.count)
    else { throw bad("distr_output", "must be a mixture (\(prefix)mixture.MixtureOutput) of 1 to 16 components") }
    return try list.map { component in
      switch component["_target_"] as? String {
      case prefix + "student_t.StudentTOutput": return .studentT
      case prefix + "negative_binomial.NegativeBinomialOutput": return .negativeBinomial
      case prefix + "log_normal.LogNormalOutput": return .logNormal
      case prefix + "normal.NormalFixedScaleOutput":
        let scale = component["scale"] as? Double ?? 1e-3
        guard scale > 0, scale.isFinite else { throw bad("distr_output", "the scale \(scale) is not above 0") }
        return .normalFixedScale(scale)
      case let other:
        throw bad("distr_output", "the component '\((other ?? "without _target_").prefix(80))' is not known here")
      }
    }
  }
}
