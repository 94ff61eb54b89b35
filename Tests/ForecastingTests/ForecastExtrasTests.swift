import Forecasting
import Foundation
import FoundationXML
import Testing

private let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .appendingPathComponent("../../Fixtures/moirai-moe-tiny").standardizedFileURL

/// A weekly rhythm with a little noise.
private let weekly = (0..<140).map { (day: Int) -> Double in
  [50, 20, 20, 20, 30, 80, 90][day % 7] + Double(day * 31 % 11) / 5
}

private func series(_ values: [Double], id: String = "s") -> TimeSeries {
  TimeSeries(id: id, target: [values], start: "2024-01-01", frequency: Frequency(.day))
}

@Suite struct AnomalyTests {
  private let model: any SeriesForecaster

  init() throws { model = try ForecastModels.named("seasonal-naive") }

  @Test func aSpikeIsFlaggedAndMarked() throws {
    var values = weekly
    values[100] = 200
    let report = try AnomalyDetector().reports(series(values), model, ForecastRequest())[0]
    let flag = try #require(report.flagged.first)
    #expect(flag.index == 100 && flag.value == 200 && flag.time == "2024-04-10" && flag.probability < 1e-9)
    #expect(flag.low <= flag.expected && flag.expected <= flag.high && flag.high < 60)
    // Not expected again a week later, where it did not come.
    #expect(report.flagged.map(\.index) == [100])
    var forecast = try model.forecast([series(values)], ForecastRequest(horizon: 7))[0]
    forecast.anomalies = [report]
    let svg = ForecastPlot().svg([(series(values), forecast)])
    #expect(svg.contains("unexpected value") && svg.contains("2024-04-10: 200.0"))
    let line = try #require(try JSONSerialization.jsonObject(with: forecast.jsonLine()) as? [String: Any])
    let object = try #require(line["anomalies"] as? [String: Any])
    #expect((object["probabilities"] as? [Any])?.count == 140 && (object["flagged"] as? [Any])?.isEmpty == false)
  }

  @Test func scoresUseOnlyWhatCameBefore() throws {
    var changed = weekly
    for index in 120..<140 { changed[index] = 500 }
    let before = try AnomalyDetector().reports(series(weekly), model, ForecastRequest())[0].probabilities
    let after = try AnomalyDetector().reports(series(changed), model, ForecastRequest())[0].probabilities
    #expect(before[..<120] == after[..<120] && before[120] != after[120])
    #expect(before[0] == nil && before[60] != nil)
  }

  @Test func expectedValuesHaveHighProbabilities() throws {
    let report = try AnomalyDetector().reports(series(weekly), model, ForecastRequest())[0]
    let scored = report.probabilities.compactMap { $0 }
    #expect(report.flagged.isEmpty && scored.allSatisfy { $0 > 0.001 && $0 <= 1 })
  }

  @Test func constantsAreExpectedUntilTheyChange() throws {
    var values = [Double](repeating: 5, count: 60)
    values[50] = 6
    let report = try AnomalyDetector().reports(series(values), model, ForecastRequest())[0]
    #expect(report.probabilities[49] == 1 && report.probabilities[50] == 0)
    #expect(report.flagged.map(\.index) == [50])
  }

  /// Always expects a standard normal distribution.
  private struct Narrow: SeriesForecaster {
    let name = "narrow"
    let batchSize = 64

    func forecast(_ series: [TimeSeries], _ request: ForecastRequest) throws -> [Forecast] {
      series.map { one in
        let step = request.quantileLevels.map { Normal.standardQuantile($0) }
        let steps = Array(repeating: step, count: one.predictionLength ?? 1)
        return Forecast(
          id: one.id, model: name, quantileLevels: request.quantileLevels, quantiles: [steps],
          mean: [steps.map { _ in 0 }])
      }
    }
  }

  @Test func predictionsThatWereTooNarrowAreWidened() throws {
    let values = (0..<100).map { (step: Int) -> Double in step % 2 == 0 ? 2.5 : -2.5 }
    let report = try AnomalyDetector().reports(series(values), Narrow(), ForecastRequest())[0]
    // Two-sided tails of the normal distribution beyond 2.5 deviations, and beyond one.
    #expect(abs((report.probabilities[30] ?? 0) - 0.012419) < 1e-5)
    #expect(abs((report.probabilities[99] ?? 0) - 0.317311) < 1e-5)
  }

  @Test func shortAndGappySeries() throws {
    #expect {
      try AnomalyDetector().reports(series([1, 2, 3], id: "tiny"), model, ForecastRequest())
    } throws: { "\($0)".contains("'tiny'") }
    var values = weekly
    values[90] = .nan
    #expect(try AnomalyDetector().reports(series(values), model, ForecastRequest())[0].probabilities[90] == nil)
  }
}

@Suite struct ExpertReportTests {
  @Test func everyPatchHasItsExpertsInEveryLayer() throws {
    let model = try #require(try ForecastModels.load(fixture.path) as? any ExpertRouting)
    let report = try model.experts(series(weekly), ForecastRequest(horizon: 16))
    #expect(report.patches.count == 9 && report.patchSize == 16)
    // Patches end with the series; the first has what is left.
    #expect(report.patches[0].first == 0 && report.patches[0].last == 11)
    #expect(report.patches[8].first == 124 && report.patches[8].last == 139)
    #expect(report.patches[1].time == "2024-01-13")
    for shares in report.shares { #expect(abs(shares.reduce(0, +) - 1) < 1e-9) }
    for patch in report.patches {
      #expect(patch.experts.count == report.shares.count)
      for (experts, weights) in zip(patch.experts, patch.weights) {
        #expect(Set(experts).count == 2 && experts.allSatisfy { (0..<report.experts).contains($0) })
        #expect(abs(weights.reduce(0, +) - 1) < 1e-3 && weights == weights.sorted(by: >))
      }
    }
    // Shares are counts of the choices.
    let counted = report.patches.count { $0.experts[0].contains(report.patches[0].experts[0][0]) }
    #expect(abs(report.shares[0][report.patches[0].experts[0][0]] - Double(counted) / 18) < 1e-9)
    #expect(report.text(id: "s").contains("2 of \(report.experts) experts"))
    var forecast = try predict("naive", ForecastRequest(horizon: 7), series(weekly))
    forecast.experts = report
    let svg = ForecastPlot().svg([(series(weekly), forecast)])
    #expect(XMLParser(data: Data(svg.utf8)).parse() && svg.contains("Experts for s") && svg.contains("layer 2"))
  }

  @Test func modelsWithoutExpertsHaveNone() throws {
    #expect(try ForecastModels.named("theta") as? any ExpertRouting == nil)
    #expect("\(ForecastError.hasNoExperts("theta"))".contains("theta has no experts"))
  }
}

@Suite struct ValueRangeTests {
  private func forecast() -> Forecast {
    Forecast(
      id: "s", model: "m", quantileLevels: [0.1, 0.5, 0.9], quantiles: [[[-2.5, 0.4, 3.6], [1.2, 7.5, 12]]],
      mean: [[-0.5, 7.3]])
  }

  @Test func quantilesAndMeanStayWithinTheBounds() {
    var clipped = forecast()
    ValueRange(lower: 0, upper: 10).apply(to: &clipped)
    #expect(clipped.quantiles == [[[0, 0.4, 3.6], [1.2, 7.5, 10]]] && clipped.mean == [[0, 7.3]])
    #expect(clipped.notes == ["2 quantile(s) were clipped to 0 to 10"])
  }

  @Test func wholeNumbersStayWithinTheBoundsAndTheMeanIsNotRounded() {
    var whole = forecast()
    ValueRange(lower: 0.5, upper: 11.5, isInteger: true).apply(to: &whole)
    #expect(whole.quantiles == [[[1, 1, 4], [1, 8, 11]]] && whole.mean == [[0.5, 7.3]])
    var same = forecast()
    ValueRange().apply(to: &same)
    #expect(same.quantiles == forecast().quantiles && same.notes.isEmpty)
  }
}

@Suite struct ForecastLimitsTests {
  private func message(_ list: [TimeSeries], _ change: (inout ForecastLimits, inout ForecastRequest) -> Void) -> String
  {
    var limits = ForecastLimits()
    var request = ForecastRequest(horizon: 10)
    change(&limits, &request)
    do {
      try limits.check(list, request)
      return "accepted"
    } catch {
      return "\(error)"
    }
  }

  @Test func eachLimitNamesTheSeriesAndTheNumber() {
    let list = [series(weekly, id: "fine"), series(weekly + weekly, id: "long")]
    #expect(message(list) { _, _ in } == "accepted")
    #expect(message(list) { limits, _ in limits.context = 200 }.hasPrefix("series 'long': 280 values; at most 200"))
    #expect(message(list) { limits, _ in limits.series = 1 }.hasPrefix("2 series at once; at most 1"))
    #expect(message(list) { limits, _ in limits.variates = 0 }.hasPrefix("series 'fine': 1 variates"))
    #expect(message(list) { _, request in request.samples = 0 }.hasPrefix("samples: 0"))
    #expect(message(list) { _, request in request.horizon = 5000 }.contains("'fine': cannot forecast 5000 steps"))
    #expect(message(list) { limits, _ in limits.drawnValues = 999 }.contains("10 steps x 100 samples"))
  }
}

@Suite struct ForecastAnswerTests {
  @Test func theAnswerSaysTimeFrequencyPeriodAndFallback() throws {
    let line = try predict("theta", ForecastRequest(horizon: 2), series(weekly)).jsonLine()
    let object = try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
    #expect(object["start"] as? String == "2024-05-20" && object["freq"] as? String == "D")
    #expect(object["period"] as? Int == 7 && object["fallback"] == nil)
    let short = try predict("ets", ForecastRequest(horizon: 2), series([3, 4]))
    #expect(short.fallback == "naive" && short.notes.contains { $0.contains("naive was used") })
    let found = try predict("theta", ForecastRequest(horizon: 2), TimeSeries(id: "s", target: [weekly]))
    #expect(found.notes.contains("a season of 7 steps was found in the values") && found.start == nil)
  }

  @Test func levelsForThePlotAreLeftOutOfTheAnswer() throws {
    let levels = [0.1, 0.5, 0.9]
    let request = ForecastRequest(horizon: 3, quantileLevels: Array(Set(levels + ForecastPlot.bandLevels)))
    let forecast = try predict("theta", request, series(weekly))
    let kept = forecast.keeping(levels)
    #expect(kept.quantileLevels == levels)
    #expect(
      kept.quantiles
        == (try predict("theta", ForecastRequest(horizon: 3, quantileLevels: levels), series(weekly))).quantiles)
    let svg = ForecastPlot().svg([(series(weekly), forecast)])
    for band in ["50 %", "80 %", "95 %"] { #expect(svg.contains(">\(band)<")) }
    #expect(svg.components(separatedBy: "<polygon").count == 4)
    // Only what the quantiles have: no band of 95 %.
    #expect(!ForecastPlot().svg([(series(weekly), kept)]).contains("95 %"))
  }

  @Test func severalSeriesAreSmallMultiplesWithDates() throws {
    let pairs = try ["a", "b", "c", "d"].map { id in
      (
        series: series(weekly, id: id),
        forecast: try predict("naive", ForecastRequest(horizon: 7), series(weekly, id: id))
      )
    }
    let svg = ForecastPlot().svg(pairs)
    #expect(XMLParser(data: Data(svg.utf8)).parse())
    #expect(svg.contains("viewBox=\"0 0 1520 536\"") && svg.contains("Mar 2024"))
    // Huge, tiny and constant values have axes as well.
    for values in [[1e300, -1e300, 1e299], [1e-300, 2e-300, 1e-300], [0, 0, 0], [1e17, 1e17 + 16, 1e17]] {
      let own = series(values)
      let forecast = try predict("naive", ForecastRequest(horizon: 2), own)
      #expect(!ForecastPlot().svg([(own, forecast)]).contains("nan"))
    }
  }
}
