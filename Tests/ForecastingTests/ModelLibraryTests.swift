import Forecasting
import Foundation
import Testing

@Suite struct ModelLibraryTests {
  private let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../Fixtures/moirai-moe-tiny").standardizedFileURL

  @Test func importedModelsAreUsedByName() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("models-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let library = ModelLibrary(folder)
    #expect(library.names.isEmpty)
    try library.add(fixture, name: "tiny")
    try library.add(fixture, name: "tiny")
    #expect(library.names == ["tiny"])
    let series = TimeSeries(id: "a", target: [(0..<40).map { Double($0 % 7) }])
    let forecast = try ForecastModels.load("tiny", library: library).forecast([series], ForecastRequest(horizon: 2))
    #expect(forecast[0].model == "tiny" && forecast[0].quantiles[0].count == 2)
    #expect(throws: ForecastError.unknownModel("tiny")) { try ForecastModels.load("tiny") }
  }

  @Test(arguments: ["../tiny", "theta", "docq-forecast-1", "", ".hidden", "a/b", String(repeating: "a", count: 65)])
  func namesThatCouldMeanSomethingElseAreRefused(name: String) {
    #expect(!ModelLibrary.isValid(name))
    #expect(ModelLibrary(fixture.deletingLastPathComponent()).folder(name) == nil)
  }

  @Test func aBrokenModelIsNotImported() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("models-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = folder.appendingPathComponent("broken")
    try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
    try Data("{}".utf8).write(to: source.appendingPathComponent("config.json"))
    try Data("no weights".utf8).write(to: source.appendingPathComponent("model.safetensors"))
    let library = ModelLibrary(folder.appendingPathComponent("library"))
    #expect {
      try library.add(source, name: "broken")
    } throws: { "\($0)".contains("model.safetensors") }
    #expect(library.names.isEmpty)
  }
}

@Suite struct ShippedForecasterTests {
  private func season(_ count: Int) -> [Double] {
    (0..<count).map { 100 + 0.5 * Double($0) + 20 * sin(2 * Double.pi * Double($0) / 12) }
  }

  @Test func itContinuesTrendAndSeason() throws {
    let all = season(132)
    let forecast = try ForecastModels.load(ForecastModels.standard).forecast(
      [TimeSeries(id: "a", target: [Array(all.prefix(120))], frequency: Frequency(.month))],
      ForecastRequest(horizon: 12))[0]
    #expect(forecast.model == "docq-forecast-1")
    let errors = zip(forecast.quantiles[0], all.suffix(12)).map { abs($0[4] - $1) }
    // Repeating the last year is wrong by 6 everywhere, the mean by 17.
    #expect(errors.reduce(0, +) / 12 < 4, "\(errors)")
  }

  @Test func oneBadItemFailsAlone() throws {
    let model = try #require(try ForecastModels.named(ForecastModels.standard) as? any BatchForecaster)
    let good = TimeSeries(id: "good", target: [season(60)])
    let results = model.forecast([
      ForecastItem(good, ForecastRequest(horizon: 3)), ForecastItem(good, ForecastRequest(horizon: 0)),
      ForecastItem(TimeSeries(id: "flat", target: [[5, 5, 5, 5]]), ForecastRequest(horizon: 2)),
      ForecastItem(good, ForecastRequest(horizon: 100, quantileLevels: [0.025, 0.5, 0.975])),
    ])
    #expect(try results[0].get().quantiles[0].count == 3)
    #expect(throws: ForecastError.badHorizon(id: "good", 0)) { try results[1].get() }
    #expect(try results[2].get().model == "naive")
    let long = try results[3].get().quantiles[0]
    #expect(long.count == 100)
    for step in long { #expect(step == step.sorted() && step[0] < step[2] && step.allSatisfy(\.isFinite)) }
    // The same request gives the same answer whatever is in the batch.
    let alone = try model.forecast([good], ForecastRequest(horizon: 3))[0].quantiles[0]
    for (a, b) in zip(alone.joined(), try results[0].get().quantiles[0].joined()) { #expect(abs(a - b) < 0.02) }
  }

  @Test(arguments: [1e-280, 1.0, 1e280]) func theUnitDoesNotMatter(unit: Double) throws {
    let model = try ForecastModels.load(ForecastModels.standard)
    func forecast(_ unit: Double) throws -> [Double] {
      try model.forecast(
        [TimeSeries(id: "a", target: [season(60).map { unit * $0 }])], ForecastRequest(horizon: 5))[0].quantiles[0]
        .flatMap { $0.map { $0 / unit } }
    }
    for (a, b) in zip(try forecast(unit), try forecast(1)) { #expect(abs(a - b) < 0.01 * abs(b)) }
  }

  @Test func whatIsConstantButForTheLastDigitsOrUnseenFallsBack() throws {
    let model = try ForecastModels.load(ForecastModels.standard)
    let almost = TimeSeries(id: "a", target: [(0..<30).map { 1e6 + 1e-9 * Double($0) }])
    let old = TimeSeries(id: "b", target: [season(20) + [Double](repeating: .nan, count: 1500)])
    let forecasts = try model.forecast([almost, old], ForecastRequest(horizon: 2))
    #expect(forecasts.map(\.model) == ["naive", "naive"])
    #expect(
      forecasts[0].notes.joined().contains("constant") && forecasts[1].notes.joined().contains("most recent 1024"))
  }

  @Test func gapsVariatesAndLongContextsAreTakenAndSaid() throws {
    let model = try ForecastModels.load(ForecastModels.standard)
    var values = season(3000)
    values[2990] = .nan
    let forecast = try model.forecast(
      [TimeSeries(id: "a", target: [values, season(3000).map { -$0 }], isMultivariate: true)],
      ForecastRequest(horizon: 4))[0]
    #expect(forecast.quantiles.count == 2 && forecast.quantiles[1][0][4] < 0)
    #expect(
      forecast.notes.contains { $0.contains("1024 of 3000") } && forecast.notes.contains { $0.contains("1 missing") })
  }
}
