import Foundation
import Tensor

/// One named array of an encoder.
public struct ParameterSpecification: Sendable {
  public enum Start: Sendable {
    case ones, zeros
    /// Normal with this standard deviation.
    case normal(Double)
  }

  public var name: String
  public var shape: [Int]
  public var start: Start
  /// False for norms and biases.
  public var decays: Bool
  /// False for the centroids of a published gate.
  public var trains = true

  public init(_ name: String, _ shape: [Int], _ start: Start, decays: Bool? = nil, trains: Bool = true) {
    self.name = name
    self.shape = shape
    self.start = start
    self.trains = trains
    if let decays {
      self.decays = decays
    } else if case .normal = start {
      self.decays = shape.count > 1
    } else {
      self.decays = false
    }
  }
}

extension EncoderConfiguration {
  /// All arrays under the names of the published checkpoints; a dense layer is `ffn.experts.0`, a shared expert
  /// `ffn.shared.experts.0`.
  public func parameters(prefix: String = "encoder.") -> [ParameterSpecification] {
    var list: [ParameterSpecification] = []
    func linear(_ name: String, _ outputs: Int, _ inputs: Int, bias: Bool, gain: Double = 1) {
      list.append(.init(name + ".weight", [outputs, inputs], .normal(gain / Double(inputs).squareRoot())))
      if bias { list.append(.init(name + ".bias", [outputs], .zeros)) }
    }
    func norm(_ name: String, _ size: Int, layer: Bool) {
      list.append(.init(name + ".weight", [size], .ones))
      if layer { list.append(.init(name + ".bias", [size], .zeros)) }
    }
    // What is added to the residual stream starts smaller the deeper the stack is (GPT-2).
    let depth = 1 / Double(2 * layers).squareRoot()
    if case .learned(let count, let axes) = positions {
      for axis in 0..<axes {
        list.append(.init("\(prefix)positions.\(axis).weight", [count, modelSize], .normal(0.02), decays: false))
      }
    }
    for layer in 0..<layers {
      let at = "\(prefix)layers.\(layer)."
      for name in ["q_proj", "k_proj", "v_proj"] {
        linear(at + "self_attn." + name, modelSize, modelSize, bias: hasBias)
      }
      linear(at + "self_attn.out_proj", modelSize, modelSize, bias: hasBias, gain: depth)
      if queryKeyNorm {
        norm(at + "self_attn.q_norm", headSize, layer: false)
        norm(at + "self_attn.k_norm", headSize, layer: false)
      }
      if variateBias {
        list.append(.init(at + "self_attn.var_attn_bias.emb.weight", [2, heads], .normal(0.02), decays: false))
      }
      norm(at + "norm1", modelSize, layer: self.norm == .layer)
      norm(at + "norm2", modelSize, layer: self.norm == .layer)
      func expert(_ at: String, hidden: Int) {
        if feedForward == .gated { linear(at + "fc_gate", hidden, modelSize, bias: hasBias) }
        linear(at + "fc1", hidden, modelSize, bias: hasBias)
        linear(at + "fc2", modelSize, hidden, bias: hasBias, gain: depth)
      }
      if let sharedFeedForwardSize { expert(at + "ffn.shared.experts.0.", hidden: sharedFeedForwardSize) }
      if experts > 1, gate == .linear { linear(at + "ffn.gate", experts, modelSize, bias: false) }
      for index in 0..<experts { expert(at + "ffn.experts.\(index).", hidden: feedForwardSize) }
    }
    if experts > 1, gate == .centroidDistance {
      list.append(.init(prefix + "centroid", [layers, experts, modelSize], .normal(1), decays: false, trains: false))
    }
    if normPlacement == .pre { norm(prefix + "norm", modelSize, layer: self.norm == .layer) }
    return list
  }
}
