import CKernels
import Foundation
import Synchronization
import Tensor

/// The sparse feed-forward block of one layer: each token goes through a few of the experts.
struct ExpertFeedForward: Sendable {
  private let configuration: EncoderConfiguration
  private let router: Router?
  /// fc_gate above fc1 in one matrix, or fc1 alone.
  private let inputs: [PackedMatrix]
  private let outputs: [PackedMatrix]

  init(
    _ configuration: EncoderConfiguration, _ file: SafeTensors, _ prefix: String, precision: Precision?,
    centroids: Tensor?, _ arena: WeightArena
  ) throws {
    self.configuration = configuration
    let (size, hidden) = (configuration.modelSize, configuration.feedForwardSize)
    if configuration.experts > 1 {
      router = try Router(configuration, file, prefix + "gate.weight", centroids: centroids, arena)
    } else {
      router = nil
    }
    let names = configuration.feedForward == .gated ? ["fc_gate", "fc1"] : ["fc1"]
    func bias(_ expert: Int, _ names: [String]) throws -> [Float] {
      guard configuration.hasBias else { return [] }
      return try names.flatMap { try file.floats("\(prefix)experts.\(expert).\($0).bias").values }
    }
    let packed = Mutex<([Int: (PackedMatrix, PackedMatrix)], (any Error)?)>(([:], nil))
    Parallel.forEach(configuration.experts) { expert in
      let at = "\(prefix)experts.\(expert)."
      do {
        let first = try PackedMatrix(
          file, names.map { at + $0 + ".weight" }, shape: [hidden, size], bias: try bias(expert, names),
          precision: precision, arena: arena)
        let second = try PackedMatrix(
          file, [at + "fc2.weight"], shape: [size, hidden], bias: try bias(expert, ["fc2"]), precision: precision,
          arena: arena)
        packed.withLock { $0.0[expert] = (first, second) }
      } catch {
        packed.withLock { $0.1 = error }
      }
    }
    let (matrices, failure) = packed.withLock { $0 }
    if let failure { throw failure }
    inputs = (0..<configuration.experts).map { matrices[$0]!.0 }
    outputs = (0..<configuration.experts).map { matrices[$0]!.1 }
  }

  var bytes: Int { (inputs + outputs).reduce(0) { $0 + $1.bytes } }

  /// target += the weighted sum of the experts' outputs for x; both [tokens, model size].
  func forward(_ x: Tensor, addingTo target: Tensor, _ work: EncoderWorkspace, _ routing: RoutingReport?, layer: Int) {
    let tokens = x.rows, size = configuration.modelSize
    let assignment = router?.assign(x, work.gateLogits) ?? .dense(tokens: tokens)
    routing?.add(assignment, layer: layer)

    let block = Int(DOCQ_BLOCK_ROWS)
    // Pieces of one expert's tokens, the largest first so that the cores finish together.
    let pieces = (0..<configuration.experts).flatMap { expert in
      let range = assignment.ranges[expert]
      return stride(from: range.lowerBound, to: range.upperBound, by: block).map {
        (expert: expert, pairs: $0..<min($0 + block, range.upperBound))
      }
    }.sorted { $0.pairs.count > $1.pairs.count }
    // One expert's results go straight to their place; those of several are weighed first.
    let out = router == nil ? target : work.expertOutputs
    assignment.tokens.withUnsafeBufferPointer { order in
      if pieces.count < Parallel.threads {
        for piece in pieces { run(piece.expert, x, order.baseAddress!, piece.pairs, out, isWide: true) }
      } else {
        Parallel.forEach(pieces.count) { index in
          run(pieces[index].expert, x, order.baseAddress!, pieces[index].pairs, out, isWide: false)
        }
      }
    }
    guard router != nil else { return }
    let perToken = assignment.perToken
    Parallel.forRanges(tokens, least: 64) { range in
      for token in range {
        for slot in 0..<perToken {
          let pair = token * perToken + slot
          Kernels.best.add_scaled(target.row(token), out.row(assignment.places[pair]), assignment.weights[pair], size)
        }
      }
    }
  }

  /// One expert on the tokens of some pairs; results stand at the pairs' places, or are added there where it is the only
  /// one.
  private func run(
    _ expert: Int, _ x: Tensor, _ order: UnsafePointer<Int32>, _ pairs: Range<Int>, _ out: Tensor, isWide: Bool
  ) {
    let hidden = configuration.feedForwardSize, size = configuration.modelSize
    let width = inputs[expert].outputs
    let h = Tensor(shape: [pairs.count, width], zeroed: false)
    if isWide, configuration.experts == 1 {
      inputs[expert].multiplyInParallel(
        x.row(pairs.lowerBound), stride: size, count: pairs.count, into: h.pointer, stride: width)
    } else {
      inputs[expert].multiply(
        x.pointer, stride: size, rows: order + pairs.lowerBound, count: pairs.count, into: h.pointer, stride: width)
    }
    for row in 0..<pairs.count { activate(h.row(row), hidden) }
    let isOnly = router == nil
    if isWide {
      outputs[expert].multiplyInParallel(
        h.pointer, stride: width, count: pairs.count, into: out.row(pairs.lowerBound), stride: size,
        accumulate: isOnly)
    } else {
      outputs[expert].multiply(
        h.pointer, stride: width, count: pairs.count, into: out.row(pairs.lowerBound), stride: size,
        accumulate: isOnly)
    }
  }

  private func activate(_ values: UnsafeMutablePointer<Float>, _ hidden: Int) {
    switch (configuration.feedForward, configuration.activation) {
    case (.gated, .silu): Kernels.best.silu_multiply(values, values + hidden, hidden)
    case (.gated, .gelu):
      Kernels.best.gelu(values, hidden)
      for index in 0..<hidden { values[index] *= values[hidden + index] }
    case (.plain, .silu): Kernels.best.silu(values, hidden)
    case (.plain, .gelu): Kernels.best.gelu(values, hidden)
    }
  }
}

/// The sparse feed-forward block of one layer by itself, for measuring it.
public struct SparseFeedForward: Sendable {
  private let configuration: EncoderConfiguration
  private let block: ExpertFeedForward

  /// - Throws: `CheckpointError`.
  public init(
    _ configuration: EncoderConfiguration, file: SafeTensors, prefix: String = "encoder.", layer: Int,
    precision: Precision? = nil
  ) throws {
    self.configuration = configuration
    block = try ExpertFeedForward(
      configuration, file, "\(prefix)layers.\(layer).ffn.", precision: precision, centroids: nil, WeightArena())
  }

  /// target += experts(x); both [tokens, model size].
  public func forward(_ x: Tensor, addingTo target: Tensor) {
    block.forward(x, addingTo: target, EncoderWorkspace(tokens: x.rows, configuration), nil, layer: 0)
  }
}
