import Foundation
import MixtureOfExperts
import Tensor

/// Moirai-MoE (Liu et al., "Moirai-MoE: Empowering Time Series Foundation Models with Sparse Mixture of Experts",
/// arXiv 2410.10469), for checkpoints in the published format: config.json and model.safetensors.
///
/// A token is a patch of one variate. It is projected, goes through a causal encoder, and predicts a mixture
/// distribution for the next patch of its variate.
public final class MoiraiMoE: Sendable {
  let configuration: MoiraiConfiguration
  let encoder: Encoder
  private let inputProjection: LinearLayer
  private let featureProjection: LinearLayer
  private let residualProjection: LinearLayer
  private let head: LinearLayer
  public let directory: URL
  let precision: Precision

  /// - Parameters:
  ///   - directory: holds config.json and model.safetensors.
  ///   - precision: of the matrices; nil keeps what the file has.
  /// - Throws: `CheckpointError` naming the file and the tensor or key.
  public init(_ directory: URL, precision: Precision? = nil) throws {
    self.directory = directory
    let file = try SafeTensors(directory.appendingPathComponent("model.safetensors"))
    guard let config = FileManager.default.contents(atPath: directory.appendingPathComponent("config.json").path)
    else { throw CheckpointError.cannotOpen("config.json", reason: "no such file beside model.safetensors") }
    configuration = try MoiraiConfiguration(config, centroids: try file.entry("encoder.centroid").shape)
    let size = configuration.encoder.modelSize, patch = configuration.patchSize
    inputProjection = try LinearLayer(file, ["in_proj"], size, patch, precision)
    featureProjection = try LinearLayer(file, ["feat_proj"], size, size, precision)
    residualProjection = try LinearLayer(file, ["res_proj"], size, patch, precision)
    var parameters: [(String, Int)] = [("weights_logits", configuration.components.count * patch)]
    for (index, component) in configuration.components.enumerated() {
      parameters += component.parameters.map { ("components.\(index).\($0)", patch) }
    }
    head = try LinearLayer(
      file, parameters.map { "param_proj.proj.\($0.0)" }, parameters.map(\.1), size, precision)
    encoder = try Encoder(configuration.encoder, file: file, precision: precision)
    self.precision = precision ?? file.precision(of: "in_proj.weight")
  }

  private var projections: [LinearLayer] { [inputProjection, featureProjection, residualProjection, head] }

  /// Weights and biases outside the encoder.
  var projectionParameters: Int { projections.reduce(0) { $0 + $1.parameterCount } }

  /// Bytes of all packed matrices.
  var memoryBytes: Int { encoder.bytes + projections.reduce(0) { $0 + $1.bytes } }

  /// Token vectors [tokens, model size] of scaled patches [tokens, patch size].
  func embed(_ patches: Tensor) -> Tensor {
    let result = residualProjection(patches)
    let hidden = inputProjection(patches)
    Kernels.best.silu(hidden.pointer, hidden.count)
    featureProjection(hidden, addingTo: result)
    return result
  }

  /// Raw distribution parameters of tokens, in the order of `MixtureDistribution`.
  func parameters(_ encoded: Tensor) -> Tensor { head(encoded) }

  func distribution(_ parameters: Tensor, _ row: Int) -> MixtureDistribution {
    MixtureDistribution(
      components: configuration.components, patchSize: configuration.patchSize, raw: UnsafePointer(parameters.row(row)))
  }

  /// Patches less location, divided by scale.
  func scaled(
    _ tokens: MoiraiTokens, _ chosen: [Int], _ location: [Double], _ scale: [Double]
  ) -> Tensor {
    let patch = configuration.patchSize
    let result = Tensor(shape: [chosen.count, patch], zeroed: false)
    for (row, token) in chosen.enumerated() {
      for index in 0..<patch {
        let value = Double(tokens.values[token * patch + index])
        result.row(row)[index] = Float((value - location[token]) / scale[token])
      }
    }
    return result
  }
}
