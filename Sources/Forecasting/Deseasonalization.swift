/// Classical decomposition: a centred moving average takes the trend, the means of what is left are the season.
struct Deseasonalization {
  let period: Int
  let isMultiplicative: Bool
  /// One index for each phase, counted from the first value.
  let indices: [Double]
  let adjusted: [Double]

  /// nil when there are fewer than two full seasons.
  init?(_ values: [Double], period: Int) {
    guard period > 1, values.count >= 2 * period + (period % 2 == 0 ? 1 : 0) else { return nil }
    let trend = Self.movingAverage(values, period: period)
    let positive = values.allSatisfy { $0 > 0 } && trend.compactMap { $0 }.allSatisfy { $0 > 0 }
    var sums = [Double](repeating: 0, count: period)
    var counts = [Int](repeating: 0, count: period)
    for (index, value) in values.enumerated() {
      guard let level = trend[index] else { continue }
      sums[index % period] += positive ? value / level : value - level
      counts[index % period] += 1
    }
    var raw = zip(sums, counts).map { $1 > 0 ? $0 / Double($1) : (positive ? 1 : 0) }
    let centre = raw.reduce(0, +) / Double(period)
    raw = raw.map { positive ? max(0.01, $0 / centre) : $0 - centre }
    let indices = raw
    self.period = period
    isMultiplicative = positive
    self.indices = indices
    adjusted = values.enumerated().map { positive ? $1 / indices[$0 % period] : $1 - indices[$0 % period] }
  }

  /// Puts the season back on a prediction `step` steps (from 1) after the last value.
  func reseasonalize(_ prediction: Normal, step: Int) -> Normal {
    let index = indices[(adjusted.count + step - 1) % period]
    return isMultiplicative
      ? Normal(mean: prediction.mean * index, deviation: prediction.deviation * index)
      : Normal(mean: prediction.mean + index, deviation: prediction.deviation)
  }

  /// Centred; an even period takes half of each end. nil at the borders.
  private static func movingAverage(_ values: [Double], period: Int) -> [Double?] {
    let half = period / 2
    var prefix = [0.0]
    for value in values { prefix.append(prefix[prefix.count - 1] + value) }
    return values.indices.map { index in
      guard index - half >= 0, index + half < values.count else { return nil }
      let whole = prefix[index + half + 1] - prefix[index - half]
      if period % 2 == 1 { return whole / Double(period) }
      return (whole - (values[index - half] + values[index + half]) / 2) / Double(period)
    }
  }
}
