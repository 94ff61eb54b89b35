import CKernels
import Foundation
import Tensor

/// The encoder with weights that change: a forward pass that keeps what the explicit backward pass of each layer needs.
///
/// It computes what `Encoder` computes, in Float32 and on the calling thread: training puts its threads above whole
/// sequences (see `DataParallel`). `BLAS.open()` must have succeeded.
public struct TrainableEncoder: Sendable {
  public let configuration: EncoderConfiguration
  public let prefix: String

  public init(_ configuration: EncoderConfiguration, prefix: String = "encoder.") {
    self.configuration = configuration
    self.prefix = prefix
  }

  /// What a forward pass leaves for the backward pass.
  public final class Trace {
    let layout: TokenLayout
    let angles: [(cosine: [Float], sine: [Float])]
    fileprivate(set) var layers: [LayerTrace] = []
    /// Input of the last norm.
    fileprivate(set) var beforeNorm: Tensor
    /// [tokens, model size]
    public fileprivate(set) var output: Tensor
    /// Mean over the layers of experts x sum over experts (share of the pairs x mean probability); 1 when balanced.
    public fileprivate(set) var balanceLoss = 0.0

    init(_ layout: TokenLayout, _ configuration: EncoderConfiguration, _ x: Tensor) {
      self.layout = layout
      angles = layout.angles(configuration)
      beforeNorm = x
      output = x
    }
  }

  struct LayerTrace {
    var attention: AttentionTrace
    var feedForward: FeedForwardTrace
    /// Inputs of the two norms.
    var firstNormInput: Tensor
    var secondNormInput: Tensor
  }

  /// - Parameter x: token vectors [tokens, model size]; they are not changed.
  public func forward(_ x: Tensor, _ layout: TokenLayout, _ parameters: ParameterSet) -> Trace {
    let size = configuration.modelSize, count = layout.count
    precondition(x.shape == [count, size])
    var x = x.copy()
    if case .learned(let rows, let axes) = configuration.positions {
      for axis in 0..<axes {
        let table = parameters["\(prefix)positions.\(axis).weight"]
        for (token, coordinate) in layout.axis(axis).enumerated() {
          Kernels.best.add_scaled(x.row(token), table + Self.row(coordinate, rows) * size, 1, size)
        }
      }
    }
    let trace = Trace(layout, configuration, x)
    for index in 0..<configuration.layers {
      let at = "\(prefix)layers.\(index)."
      let attention = AttentionTraining(configuration, at + "self_attn.")
      let experts = FeedForwardTraining(configuration, at + "ffn.", "\(prefix)centroid", layer: index)
      if configuration.normPlacement == .pre {
        let first = x
        let afterAttention = first.copy()
        let attended = attention.forward(
          norm(first, at + "norm1", parameters), addingTo: afterAttention, trace, parameters)
        let afterExperts = afterAttention.copy()
        let routed = experts.forward(norm(afterAttention, at + "norm2", parameters), addingTo: afterExperts, parameters)
        trace.layers.append(
          LayerTrace(
            attention: attended, feedForward: routed, firstNormInput: first, secondNormInput: afterAttention))
        x = afterExperts
      } else {
        let sum = x.copy()
        let attended = attention.forward(x, addingTo: sum, trace, parameters)
        let middle = norm(sum, at + "norm1", parameters)
        let second = middle.copy()
        let routed = experts.forward(middle, addingTo: second, parameters)
        trace.layers.append(
          LayerTrace(attention: attended, feedForward: routed, firstNormInput: sum, secondNormInput: second))
        x = norm(second, at + "norm2", parameters)
      }
      trace.balanceLoss += trace.layers[index].feedForward.balanceLoss / Double(configuration.layers)
    }
    trace.beforeNorm = x
    trace.output = configuration.normPlacement == .pre ? norm(x, prefix + "norm", parameters) : x
    return trace
  }

  /// Adds to the gradients of all parameters.
  ///
  /// - Parameters:
  ///   - gradient: of the loss by `trace.output`; it becomes the gradient by the input.
  ///   - balance: the factor of the balance loss in the loss; the configuration's by default.
  public func backward(
    _ gradient: Tensor, _ trace: Trace, _ parameters: ParameterSet, _ gradients: ParameterSet, balance: Double? = nil
  ) {
    precondition(gradient.shape == trace.output.shape)
    let balance = (balance ?? configuration.balanceLoss) / Double(configuration.layers)
    var dx = gradient
    if configuration.normPlacement == .pre {
      dx = normBackward(gradient, trace.beforeNorm, prefix + "norm", parameters, gradients)
    }
    for index in (0..<configuration.layers).reversed() {
      let at = "\(prefix)layers.\(index)."
      let attention = AttentionTraining(configuration, at + "self_attn.")
      let experts = FeedForwardTraining(configuration, at + "ffn.", "\(prefix)centroid", layer: index)
      let layer = trace.layers[index]
      if configuration.normPlacement == .pre {
        let routed = experts.backward(dx, layer.feedForward, parameters, gradients, balance: balance)
        addNormBackward(routed, layer.secondNormInput, at + "norm2", parameters, gradients, to: dx)
        let attended = attention.backward(dx, layer.attention, trace, parameters, gradients)
        addNormBackward(attended, layer.firstNormInput, at + "norm1", parameters, gradients, to: dx)
      } else {
        dx = normBackward(dx, layer.secondNormInput, at + "norm2", parameters, gradients)
        let routed = experts.backward(dx, layer.feedForward, parameters, gradients, balance: balance)
        Kernels.best.add_scaled(dx.pointer, routed.pointer, 1, dx.count)
        dx = normBackward(dx, layer.firstNormInput, at + "norm1", parameters, gradients)
        let attended = attention.backward(dx, layer.attention, trace, parameters, gradients)
        Kernels.best.add_scaled(dx.pointer, attended.pointer, 1, dx.count)
      }
    }
    if case .learned(let rows, let axes) = configuration.positions {
      for axis in 0..<axes {
        let table = gradients["\(prefix)positions.\(axis).weight"]
        for (token, coordinate) in trace.layout.axis(axis).enumerated() {
          Kernels.best.add_scaled(
            table + Self.row(coordinate, rows) * configuration.modelSize, dx.row(token), 1, configuration.modelSize)
        }
      }
    }
    if dx.pointer != gradient.pointer { gradient.pointer.update(from: dx.pointer, count: dx.count) }
  }

  private static func row(_ coordinate: Float, _ rows: Int) -> Int {
    coordinate.isFinite ? max(0, min(rows - 1, Int(coordinate))) : 0
  }

  // MARK: - Norms

  private func norm(_ x: Tensor, _ name: String, _ parameters: ParameterSet) -> Tensor {
    let y = Tensor(shape: x.shape, zeroed: false)
    let (rows, size) = (Int32(x.rows), Int32(x.rowSize)), epsilon = Float(configuration.normEpsilon)
    if configuration.norm == .layer {
      Kernels.best.layer_norm(
        x.pointer, y.pointer, rows, size, parameters[name + ".weight"], parameters[name + ".bias"], epsilon)
    } else {
      Kernels.best.rms_norm(x.pointer, y.pointer, rows, size, parameters[name + ".weight"], epsilon)
    }
    return y
  }

  private func normBackward(
    _ dy: Tensor, _ x: Tensor, _ name: String, _ parameters: ParameterSet, _ gradients: ParameterSet
  ) -> Tensor {
    let dx = Tensor(shape: dy.shape)
    addNormBackward(dy, x, name, parameters, gradients, to: dx)
    return dx
  }

  private func addNormBackward(
    _ dy: Tensor, _ x: Tensor, _ name: String, _ parameters: ParameterSet, _ gradients: ParameterSet, to dx: Tensor
  ) {
    let (rows, size) = (Int32(x.rows), Int32(x.rowSize)), epsilon = Float(configuration.normEpsilon)
    let weight = parameters[name + ".weight"], weightGradient = gradients[name + ".weight"]
    if configuration.norm == .layer {
      Kernels.best.layer_norm_backward(
        x.pointer, weight, dy.pointer, dx.pointer, weightGradient, gradients[name + ".bias"], rows, size, epsilon)
    } else {
      Kernels.best.rms_norm_backward(
        x.pointer, weight, dy.pointer, dx.pointer, weightGradient, rows, size, epsilon)
    }
  }
}
