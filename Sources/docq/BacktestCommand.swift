import ArgumentParser
import Forecasting
import Foundation

struct BacktestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backtest",
    abstract: "Measure models on the past of your own series.",
    discussion: """
      Each model forecasts windows that were held out, from nothing but the values before them; window w ends w x horizon
      values before the end. Lower is better for MASE (error relative to repeating the last season), WQL (error of the quantiles
      0.1 to 0.9 relative to the values' size) and sMAPE. The columns 'in 50 %' and 'in 80 %' say how many values lay
      in these intervals: the nearer to 50 and 80, the more can be made of the intervals.

      EXAMPLES
        docq backtest sales.csv --horizon 12
        docq backtest sales.csv --windows 6 --models theta,ets,./my-model --plot backtest.svg
        docq backtest orders.csv --id-column shop --value-column units --json > scores.json
      """)

  @OptionGroup var source: SeriesOptions
  @Option(help: "Windows of each series at most.")
  var windows = 4
  @Option(help: "Steps of a window (default: the series' own prediction_length, else 12).")
  var horizon: Int?
  @Option(help: "Lag of MASE in steps (default: the calendar's for the frequency, else found in the values).")
  var season: Int?
  @Option(
    help: "\(ForecastModels.names.joined(separator: ", ")) imported models and folders of checkpoints, with commas.")
  var models = ForecastModels.names.joined(separator: ",")
  @Option(help: "Sample paths of checkpoints that draw them.")
  var samples = 100
  @Option(help: "Same seed, same paths.")
  var seed: UInt64 = 0
  @Option(help: "Draw scores and windows into this SVG file.")
  var plot: String?
  @Option(name: [.customShort("o"), .long], help: "File for the scores.")
  var output: String?
  @Flag(help: "Scores as JSON, of each series as well.")
  var json = false

  func validate() throws {
    guard (1...1000).contains(windows) else { throw ValidationError("--windows must be between 1 and 1000") }
    if let horizon, !(1...ForecastRequest.maxHorizon).contains(horizon) {
      throw ValidationError("--horizon must be between 1 and \(ForecastRequest.maxHorizon)")
    }
    if let season, !(1...100_000).contains(season) { throw ValidationError("--season must be between 1 and 100000") }
    guard (1...ForecastRequest.maxSamples).contains(samples) else {
      throw ValidationError("--samples must be between 1 and \(ForecastRequest.maxSamples)")
    }
    guard !names.isEmpty else { throw ValidationError("--models names no model") }
    for name in names
    where !ForecastModels.names.contains(name) && ModelsCommand.library.folder(name) == nil
      && !FileManager.default.fileExists(atPath: name)
    {
      throw ValidationError("\(ForecastError.unknownModel(name))")
    }
  }

  private var names: [String] {
    var seen: Set<String> = []
    return models.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter {
      seen.insert($0).inserted
    }
  }

  func run() throws {
    do {
      let (_, series) = try source.read()
      var backtest = Backtest()
      (backtest.windows, backtest.horizon, backtest.season) = (windows, horizon, season)
      (backtest.request.samples, backtest.request.seed) = (samples, seed)
      let loaded = try names.map { try ForecastModels.load($0, library: ModelsCommand.library) }
      if let name = Dictionary(grouping: loaded, by: \.name).first(where: { $1.count > 1 })?.key {
        throw CommandFailure.usage("--models: two models are called '\(name)'; rename one's folder")
      }
      let report = try backtest.run(series, loaded, progress: Terminal.progress)
      Terminal.clearProgress()
      try Output.write(json ? try report.json() : Data(report.text().utf8), to: output)
      if let plot { try Output.write(BacktestPlot().svg(report), to: plot) }
    } catch {
      Terminal.clearProgress()
      throw CommandFailure(describing: error)
    }
  }
}
