import CKernels
import Foundation
import Tensor

/// The transformer that every model of the product runs on: attention and a sparse mixture of experts in each layer.
///
/// Weights are packed once at load; a pass reads each weight once, however many tokens there are. All cores work within
/// a pass, so call it from one thread at a time for speed (from several it is still correct).
public final class Encoder: Sendable {
  public let configuration: EncoderConfiguration
  private let layers: [EncoderLayer]
  private let finalNorm: NormWeights?
  /// Learned tables [count, model size], one for each axis.
  private let positionTables: [Tensor]

  /// - Parameters:
  ///   - precision: of the matrices; nil keeps what the file has.
  /// - Throws: `CheckpointError` naming the tensor or key.
  public init(
    _ configuration: EncoderConfiguration, file: SafeTensors, prefix: String = "encoder.", precision: Precision? = nil
  ) throws {
    try configuration.validate(file: file.fileName)
    // Everything is looked at before anything is allocated.
    for parameter in configuration.parameters(prefix: prefix) {
      let entry = try file.entry(parameter.name)
      guard entry.shape == parameter.shape else {
        throw CheckpointError.wrongShape(
          parameter.name, file: file.fileName, expected: parameter.shape, found: entry.shape)
      }
    }
    self.configuration = configuration
    var centroids: Tensor?
    if configuration.experts > 1, configuration.gate == .centroidDistance {
      centroids = try file.floats(prefix + "centroid")
    }
    let arena = WeightArena()
    var made: [EncoderLayer] = []
    for index in 0..<configuration.layers {
      made.append(
        try EncoderLayer(
          configuration, file, "\(prefix)layers.\(index).", precision: precision, centroids: centroids, index: index,
          arena))
    }
    layers = made
    finalNorm =
      configuration.normPlacement == .pre ? try NormWeights(configuration.norm, file, prefix + "norm") : nil
    if case .learned(_, let axes) = configuration.positions {
      positionTables = try (0..<axes).map { try file.floats("\(prefix)positions.\($0).weight") }
    } else {
      positionTables = []
    }
  }

  /// Bytes of all packed matrices.
  public var bytes: Int { layers.reduce(0) { $0 + $1.bytes } }

  /// A pass over whole sequences.
  /// - Parameters:
  ///   - x: token vectors [tokens, model size]; they are overwritten.
  ///   - asked: tokens whose result is wanted, which saves the last layer's work for the others; nil for all.
  ///   - routing: counts which experts the tokens take.
  /// - Returns: the encoded tokens, [asked, model size]; x itself where all are wanted.
  @discardableResult public func forward(
    _ x: Tensor, _ layout: TokenLayout, asked: [Int]? = nil, routing: RoutingReport? = nil
  ) -> Tensor {
    run(x, layout, asked, branches: nil, keep: false, routing).result
  }

  /// A pass over whole sequences that can be continued.
  public func prefill(
    _ x: Tensor, _ layout: TokenLayout, asked: [Int]? = nil, routing: RoutingReport? = nil
  ) -> (result: Tensor, cache: PrefixCache) {
    let (result, kept) = run(x, layout, asked, branches: nil, keep: true, routing)
    return (
      result,
      PrefixCache(
        layers: kept, times: Int32Buffer(layout.times), variates: Int32Buffer(layout.variates),
        segments: layout.segments)
    )
  }

  /// The next tokens of every branch: segment i of the layout belongs to branch i.
  @discardableResult public func step(
    _ x: Tensor, _ layout: TokenLayout, _ branches: BranchCache, asked: [Int]? = nil, routing: RoutingReport? = nil
  ) -> Tensor {
    branches.extend(layout)
    return run(x, layout, asked, branches: branches, keep: false, routing).result
  }

  private func run(
    _ x: Tensor, _ layout: TokenLayout, _ asked: [Int]?, branches: BranchCache?, keep: Bool, _ routing: RoutingReport?
  ) -> (result: Tensor, kept: [Tensor]) {
    let size = configuration.modelSize
    precondition(x.shape == [layout.count, size])
    guard layout.count > 0 else { return (x, []) }
    addPositions(x, layout)
    let angles = layout.angles(configuration)
    let work = EncoderWorkspace(tokens: layout.count, configuration)
    let times = Int32Buffer(layout.times), variates = Int32Buffer(layout.variates)
    let isPre = configuration.normPlacement == .pre
    var x = x
    var kept: [Tensor] = []
    for (index, layer) in layers.enumerated() {
      if keep { work.qkv = Tensor(shape: [layout.count, 3 * size], zeroed: false) }
      let chosen = index == layers.count - 1 ? asked : nil
      if isPre { layer.norm1.apply(x.pointer, work.normed.pointer, x.rows, configuration) }
      let attended = layer.attention.forward(
        isPre ? work.normed : x, into: work.attended, chosen, work, layout, angles, times, variates, branches,
        layer: index)
      if let chosen { x = x.gathered(chosen) }
      layer.attention.project(attended, addingTo: x)
      if !isPre { layer.norm1.apply(x.pointer, x.pointer, x.rows, configuration) }
      var y = x
      if isPre || layer.shared != nil {
        y = chosen == nil ? work.normed : Tensor(shape: x.shape, zeroed: false)
        if isPre {
          layer.norm2.apply(x.pointer, y.pointer, x.rows, configuration)
        } else {
          y.pointer.update(from: x.pointer, count: x.count)
        }
      }
      layer.shared?.forward(y, addingTo: x, work, nil, layer: index)
      layer.experts.forward(y, addingTo: x, work, routing, layer: index)
      if !isPre { layer.norm2.apply(x.pointer, x.pointer, x.rows, configuration) }
      if keep { kept.append(work.qkv) }
    }
    finalNorm?.apply(x.pointer, x.pointer, x.rows, configuration)
    return (x, kept)
  }

  private func addPositions(_ x: Tensor, _ layout: TokenLayout) {
    for (axis, table) in positionTables.enumerated() {
      for (token, coordinate) in layout.axis(axis).enumerated() {
        let row = coordinate.isFinite ? max(0, min(table.rows - 1, Int(coordinate))) : 0
        Kernels.best.add_scaled(x.row(token), table.row(row), 1, x.rowSize)
      }
    }
  }
}

/// One layer's weights.
struct EncoderLayer: Sendable {
  let norm1: NormWeights
  let norm2: NormWeights
  let attention: SelfAttention
  let shared: ExpertFeedForward?
  let experts: ExpertFeedForward

  init(
    _ configuration: EncoderConfiguration, _ file: SafeTensors, _ prefix: String, precision: Precision?,
    centroids: Tensor?, index: Int, _ arena: WeightArena
  ) throws {
    norm1 = try NormWeights(configuration.norm, file, prefix + "norm1")
    norm2 = try NormWeights(configuration.norm, file, prefix + "norm2")
    attention = try SelfAttention(configuration, file, prefix + "self_attn.", precision: precision, arena)
    shared = try configuration.sharedExpert.map {
      try ExpertFeedForward($0, file, prefix + "ffn.shared.", precision: precision, centroids: nil, arena)
    }
    experts = try ExpertFeedForward(
      configuration, file, prefix + "ffn.", precision: precision,
      centroids: centroids.map { all in
        Tensor(
          shape: [configuration.experts, configuration.modelSize],
          UnsafeBufferPointer(start: all.row(index), count: all.rowSize))
      }, arena)
  }

  var bytes: Int { attention.bytes + (shared?.bytes ?? 0) + experts.bytes }
}

/// Weight, and bias for a layer norm.
struct NormWeights: Sendable {
  let weight: Tensor
  let bias: Tensor?

  init(_ norm: EncoderConfiguration.Norm, _ file: SafeTensors, _ name: String) throws {
    weight = try file.floats(name + ".weight")
    bias = norm == .layer ? try file.floats(name + ".bias") : nil
  }

  func apply(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ rows: Int, _ configuration: EncoderConfiguration
  ) {
    let size = weight.count, epsilon = Float(configuration.normEpsilon)
    Parallel.forRanges(rows, least: 64) { range in
      let (x, y, count) = (x + range.lowerBound * size, y + range.lowerBound * size, Int32(range.count))
      if let bias {
        Kernels.best.layer_norm(x, y, count, Int32(size), weight.pointer, bias.pointer, epsilon)
      } else {
        Kernels.best.rms_norm(x, y, count, Int32(size), weight.pointer, epsilon)
      }
    }
  }
}

/// Memory that the layers of one pass share.
final class EncoderWorkspace {
  /// [tokens, model size]
  let normed: Tensor
  let attended: Tensor
  /// [tokens, 3 x model size]
  var qkv: Tensor
  /// [tokens x experts per token, model size]
  let expertOutputs: Tensor
  /// [tokens, experts]
  let gateLogits: Tensor

  init(tokens: Int, _ configuration: EncoderConfiguration) {
    let size = configuration.modelSize
    normed = Tensor(shape: [tokens, size], zeroed: false)
    attended = Tensor(shape: [tokens, size], zeroed: false)
    qkv = Tensor(shape: [tokens, 3 * size], zeroed: false)
    expertOutputs = Tensor(shape: [tokens * configuration.expertsPerToken, size], zeroed: false)
    gateLogits = Tensor(shape: [tokens, configuration.experts], zeroed: false)
  }
}
