import Foundation

/// Measures models on the past: each forecasts windows that were held out, from nothing but what came before them.
///
/// Window w (0 = the last) ends w x horizon values before the end of the series, so windows do not overlap. Further windows
/// need a history of two seasons, one horizon and 16 values.
public struct Backtest: Sendable {
  /// Windows of a series at most.
  public var windows = 4
  /// nil: each series says itself, else 12.
  public var horizon: Int?
  /// Lag of MASE; nil: as the series or its frequency says, else what its values show before the first window.
  public var season: Int?
  /// Sample paths and seed of models that draw them.
  public var request = ForecastRequest()
  /// Series whose forecasts are kept for a plot.
  public var mostPlotted = 6

  public init() {}

  /// A stretch that is held out.
  struct Window: Sendable, Equatable {
    /// 0 for the last one.
    let number: Int
    /// Values that the models see.
    let history: Int
    let end: Int
  }

  /// Windows of a series of `length` values, the last one first.
  static func windows(length: Int, horizon: Int, season: Int, most: Int) -> [Window] {
    (0..<most).prefix { number in
      let history = length - (number + 1) * horizon
      return history >= (number == 0 ? 3 : max(2 * season, horizon, 16))
    }.map { Window(number: $0, history: length - ($0 + 1) * horizon, end: length - $0 * horizon) }
  }

  /// A series and what is held out of it.
  private struct Plan {
    let series: TimeSeries
    let horizon: Int
    let season: Int
    let windows: [Window]
  }

  /// Runs all models on all windows of all series.
  /// - Parameter progress: gets the share that is done and what is going on.
  /// - Throws: `ForecastError` where no series is long enough, or a model cannot take one.
  public func run(
    _ list: [TimeSeries], _ models: [any SeriesForecaster], progress: (Double, String) -> Void = { _, _ in }
  ) throws -> BacktestReport {
    var notes: [String] = []
    let plans = try list.compactMap { try plan($0, &notes) }
    guard !plans.isEmpty else {
      throw ForecastError.badSeries(
        id: list.first?.id ?? "", reason: "no series is long enough for a window; \(notes.first ?? "there is none")")
    }
    var rows: [BacktestReport.Row] = []
    var results = plans.map { plan in
      BacktestReport.Series(
        id: plan.series.id, horizon: plan.horizon, season: plan.season, windows: plan.windows.count, models: [])
    }
    var plotted = plans.prefix(mostPlotted).map { plan in
      BacktestReport.Plotted(series: plan.series, horizon: plan.horizon, ends: plan.windows.map(\.history))
    }
    var asked = request
    asked.quantileLevels = ForecastScore.levels
    asked.keepsPaths = false
    for (number, model) in models.enumerated() {
      var total = ForecastScore(), own = plans.map { _ in ForecastScore() }
      var seconds = 0.0, ownSeconds = plans.map { _ in 0.0 }, fallbacks = 0, ownFallbacks = plans.map { _ in 0 }
      let jobs = plans.indices.flatMap { index in plans[index].windows.map { (index, $0) } }
      for start in stride(from: 0, to: jobs.count, by: model.batchSize) {
        progress(
          (Double(number) + Double(start) / Double(jobs.count)) / Double(models.count),
          "\(model.name), window \(start + 1)/\(jobs.count)")
        let batch = jobs[start..<min(jobs.count, start + model.batchSize)]
        let inputs = batch.map { plans[$0].series.truncated(to: $1.history, horizon: plans[$0].horizon) }
        let begin = ContinuousClock.now
        let forecasts = try model.forecast(inputs, asked)
        let time = begin.duration(to: .now) / .seconds(1)
        seconds += time
        for ((index, window), forecast) in zip(batch, forecasts) {
          let plan = plans[index]
          ownSeconds[index] += time / Double(batch.count)
          if forecast.fallback != nil { (fallbacks, ownFallbacks[index]) = (fallbacks + 1, ownFallbacks[index] + 1) }
          for (variate, values) in plan.series.target.enumerated() {
            let history = values[..<window.history], actual = values[window.history..<window.end]
            let quantiles = forecast.quantiles[variate]
            total.add(history: history, actual: actual, quantiles: quantiles, season: plan.season)
            own[index].add(history: history, actual: actual, quantiles: quantiles, season: plan.season)
          }
          if index < plotted.count { plotted[index].forecasts[model.name, default: []].append(forecast) }
        }
      }
      rows.append(BacktestReport.Row(model.name, total, seconds, forecasts: jobs.count, fallbacks))
      for index in plans.indices {
        results[index].models.append(
          BacktestReport.Row(
            model.name, own[index], ownSeconds[index], forecasts: plans[index].windows.count, ownFallbacks[index]))
      }
    }
    return BacktestReport(models: rows, series: results, notes: notes, plotted: plotted)
  }

  private func plan(_ series: TimeSeries, _ notes: inout [String]) throws -> Plan? {
    var asked = request
    asked.horizon = horizon
    let horizon = try asked.steps(series)
    // The season must not be found with the help of what is held out.
    let known = max(0, series.length - windows * horizon)
    let season =
      season ?? series.seasonLength
      ?? (series.frequency.map { $0.seasonalPeriods.first ?? 1 }
        ?? SeasonalPeriod.detect(Array(series.target[0].prefix(known)), frequency: nil))
    let windows = Self.windows(length: series.length, horizon: horizon, season: season, most: windows).filter {
      window in
      series.target.allSatisfy { $0[..<window.history].contains(where: \.isFinite) }
    }
    guard !windows.isEmpty else {
      notes.append(
        "'\(series.id)' was left out: \(series.length) values are too few for a window of \(horizon) after 3 observed ones"
      )
      return nil
    }
    if windows.count < self.windows {
      notes.append("'\(series.id)': \(windows.count) of \(self.windows) windows fit into its \(series.length) values")
    }
    notes += series.notes.map { "'\(series.id)': \($0)" }
    return Plan(series: series, horizon: horizon, season: season, windows: windows)
  }
}
