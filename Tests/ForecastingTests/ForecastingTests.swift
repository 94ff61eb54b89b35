import Forecasting
import Foundation
import FoundationXML
import Testing

private func series(_ values: [Double], frequency: Frequency? = nil) -> TimeSeries {
  TimeSeries(id: "s", target: [values], frequency: frequency)
}

private func read(_ text: String) throws -> [TimeSeries] {
  try SeriesReader().read(Data(text.utf8), name: "sales.csv")
}

private func trendAndSeason(_ month: Int) -> Double { 100 + Double(month) + 20 * sin(Double.pi * Double(month) / 6) }

private let monthly = (0..<72).map(trendAndSeason)

@Suite struct ForecastModelTests {
  @Test func naiveRepeatsTheLastValue() throws {
    let forecast = try predict("naive", ForecastRequest(horizon: 3), series([1, 5, 2]))
    #expect(forecast.mean == [[2, 2, 2]])
  }

  @Test func seasonalNaiveRepeatsTheLastSeason() throws {
    let values = (0..<24).map { Double($0 % 4) * 10 }
    let forecast = try predict(
      "seasonal-naive", ForecastRequest(horizon: 5),
      series(values, frequency: Frequency(.quarter)))
    #expect(forecast.mean == [[0, 10, 20, 30, 0]])
  }

  @Test(arguments: ["theta", "ets"]) func trendAndSeasonAreContinued(model: String) throws {
    let forecast = try predict(
      model, ForecastRequest(horizon: 12),
      series(monthly, frequency: Frequency(.month)))
    for step in 0..<12 {
      // Repeating the last year is wrong by 12.
      #expect(abs(forecast.mean[0][step] - trendAndSeason(72 + step)) < 10)
    }
  }

  @Test(arguments: ["naive", "seasonal-naive", "theta", "ets"]) func quantilesAscendAndWiden(model: String) throws {
    let noisy = monthly.enumerated().map { index, value -> Double in value + Double(index * 7919 % 13) }
    let forecast = try predict(model, ForecastRequest(horizon: 24), series(noisy, frequency: Frequency(.month)))
    for step in forecast.quantiles[0] { #expect(zip(step, step.dropFirst()).allSatisfy { $0 <= $1 }) }
    let width = forecast.quantiles[0].map { $0.last! - $0.first! }
    #expect(width[23] >= width[0])
  }

  @Test func thePeriodIsFoundWithoutAFrequency() throws {
    let week: [Double] = [5, 1, 1, 1, 2, 8, 9]
    let weekly = (0..<140).map { day -> Double in week[day % 7] + 0.1 * Double(day * 31 % 5) }
    let forecast = try predict("seasonal-naive", ForecastRequest(horizon: 7), series(weekly))
    #expect(forecast.mean[0] == Array(weekly.suffix(7)))
  }

  @Test func shortConstantAndGappySeriesFallBackAndSaySo() throws {
    let short = try predict("ets", ForecastRequest(horizon: 2), series([3, 4]))
    #expect(short.mean[0] == [4, 4] && short.notes.contains { $0.contains("too short for ets") })
    let constant = try predict("theta", ForecastRequest(horizon: 4), series(Array(repeating: 7.0, count: 30)))
    #expect(constant.mean[0].allSatisfy { abs($0 - 7) < 1e-6 })
    let gappy = try predict("theta", ForecastRequest(horizon: 2), series([1, .nan, 3, 4, 5, 6, 7, 8]))
    #expect(gappy.notes.contains { $0.contains("missing") } && gappy.mean[0].allSatisfy(\.isFinite))
  }

  @Test func theLineHasTheAgreedShape() throws {
    let line = try predict(
      "theta", ForecastRequest(horizon: 2, quantileLevels: [0.9, 0.1]), series([1, 2, 3, 4, 5, 6])
    )
    .jsonLine()
    let object = try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
    #expect(object["quantile_levels"] as? [Double] == [0.1, 0.9])
    #expect((object["quantiles"] as? [[Double]])?.map(\.count) == [2, 2])
    #expect(throws: ForecastError.unknownModel("oracle")) {
      try predict("oracle", ForecastRequest(), series([1, 2]))
    }
  }

  @Test func standardNormalQuantilesAreRight() {
    // Abramowitz and Stegun, table 26.2.
    #expect(abs(Normal.standardQuantile(0.975) - 1.959963985) < 1e-8)
    #expect(abs(Normal.standardQuantile(0.5)) < 1e-9)
    #expect(abs(Normal.standardQuantile(0.001) + 3.090232306) < 1e-8)
  }

  @Test func plotsAreWellFormedXML() throws {
    var hostile = series(monthly)
    hostile.id = "</text><script>&\"\u{1}"
    let forecast = try predict("theta", ForecastRequest(horizon: 12), hostile)
    let svg = ForecastPlot().svg([(hostile, forecast)])
    #expect(XMLParser(data: Data(svg.utf8)).parse())
    #expect(!svg.contains("<script>") && svg.contains("<polygon"))
  }
}

@Suite struct SeriesReaderTests {
  @Test func csvColumnsAreSeries() throws {
    let list = try read("date,units,price\n2024-01-01,5,1.5\n2024-01-02,,2.5\n2024-01-03,7,3.5\n")
    #expect(list.map(\.id) == ["units", "price"])
    #expect(list[0].target[0][1].isNaN && list[1].target[0] == [1.5, 2.5, 3.5])
    #expect(list[0].frequency == Frequency(.day))
  }

  @Test func missingDaysBecomeMissingValues() throws {
    let list = try read("d,x\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-05,5\n")
    #expect(list[0].target[0].count == 5 && list[0].target[0][3].isNaN)
    #expect(list[0].notes.first?.contains("1 missing time step") == true)
  }

  @Test func semicolonsAndDecimalCommasAreUnderstood() throws {
    let list = try read("Datum;Umsatz\n01.01.2024;1.234,5\n02.01.2024;2,5\n03.01.2024;3\n")
    #expect(list[0].target[0] == [1234.5, 2.5, 3])
  }

  @Test func textInNumbersIsNamedByLineAndColumn() {
    #expect(throws: SeriesReadError.notANumber("sales.csv", line: 3, column: "units", text: "abc")) {
      try read("date,units\n2024-01-01,5\n2024-01-02,abc\n")
    }
    let message = SeriesReadError.notANumber("sales.csv", line: 3, column: "units", text: "abc").description
    #expect(message == "sales.csv line 3, column 'units': 'abc' is not a number")
  }

  @Test(arguments: [
    "", "   \n", "date,units\n", "{\"target\": [null, null]}", "{\"target\": []}", "{\"x\": 1}", "[1, 2]",
    "{\"target\": [1",
    "d,x\n2024-01-01,1\n2024-01-01,2\n2024-01-03,2\n", "d,x\n2024-01-01,1,9\n", "{\"target\": [1e400]}", "only\n1\n2\n",
  ]) func badInputIsRefused(text: String) {
    #expect(throws: SeriesReadError.self) { try read(text) }
  }

  @Test func jsonLinesKeepIdsAndNulls() throws {
    let list = try read(
      "{\"id\": \"a\", \"target\": [1, null, 3], \"freq\": \"M\"}\n{\"id\": 7, \"target\": [[1, 2], [3, 4]]}\n")
    #expect(list.map(\.id) == ["a", "7"])
    #expect(list[1].isMultivariate && list[1].target.count == 2)
  }
}
