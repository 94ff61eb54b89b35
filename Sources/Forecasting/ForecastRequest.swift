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

/// How much may be asked for at once.
public struct ForecastLimits: Sendable {
  public var series = 10_000
  /// Values of a variate.
  public var context = 1_000_000
  public var variates = 1000
  /// Horizon times samples of one series.
  public var drawnValues = 4_000_000

  public init() {}

  /// - Throws: `ForecastError` naming the series and the limit.
  public func check(_ list: [TimeSeries], _ request: ForecastRequest) throws {
    guard list.count <= series else { throw ForecastError.tooManySeries(list.count, most: series) }
    guard (1...ForecastRequest.maxSamples).contains(request.samples) else {
      throw ForecastError.badSamples(request.samples)
    }
    for one in list {
      let steps = try request.steps(one)
      func need(_ condition: Bool, _ reason: @autoclosure () -> String) throws {
        guard condition else { throw ForecastError.badSeries(id: one.id, reason: reason()) }
      }
      try need(
        one.length <= context,
        "\(one.length) values; at most \(context): keep the most recent, or resample to longer steps")
      let width = one.target.count + one.pastCovariates.count + one.futureCovariates.count
      try need(width <= variates, "\(width) variates and covariates; at most \(variates)")
      try need(
        steps * request.samples <= drawnValues,
        "\(steps) steps x \(request.samples) samples are more than \(drawnValues) values: ask for fewer of one of them")
      if let short = one.futureCovariates.first(where: { $0.count < one.length + steps }) {
        let known = max(0, short.count - one.length)
        try need(
          false,
          "future covariates cover \(known) step(s) after the last value, \(steps) are to be forecast: use a horizon of at most \(known), or add rows"
        )
      }
    }
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
    var periods: [Int] = [], fallback: String?
    let predictions = series.target.enumerated().map { index, values in
      let place = series.isMultivariate ? "variate \(index + 1): " : ""
      let period = SeasonalPeriod.detect(values, frequency: series.frequency)
      periods.append(period)
      if series.frequency == nil, period > 1 {
        notes.append(place + "a season of \(period) steps was found in the values")
      }
      return predict(values, period, steps, fallback: &fallback) { notes.append(place + $0) }
    }
    var result = Forecast(
      id: series.id, model: name, quantileLevels: levels,
      quantiles: predictions.map { $0.map { step in levels.map { step.quantile($0) } } },
      mean: predictions.map { $0.map(\.mean) }, notes: notes, isMultivariate: series.isMultivariate)
    result.place(after: series, periods: periods)
    result.fallback = fallback
    return result
  }

  private func predict(
    _ values: [Double], _ period: Int, _ steps: Int, fallback used: inout String?, note: (String) -> Void
  ) -> [Normal] {
    let (filled, missing) = MissingValues.fill(values, period: period)
    if missing > 0 { note("\(missing) missing value(s) filled in by interpolation") }
    if let result = model.predict(filled, period: period, horizon: steps) { return result }
    let fallback: any Forecaster = filled.count > period && period > 1 ? SeasonalNaive() : Naive()
    note("the context of \(filled.count) value(s) is too short for \(name): \(fallback.name) was used")
    used = fallback.name
    return fallback.predict(filled, period: period, horizon: steps)
      ?? Array(repeating: Normal(mean: filled.last ?? 0, deviation: 0), count: steps)
  }
}

extension Forecast {
  /// Notes the time of the first step, the frequency, and the periods that were used.
  mutating func place(after series: TimeSeries, periods: [Int] = []) {
    start = series.time(series.length)
    frequency = series.frequency
    self.periods = periods
  }
}
