import Foundation

/// Exponential smoothing in innovations state-space form with additive errors (Hyndman et al., 2008), the trend none or
/// damped (Gardner and McKenzie, 1985) by corrected AIC. A season is removed by classical decomposition first.
///
/// An undamped trend is not tried: over long horizons it loses more than it wins, and phi = 0.98 is close to it.
public struct ETS: Forecaster {
  public let name = "ets"

  enum Trend: CaseIterable { case none, damped }

  public init() {}

  public func predict(_ values: [Double], period: Int, horizon: Int) -> [Normal]? {
    guard values.count >= 4 else { return nil }
    let season = Deseasonalization(values, period: period)
    // Old data says little about the smoothing and costs time.
    let y = Array((season?.adjusted ?? values).suffix(1000))
    guard let best = Trend.allCases.compactMap({ Self.fit(y, $0) }).min(by: { $0.criterion < $1.criterion }) else {
      return nil
    }
    let variance = best.squaredError / Double(max(1, y.count - best.parameters))
    var spread = 1.0
    var slopeSum = 0.0
    return (1...horizon).map { step in
      slopeSum += pow(best.phi, Double(step))
      let mean = best.level + (best.trend == .none ? 0 : slopeSum * best.slope)
      let deviation = (variance * spread).squareRoot()
      // c_j = alpha + beta (phi + ... + phi^j): what an error `step` steps ago still moves.
      let carried = best.alpha + best.beta * slopeSum
      spread += carried * carried
      let result = Normal(mean: mean, deviation: deviation)
      return season?.reseasonalize(result, step: step) ?? result
    }
  }

  struct Fit {
    var trend: Trend
    var alpha: Double
    var beta: Double
    var phi: Double
    var level: Double
    var slope: Double
    var squaredError: Double
    var parameters: Int
    /// Corrected Akaike information criterion.
    var criterion: Double
  }

  static func fit(_ y: [Double], _ trend: Trend) -> Fit? {
    let n = y.count
    let head = Array(y.prefix(min(10, n)))
    let slope = (head[head.count - 1] - head[0]) / Double(max(1, head.count - 1))
    let scale = max(1e-12, rootMeanSquare(zip(y.dropFirst(), y).map { $0 - $1 }))
    let parameters = trend == .none ? 3 : 6
    guard n > parameters + 2 else { return nil }
    func decode(_ p: [Double]) -> Fit? {
      let alpha = p[0]
      let beta = trend == .none ? 0 : p[2]
      let phi = trend == .damped ? p[4] : 1
      guard (1e-4...0.9999).contains(alpha), beta >= 0, beta <= alpha, trend == .none || (0.8...0.98).contains(phi)
      else { return nil }
      var level = y[0] + p[1] * scale, growth = trend == .none ? 0 : slope + p[3] * scale
      var error = 0.0
      for value in y {
        let expected = level + phi * growth
        let e = value - expected
        error += e * e
        level = expected + alpha * e
        growth = phi * growth + beta * e
      }
      let likelihood = Double(n) * log(max(1e-300, error / Double(n)))
      let k = Double(parameters)
      return Fit(
        trend: trend, alpha: alpha, beta: beta, phi: phi, level: level, slope: growth, squaredError: error,
        parameters: parameters, criterion: likelihood + 2 * k + 2 * k * (k + 1) / (Double(n) - k - 1))
    }
    let start = trend == .none ? [0.3, 0] : [0.3, 0, 0.05, 0, 0.95]
    let steps = trend == .none ? [0.3, 1] : [0.3, 1, 0.1, 0.3, -0.05]
    let best = NelderMead.minimize(from: start, steps: steps, evaluations: 120 * start.count) {
      decode($0)?.squaredError ?? .infinity
    }
    return decode(best)
  }
}
