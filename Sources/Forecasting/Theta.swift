/// The dynamic optimised theta model (Fiorucci et al., International Journal of Forecasting 32, 2016).
///
/// The season is removed where a test finds one; level smoothing and theta are fitted by squared one-step errors.
public struct Theta: Forecaster {
  public let name = "theta"

  public init() {}

  public func predict(_ values: [Double], period: Int, horizon: Int) -> [Normal]? {
    guard values.count >= 4 else { return nil }
    let season = Deseasonalization(values, period: period)
    let y = season?.adjusted ?? values
    let scale = max(1e-12, rootMeanSquare(y.map { $0 - y.reduce(0, +) / Double(y.count) }))
    let fit = NelderMead.minimize(
      from: [y[0] / scale, 0.4, 2], steps: [0.3, 0.2, 1], evaluations: 250
    ) { point in
      guard (0.01...0.99).contains(point[1]), (1...50).contains(point[2]) else { return .infinity }
      return Self.run(y, level: point[0] * scale, alpha: point[1], theta: point[2], horizon: 0).squaredError
    }
    let (level, alpha, theta) = (fit[0] * scale, fit[1], fit[2])
    let path = Self.run(y, level: level, alpha: alpha, theta: theta, horizon: horizon)
    let variance = path.squaredError / Double(max(1, y.count - 3))
    return path.forecasts.enumerated().map { index, mean in
      let deviation = (variance * (1 + Double(index) * alpha * alpha)).squareRoot()
      let step = Normal(mean: mean, deviation: deviation)
      return season?.reseasonalize(step, step: index + 1) ?? step
    }
  }

  /// One pass of the state equations; the errors of the first three steps are left out, as their states still settle.
  static func run(
    _ y: [Double], level start: Double, alpha: Double, theta: Double, horizon: Int
  ) -> (squaredError: Double, forecasts: [Double]) {
    var level = start
    var mean = 0.0, a = 0.0, b = 0.0, error = 0.0
    var forecasts: [Double] = []
    let n = y.count
    var decay = 1.0
    for t in 1...(n + horizon) {
      let next = decay * (1 - alpha)
      let weight = 1 - 1 / theta
      let trend = weight * (a * decay + b * (1 - next) / alpha)
      let mu = t == 1 ? y[0] : level + trend
      let value: Double
      if t <= n {
        value = y[t - 1]
        if t > 3 { error += (value - mu) * (value - mu) }
      } else {
        value = mu
        forecasts.append(mu)
      }
      level = alpha * value + (1 - alpha) * level
      let count = Double(t)
      let newMean = ((count - 1) * mean + value) / count
      b = t == 1 ? 0 : ((count - 2) * b + 6 * (value - mean) / count) / (count + 1)
      a = newMean - b * (count + 1) / 2
      mean = newMean
      decay = next
    }
    return (error, forecasts)
  }
}
