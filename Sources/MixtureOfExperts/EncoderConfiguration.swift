import Tensor

/// Everything that tells one transformer of this product from another.
public struct EncoderConfiguration: Codable, Equatable, Sendable {
  public enum Gate: String, Codable, Sendable {
    /// Logits are the Euclidean distances to the layer's centroids, the largest win (as in the published Moirai-MoE).
    case centroidDistance = "centroid_distance"
    /// Logits are a linear map of the token; with one expert there is no gate.
    case linear
  }
  public enum Positions: Codable, Equatable, Sendable {
    case none
    /// Rotary (Su et al., arXiv 2104.09864) in interleaved pairs over the first `fraction` of each head's dimensions.
    case rotary(fraction: Double, base: Double)
    /// Rotary over two coordinates: the first half of each head turns with x, the second with y, so that attention
    /// depends on how far two tokens are apart on the page.
    case rotary2D(base: Double)
    /// A table of `count` vectors for each of `axes` coordinates, added to the tokens.
    case learned(count: Int, axes: Int)

    /// Coordinates that each token must bring.
    public var axes: Int {
      switch self {
      case .none: 0
      case .rotary: 1
      case .rotary2D: 2
      case .learned(_, let axes): axes
      }
    }
  }
  public enum Norm: String, Codable, Sendable {
    case rms, layer
  }
  public enum NormPlacement: String, Codable, Sendable {
    /// x + f(norm(x)), and a norm at the end.
    case pre
    /// norm(x + f(x)).
    case post
  }
  public enum FeedForward: String, Codable, Sendable {
    /// fc2(activation(fc_gate(x)) * fc1(x)) (Shazeer, arXiv 2002.05202).
    case gated
    /// fc2(activation(fc1(x))).
    case plain
  }
  public enum Activation: String, Codable, Sendable {
    case silu, gelu
  }

  /// d_model.
  public var modelSize: Int
  public var layers: Int
  public var heads: Int
  /// Hidden size of each expert.
  public var feedForwardSize: Int
  /// One expert makes the layer dense.
  public var experts = 1
  /// Experts that each token goes through.
  public var expertsPerToken = 1
  /// Hidden size of one more expert that every token goes through (DeepSeekMoE, Dai et al., arXiv 2401.06066); nil for
  /// none. With routed experts of few hidden units it makes a dense model a sparse one: shared feed-forward block plus
  /// low-rank experts, which changes nothing while the experts' second factors are zero.
  public var sharedFeedForwardSize: Int?
  public var gate = Gate.linear
  /// Weight of the load-balancing loss of the Switch Transformer (Fedus et al., arXiv 2101.03961) in training.
  public var balanceLoss = 0.0
  public var isCausal = false
  public var positions = Positions.none
  /// A learned bias per head for keys of the same variate and one for keys of another.
  public var variateBias = false
  /// RMS norm of queries and keys per head.
  public var queryKeyNorm = false
  public var norm = Norm.rms
  public var normPlacement = NormPlacement.pre
  public var normEpsilon = 1e-5
  public var feedForward = FeedForward.gated
  public var activation = Activation.silu
  /// Biases in attention and experts.
  public var hasBias = false

  public init(modelSize: Int, layers: Int, heads: Int, feedForwardSize: Int) {
    self.modelSize = modelSize
    self.layers = layers
    self.heads = heads
    self.feedForwardSize = feedForwardSize
  }

  public var headSize: Int { modelSize / heads }

  /// The shared expert as a dense block of its own; nil where there is none.
  var sharedExpert: EncoderConfiguration? {
    guard let sharedFeedForwardSize else { return nil }
    var dense = self
    dense.feedForwardSize = sharedFeedForwardSize
    dense.experts = 1
    dense.expertsPerToken = 1
    dense.sharedFeedForwardSize = nil
    return dense
  }

  /// Dimensions of a head that are turned: (first, pairs) for each axis.
  var rotations: [(first: Int, pairs: Int, base: Double)] {
    switch positions {
    case .none, .learned: []
    case .rotary(let fraction, let base): [(0, Int(Double(headSize) * fraction) / 2, base)]
    case .rotary2D(let base):
      [(0, headSize / 4, base), (headSize / 4 * 2, headSize / 4, base)]
    }
  }

  /// - Parameter file: the name to put into the error.
  /// - Throws: `CheckpointError.badConfiguration` for what cannot be or is absurdly large.
  public func validate(file: String) throws {
    func need(_ condition: Bool, _ key: String, _ reason: String) throws {
      guard condition else { throw CheckpointError.badConfiguration(file, key: key, reason: reason) }
    }
    try need((1...16_384).contains(modelSize), "d_model", "\(modelSize) is not from 1 to 16384")
    try need((1...256).contains(layers), "num_layers", "\(layers) is not from 1 to 256")
    try need(heads >= 1 && modelSize % heads == 0, "num_heads", "\(heads) does not divide d_model \(modelSize)")
    try need((1...65_536).contains(feedForwardSize), "d_ff", "\(feedForwardSize) is not from 1 to 65536")
    try need((1...4096).contains(experts), "num_experts", "\(experts) is not from 1 to 4096")
    try need(
      (1...min(experts, 64)).contains(expertsPerToken), "num_experts_per_token",
      "\(expertsPerToken) is not from 1 to \(min(experts, 64))")
    try need(
      sharedFeedForwardSize.map { (1...65_536).contains($0) } ?? true, "shared_feed_forward_size",
      "\(sharedFeedForwardSize ?? 0) is not from 1 to 65536")
    let weights = Double(layers) * Double(experts) * 3 * Double(modelSize) * Double(feedForwardSize)
    try need(weights <= 20e9, "d_model", "these sizes make \(Int(weights / 1e9)) billion weights, more than 20")
    if case .rotary(let fraction, let base) = positions {
      try need(
        fraction > 0 && fraction <= 1 && base > 1, "positions", "fraction \(fraction) and base \(base) cannot be")
    }
    if case .rotary2D(let base) = positions {
      try need(headSize % 4 == 0 && base > 1, "positions", "heads of \(headSize) cannot be turned in two axes")
    }
    if case .learned(let count, let axes) = positions {
      try need((1...65_536).contains(count) && (1...8).contains(axes), "positions", "\(count) x \(axes) cannot be")
    }
    try need(normEpsilon > 0 && normEpsilon < 1, "norm_eps", "\(normEpsilon) is not between 0 and 1")
  }
}
