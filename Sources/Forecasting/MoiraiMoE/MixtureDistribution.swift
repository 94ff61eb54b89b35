import Foundation
import Tensor

/// The mixture that a token predicts for the next patch of its variate, in scaled units.
///
/// A view into the parameters of one token: [weights_logits (components x patch), then each component's parameters].
struct MixtureDistribution {
  let components: [MoiraiConfiguration.Component]
  let patchSize: Int
  /// Raw network outputs of one token.
  let raw: UnsafePointer<Float>

  /// Rows of all parameter projections together.
  static func width(_ components: [MoiraiConfiguration.Component], patchSize: Int) -> Int {
    patchSize * (components.count + components.reduce(0) { $0 + $1.parameters.count })
  }

  static func softplus(_ x: Double) -> Double { x > 20 ? x : log1p(exp(x)) }

  /// A parameter on its domain, as the reference maps it.
  static func domain(_ component: MoiraiConfiguration.Component, _ name: String, _ x: Double) -> Double {
    switch (component, name) {
    case (.studentT, "df"): 2 + softplus(x)
    case (_, "scale"): max(softplus(x), 1.1920929e-07)
    case (.negativeBinomial, "total_count"): softplus(x)
    default: x
    }
  }

  func logit(_ component: Int, _ position: Int) -> Double { Double(raw[component * patchSize + position]) }

  /// The `index`-th parameter of all components' parameters, on its domain.
  func parameter(_ component: Int, _ name: Int, _ position: Int) -> Double {
    let before = components[..<component].reduce(0) { $0 + $1.parameters.count }
    let at = (components.count + before + name) * patchSize + position
    return Self.domain(components[component], components[component].parameters[name], Double(raw[at]))
  }

  /// Softmax of the logits at a position of the patch.
  func weights(_ position: Int) -> [Double] {
    let logits = components.indices.map { logit($0, position) }
    let most = logits.max() ?? 0
    let powers = logits.map { exp($0 - most) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  /// A value at a position of the patch.
  func sample(_ position: Int, _ random: inout CounterBasedRandom) -> Double {
    let weights = weights(position)
    var rest = random.uniform()
    var chosen = components.count - 1
    for (index, weight) in weights.enumerated() {
      rest -= weight
      if rest < 0 {
        chosen = index
        break
      }
    }
    func value(_ name: Int) -> Double { parameter(chosen, name, position) }
    let drawn: Double
    switch components[chosen] {
    case .studentT: drawn = value(1) + value(2) * random.studentT(value(0))
    case .normalFixedScale(let scale): drawn = value(0) + scale * random.normal()
    case .negativeBinomial: drawn = random.poisson(random.gamma(value(0)) * exp(min(value(1), 60)))
    case .logNormal: drawn = exp(min(value(0) + value(1) * random.normal(), 60))
    }
    return drawn.isFinite ? drawn : 0
  }

  /// The expected value at a position.
  func mean(_ position: Int) -> Double {
    zip(weights(position), components.indices).reduce(0) { sum, part in
      let (weight, index) = part
      func value(_ name: Int) -> Double { parameter(index, name, position) }
      let mean =
        switch components[index] {
        case .studentT: value(1)
        case .normalFixedScale: value(0)
        case .negativeBinomial: value(0) * exp(value(1))
        case .logNormal: exp(value(0) + value(1) * value(1) / 2)
        }
      return sum + weight * mean
    }
  }
}

extension CounterBasedRandom {
  /// Gamma with rate 1 (Marsaglia and Tsang, ACM TOMS 26, 2000).
  mutating func gamma(_ shape: Double) -> Double {
    guard shape > 0 else { return 0 }
    if shape < 1 { return gamma(shape + 1) * pow(uniform(), 1 / shape) }
    let d = shape - 1 / 3.0, c = 1 / (9 * d).squareRoot()
    while true {
      let x = normal(), v = pow(1 + c * x, 3)
      if v > 0, log(uniform()) < 0.5 * x * x + d - d * v + d * log(v) { return d * v }
    }
  }

  mutating func studentT(_ freedom: Double) -> Double {
    normal() / max(1e-12, (2 * gamma(freedom / 2) / freedom)).squareRoot()
  }

  /// Multiplication below 30, transformed rejection (Hörmann, PTRS, 1993) above; a rounded normal beyond 1e8.
  mutating func poisson(_ mean: Double) -> Double {
    guard mean > 0 else { return 0 }
    if mean > 1e8 { return max(0, (mean + mean.squareRoot() * normal()).rounded()) }
    if mean < 30 {
      let limit = exp(-mean)
      var product = uniform(), count = 0.0
      while product > limit {
        product *= uniform()
        count += 1
      }
      return count
    }
    let b = 0.931 + 2.53 * mean.squareRoot(), a = -0.059 + 0.02483 * b
    let inverse = 1.1239 + 1.1328 / (b - 3.4), v = 0.9277 - 3.6224 / (b - 2)
    while true {
      let u = uniform() - 0.5, w = uniform()
      let us = 0.5 - abs(u)
      let k = ((2 * a / us + b) * u + mean + 0.43).rounded(.down)
      if us >= 0.07, w <= v { return k }
      if k < 0 || us < 0.013 && w > us { continue }
      if log(w) + log(inverse) - log(a / (us * us) + b) <= k * log(mean) - mean - lgamma(k + 1) { return k }
    }
  }
}
