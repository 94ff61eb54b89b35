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
      CSV: a column with the time, every other column a series (wide), or a column that names the series of each row (long).
      JSONL: one {"id", "target", ...} a line, also .gz. Separator, columns, frequency and seasonal period are found out.
      Output: one line of JSON for each series as soon as it is ready; "notes" and "fallback" say what was repaired or
      fallen back on.

      EXAMPLES
        docq forecast sales.csv --horizon 12
        docq forecast orders.csv --id-column shop --value-column units --non-negative --integer
        docq forecast sensor.csv --resample h --aggregate mean --horizon 48 --anomalies --plot sensor.svg
        docq forecast load.csv --future-covariates temperature --model moirai-moe-1.0-R-small
        docq forecast sales.csv --experts --plot experts.svg
        docq forecast sales.csv --horizon 12 --model ets --plot sales.svg -o forecast.jsonl
        docq forecast series.jsonl --model moirai-moe-1.0-R-small --samples 200 --seed 7
        docq forecast report.pdf --table 2 --column Revenue --horizon 4
        cat series.jsonl | docq forecast - --quantiles 0.05,0.5,0.95
      """)

  @OptionGroup var source: SeriesOptions
  @Option(
    help: "Steps to forecast (default: the series' own prediction_length or the rows of future covariates, else 12).")
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
  @Option(help: "Draw context, median and bands of 50, 80 and 95 % into this SVG file.")
  var plot: String?
  @Flag(
    help: """
      Look for unexpected values in the history: each gets the two-sided tail probability that a forecast from what was \
      known before gives it; under "anomalies" in the answer, marked in the plot.
      """)
  var anomalies = false
  @Option(help: "Values below this probability are flagged by --anomalies.")
  var anomalyThreshold = 0.0001
  @Flag(
    help: """
      Report which experts of a checkpoint serve which patches: a table on standard error, "experts" in the answer, and a \
      drawing below the plot.
      """)
  var experts = false
  @Option(help: "Bounds of the values; one side may be empty: 0,100 or 0, or ,100.")
  var clip: String?
  @Flag(help: "Same as --clip 0,")
  var nonNegative = false
  @Flag(help: "Round quantiles and paths to whole numbers; the mean stays as it is.")
  var integer = false
  @Option(name: [.customShort("o"), .long], help: "File for the forecasts.")
  var output: String?
  @Flag(help: "JSON lines only, which is what forecasts are anyway: no notes and tables on standard error.")
  var json = false
  @OptionGroup var remote: RemoteOptions

  func validate() throws {
    if let horizon, !(1...ForecastRequest.maxHorizon).contains(horizon) {
      throw ValidationError("--horizon must be between 1 and \(ForecastRequest.maxHorizon)")
    }
    _ = try levels()
    _ = try range()
    guard anomalyThreshold > 0, anomalyThreshold < 1 else {
      throw ValidationError("--anomaly-threshold must be between 0 and 1")
    }
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
    let levels = try quantiles.split(separator: ",").map { text in
      guard let level = Double(text.trimmingCharacters(in: .whitespaces)), level > 0, level < 1 else {
        throw ValidationError("--quantiles: '\(text)' is not a number between 0 and 1")
      }
      return level
    }
    guard !levels.isEmpty else { throw ValidationError("--quantiles names no level") }
    return levels
  }

  private func range() throws -> ValueRange {
    var range = ValueRange(isInteger: integer)
    if let clip {
      let ends = clip.split(separator: ",", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      let bounds = ends.map { Double($0) }
      guard ends.count == 2, zip(ends, bounds).allSatisfy({ $0.isEmpty || $1?.isFinite == true }), ends != ["", ""]
      else { throw ValidationError("--clip: '\(clip)' is not LOW,HIGH; one of them may be empty") }
      (range.lower, range.upper) = (bounds[0] ?? -.infinity, bounds[1] ?? .infinity)
    }
    if nonNegative { range.lower = max(0, range.lower) }
    guard range.lower <= range.upper else {
      throw ValidationError("--clip: the lower bound is above the upper one")
    }
    guard !integer || range.lower.rounded(.up) <= range.upper.rounded(.down) else {
      throw ValidationError("--clip with --integer: there is no whole number between the bounds")
    }
    return range
  }

  func run() async throws {
    do {
      // Read here in both cases: errors then name line and column of the user's own file.
      let (data, series) = try source.read()
      if let client = try remote.client() {
        try await forecastRemotely(client, data, series)
      } else {
        try forecastHere(series)
      }
    } catch {
      Terminal.clearProgress()
      throw CommandFailure(describing: error)
    }
  }

  private func forecastHere(_ series: [TimeSeries]) throws {
    let levels = try levels().sorted()
    // The bands of the plot need levels that the answer may not have.
    var request = ForecastRequest(
      horizon: horizon, quantileLevels: plot == nil ? levels : Array(Set(levels + ForecastPlot.bandLevels)))
    (request.samples, request.seed) = (samples, seed)
    request.decoding = decoding
    request.keepsPaths = paths
    var limits = ForecastLimits()
    limits.series = 100_000
    try limits.check(series, request)
    let model = try ForecastModels.load(
      model, precision: precision ?? (decoding == .cached ? .bfloat16 : nil), library: ModelsCommand.library)
    let routing = model as? any ExpertRouting
    guard !experts || routing != nil else { throw ForecastError.hasNoExperts(self.model) }
    let detector = AnomalyDetector(threshold: anomalyThreshold)
    let range = try range()
    var notes = NoteList()
    let writer = try ResultWriter(output)
    var pairs: [(series: TimeSeries, forecast: Forecast)] = [], tables = 0
    for start in stride(from: 0, to: series.count, by: model.batchSize) {
      Terminal.progress(Double(start) / Double(series.count), "\(model.name), series \(start + 1)/\(series.count)")
      let batch = Array(series[start..<min(series.count, start + model.batchSize)])
      for (one, found) in zip(batch, try model.forecast(batch, request)) {
        var forecast = found
        range.apply(to: &forecast)
        if anomalies { forecast.anomalies = try detector.reports(one, model, request) }
        if experts, let routing, forecast.fallback == nil { forecast.experts = try routing.experts(one, request) }
        try writer.write(forecast.keeping(levels).answerLine())
        if !json {
          notes.add(forecast)
          if let report = forecast.experts {
            tables += 1
            if tables <= 5 { Terminal.note(report.text(id: one.id)) }
          }
        }
        if plot != nil, pairs.count < ForecastPlot.mostSeries { pairs.append((one, forecast)) }
      }
    }
    Terminal.clearProgress()
    try writer.finish()
    if let plot {
      try Output.write(ForecastPlot().svg(pairs), to: plot)
      if series.count > pairs.count { notes.add("the plot has the first \(pairs.count) of \(series.count) series") }
    }
    if tables > 5 { notes.add("experts of \(tables - 5) more series are in the answers") }
    if !json { notes.write() }
  }

  private func forecastRemotely(_ client: DocqClient, _ data: Data, _ series: [TimeSeries]) async throws {
    let local = [
      ("--plot", plot != nil), ("--anomalies", anomalies), ("--experts", experts), ("--clip", clip != nil),
      ("--non-negative", nonNegative), ("--integer", integer), ("--paths", paths),
    ]
    if let (option, _) = local.first(where: { $0.1 }) {
      throw CommandFailure.usage("\(option) works without --server only")
    }
    guard ForecastModels.names.contains(model) else {
      throw CommandFailure.usage("--model with a folder works without --server only")
    }
    let isJSON = data.first { $0 > 32 }.map { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") } ?? false
    // What was said about columns and steps is in the series that were read, not in the file.
    let body = try source.isPlain ? data : series.reduce(into: Data()) { $0 += try $1.jsonLine() }
    let request = RemoteRequest.forecast(
      body, contentType: isJSON || !source.isPlain ? "application/x-ndjson" : "text/csv", horizon: horizon,
      model: model,
      quantiles: quantiles)
    guard let job = try await client.submit(request, label: "forecast", options: remote) else { return }
    try Output.write(try await client.result(of: job), to: output)
  }
}

/// What people are told beside the answers: fall-backs and anomalies, a few of each.
private struct NoteList {
  private var lines: [String] = []
  private var more = 0

  mutating func add(_ line: String) {
    if lines.count < 12 { lines.append(line) } else { more += 1 }
  }

  mutating func add(_ forecast: Forecast) {
    if let baseline = forecast.fallback {
      let reason = forecast.notes.first { $0.contains("\(baseline) was used") } ?? "\(baseline) was used"
      add("'\(forecast.id)': \(reason)")
    }
    for (variate, report) in forecast.anomalies.enumerated() where !report.flagged.isEmpty {
      let name = forecast.isMultivariate ? "'\(forecast.id)' [\(variate + 1)]" : "'\(forecast.id)'"
      let last = report.flagged.suffix(3).map { $0.time ?? "value \($0.index)" }
      add("\(name): \(report.flagged.count) unexpected value(s), the last at \(last.joined(separator: ", "))")
    }
  }

  func write() {
    for line in lines { Terminal.note("note: " + line) }
    if more > 0 { Terminal.note("and \(more) more notes, in the answers") }
  }
}

extension MoiraiDecoding: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
