import ArgumentParser
import DocqClient
import Forecasting
import Foundation
import JobHandlers
import Tensor

struct ForecastCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forecast",
    abstract: "Forecast time series with quantiles.",
    discussion: """
      CSV: the first column is the time, every other column a series. JSONL: one {"id", "target", ...} a line, also .gz.
      The seasonal period is found by itself. Output: one line of JSON for each series.

      EXAMPLES
        docq forecast sales.csv --horizon 12
        docq forecast sales.csv --horizon 12 --model ets --plot sales.svg -o forecast.jsonl
        docq forecast series.jsonl --model moirai-moe-1.0-R-small --samples 200 --seed 7
        cat series.jsonl | docq forecast - --quantiles 0.05,0.5,0.95
      """)

  @Argument(help: "Series as .csv, .jsonl, .jsonl.gz or .json; - for standard input.")
  var input: String
  @Option(help: "Steps to forecast (default: the series' own prediction_length, else 12).")
  var horizon: Int?
  @Option(help: "\(ForecastModels.names.joined(separator: ", ")), an imported model, or a checkpoint's folder.")
  var model = ForecastModels.standard
  @Option(help: "Levels between 0 and 1, with commas.")
  var quantiles = ForecastRequest.defaultLevels.map { "\($0)" }.joined(separator: ",")
  @Option(help: "Sample paths that a checkpoint draws.")
  var samples = 100
  @Option(help: "Same seed, same paths.")
  var seed: UInt64 = 0
  @Option(
    help: """
      How a checkpoint goes on beyond its first patch. cached: the scale stays that of the context, which is many times \
      faster. exact: every drawn patch changes it, as in the reference implementation.
      """)
  var decoding = MoiraiDecoding.cached
  @Option(
    help: """
      How a checkpoint's weights are held: float32, bfloat16 or int8; sums are float32 in any case. Default: bfloat16 \
      for --decoding cached, which is bound by memory, else as the file has them.
      """)
  var precision: Precision?
  @Flag(help: "Put a checkpoint's sample paths into the answer, too.")
  var paths = false
  @Option(help: "Draw context, median and bands into this SVG file.")
  var plot: String?
  @Option(name: [.customShort("o"), .long], help: "File for the forecasts.")
  var output: String?
  @Flag(help: "Same as the default: forecasts are JSON lines.")
  var json = false
  @OptionGroup var remote: RemoteOptions

  func validate() throws {
    if let horizon, !(1...ForecastRequest.maxHorizon).contains(horizon) {
      throw ValidationError("--horizon must be between 1 and \(ForecastRequest.maxHorizon)")
    }
    _ = try levels()
    guard (1...ForecastRequest.maxSamples).contains(samples) else {
      throw ValidationError("--samples must be between 1 and \(ForecastRequest.maxSamples)")
    }
    guard
      ForecastModels.names.contains(model) || ModelsCommand.library.folder(model) != nil
        || FileManager.default.fileExists(atPath: model)
    else {
      throw ValidationError("\(ForecastError.unknownModel(model))")
    }
  }

  private func levels() throws -> [Double] {
    try quantiles.split(separator: ",").map { text in
      guard let level = Double(text.trimmingCharacters(in: .whitespaces)), level > 0, level < 1 else {
        throw ValidationError("--quantiles: '\(text)' is not a number between 0 and 1")
      }
      return level
    }
  }

  func run() async throws {
    let data: Data
    let name = input == "-" ? "standard input" : (input as NSString).lastPathComponent
    if input == "-" {
      data = FileHandle.standardInput.readDataToEndOfFile()
    } else {
      guard let bytes = FileManager.default.contents(atPath: input) else {
        throw CommandFailure.unreadable("\(input): no such file, or it cannot be read")
      }
      data = bytes
    }
    do {
      // Read here in both cases: errors then name line and column of the user's own file.
      let series = try SeriesReader().read(data, name: name)
      if let client = try remote.client() {
        try await forecastRemotely(client, data, series)
      } else {
        try forecastHere(series)
      }
    } catch {
      throw CommandFailure(describing: error)
    }
  }

  private func forecastHere(_ series: [TimeSeries]) throws {
    var request = ForecastRequest(horizon: horizon, quantileLevels: try levels())
    request.samples = samples
    request.seed = seed
    request.decoding = decoding
    request.keepsPaths = paths
    let model = try ForecastModels.load(
      model, precision: precision ?? (decoding == .cached ? .bfloat16 : nil), library: ModelsCommand.library)
    var body = Data()
    var pairs: [(series: TimeSeries, forecast: Forecast)] = []
    for start in stride(from: 0, to: series.count, by: model.batchSize) {
      Terminal.progress(Double(start) / Double(series.count), "series \(start + 1)/\(series.count)")
      let batch = Array(series[start..<min(series.count, start + model.batchSize)])
      for (one, forecast) in zip(batch, try model.forecast(batch, request)) {
        let line = try forecast.answerLine()
        // Without a file, results appear as they are ready.
        if output == nil { try Output.write(line, to: nil) } else { body += line }
        if plot != nil, pairs.count < 64 { pairs.append((one, forecast)) }
      }
    }
    Terminal.clearProgress()
    if let output { try Output.write(body, to: output) }
    if let plot { try Output.write(ForecastPlot().svg(pairs), to: plot) }
  }

  private func forecastRemotely(_ client: DocqClient, _ data: Data, _ series: [TimeSeries]) async throws {
    guard plot == nil else { throw CommandFailure.usage("--plot works without --server only") }
    guard ForecastModels.names.contains(model) else {
      throw CommandFailure.usage("--model with a folder works without --server only")
    }
    let isJSON = data.first { $0 > 32 }.map { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") } ?? false
    let request = RemoteRequest.forecast(
      data, contentType: isJSON ? "application/x-ndjson" : "text/csv", horizon: horizon, model: model,
      quantiles: quantiles)
    guard let job = try await client.submit(request, label: "forecast", options: remote) else { return }
    try Output.write(try await client.result(of: job), to: output)
  }
}

extension MoiraiDecoding: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
