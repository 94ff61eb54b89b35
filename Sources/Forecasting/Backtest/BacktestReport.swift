import Foundation

/// What a backtest found.
public struct BacktestReport: Sendable {
  /// A model's scores.
  public struct Row: Sendable, Encodable {
    public var model: String
    public var mase: Double?
    public var wql: Double?
    public var smape: Double?
    public var coverage50: Double?
    public var coverage80: Double?
    public var secondsPerForecast: Double
    /// Windows that were forecast, all variates together.
    public var forecasts: Int
    /// Of which a baseline had to serve.
    public var fallbacks: Int

    init(_ model: String, _ score: ForecastScore, _ seconds: Double, forecasts: Int, _ fallbacks: Int) {
      self.model = model
      (mase, wql, smape) = (score.mase, score.wql, score.smape)
      (coverage50, coverage80) = (score.coverage50, score.coverage80)
      secondsPerForecast = seconds / Double(max(1, forecasts))
      (self.forecasts, self.fallbacks) = (forecasts, fallbacks)
    }

    enum CodingKeys: String, CodingKey {
      case model, mase, wql, smape, forecasts, fallbacks
      case coverage50 = "coverage_50"
      case coverage80 = "coverage_80"
      case secondsPerForecast = "seconds_per_forecast"
    }
  }

  /// One series' scores.
  public struct Series: Sendable, Encodable {
    public var id: String
    public var horizon: Int
    /// The seasonal lag of MASE.
    public var season: Int
    public var windows: Int
    public var models: [Row]
  }

  /// A series with its forecasts, for the plot.
  struct Plotted: Sendable {
    let series: TimeSeries
    let horizon: Int
    /// Where each window begins.
    let ends: [Int]
    /// By model, one for each window.
    var forecasts: [String: [Forecast]] = [:]
  }

  /// Over all series, in the order in which the models were given.
  public let models: [Row]
  public let series: [Series]
  /// What was left out, and why.
  public let notes: [String]
  let plotted: [Plotted]

  /// The model with the smallest WQL.
  public var best: Row? { models.filter { $0.wql != nil }.min { $0.wql! < $1.wql! } }

  /// `{"models": [...], "series": [{"id", "horizon", "season", "windows", "models"}], "notes"}`.
  public func json() throws -> Data {
    struct Body: Encodable {
      var models: [Row]
      var series: [Series]
      var notes: [String]
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(Body(models: models, series: series, notes: notes)) + Data("\n".utf8)
  }

  /// A table, the best model first; one more for each of at most `mostSeries` series.
  public func text(mostSeries: Int = 5) -> String {
    let windows = series.reduce(0) { $0 + $1.windows }
    let horizons = Set(series.map(\.horizon)), seasons = Set(series.map(\.season))
    func range(_ values: Set<Int>) -> String {
      values.count == 1 ? "\(values.first!)" : "\(values.min()!)-\(values.max()!)"
    }
    var lines = [
      "\(series.count) series, \(windows) window(s) of \(range(horizons)) steps, seasonal lag \(range(seasons))", "",
    ]
    lines += Self.table(models)
    if series.count > 1 {
      for one in series.prefix(mostSeries) { lines += ["", one.id] + Self.table(one.models).dropFirst() }
      if series.count > mostSeries {
        lines += ["", "and \(series.count - mostSeries) more series (--json has them all)"]
      }
    }
    let fallen = models.filter { $0.fallbacks > 0 }
    if !fallen.isEmpty {
      lines.append("")
      lines += fallen.map { "\($0.model): a baseline served in \($0.fallbacks) of \($0.forecasts) forecasts" }
    }
    if !notes.isEmpty {
      lines += [""] + notes.prefix(12).map { "note: \($0)" }
      if notes.count > 12 { lines.append("and \(notes.count - 12) more notes (--json has them all)") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func table(_ rows: [Row]) -> [String] {
    let width = max(14, rows.map(\.model.count).max() ?? 0)
    func cell(_ value: Double?, _ format: String, _ width: Int = 9) -> String {
      let text = value.map { String(format: format, $0) } ?? "-"
      return String(repeating: " ", count: max(0, width - text.count)) + text
    }
    func padded(_ text: String) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
    let head = padded("model") + "     MASE      WQL    sMAPE  in 50 %  in 80 %  ms/forecast"
    return [head]
      + rows.sorted { ($0.wql ?? .infinity) < ($1.wql ?? .infinity) }.map { row in
        padded(row.model) + cell(row.mase, "%.3f") + cell(row.wql, "%.4f")
          + cell(row.smape.map { $0 * 100 }, "%.1f %%") + cell(row.coverage50.map { $0 * 100 }, "%.0f %%")
          + cell(row.coverage80.map { $0 * 100 }, "%.0f %%") + cell(row.secondsPerForecast * 1000, "%.2f", 13)
      }
  }
}
