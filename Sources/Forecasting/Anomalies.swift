import Foundation

/// How likely each value of a series was, given those before it.
public struct AnomalyReport: Sendable, Encodable, Equatable {
  /// A value that is less likely than the threshold.
  public struct Flag: Sendable, Encodable, Equatable {
    public var index: Int
    public var time: String?
    public var value: Double
    /// The median that was predicted.
    public var expected: Double
    /// The 80 % interval that was predicted.
    public var low: Double
    public var high: Double
    /// Probability of a value at least as far out, on either side.
    public var probability: Double
  }

  /// Values below this probability are flagged.
  public var threshold: Double
  /// Values were predicted at most so many steps ahead.
  public var stepsAhead: Int
  /// Two-sided tail probability of each value; nil where there was none, or not enough before it.
  public var probabilities: [Double?]
  public var flagged: [Flag]
}

/// Finds values that a model did not expect: it forecasts from every point of the history what comes next, with what was
/// known then, and looks where in the predictive distribution the observed value lies.
///
/// The score is the two-sided tail probability 2 min(F(x), 1 - F(x)). F is linear between predicted quantiles; beyond
/// the outermost (0.1 and 0.9) it goes on as a normal distribution that has the median and the outermost quantile in
/// common with it. Where the values before were spread wider than predicted, the prediction is widened as much (root mean
/// square of their distances in standard deviations, from 20 values on). Values that were flagged count as missing for what comes after them. Where all quantiles coincide, the share of earlier values at least as far away counts instead.
public struct AnomalyDetector: Sendable {
  /// Flags below this probability.
  public var threshold = 0.0001
  /// The most recent values are scored, at most so many.
  public var mostScored = 2048
  /// Forecasts of one series; above them, several steps are taken from one forecast.
  public var mostForecasts = 256

  static let levels = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]

  public init(threshold: Double = 0.0001) { self.threshold = threshold }

  /// - Returns: one report for each variate.
  /// - Throws: `ForecastError` naming the series, where it is too short.
  public func reports(_ series: TimeSeries, _ model: any SeriesForecaster, _ request: ForecastRequest) throws
    -> [AnomalyReport]
  {
    let length = series.length
    let warmUp = min(max(16, 3 * (series.frequency?.seasonalPeriods.first ?? 4)), length / 2)
    guard length >= 8, warmUp >= 3 else {
      throw ForecastError.badSeries(
        id: series.id, reason: "\(length) values are too few for anomaly scores; at least 8")
    }
    let first = max(warmUp, length - mostScored)
    let block = max(1, min(16, (length - first + mostForecasts - 1) / mostForecasts))
    let origins = Array(stride(from: first, to: length, by: block))
    var asked = request
    (asked.quantileLevels, asked.keepsPaths, asked.horizon) = (Self.levels, false, block)
    var reports = try scores(series, masking: [], origins, block, model, asked)
    if reports.contains(where: { !$0.flagged.isEmpty }) {
      // Once more without what was flagged, or a spike would be expected again a season later.
      let flagged = reports.map { Set($0.flagged.map(\.index)) }
      reports = try scores(series, masking: flagged, origins, block, model, asked)
    }
    return reports
  }

  /// - Parameter masking: values of each variate that count as missing once they have passed; empty for none.
  private func scores(
    _ series: TimeSeries, masking: [Set<Int>], _ origins: [Int], _ block: Int, _ model: any SeriesForecaster,
    _ request: ForecastRequest
  ) throws -> [AnomalyReport] {
    var masked = series
    for (variate, indices) in masking.enumerated() { for index in indices { masked.target[variate][index] = .nan } }
    var probabilities = series.target.map { [Double?](repeating: nil, count: $0.count) }
    var flagged = series.target.map { _ in [AnomalyReport.Flag]() }
    var spreads = series.target.map { _ in Spread() }
    for start in stride(from: 0, to: origins.count, by: model.batchSize) {
      let batch = origins[start..<min(origins.count, start + model.batchSize)].filter { origin in
        masked.target.allSatisfy { $0[..<origin].contains(where: \.isFinite) }
      }
      let forecasts = try model.forecast(batch.map { masked.truncated(to: $0, horizon: block) }, request)
      for (origin, forecast) in zip(batch, forecasts) {
        for (variate, values) in series.target.enumerated() {
          let known = masked.target[variate][..<origin]
          for index in origin..<min(series.length, origin + block) where values[index].isFinite {
            let quantiles = forecast.quantiles[variate][index - origin]
            let probability = spreads[variate].calibrated(Self.tailProbability(values[index], quantiles, known))
            probabilities[variate][index] = probability
            guard probability < threshold else { continue }
            flagged[variate].append(
              AnomalyReport.Flag(
                index: index, time: series.time(index), value: values[index], expected: quantiles[4], low: quantiles[0],
                high: quantiles[8], probability: probability))
          }
        }
      }
    }
    return zip(probabilities, flagged).map {
      AnomalyReport(threshold: threshold, stepsAhead: block, probabilities: $0, flagged: $1)
    }
  }

  /// How much wider than predicted the values before were spread.
  private struct Spread {
    private var squares = 0.0
    private var count = 0

    /// The probability once the prediction is as wide as the earlier values say; it is never made narrower.
    mutating func calibrated(_ probability: Double) -> Double {
      let deviations = -Normal.standardQuantile(probability / 2)
      let scale = count >= 20 ? max(1, (squares / Double(count)).squareRoot()) : 1
      // One wild value must not hide the next.
      squares += min(deviations, 4) * min(deviations, 4)
      count += 1
      return scale > 1 ? erfc(deviations / scale / 2.0.squareRoot()) : probability
    }
  }

  /// - Parameters:
  ///   - quantiles: at `levels`, ascending.
  ///   - known: the values before.
  static func tailProbability(_ value: Double, _ quantiles: [Double], _ known: ArraySlice<Double>) -> Double {
    let median = quantiles[4]
    let size = quantiles.reduce(abs(value)) { max($0, abs($1)) }
    guard quantiles[8] - quantiles[0] > 1e-9 * size else {
      let distance = abs(value - median)
      guard distance > 1e-9 * size else { return 1 }
      let earlier = known.filter(\.isFinite)
      let far = earlier.count { abs($0 - median) >= distance }
      return Double(far) / Double(max(1, earlier.count))
    }
    if value < quantiles[0] || value > quantiles[8] {
      // A side without any width borrows the other's.
      let width = value > median ? quantiles[8] - median : median - quantiles[0]
      let used = width > 1e-9 * size ? width : quantiles[8] - quantiles[0]
      let deviations = abs(value - median) / used * Normal.standardQuantile(levels[8])
      return erfc(deviations / 2.0.squareRoot())
    }
    // Several levels at the same value: the middle of them.
    let below = quantiles.lastIndex { $0 <= value } ?? 0
    let above = quantiles.firstIndex { $0 >= value } ?? 8
    guard above > below else {
      return min(1, 2 * min((levels[above] + levels[below]) / 2, 1 - (levels[above] + levels[below]) / 2))
    }
    let share = (value - quantiles[below]) / (quantiles[above] - quantiles[below])
    let place = levels[below] + share * (levels[above] - levels[below])
    return min(1, 2 * min(place, 1 - place))
  }
}
