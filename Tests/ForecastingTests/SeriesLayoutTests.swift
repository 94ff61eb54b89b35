import Forecasting
import Foundation
import Testing

private func read(_ text: String, _ change: (inout SeriesLayout) -> Void = { _ in }) throws -> [TimeSeries] {
  var layout = SeriesLayout()
  change(&layout)
  return try SeriesReader(layout: layout).read(Data(text.utf8), name: "orders.csv")
}

private func message(_ text: String, _ change: (inout SeriesLayout) -> Void = { _ in }) -> String {
  do {
    _ = try read(text, change)
    return "was read"
  } catch {
    return "\(error)"
  }
}

private func isSame(_ a: [Double], _ b: [Double]) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }
}

/// Rows `time,value` at the given times.
private func rows(_ times: [String]) -> String {
  "time,x\n" + times.enumerated().map { "\($1),\($0 + 1)\n" }.joined()
}

@Suite struct LongFormatTests {
  @Test func aColumnOfWordsThatRepeatNamesTheSeries() throws {
    let list = try read(
      "shop,date,units\nnorth,2024-01-01,5\nsouth,2024-01-01,1\nnorth,2024-01-02,6\nsouth,2024-01-02,2\nnorth,2024-01-03,7\n"
    )
    #expect(list.map(\.id) == ["north", "south"])
    #expect(list[0].target == [[5, 6, 7]] && list[1].target == [[1, 2]])
    #expect(list.allSatisfy { $0.frequency == Frequency(.day) && $0.start == "2024-01-01" })
  }

  @Test func numbersNameTheSeriesWhereTheirColumnIsCalledSo() throws {
    let text = "store,date,y\n1,2024-01-01,5\n1,2024-01-02,6\n2,2024-01-01,7\n2,2024-01-02,8\n"
    #expect(try read(text).map(\.id) == ["1", "2"])
    // Under another name they are a series, and the times stand there twice.
    let other = text.replacingOccurrences(of: "store", with: "size")
    #expect(message(other).contains("--id-column NAME"))
    #expect(try read(other) { $0.idColumns = ["size"] }.map(\.target) == [[[5, 6]], [[7, 8]]])
  }

  @Test func severalNamesAndValuesMakeSeriesOfEachPair() throws {
    let text = "area,shop,day,in,out\nA,x,2024-01-01,1,2\nA,y,2024-01-01,3,4\nA,x,2024-01-02,5,6\nA,y,2024-01-02,7,8\n"
    let all = try read(text) { $0.idColumns = ["area", "shop"] }
    #expect(all.map(\.id) == ["A/x/in", "A/x/out", "A/y/in", "A/y/out"])
    let one = try read(text) { ($0.idColumns, $0.valueColumns) = (["area", "shop"], ["out"]) }
    #expect(one.map(\.id) == ["A/x", "A/y"] && one[1].target == [[4, 8]])
  }

  @Test func wordsThatAreNoNamesAreLeftOut() throws {
    let week = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    let days = (0..<14).map { "2024-01-\($0 < 9 ? "0" : "")\($0 + 1)" }
    let long =
      "shop,date,weekday,units\n"
      + ["a", "b"].flatMap { shop in
        days.indices.map { "\(shop),\(days[$0]),\(week[$0 % 7]),\($0)\n" }
      }.joined()
    let list = try read(long)
    #expect(list.map(\.id) == ["a", "b"] && list.allSatisfy { $0.length == 14 })
    #expect(list[0].notes.contains { $0.contains("not used: 'weekday'") })
    let wide = try read("date,weekday,units\n" + days.indices.map { "\(days[$0]),\(week[$0 % 7]),\($0)\n" }.joined())
    #expect(wide.map(\.id) == ["units"] && wide[0].length == 14)
    // One after the other in time, but called a name: two series.
    #expect(try read("series,date,x\na,2024-01-01,1\na,2024-01-02,2\nb,2024-01-03,3\nb,2024-01-04,4\n").count == 2)
    #expect(message("date,x\n2024-01-01,one\n2024-01-02,two\n").contains("no column left to forecast"))
  }

  @Test func aValueColumnByNameLeavesOthersOutAndSaysSo() throws {
    let list = try read("unique_id,ds,y,price\na,2024-01-01,1,9\na,2024-01-02,2,9\n")
    #expect(list.map(\.id) == ["a"] && list[0].target == [[1, 2]])
    #expect(list[0].notes.contains { $0.contains("not used: 'price'") })
  }

  @Test func columnsThatDoNotExistAreNamedWithThoseThatDo() {
    #expect(
      message("date,x\n2024-01-01,1\n") { $0.valueColumns = ["y"] }
        == "orders.csv has no column 'y'; its columns are 'date', 'x'")
    #expect(
      message("date,x\n2024-01-01,1\n") {
        $0.timeColumn = "x"; $0.valueColumns = ["x"]
      }.contains("something else"))
    #expect(message("{\"target\": [1, 2]}") { $0.timeColumn = "x" }.contains("for CSV only"))
  }
}

@Suite struct CovariateColumnTests {
  private let text = """
    date,load,temperature,promo
    2024-01-01,5,20,1
    2024-01-02,6,21,0
    2024-01-03,7,22,1
    2024-01-04,,23,
    2024-01-05,,24,

    """

  @Test func futureCovariatesGoOnAfterTheTarget() throws {
    let list = try read(text) { ($0.pastCovariates, $0.futureCovariates) = (["promo"], ["temperature"]) }
    #expect(list.map(\.id) == ["load"])
    #expect(list[0].target == [[5, 6, 7]] && list[0].predictionLength == 2)
    #expect(list[0].pastCovariates == [[1, 0, 1]] && list[0].futureCovariates == [[20, 21, 22, 23, 24]])
  }

  @Test func withoutThemTrailingRowsAreMissingValues() throws {
    let list = try read(text) { $0.valueColumns = ["load"] }
    #expect(isSame(list[0].target[0], [5, 6, 7, .nan, .nan]))
  }

  @Test func aHorizonBeyondTheFutureCovariatesIsRefusedBySeries() throws {
    let list = try read(text) { ($0.valueColumns, $0.futureCovariates) = (["load"], ["temperature"]) }
    try ForecastLimits().check(list, ForecastRequest())
    #expect {
      try ForecastLimits().check(list, ForecastRequest(horizon: 3))
    } throws: { "\($0)".contains("'load'") && "\($0)".contains("cover 2 step(s)") && "\($0)".contains("at most 2") }
  }
}

@Suite struct TimeAxisTests {
  @Test(arguments: [
    (["2024-01-31", "2024-02-29", "2024-03-31"], "M"), (["2024-01", "2024-02", "2024-03"], "M"),
    (["Jan 2024", "Feb 2024", "Mar 2024"], "M"), (["2023-Q4", "2024-Q1", "2024-Q2"], "Q"),
    (["2021", "2022", "2023", "2024"], "Y"), (["2024-W01", "2024-W02", "2024-W03"], "W"),
    (["20240101", "20240102", "20240103"], "D"), (["1704067200", "1704070800", "1704074400"], "h"),
    (["2024-01-01 00:00", "2024-01-01 00:15", "2024-01-01 00:30"], "15min"),
    (["2024-01-01T10:00:00Z", "2024-01-01T11:00:00Z", "2024-01-01T13:00:00+01:00", "2024-01-01T13:00:00Z"], "h"),
    (["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10"], "B"),
    (["2024-01-01", "2024-01-29", "2024-02-26", "2024-03-25"], "4W"),
    (["2024-01-01", "2024-07-01", "2025-01-01"], "6M"),
  ]) func stepsAreFound(times: [String], code: String) throws {
    let series = try read(rows(times))[0]
    #expect(series.frequency?.code == code)
    #expect(series.target[0].count == times.count && series.target[0].allSatisfy(\.isFinite))
  }

  @Test func theOrderOfDayAndMonthIsThatWhichIsRegular() throws {
    let american = try read(rows(["01/02/2024", "01/03/2024", "01/04/2024"]))[0]
    #expect(american.frequency?.code == "D" && american.start == "2024-01-02")
    #expect(american.notes.contains { $0.contains("month/day/year") })
    let european = try read(rows(["30/01/2024", "31/01/2024", "01/02/2024"]))[0]
    #expect(european.frequency?.code == "D" && european.start == "2024-01-30")
    let monthly = try read(rows(["01/01/2024", "01/02/2024", "01/03/2024", "01/04/2024", "01/05/2024"]))[0]
    #expect(monthly.frequency?.code == "D", "both are regular: the shorter span counts, as the note says")
  }

  @Test func rowsAreSortedAndGapsFilled() throws {
    let series = try read("m,x\n2024-05-01,5\n2024-02-01,2\n2024-01-01,1\n2024-03-01,3\n")[0]
    #expect(isSame(series.target[0], [1, 2, 3, .nan, 5]))
    #expect(series.start == "2024-01-01" && series.notes.contains { $0.contains("sorted") })
    #expect(series.notes.contains { $0.contains("1 missing time step") })
    // Holidays are gaps among working days.
    let working = try read(rows(["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-11"]))[0]
    #expect(isSame(working.target[0], [1, 2, 3, 4, .nan, 5]))
  }

  @Test func jitterIsMovedToTheSteps() throws {
    let times = ["10:02:20", "10:57:40", "12:00:10", "12:59:50", "15:01:00"].map { "2024-01-01T\($0)" }
    let series = try read(rows(times))[0]
    #expect(isSame(series.target[0], [1, 2, 3, 4, .nan, 5]))
    #expect(series.frequency?.code == "h" && series.start == "2024-01-01T10:00:00")
    #expect(series.notes.contains { $0.contains("of a step beside the regular steps of one hour") })
  }

  @Test func irregularTimesAreRefusedWithAWayOut() {
    let times = ["01", "02", "05", "06", "11", "13", "19", "20", "28"].map { "2024-01-\($0)" }
    let text = message(rows(times))
    #expect(text.contains("irregular: 1 day to 8 days between rows") || text.contains("only 9 of the 28 steps"))
    #expect(text.contains("--resample W --aggregate mean|sum|last"))
    #expect(message(rows(["1", "2", "9", "11", "40"])).contains("number the steps"))
    #expect(message(rows(["2024-01-01", "2024-01-02", "2024-13-45"])).contains("line 4: '2024-13-45' is no time"))
  }

  @Test func twiceTheSameTimeIsRefusedByLineAndSeries() {
    let text = message("shop,date,y\na,2024-01-01,1\na,2024-01-02,2\nb,2024-01-01,1\nb,2024-01-01,2\nb,2024-01-02,2\n")
    #expect(text.contains("line 5: series 'b': the time '2024-01-01' stands there twice"))
  }

  @Test(arguments: [
    (Resampling.Aggregate.mean, [2.0, .nan, 5.5]), (.sum, [6, .nan, 11]), (.last, [3, .nan, 6]),
  ]) func resamplingAggregates(aggregate: Resampling.Aggregate, expected: [Double]) throws {
    // Rows of the 1st: 2, 1, 3 in the order of time; none on the 2nd.
    let text =
      "t,x\n2024-01-01 23:59,3\n2024-01-01 06:00,1\n2024-01-01 00:00,2\n2024-01-03 12:00,5\n2024-01-03 13:00,6\n"
    let series = try read(text) { $0.resampling = Resampling(Frequency(.day), aggregate) }[0]
    #expect(isSame(series.target[0], expected))
    #expect(series.start == "2024-01-01" && series.frequency == Frequency(.day))
    #expect(series.notes.contains { $0.contains("5 rows became 3 steps of one day") && $0.contains("1 without a row") })
  }

  @Test func weeksBeginOnMondayAndMonthsOnTheFirst() throws {
    // The 7th of January 2024 was a Sunday.
    let text = rows(["2024-01-06", "2024-01-07", "2024-01-08", "2024-02-01"])
    let weeks = try read(text) { $0.resampling = Resampling(Frequency(.week), .sum) }
    #expect(weeks[0].start == "2024-01-01" && weeks[0].target[0].prefix(2) == [3, 3])
    let months = try read(text) { $0.resampling = Resampling(Frequency(.month), .sum) }
    #expect(months[0].target == [[6, 4]] && months[0].start == "2024-01-01")
    #expect(message(text) { $0.resampling = Resampling(Frequency(.hour), .mean) }.contains("would have no row"))
  }

  @Test func timesOfTheForecastFollowTheCalendar() throws {
    #expect(try read(rows(["2023-11-30", "2023-12-31", "2024-01-31"]))[0].time(3) == "2024-02-29")
    #expect(
      try read(rows(["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10"]))[0].time(7) == "2024-01-15")
    #expect(try read(rows(["2024-02-28T22:00", "2024-02-28T23:00"]))[0].time(2) == "2024-02-29T00:00:00")
    let forecast = try predict("naive", ForecastRequest(horizon: 2), read(rows(["2021", "2022", "2023"]))[0])
    #expect(forecast.start == "2024-01-01")
  }

  @Test func aSeriesGoesThroughItsOwnJSON() throws {
    var series = try read("d,x,f\n2024-01-01,1,7\n2024-01-02,,8\n2024-01-03,3,9\n2024-01-04,,6\n") {
      $0.futureCovariates = ["f"]
    }[0]
    series.notes = []
    let again = try SeriesReader().read(try series.jsonLine(), name: "again")[0]
    #expect(isSame(again.target[0], [1, .nan, 3]) && again.futureCovariates == [[7, 8, 9, 6]])
    #expect(again.start == series.start && again.frequency == series.frequency && again.predictionLength == 1)
  }
}

@Suite struct DamagedFileTests {
  @Test func damagedFilesAreReadOrRefusedButNeverEndTheProgram() {
    let texts = [
      "shop,date,units,price\nn,2024-01-01,5,1\ns,2024-01-01,1,2\nn,2024-01-02,6,3\ns,2024-01-02,2,4\n",
      "t;x\n2024-01-01 10:00:00.5+02:00;1.234,5\n2024-01-01 11:00;2\n2024-01-01 12:00;\"3\"\n",
      "n,x\n1,1\n2,2\n4,3\n", "m,x\nJan 2024,1\n2024-Q2,2\n1704067200,3\n9999999999999,3\n",
      "n,x\n1e300,1\n1e300,2\n-1e308,2\n1e308,2\n",
    ]
    let pieces: [[UInt8]] = ["9", "-", ",", ";", "\"", "\n", ":", "/", "e9", "1e308", "0", "T", "Z", "nan", " "].map {
      Array($0.utf8)
    }
    var state: UInt64 = 7
    func below(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(count))
    }
    var layouts = [SeriesLayout(), SeriesLayout(), SeriesLayout(), SeriesLayout()]
    layouts[1].resampling = Resampling(Frequency(.day), .sum)
    layouts[2].resampling = Resampling(Frequency(.businessDay, multiple: 3), .last)
    layouts[3].resampling = Resampling(Frequency(.second), .mean)
    var outcomes = (read: 0, refused: 0)
    for round in 0..<4000 {
      var bytes = Array(texts[round % texts.count].utf8)
      for _ in 0..<below(4) {
        let place = below(bytes.count)
        switch below(3) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(contentsOf: pieces[below(pieces.count)], at: place)
        default: bytes[place] = UInt8(below(256))
        }
      }
      do {
        let list = try SeriesReader(layout: layouts[below(4)]).read(Data(bytes), name: "damaged.csv")
        #expect(list.allSatisfy { $0.length > 0 && $0.target[0].contains(where: \.isFinite) })
        outcomes.read += 1
      } catch {
        #expect(error is SeriesReadError)
        outcomes.refused += 1
      }
    }
    #expect(outcomes.read > 400 && outcomes.refused > 400, "\(outcomes)")
  }
}
