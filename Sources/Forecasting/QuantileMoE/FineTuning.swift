import Foundation
import Tensor

/// Adapts a forecaster to a user's own series, and tells whether that helped.
///
/// The last windows of every series are kept aside: those before the very last ones choose among the states of the
/// training, the last ones are only for the report.
public struct ForecasterFineTuning {
  public struct Options: Sendable {
    /// Steps to forecast; nil: each series says itself, else 12.
    public var horizon: Int?
    /// Windows kept for choosing, and as many for the report.
    public var windows = 2
    /// Seconds.
    public var budget = 300.0
    public var rate = 2e-4
    public var seed: UInt64 = 1

    public init() {}
  }

  /// Weighted quantile losses: twice the mean quantile loss over nine levels, divided by the sum of the absolute values.
  public struct Report: Codable, Sendable {
    public var series: Int
    public var windows: Int
    public var steps: Int
    /// On the windows that chose the state.
    public var choosingBefore: Double
    public var choosingAfter: Double
    /// On the last windows.
    public var before: Double
    public var after: Double
    /// False: the written model is the one that was given, unchanged.
    public var isChanged: Bool

    public var text: String {
      func percent(_ value: Double) -> String { String(format: "%.2f %%", 100 * value) }
      let gain = String(format: "%.1f %%", 100 * (1 - after / before))
      guard isChanged else {
        return "fine-tuning did not help on the windows kept aside (weighted quantile loss \(percent(choosingBefore)) "
          + "before, \(percent(choosingAfter)) after \(steps) steps); the model was left as it was\n"
      }
      let verdict = after < before ? "better by \(gain)" : "not better"
      return "weighted quantile loss on the last \(windows) window(s) of \(series) series: \(percent(before)) before, "
        + "\(percent(after)) after \(steps) steps: \(verdict)\n"
    }
  }

  private let options: Options

  public init(_ options: Options) { self.options = options }

  private struct Window {
    var context: TimeSeries
    var truth: [[Double]]
  }

  /// - Parameters:
  ///   - initial: folder of the model to start from.
  ///   - directory: where the adapted model goes.
  ///   - report: called with steps and the loss on the choosing windows, now and then.
  /// - Throws: `ForecastError.badSeries` where no series is long enough, `CheckpointError`, and what writing throws.
  public func run(
    _ series: [TimeSeries], initial: URL, directory: URL, isStopped: () -> Bool = { false },
    report: (_ steps: Int, _ loss: Double) -> Void = { _, _ in }
  ) throws -> Report {
    var last: [Window] = [], choosing: [Window] = [], training: [[Double]] = []
    for one in series {
      let horizon = options.horizon ?? one.predictionLength ?? 12
      let fitted = one.length - 2 * options.windows * horizon
      guard fitted >= max(2 * horizon, 24) else {
        training += one.target.map { Array($0.prefix(max(0, one.length - options.windows * horizon))) }
        continue
      }
      for index in 0..<2 * options.windows {
        let end = one.length - index * horizon
        var context = one
        context.target = one.target.map { Array($0.prefix(end - horizon)) }
        context.predictionLength = horizon
        let window = Window(context: context, truth: one.target.map { Array($0[end - horizon..<end]) })
        if index < options.windows { last.append(window) } else { choosing.append(window) }
      }
      training += one.target.map { Array($0.prefix(fitted)) }
    }
    guard !choosing.isEmpty else {
      throw ForecastError.badSeries(
        id: series.first?.id ?? "",
        reason: """
          too short to keep \(2 * options.windows) windows aside for judging; give longer series, fewer --windows or a \
          smaller --horizon
          """)
    }
    let config = initial.appendingPathComponent("config.json")
    guard let data = FileManager.default.contents(atPath: config.path) else {
      throw CheckpointError.cannotOpen("config.json", reason: "no such file in \(initial.lastPathComponent)")
    }
    var about = ForecasterTraining.Options()
    (about.realShare, about.coarsens, about.keepsValidation) = (1, false, false)
    (about.rate, about.averageKeep, about.warmUp, about.seed) = (options.rate, 0.98, 10, options.seed)
    (about.steps, about.decaySteps, about.tokensPerStep) = (1_000_000, 1, 2048)
    let scratch = directory.appendingPathComponent(".training", isDirectory: true)
    try? FileManager.default.removeItem(at: scratch)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let trainer = try ForecasterTraining(
      QuantileConfiguration(data), directory: scratch, real: training,
      initial: initial.appendingPathComponent("model.safetensors"), about)

    let clock = ContinuousClock(), start = clock.now
    let before = try loss(QuantileMoE(initial), choosing)
    var best = before, steps = 0, bestSteps = 0, sinceBest = 0
    try Self.copyModel(from: initial, to: directory)
    let round = max(1.0, options.budget / 12)
    while (clock.now - start) / .seconds(1) < options.budget, sinceBest < 4, !isStopped() {
      let roundStart = clock.now
      while (clock.now - roundStart) / .seconds(1) < round, !isStopped() {
        _ = trainer.step()
        steps += 1
      }
      try trainer.export(to: scratch)
      let found = try loss(QuantileMoE(scratch), choosing)
      report(steps, found)
      sinceBest += 1
      if found < 0.998 * best {
        (best, bestSteps, sinceBest) = (found, steps, 0)
        try Self.copyModel(from: scratch, to: directory)
      }
    }
    return Report(
      series: Set(last.map(\.context.id)).count, windows: options.windows, steps: bestSteps > 0 ? bestSteps : steps,
      choosingBefore: before, choosingAfter: best, before: try loss(QuantileMoE(initial), last),
      after: try loss(QuantileMoE(directory), last), isChanged: bestSteps > 0)
  }

  private static func copyModel(from source: URL, to target: URL) throws {
    try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
    for name in ["config.json", "model.safetensors"] {
      try Data(contentsOf: source.appendingPathComponent(name)).write(
        to: target.appendingPathComponent(name), options: .atomic)
    }
  }

  private func loss(_ model: QuantileMoE, _ windows: [Window]) throws -> Double {
    let forecasts = try QuantileForecaster(model: model, name: "").forecast(
      windows.map(\.context), ForecastRequest(quantileLevels: ForecastScore.levels))
    var score = ForecastScore()
    for (forecast, window) in zip(forecasts, windows) {
      for (variate, truth) in window.truth.enumerated() {
        score.add(
          history: window.context.target[variate][...], actual: truth[...], quantiles: forecast.quantiles[variate],
          season: 1)
      }
    }
    return score.wql ?? .infinity
  }
}
