import Foundation
import Tensor

/// A series as the quantile model sees it: patches of scaled values, each with the base forecasts of what follows it.
///
/// Values are scaled by mean and standard deviation and compressed by asinh. A token is, in this order: its values (0
/// where missing), which of them were observed, their differences to what the two base forecasts expected of them, both
/// base forecasts of the next `horizon` values, whether the first is seasonal, and the logarithms of period and length.
package struct QuantileFeatures {
  static let limit = 12.0

  let configuration: QuantileConfiguration
  /// Values that fill up the first patch, before the series.
  package let padding: Int
  let location: Double
  let scale: Double
  /// Scaled, from the first patch's beginning; gaps hold the value before them.
  package let scaled: [Float]
  package let observed: [Bool]
  private let base: BaseForecast

  /// - Parameters:
  ///   - values: NaN where nothing was observed; at least one is finite.
  ///   - known: how many of them scale, season and trend may be taken from; patches end there.
  ///   - period: seasonal period in steps; 1 for none.
  package init(_ values: [Double], known: Int, period: Int, _ configuration: QuantileConfiguration) {
    self.configuration = configuration
    let patch = configuration.patchSize
    let padding = (patch - known % patch) % patch
    self.padding = padding
    (location, scale) = Self.statistics(values.prefix(known))
    var last = values.first(where: \.isFinite) ?? 0
    let filled = values.map { value -> Double in
      if value.isFinite { last = value }
      return last
    }
    base = BaseForecast(filled, fitted: known, period: period)
    let (location, scale) = (location, scale)
    scaled = [Float](repeating: 0, count: padding) + filled.map { Self.compress(($0 - location) / scale) }
    observed = [Bool](repeating: false, count: padding) + values.map(\.isFinite)
  }

  /// Mean and standard deviation of what is finite; a deviation of next to nothing becomes the size of the values.
  static func statistics(_ values: ArraySlice<Double>) -> (location: Double, scale: Double) {
    let finite = values.filter(\.isFinite)
    let mean = finite.reduce(0, +) / Double(max(1, finite.count))
    let variance = finite.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, finite.count))
    let deviation = variance.squareRoot()
    return (mean, deviation > 1e-9 * abs(mean) ? deviation : max(abs(mean), 1))
  }

  static func compress(_ value: Double) -> Float { Float(max(-limit, min(limit, asinh(value)))) }

  /// A value in the series' units as the model would see it.
  package func scaled(of value: Double) -> Float { Self.compress((value - location) / scale) }

  /// Back to the series' own units.
  package func restored(_ value: Float) -> Double { location + scale * sinh(Double(max(-20, min(20, value)))) }

  /// Whole patches from the beginning on.
  var patches: Int { scaled.count / configuration.patchSize }

  /// Both base forecasts of the `horizon` values after `token`, scaled: [2 x horizon].
  private func bases(after token: Int, into out: UnsafeMutablePointer<Float>) {
    let horizon = configuration.horizon
    let origin = (token + 1) * configuration.patchSize - padding
    for step in 0..<horizon {
      out[step] = Self.compress((base.repeated(origin, step) - location) / scale)
      out[horizon + step] = Self.compress((base.smoothed(origin, step) - location) / scale)
    }
  }

  /// Writes the first `count` tokens, [count, token width].
  package func write(_ count: Int, into out: UnsafeMutablePointer<Float>) {
    let patch = configuration.patchSize, horizon = configuration.horizon, width = configuration.tokenWidth
    for token in 0..<count {
      let row = out + token * width
      let next = row + 4 * patch
      bases(after: token, into: next)
      for index in 0..<patch {
        let place = token * patch + index
        let isObserved = observed[place]
        row[index] = isObserved ? scaled[place] : 0
        row[patch + index] = isObserved ? 1 : 0
        for which in 0..<2 {
          // The token before it has the forecasts of this patch.
          let expected = token > 0 ? (next - width)[which * horizon + index] : 0
          row[(2 + which) * patch + index] = isObserved && token > 0 ? scaled[place] - expected : 0
        }
      }
      let facts = next + 2 * horizon
      let origin = (token + 1) * patch - padding
      facts[0] = base.isSeasonal(origin) ? 1 : 0
      facts[1] = Float(log2(Double(base.period)) / 10)
      facts[2] = Float(log2(Double(origin)) / 10)
    }
  }

  /// Where the base forecasts stand in a token.
  static func baseOffset(_ configuration: QuantileConfiguration) -> Int { 4 * configuration.patchSize }
}
