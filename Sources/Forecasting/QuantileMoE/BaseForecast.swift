import Foundation

/// Two simple forecasts that the quantile model starts from, made from what is known at a point of a series: the last season
/// (or value) repeated, and a smoothed level with half the trend and the season put back, which is the theta method in the
/// form of Hyndman and Billah (International Journal of Forecasting 19, 2003).
///
/// Season, trend and smoothing are fitted once, on the first `fitted` values; forecasts from later points go on with
/// them, so that one fit serves all points of a training sequence.
package struct BaseForecast {
  private let values: [Double]
  let period: Int
  private let season: [Double]
  private let isMultiplicative: Bool
  private let slope: Double
  /// Smoothed level after each value, without season.
  private let levels: [Double]

  /// - Parameters:
  ///   - values: without gaps, oldest first.
  ///   - fitted: how many of them may be looked at for fitting.
  ///   - period: in steps; 1 for none.
  package init(_ values: [Double], fitted: Int, period: Int) {
    self.values = values
    self.period = max(1, period)
    let prefix = Array(values.prefix(fitted))
    let decomposition = Deseasonalization(prefix, period: period)
    isMultiplicative = decomposition?.isMultiplicative ?? false
    let indices = decomposition?.indices ?? [0]
    season = indices
    let multiplicative = isMultiplicative
    let adjusted = values.enumerated().map { index, value in
      multiplicative ? value / indices[index % indices.count] : value - indices[index % indices.count]
    }
    // Least-squares slope of the fitted part, halved.
    var line = 0.0
    if fitted >= 4 {
      let middle = Double(fitted - 1) / 2
      var product = 0.0, square = 0.0
      for index in 0..<fitted {
        product += (Double(index) - middle) * adjusted[index]
        square += (Double(index) - middle) * (Double(index) - middle)
      }
      line = product / square / 2
    }
    slope = line
    var best = (error: Double.infinity, alpha: 0.5)
    for alpha in [0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 0.99] {
      var level = adjusted[0], error = 0.0
      for index in 1..<max(1, fitted) {
        let difference = adjusted[index] - (level + line)
        error += difference * difference
        level += line + alpha * difference
      }
      if error < best.error { best = (error, alpha) }
    }
    var level = adjusted[0]
    levels = adjusted.map { value in
      level += line + best.alpha * (value - level - line)
      return level
    }
  }

  /// Whether a whole season is known before the value `origin`.
  package func isSeasonal(_ origin: Int) -> Bool { period > 1 && origin >= period }

  /// The last season or value again.
  /// - Parameters:
  ///   - origin: how many values are known, at least one.
  ///   - step: from 0.
  package func repeated(_ origin: Int, _ step: Int) -> Double {
    guard isSeasonal(origin) else { return values[origin - 1] }
    return values[origin + step - period * (step / period + 1)]
  }

  /// Level, half the trend, season.
  package func smoothed(_ origin: Int, _ step: Int) -> Double {
    let level = levels[origin - 1] + slope * Double(step + 1)
    let index = season[(origin + step) % season.count]
    return isMultiplicative ? level * index : level + index
  }
}
