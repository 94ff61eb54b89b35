import Foundation
import Tensor

/// What to forecast, and how.
public struct ForecastRequest: Sendable {
  public static let maxHorizon = 4096
  public static let maxSamples = 10_000
  public static let defaultLevels = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]

  /// nil: each series says itself, else 12.
  public var horizon: Int?
  /// Ascending.
  public var quantileLevels: [Double]
  /// Sample paths of models that draw them.
  public var samples = 100
  public var seed: UInt64 = 0
  public var decoding = MoiraiDecoding.cached
  /// Keeps the sample paths in the answer.
  public var keepsPaths = false

  public init(horizon: Int? = nil, quantileLevels: [Double]? = nil) {
    self.horizon = horizon
    self.quantileLevels = (quantileLevels ?? Self.defaultLevels).sorted()
  }

  /// Steps to forecast for a series.
  /// - Throws: `ForecastError` for what cannot be asked.
  func steps(_ series: TimeSeries) throws -> Int {
    let steps = horizon ?? series.predictionLength ?? 12
    guard (1...Self.maxHorizon).contains(steps) else { throw ForecastError.badHorizon(id: series.id, steps) }
    if let bad = quantileLevels.first(where: { !($0 > 0 && $0 < 1) }) { throw ForecastError.badLevels("\(bad)") }
    return steps
  }
}

/// A model that forecasts whole series, all variates of each together.
public protocol SeriesForecaster: Sendable {
  var name: String { get }
  /// Series that it likes to get at once.
  var batchSize: Int { get }
  /// - Returns: a forecast for each series, in their order; what was repaired or fallen back on is in its notes.
  /// - Throws: `ForecastError` naming the series.
  func forecast(_ series: [TimeSeries], _ request: ForecastRequest) throws -> [Forecast]
}

/// A baseline, applied to each variate by itself.
struct BaselineForecaster: SeriesForecaster {
  let model: any Forecaster

  var name: String { model.name }
  var batchSize: Int { 1 }

  func forecast(_ series: [TimeSeries], _ request: ForecastRequest) throws -> [Forecast] {
    try series.map { try forecast($0, request) }
  }

  /// Missing values are filled by seasonal interpolation; a context that is too short or constant falls back to
  /// seasonal-naive or naive, which the notes say.
  private func forecast(_ series: TimeSeries, _ request: ForecastRequest) throws -> Forecast {
    let steps = try request.steps(series), levels = request.quantileLevels
    var notes = series.notes
    if !series.pastCovariates.isEmpty || !series.futureCovariates.isEmpty {
      notes.append("\(name) does not use covariates")
    }
    let predictions = series.target.enumerated().map { index, values in
      let place = series.isMultivariate ? "variate \(index + 1): " : ""
      return predict(values, series.frequency, steps) { notes.append(place + $0) }
    }
    return Forecast(
      id: series.id, model: name, quantileLevels: levels,
      quantiles: predictions.map { $0.map { step in levels.map { step.quantile($0) } } },
      mean: predictions.map { $0.map(\.mean) }, notes: notes, isMultivariate: series.isMultivariate)
  }

  private func predict(
    _ values: [Double], _ frequency: Frequency?, _ steps: Int, note: (String) -> Void
  ) -> [Normal] {
    let period = SeasonalPeriod.detect(values, frequency: frequency)
    let (filled, missing) = MissingValues.fill(values, period: period)
    if missing > 0 { note("\(missing) missing value(s) filled in by interpolation") }
    if let result = model.predict(filled, period: period, horizon: steps) { return result }
    let fallback: any Forecaster = filled.count > period && period > 1 ? SeasonalNaive() : Naive()
    note("the context of \(filled.count) value(s) is too short for \(name): \(fallback.name) was used")
    return fallback.predict(filled, period: period, horizon: steps)
      ?? Array(repeating: Normal(mean: filled.last ?? 0, deviation: 0), count: steps)
  }
}
