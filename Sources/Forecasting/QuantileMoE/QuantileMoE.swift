import CKernels
import Foundation
import MixtureOfExperts
import Tensor

/// docq's own forecaster: a causal sparse mixture-of-experts transformer over patches, as Moirai-MoE (arXiv 2410.10469), whose
/// tokens predict quantiles of the next patches directly, as Moirai 2.0 does, on top of two simple base forecasts.
public final class QuantileMoE: Sendable {
  public let configuration: QuantileConfiguration
  let encoder: Encoder
  private let inputProjection: LinearLayer
  private let featureProjection: LinearLayer
  private let residualProjection: LinearLayer
  private let quantileHead: LinearLayer
  private let baseHead: LinearLayer
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
    configuration = try QuantileConfiguration(config)
    let size = configuration.encoder.modelSize, width = configuration.tokenWidth
    let outputs = configuration.horizon * configuration.quantileLevels.count
    inputProjection = try LinearLayer(file, ["in_proj"], size, width, precision)
    featureProjection = try LinearLayer(file, ["feat_proj"], size, size, precision)
    residualProjection = try LinearLayer(file, ["res_proj"], size, width, precision)
    quantileHead = try LinearLayer(file, ["quantile_proj"], outputs, size, precision)
    baseHead = try LinearLayer(file, ["base_proj"], configuration.baseWidth, size, precision)
    encoder = try Encoder(configuration.encoder, file: file, precision: precision)
    self.precision = precision ?? file.precision(of: "in_proj.weight")
  }

  private var projections: [LinearLayer] {
    [inputProjection, featureProjection, residualProjection, quantileHead, baseHead]
  }

  var projectionParameters: Int { projections.reduce(0) { $0 + $1.parameterCount } }
  var memoryBytes: Int { encoder.bytes + projections.reduce(0) { $0 + $1.bytes } }

  /// Quantiles of the next `horizon` values of each context, in the series' units: [contexts][horizon][levels], ascending.
  func quantiles(_ contexts: [QuantileFeatures], routing: RoutingReport? = nil) -> [[[Double]]] {
    let (tokens, x, layout) = embed(contexts)
    let segments = layout.segments
    let last = encoder.forward(x, layout, asked: segments.map { $0.upperBound - 1 }, routing: routing)
    let residuals = quantileHead(last), mix = baseHead(last)
    return contexts.indices.map { row in
      let bases = tokens.row(segments[row].upperBound - 1) + QuantileFeatures.baseOffset(configuration)
      return unscaled(residuals.row(row), mix.row(row), bases, contexts[row])
    }
  }

  /// Features and vectors of all tokens of the contexts, one context behind the other.
  func embed(_ contexts: [QuantileFeatures]) -> (tokens: Tensor, vectors: Tensor, layout: TokenLayout) {
    let lengths = contexts.map(\.patches)
    let tokens = Tensor(shape: [lengths.reduce(0, +), configuration.tokenWidth], zeroed: false)
    var segments: [Range<Int>] = [], start = 0
    for length in lengths {
      segments.append(start..<start + length)
      start += length
    }
    Parallel.forEach(contexts.count) { index in
      contexts[index].write(lengths[index], into: tokens.row(segments[index].lowerBound))
    }
    let x = residualProjection(tokens)
    let hidden = inputProjection(tokens)
    Kernels.best.silu(hidden.pointer, hidden.count)
    featureProjection(hidden, addingTo: x)
    return (tokens, x, TokenLayout(segments: segments, times: lengths.flatMap { (0..<Int32($0)).map { $0 } }))
  }

  private func unscaled(
    _ residuals: UnsafePointer<Float>, _ mix: UnsafePointer<Float>, _ bases: UnsafePointer<Float>,
    _ context: QuantileFeatures
  ) -> [[Double]] {
    let horizon = configuration.horizon, count = configuration.quantileLevels.count
    return (0..<horizon).map { step in
      let (first, second) = QuantileHead.weights(mix + 3 * (step / configuration.patchSize))
      let centre = first * bases[step] + second * bases[horizon + step]
      return (0..<count).map { context.restored(centre + residuals[step * count + $0]) }.sorted()
    }
  }
}
