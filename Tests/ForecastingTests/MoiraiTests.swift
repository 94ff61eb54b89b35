import Forecasting
import Foundation
import Testing

/// A random checkpoint of the published format with reference cases, made with the reference implementation.
private let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .appendingPathComponent("../../Fixtures/moirai-moe-tiny").standardizedFileURL

@Suite struct MoiraiTests {
  private func series(_ count: Int, id: String = "a") -> TimeSeries {
    let values = (0..<count).map { (step: Int) -> Double in 10 + 3 * sin(Double(step) / 4) + Double(step % 5) * 0.2 }
    return TimeSeries(id: id, target: [values])
  }

  private func request(_ horizon: Int, _ change: (inout ForecastRequest) -> Void = { _ in }) -> ForecastRequest {
    var request = ForecastRequest(horizon: horizon)
    request.samples = 40
    change(&request)
    return request
  }

  @Test func everyReferenceCaseAgrees() throws {
    let cases = try ModelVerification(MoiraiMoE(fixture)).run()
    #expect(cases.count == 7)
    for one in cases { #expect(one.worst <= 1e-4, "\(one.name): \(one.worst)") }
  }

  @Test func decodingsAgreeOnTheFirstPatchAndTheSeedDecides() throws {
    let model = try ForecastModels.load(fixture.path)
    let cached = try model.forecast([series(100)], request(16))[0]
    let exact = try model.forecast([series(100)], request(16) { $0.decoding = .exact })[0]
    for (a, b) in zip(cached.quantiles[0].joined(), exact.quantiles[0].joined()) {
      #expect(abs(a - b) <= 1e-3 * max(1, abs(b)))
    }
    let other = try model.forecast([series(100)], request(16) { $0.seed = 1 })[0]
    #expect(other.quantiles != cached.quantiles)
    #expect(try model.forecast([series(100)], request(16))[0].quantiles == cached.quantiles)
  }

  @Test(arguments: MoiraiDecoding.allCases) func longHorizonsAndBatchesKeepEachSeries(decoding: MoiraiDecoding) throws {
    let model = try ForecastModels.load(fixture.path)
    let request = request(40) { $0.decoding = decoding }
    let together = try model.forecast([series(70), series(33, id: "b")], request)
    let alone = try model.forecast([series(33, id: "b")], request)[0]
    #expect(together.map(\.id) == ["a", "b"] && together[1].quantiles[0].count == 40)
    for (a, b) in zip(together[1].quantiles[0].joined(), alone.quantiles[0].joined()) {
      #expect(abs(a - b) <= 1e-3 * max(1, abs(b)))
    }
    for step in together[0].quantiles[0] { #expect(step == step.sorted() && step.allSatisfy(\.isFinite)) }
  }

  @Test func variatesAndCovariatesGoIn() throws {
    let model = try ForecastModels.load(fixture.path)
    var many = TimeSeries(
      id: "m", target: [series(50).target[0], series(50).target[0].map { -2 * $0 }], isMultivariate: true)
    let plain = try model.forecast([many], request(20) { $0.keepsPaths = true })[0]
    #expect(plain.quantiles.count == 2 && plain.quantiles[1].count == 20 && plain.paths.count == 40)
    many.futureCovariates = [(0..<70).map { Double($0 % 7) }]
    many.pastCovariates = [(0..<50).map { Double($0 * $0 % 11) }]
    let more = try model.forecast([many], request(20))[0]
    #expect(more.quantiles != plain.quantiles)
    many.futureCovariates = [[1, 2, 3]]
    #expect {
      _ = try model.forecast([many], request(20))
    } throws: { "\($0)".contains("'m'") && "\($0)".contains("future_covariates") }
  }

  @Test func whatWasDoneToTheInputIsSaid() throws {
    let model = try ForecastModels.load(fixture.path)
    var gappy = series(60)
    gappy.target[0][10] = .nan
    gappy.target[0][0] = .nan
    #expect(try model.forecast([gappy], request(5))[0].notes == ["2 missing value(s) counted as not observed"])
    let long = try model.forecast([series(20_000)], request(5))[0]
    #expect(long.notes.count == 1 && long.notes[0].contains("of 20000 values were used"))
    let constant = try model.forecast([TimeSeries(id: "c", target: [[5, 5, 5, 5]])], request(3))[0]
    #expect(constant.model == "naive" && constant.quantiles[0][2][4] == 5 && constant.notes[0].contains("constant"))
    let short = try model.forecast([TimeSeries(id: "s", target: [[5, 6]])], request(3))[0]
    #expect(short.model == "naive" && short.notes[0].contains("fewer than 3"))
    #expect {
      _ = try model.forecast([TimeSeries(id: "w", target: Array(repeating: [1, 2, 3, 4], count: 400))], request(3000))
    } throws: { "\($0)".contains("'w'") && "\($0)".contains("do not fit") }
  }

  /// A copy of the fixture with one file changed.
  private func damaged(_ file: String, _ change: (inout Data) throws -> Void) throws -> URL {
    let copy = FileManager.default.temporaryDirectory.appendingPathComponent("model-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
    for name in ["config.json", "model.safetensors"] {
      var data = try Data(contentsOf: fixture.appendingPathComponent(name))
      if name == file { try change(&data) }
      try data.write(to: copy.appendingPathComponent(name))
    }
    return copy
  }

  @Test(arguments: [
    (#""d_model": 64"#, #""d_model": 192"#, "encoder.centroid"), (#""num_layers": 2"#, #""num_layers": 9"#, "centroid"),
    (#""d_ff": "#, #""d_ff": 1"#, "fc_gate"), (#""max_seq_len": 512"#, #""max_seq_len": -5"#, "max_seq_len"),
    (#""patch_sizes": ["#, #""patch_sizes": [8,"#, "patch_sizes"),
    ("mixture.MixtureOutput", "mystery.Output", "distr_output"), ("{", "[", "config.json"),
  ]) func wrongConfigurationsAreNamed(from: String, to: String, named: String) throws {
    let copy = try damaged("config.json") { data in
      let text = String(decoding: data, as: UTF8.self)
      let changed = text.replacingOccurrences(of: from, with: to)
      try #require(changed != text, "the fixture has no \(from)")
      data = Data(changed.utf8)
    }
    defer { try? FileManager.default.removeItem(at: copy) }
    #expect {
      _ = try MoiraiMoE(copy)
    } throws: { "\($0)".contains(named) }
  }

  @Test func damagedWeightsAreNamed() throws {
    let short = try damaged("model.safetensors") { $0 = $0.prefix($0.count / 2) }
    defer { try? FileManager.default.removeItem(at: short) }
    #expect {
      _ = try MoiraiMoE(short)
    } throws: { "\($0)".contains("model.safetensors") }
    let renamed = try damaged("model.safetensors") { data in
      let range = try #require(data.range(of: Data("\"feat_proj.weight\"".utf8)))
      data.replaceSubrange(range, with: Data("\"feat_porj.weight\"".utf8))
    }
    defer { try? FileManager.default.removeItem(at: renamed) }
    #expect {
      _ = try MoiraiMoE(renamed)
    } throws: { "\($0)".contains("feat_proj.weight") }
    #expect {
      _ = try ForecastModels.load("/no/such/folder")
    } throws: { "\($0)".contains("/no/such/folder") }
  }
}
