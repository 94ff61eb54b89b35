import Foundation
import Tensor

/// Chooses the experts of each token.
struct Router: Sendable {
  private let configuration: EncoderConfiguration
  private let linear: PackedMatrix?
  /// [experts, model size]
  private let centroids: Tensor?

  /// Gates are small and decide everything: they stay in Float32.
  init(
    _ configuration: EncoderConfiguration, _ file: SafeTensors, _ name: String, centroids: Tensor?, _ arena: WeightArena
  ) throws {
    self.configuration = configuration
    self.centroids = centroids
    linear =
      centroids == nil
      ? try PackedMatrix(
        file, [name], shape: [configuration.experts, configuration.modelSize], precision: .float32, arena: arena) : nil
  }

  /// The largest logits win; their softmax weighs the experts.
  /// - Parameter logits: room for [tokens, experts].
  func assign(_ x: Tensor, _ logits: Tensor) -> ExpertAssignment {
    let (tokens, experts, size) = (x.rows, configuration.experts, configuration.modelSize)
    Parallel.forRanges(tokens, least: 32) { range in
      if let linear {
        linear.multiply(
          x.row(range.lowerBound), stride: size, count: range.count, into: logits.row(range.lowerBound), stride: experts
        )
      } else if let centroids {
        Kernels.best.squared_distances(
          x.row(range.lowerBound), size, Int32(range.count), centroids.pointer, Int32(experts), Int32(size),
          logits.row(range.lowerBound))
        for index in range.lowerBound * experts..<range.upperBound * experts {
          logits.pointer[index] = logits.pointer[index].squareRoot()
        }
      }
    }
    return ExpertAssignment(logits: logits, tokens: tokens, perToken: configuration.expertsPerToken)
  }
}

/// Which tokens go to which expert, grouped by expert.
struct ExpertAssignment: Sendable {
  let perToken: Int
  /// The expert of pair (token, slot), at token x perToken + slot.
  var experts: [Int]
  /// Its weight.
  var weights: [Float]
  /// Where the pair stands in the order by expert.
  var places: [Int]
  /// Tokens in the order by expert.
  var tokens: [Int32]
  /// Places of each expert.
  var ranges: [Range<Int>]

  static func dense(tokens: Int) -> ExpertAssignment {
    ExpertAssignment(tokens: tokens)
  }

  private init(tokens count: Int) {
    perToken = 1
    experts = [Int](repeating: 0, count: count)
    weights = [Float](repeating: 1, count: count)
    places = Array(0..<count)
    tokens = (0..<Int32(count)).map { $0 }
    ranges = [0..<count]
  }

  /// - Parameter logits: [tokens, experts]; NaN counts as the smallest.
  init(logits: Tensor, tokens count: Int, perToken: Int) {
    let expertCount = logits.rowSize
    self.perToken = perToken
    experts = [Int](repeating: 0, count: count * perToken)
    weights = [Float](repeating: 0, count: count * perToken)
    places = [Int](repeating: 0, count: count * perToken)
    tokens = [Int32](repeating: 0, count: count * perToken)
    var counts = [Int](repeating: 0, count: expertCount)
    for token in 0..<count {
      let row = logits.pointer + token * expertCount
      let first = token * perToken
      var taken = 0
      for slot in 0..<perToken {
        var best = -1
        for expert in 0..<expertCount where best < 0 || row[expert] > row[best] || row[best].isNaN {
          if !experts[first..<first + slot].contains(expert) { best = expert }
        }
        experts[first + slot] = best
        counts[best] += 1
        taken += 1
      }
      let most = row[experts[first]]
      var sum: Float = 0
      for slot in 0..<taken {
        weights[first + slot] = expf(row[experts[first + slot]] - most)
        sum += weights[first + slot]
      }
      for slot in 0..<taken { weights[first + slot] /= sum }
    }
    var next: [Int] = []
    var start = 0
    ranges = counts.map { size in
      defer { start += size }
      next.append(start)
      return start..<start + size
    }
    for pair in experts.indices {
      let place = next[experts[pair]]
      next[experts[pair]] += 1
      places[pair] = place
      tokens[place] = Int32(pair / perToken)
    }
  }
}

/// How many tokens each expert of each layer got, and on request which token went where.
public final class RoutingReport: @unchecked Sendable {
  /// An expert of a token and its weight.
  public struct Choice: Sendable, Equatable {
    public let expert: Int
    public let weight: Float
  }

  /// [layer][expert]
  public private(set) var counts: [[Int]]
  /// [layer][token][slot] of all passes, one behind the other; empty unless they are kept.
  public private(set) var choices: [[[Choice]]]
  private let keepsChoices: Bool

  public init(_ configuration: EncoderConfiguration, keepsChoices: Bool = false) {
    counts = Array(repeating: Array(repeating: 0, count: configuration.experts), count: configuration.layers)
    choices = keepsChoices ? Array(repeating: [], count: configuration.layers) : []
    self.keepsChoices = keepsChoices
  }

  func add(_ assignment: ExpertAssignment, layer: Int) {
    for (expert, range) in assignment.ranges.enumerated() { counts[layer][expert] += range.count }
    guard keepsChoices else { return }
    let (perToken, count) = (assignment.perToken, assignment.experts.count)
    choices[layer] += stride(from: 0, to: count, by: perToken).map { first in
      (first..<first + perToken).map { Choice(expert: assignment.experts[$0], weight: assignment.weights[$0]) }
    }
  }
}
