import Forecasting
import Foundation
import FoundationXML
import Synchronization
import Testing

/// Says the same for every series and remembers what it was shown.
private final class ScriptedForecaster: SeriesForecaster {
  let name = "scripted"
  let batchSize = 3
  private let steps: @Sendable (_ steps: Int, _ levels: [Double]) -> [[Double]]
  private let shown = Mutex<[[Double]]>([])

  init(_ steps: @escaping @Sendable (Int, [Double]) -> [[Double]]) { self.steps = steps }

  var contexts: [[Double]] { shown.withLock { $0 } }

  func forecast(_ series: [TimeSeries], _ request: ForecastRequest) throws -> [Forecast] {
    series.map { one in
      shown.withLock { $0.append(one.target[0]) }
      let quantiles = steps(one.predictionLength ?? 0, request.quantileLevels)
      return Forecast(
        id: one.id, model: name, quantileLevels: request.quantileLevels, quantiles: [quantiles],
        mean: [quantiles.map { $0[0] }])
    }
  }
}

private let season = (0..<60).map { (step: Int) -> Double in [10, 20, 30, 25][step % 4] + Double(step * 7 % 5) / 5 }

@Suite struct BacktestTests {
  @Test func scoresAreThoseComputedByHand() throws {
    // Naive error of the history 2, 4, 6, 8 is 2; the window is 10, 12, 14.
    let model = ScriptedForecaster { _, levels in
      [levels.map { _ in 9 }, levels.map { 12 + ($0 - 0.5) * 10 }, levels.map { $0 <= 0.2 ? 13 : 15 }]
    }
    var backtest = Backtest()
    (backtest.windows, backtest.horizon, backtest.season) = (1, 3, 1)
    let report = try backtest.run([TimeSeries(id: "a", target: [[2, 4, 6, 8, 10, 12, 14]])], [model])
    let row = report.models[0]
    func isNear(_ value: Double?, _ expected: Double) -> Bool { value.map { abs($0 - expected) < 1e-9 } ?? false }
    #expect(isNear(row.mase, (1.0 + 0 + 1) / 3 / 2))
    // Level by level, 0.1 to 0.9: 4.5 for the first step, 0.4 + 0.6 + 0.6 + 0.4 + 0 + 0.4 + 0.6 + 0.6 + 0.4 for the
    // second, 0.1 + 0.2 + 0.7 + 0.6 + 0.5 + 0.4 + 0.3 + 0.2 + 0.1 for the third.
    #expect(isNear(row.wql, 2.0 / 9 * (4.5 + 4 + 3.1) / (10 + 12 + 14)))
    #expect(isNear(row.smape, (2.0 / 19 + 0 + 2.0 / 29) / 3))
    // 10 lies in no interval, 12 in both, 14 between the levels 0.2 and 0.25.
    #expect(isNear(row.coverage50, 1.0 / 3) && isNear(row.coverage80, 2.0 / 3) && row.forecasts == 1)
  }

  @Test func windowsEndOneHorizonApartAndNothingLeaks() throws {
    let model = ScriptedForecaster { steps, levels in Array(repeating: levels.map { _ in 0 }, count: steps) }
    var backtest = Backtest()
    (backtest.windows, backtest.horizon, backtest.season) = (20, 5, 4)
    let report = try backtest.run([TimeSeries(id: "a", target: [season])], [model])
    // A further window needs 16 values before it.
    #expect(model.contexts.map(\.count) == [55, 50, 45, 40, 35, 30, 25, 20])
    #expect(model.contexts.allSatisfy { $0 == Array(season.prefix($0.count)) })
    #expect(report.series[0].windows == 8 && report.notes.contains { $0.contains("8 of 20 windows") })
  }

  @Test func theSeasonalLagOfTheErrorIsTheFrequencys() throws {
    var backtest = Backtest()
    (backtest.windows, backtest.horizon) = (2, 4)
    let series = TimeSeries(id: "a", target: [season], frequency: Frequency(.quarter))
    let models = try ["naive", "seasonal-naive"].map { try ForecastModels.named($0) }
    let report = try backtest.run([series], models)
    #expect(report.series[0].season == 4)
    #expect(report.best?.model == "seasonal-naive")
    #expect(report.models[1].mase! < 2 && report.models[0].mase! > 5)
    // Without a frequency the values say it.
    #expect(try backtest.run([TimeSeries(id: "a", target: [season])], models).series[0].season == 4)
  }

  @Test func shortSeriesAreLeftOutByName() throws {
    var backtest = Backtest()
    backtest.horizon = 12
    let naive = [try ForecastModels.named("naive")]
    let short = TimeSeries(id: "tiny", target: [[1, 2, 3]])
    let report = try backtest.run([TimeSeries(id: "a", target: [season]), short], naive)
    #expect(report.series.map(\.id) == ["a"] && report.notes.contains { $0.hasPrefix("'tiny' was left out") })
    #expect {
      try backtest.run([short], naive)
    } throws: { "\($0)".contains("'tiny'") && "\($0)".contains("no series is long enough") }
  }

  @Test func fallbacksAreCounted() throws {
    var backtest = Backtest()
    (backtest.windows, backtest.horizon) = (1, 2)
    let report = try backtest.run([TimeSeries(id: "a", target: [[1, 2, 3, 4, 5]])], [try ForecastModels.named("ets")])
    #expect(report.models[0].fallbacks == 1 && report.text().contains("a baseline served in 1 of 1"))
  }

  @Test func tableJSONAndPictureHaveEveryModel() throws {
    var backtest = Backtest()
    (backtest.windows, backtest.horizon) = (3, 4)
    let list = ["<a>", "b"].map {
      TimeSeries(id: $0, target: [season], start: "2010-01-01", frequency: Frequency(.quarter))
    }
    let report = try backtest.run(list, try ForecastModels.names.map { try ForecastModels.named($0) })
    let object = try #require(try JSONSerialization.jsonObject(with: report.json()) as? [String: Any])
    let rows = try #require(object["models"] as? [[String: Any]])
    #expect(rows.compactMap { $0["model"] as? String } == ForecastModels.names)
    #expect(rows.allSatisfy { $0["coverage_80"] is Double && ($0["seconds_per_forecast"] as? Double ?? 0) > 0 })
    #expect((object["series"] as? [[String: Any]])?.count == 2)
    let svg = BacktestPlot().svg(report)
    #expect(XMLParser(data: Data(svg.utf8)).parse())
    for name in ForecastModels.names { #expect(report.text().contains(name) && svg.contains(name)) }
    #expect(svg.contains("&lt;a&gt;") && svg.contains("2020"))
  }
}
