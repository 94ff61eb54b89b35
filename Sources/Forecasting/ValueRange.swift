import Foundation

/// What values can be: bounds, whole numbers.
public struct ValueRange: Sendable, Equatable {
  public var lower = -Double.infinity
  public var upper = Double.infinity
  public var isInteger = false

  public init(lower: Double = -.infinity, upper: Double = .infinity, isInteger: Bool = false) {
    (self.lower, self.upper, self.isInteger) = (lower, upper, isInteger)
  }

  /// Whether it changes nothing.
  public var isEverything: Bool { lower == -.infinity && upper == .infinity && !isInteger }

  /// Puts quantiles, mean and paths into the range. The mean is never rounded: half a sale a day is a fine expectation.
  public func apply(to forecast: inout Forecast) {
    guard !isEverything else { return }
    var clipped = 0
    func bounded(_ value: Double) -> Double {
      let result = Swift.min(upper, Swift.max(lower, value))
      if result != value { clipped += 1 }
      return result
    }
    func whole(_ value: Double) -> Double {
      let result = bounded(value)
      return isInteger ? Swift.min(upper.rounded(.down), Swift.max(lower.rounded(.up), result.rounded())) : result
    }
    forecast.quantiles = forecast.quantiles.map { $0.map { $0.map(whole) } }
    let count = clipped
    forecast.mean = forecast.mean.map { $0.map(bounded) }
    forecast.paths = forecast.paths.map { $0.map { $0.map(whole) } }
    if count > 0 { forecast.notes.append("\(count) quantile(s) were clipped to \(words)") }
  }

  private var words: String {
    func short(_ value: Double) -> String { String(format: "%.10g", value) }
    return switch (lower.isFinite, upper.isFinite) {
    case (true, true): "\(short(lower)) to \(short(upper))"
    case (true, false): "\(short(lower)) and more"
    default: "\(short(upper)) and less"
    }
  }
}
