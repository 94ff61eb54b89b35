import Forecasting
import Foundation
import MixtureOfExperts
import Tensor
import Testing

@Suite struct QuantileModelTests {
  private static let tiny: QuantileConfiguration = {
    var configuration = QuantileConfiguration(modelSize: 24, layers: 2, heads: 2, feedForwardSize: 16, experts: 3)
    configuration.patchSize = 4
    configuration.outputPatches = 3
    configuration.maxPatches = 12
    configuration.quantileLevels = [0.1, 0.5, 0.9]
    return configuration
  }()

  private func values(_ count: Int, seed: UInt64 = 1) -> [Double] {
    var random = CounterBasedRandom(seed: seed)
    return (0..<count).map { step -> Double in
      50 + Double(step) * 0.2 + 8 * sin(2 * Double.pi * Double(step) / 7) + random.normal()
    }
  }

  private func batch(_ configuration: QuantileConfiguration = tiny) -> QuantileBatch {
    var gappy = values(45, seed: 2)
    gappy[10] = .nan
    gappy[40] = .nan
    return QuantileBatch(
      [
        (QuantileFeatures(values(50), known: 38, period: 7, configuration), 7),
        (QuantileFeatures(gappy, known: 21, period: 1, configuration), 2),
        (QuantileFeatures(values(17, seed: 3), known: 5, period: 4, configuration), 0),
      ], configuration)
  }

  private func folder() throws -> URL {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("forecaster-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }

  @Test func theGradientsAgreeWithFiniteDifferences() throws {
    try BLAS.open()
    var configuration = Self.tiny
    configuration.encoder.balanceLoss = 0
    // Every expert serves every patch: which ones do would change in jumps.
    configuration.encoder.expertsPerToken = configuration.encoder.experts
    let model = TrainableQuantileModel(configuration)
    let parameters = ParameterSet(configuration.parameters, seed: 4)
    let batch = batch(configuration)
    let gradients = parameters.zeros()
    #expect(model.loss(batch, parameters, gradients: gradients) > 0)
    for (index, one) in parameters.specifications.enumerated() {
      var random = CounterBasedRandom(seed: 9, stream: UInt64(index))
      let direction = gradients.buffer(one.name).map { _ in Float(random.normal()) }
      let slope = zip(gradients.buffer(one.name), direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      func moved(_ step: Float) -> Double {
        let parameters = parameters.copy()
        for (place, value) in direction.enumerated() { parameters[one.name][place] += step * value }
        return model.loss(batch, parameters, gradients: nil)
      }
      let step: Float = 1e-3
      let measured = (moved(step) - moved(-step)) / (2 * Double(step))
      let size = gradients.buffer(one.name).reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      // The pinball loss has kinks, which a small step seldom crosses.
      #expect(abs(measured - slope) <= 0.05 * size + 2e-3, "\(one.name): \(slope), measured \(measured)")
    }
  }

  @Test func theServedModelComputesWhatTheTrainedOneDoes() throws {
    try BLAS.open()
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let parameters = ParameterSet(Self.tiny.parameters, seed: 5)
    try parameters.write(to: folder.appendingPathComponent("model.safetensors"))
    try Self.tiny.json().write(to: folder.appendingPathComponent("config.json"))
    // The loss of the served quantiles, computed from its forecast, must be the loss of the trained model.
    let all = values(36), known = 24
    let features = QuantileFeatures(all, known: known, period: 7, Self.tiny)
    let loss = TrainableQuantileModel(Self.tiny).loss(
      QuantileBatch([(features, 5)], lastOnly: true, Self.tiny), parameters, gradients: nil)
    let forecast = try ForecastModels.load(folder.path).forecast(
      [TimeSeries(id: "a", target: [Array(all.prefix(known))], frequency: Frequency(.day))],
      ForecastRequest(horizon: 12, quantileLevels: [0.1, 0.5, 0.9]))[0]
    var expected = 0.0
    for (step, quantiles) in forecast.quantiles[0].enumerated() {
      for (level, quantile) in zip([0.1, 0.5, 0.9], quantiles) {
        let error = Double(features.scaled[known + step]) - Double(features.scaled(of: quantile))
        expected += 2 * max(level * error, (level - 1) * error) / 3 / 12
      }
    }
    // Served quantiles are sorted, which can only lower the loss.
    #expect(expected <= loss + 1e-4 && expected > 0.5 * loss, "\(expected), trained \(loss)")
  }

  @Test func trainingLearnsResumesAndForecasts() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    var options = ForecasterTraining.Options()
    (options.steps, options.decaySteps, options.warmUp) = (60, 20, 5)
    (options.tokensPerStep, options.rate, options.validateEvery) = (128, 5e-3, 1e9)
    let real = (0..<10).map { values(120, seed: UInt64($0)) }
    var losses: [Double] = []
    for steps in [20, 60] {
      options.steps = steps
      let training = try ForecasterTraining(Self.tiny, directory: folder, real: real, options)
      losses.append(try #require(training.validate()["real"]))
      try training.run { losses.append($0.real ?? .nan) }
    }
    // The second run starts where the first one ended.
    #expect(abs(losses[1] - losses[2]) < 1e-6, "\(losses)")
    #expect(losses[3] < 0.9 * losses[0], "\(losses)")
    let forecast = try ForecastModels.load(folder.path).forecast(
      [TimeSeries(id: "a", target: [values(60)])], ForecastRequest(horizon: 30))[0]
    #expect(forecast.quantiles[0].count == 30)
    for step in forecast.quantiles[0] { #expect(step == step.sorted() && step.allSatisfy(\.isFinite)) }
  }

  @Test func fineTuningHelpsOrLeavesTheModelAsItWas() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let start = folder.appendingPathComponent("start"), out = folder.appendingPathComponent("tuned")
    try FileManager.default.createDirectory(at: start, withIntermediateDirectories: true)
    try ParameterSet(Self.tiny.parameters, seed: 6).write(to: start.appendingPathComponent("model.safetensors"))
    try Self.tiny.json().write(to: start.appendingPathComponent("config.json"))
    let series = (0..<6).map { TimeSeries(id: "s\($0)", target: [values(150, seed: UInt64($0))]) }
    var options = ForecasterFineTuning.Options()
    (options.horizon, options.budget, options.rate) = (8, 1.5, 5e-3)
    let report = try ForecasterFineTuning(options).run(series, initial: start, directory: out)
    #expect(report.series == 6 && report.windows == 2 && report.steps > 0)
    // Random weights are easy to better.
    #expect(report.isChanged && report.choosingAfter < report.choosingBefore && report.after < report.before)
    #expect(try ForecastModels.load(out.path).forecast([series[0]], ForecastRequest(horizon: 3))[0].mean[0].count == 3)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: out.path).sorted() == ["config.json", "model.safetensors"])

    options.budget = 0
    let untouched = try ForecasterFineTuning(options).run(series, initial: start, directory: out)
    #expect(!untouched.isChanged && untouched.before == untouched.after && untouched.text.contains("left as it was"))
    let weights = try Data(contentsOf: start.appendingPathComponent("model.safetensors"))
    #expect(try Data(contentsOf: out.appendingPathComponent("model.safetensors")) == weights)
    #expect {
      _ = try ForecasterFineTuning(options).run(
        [TimeSeries(id: "short", target: [values(20)])], initial: start, directory: out)
    } throws: { "\($0)".contains("'short'") && "\($0)".contains("fewer --windows") }
  }

  @Test func baseForecastsContinueSeasonAndTrend() {
    let season: [Double] = [3, 1, 4, 1]
    let steady = (0..<40).map { season[$0 % 4] + 10 }
    let base = BaseForecast(steady, fitted: 40, period: 4)
    for step in 0..<12 {
      #expect(base.repeated(40, step) == steady[(40 + step) % 4])
      #expect(abs(base.smoothed(40, step) - steady[(40 + step) % 4]) < 0.2)
    }
    let line = (0..<30).map { 5 + 2 * Double($0) }
    let trend = BaseForecast(line, fitted: 30, period: 1)
    #expect(trend.repeated(30, 7) == line[29])
    #expect(trend.smoothed(30, 9) > line[29] + 8)
    // From an earlier point on only what came before it counts.
    var changed = steady
    changed[35] = 1000
    #expect(
      BaseForecast(changed, fitted: 30, period: 4).smoothed(30, 3)
        == BaseForecast(steady, fitted: 30, period: 4).smoothed(30, 3))
  }

  @Test func tokensBeforeAPointKnowNothingOfWhatFollows() {
    let all = values(60)
    var other = all
    for index in 40..<60 { other[index] = -1000 }
    let width = 4 * 4 + 2 * 12 + 3
    func tokens(_ values: [Double]) -> [Float] {
      var result = [Float](repeating: 0, count: 10 * width)
      QuantileFeatures(values, known: 40, period: 7, Self.tiny).write(10, into: &result)
      return result
    }
    #expect(tokens(all) == tokens(other))
  }

  @Test(arguments: [
    ("\"patch_size\" : 4", "\"patch_size\" : 0", "patch_size"), ("0.5", "0.05", "quantile_levels"),
    ("\"model_size\" : 24", "\"model_size\" : 25", "num_heads"), ("\"layers\" : 2", "\"layers\" : \"x\"", "layers"),
    ("\"max_patches\"", "\"max_patch\"", "maxPatches"),
  ]) func wrongConfigurationsAreNamed(from: String, to: String, named: String) throws {
    let text = String(decoding: try Self.tiny.json(), as: UTF8.self)
    let changed = text.replacingOccurrences(of: from, with: to)
    try #require(changed != text)
    #expect {
      _ = try QuantileConfiguration(Data(changed.utf8))
    } throws: { "\($0)".contains(named) }
  }
}
