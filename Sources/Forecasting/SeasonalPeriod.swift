import Foundation

/// Finds the seasonal period of a series.
public enum SeasonalPeriod {
  /// The calendar's period where the series shows it, else the strongest one that its autocorrelation shows, else 1.
  ///
  /// NaN values are skipped. Cost grows with length x candidate lags; only the last 3,000 values are looked at.
  public static func detect(_ values: [Double], frequency: Frequency?) -> Int {
    let recent = Array(values.suffix(3000))
    if let frequency {
      // A week of hours beats a day of hours only where repeating it is clearly better.
      var chosen = 1
      for candidate in frequency.seasonalPeriods where isSeasonal(recent, period: candidate) {
        if chosen == 1 {
          chosen = candidate
        } else if candidate > chosen, recent.count >= 3 * candidate,
          repetitionError(recent, period: candidate, from: candidate)
            < 0.85 * repetitionError(recent, period: chosen, from: candidate)
        {
          chosen = candidate
        }
      }
      return chosen
    }
    let detrended = detrend(recent)
    let longest = min(400, detrended.count / 3)
    guard longest >= 2 else { return 1 }
    let autocorrelation = Autocorrelation(detrended)
    let correlations = [0, 0] + (2...longest).map { autocorrelation[$0] }
    var best = (lag: 1, value: 0.3)
    for lag in 2...longest where autocorrelation.isSignificant(correlations[lag], lag: lag) {
      let before = correlations[lag - 1], after = lag < longest ? correlations[lag + 1] : -1
      // Multiples of a period peak as well: a longer lag has to be better by a margin.
      if lag > 2 ? correlations[lag] >= before && correlations[lag] > after : correlations[lag] > after,
        correlations[lag] > best.value + (best.lag > 1 ? 0.05 : 0)
      {
        best = (lag, correlations[lag])
      }
    }
    return best.lag
  }

  /// Whether values one `period` apart go together once a moving average over one period has taken the trend.
  ///
  /// A random walk or a steady slope has high autocorrelation at every lag; without its moving average it has none.
  static func isSeasonal(_ values: [Double], period: Int) -> Bool {
    guard period > 1, values.count >= 2 * period + 1 else { return false }
    let residuals = withoutMovingAverage(values, period: period)
    let autocorrelation = Autocorrelation(residuals)
    return autocorrelation.isSignificant(autocorrelation[period], lag: period)
  }

  /// Mean absolute difference to the value one period before, over the positions from `start` on.
  static func repetitionError(_ values: [Double], period: Int, from start: Int) -> Double {
    var sum = 0.0, count = 0
    for index in max(start, period)..<max(start, period, values.count) {
      let difference = values[index] - values[index - period]
      if difference.isFinite { (sum, count) = (sum + abs(difference), count + 1) }
    }
    return count > 0 ? sum / Double(count) : .infinity
  }

  /// Differences to the mean of the observed values within half a period, NaN where nothing was observed.
  static func withoutMovingAverage(_ values: [Double], period: Int) -> [Double] {
    var sums = [0.0], counts = [0.0]
    for (index, value) in values.enumerated() {
      sums.append(sums[index] + (value.isFinite ? value : 0))
      counts.append(counts[index] + (value.isFinite ? 1 : 0))
    }
    let half = period / 2
    return values.indices.map { index in
      // At the borders the window keeps its length, so that it always covers each phase.
      let low = max(0, min(index - half, values.count - period))
      let high = min(values.count, low + period)
      let count = counts[high] - counts[low]
      return count > 0 ? values[index] - (sums[high] - sums[low]) / count : .nan
    }
  }

  /// Removes the least-squares line.
  static func detrend(_ values: [Double]) -> [Double] {
    let points = values.enumerated().filter { $0.element.isFinite }
    guard points.count > 2 else { return values }
    let n = Double(points.count)
    let meanX = points.reduce(0) { $0 + Double($1.offset) } / n
    let meanY = points.reduce(0) { $0 + $1.element } / n
    let xx = points.reduce(0) { $0 + pow(Double($1.offset) - meanX, 2) }
    let xy = points.reduce(0) { $0 + (Double($1.offset) - meanX) * ($1.element - meanY) }
    return values.enumerated().map { $1 - meanY - xy / xx * (Double($0) - meanX) }
  }
}

/// Fills what was not observed.
enum MissingValues {
  /// Leading gaps are cut off; others get the mean of the same season's neighbours, else a straight line between
  /// what surrounds them. Returns the series and how many values were filled in.
  static func fill(_ values: [Double], period: Int) -> ([Double], Int) {
    guard let first = values.firstIndex(where: \.isFinite) else { return ([], 0) }
    var result = Array(values[first...])
    let gaps = result.indices.filter { !result[$0].isFinite }
    guard !gaps.isEmpty else { return (result, 0) }
    let original = result
    for index in gaps {
      if period > 1 {
        let neighbours = [index - period, index + period].filter {
          original.indices.contains($0) && original[$0].isFinite
        }
        if !neighbours.isEmpty {
          result[index] = neighbours.reduce(0) { $0 + original[$1] } / Double(neighbours.count)
          continue
        }
      }
      let left = original[..<index].lastIndex(where: \.isFinite) ?? 0
      if let right = original[index...].firstIndex(where: \.isFinite) {
        let weight = Double(index - left) / Double(right - left)
        result[index] = original[left] * (1 - weight) + original[right] * weight
      } else {
        result[index] = original[left]
      }
    }
    return (result, gaps.count)
  }
}
