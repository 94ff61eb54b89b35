import Foundation

/// Where the tokens of a packed batch belong: sequences of any lengths stand one behind the other, without padding.
public struct TokenLayout: Sendable {
  /// Tokens of each sequence; together they cover all tokens in order.
  public var segments: [Range<Int>]
  /// Order in time, for causal attention: a token sees those whose time is not after its own.
  public var times: [Int32]
  /// For the variate bias; empty where there is none.
  public var variates: [Int32]
  /// For each axis of the configuration's positions one coordinate per token. Empty: the times serve.
  public var coordinates: [[Float]]

  public init(
    segments: [Range<Int>], times: [Int32], variates: [Int32] = [], coordinates: [[Float]] = []
  ) {
    self.segments = segments
    self.times = times
    self.variates = variates.isEmpty ? [Int32](repeating: 0, count: times.count) : variates
    self.coordinates = coordinates
  }

  public var count: Int { times.count }

  /// Coordinates along one axis.
  func axis(_ index: Int) -> [Float] { coordinates.isEmpty ? times.map(Float.init) : coordinates[index] }

  /// Cosines and sines [tokens, pairs] for each axis that turns.
  func angles(_ configuration: EncoderConfiguration) -> [(cosine: [Float], sine: [Float])] {
    configuration.rotations.enumerated().map { index, rotation in
      let width = Float(2 * rotation.pairs)
      let steps = (0..<rotation.pairs).map { 1 / powf(Float(rotation.base), Float(2 * $0) / width) }
      var cosine: [Float] = [], sine: [Float] = []
      cosine.reserveCapacity(count * rotation.pairs)
      sine.reserveCapacity(count * rotation.pairs)
      for position in axis(index) {
        for step in steps {
          cosine.append(cosf(position * step))
          sine.append(sinf(position * step))
        }
      }
      return (cosine, sine)
    }
  }
}
