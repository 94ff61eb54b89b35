import ArgumentParser
import Forecasting
import Foundation
import Synchronization

struct TrainForecasterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forecaster",
    abstract: "Adapt the forecaster to your own series, or pre-train one.",
    discussion: """
      With --init and without --pool a model is adapted to the given series. The last windows of each are kept aside to
      tell whether it helped; if not, the model stays as it was and the report says so. Use the result with
      docq forecast --model DIR.

      With --pool a model is pre-trained. It goes on where it stopped when it is run again with the same -o, and writes
      config.json, model.safetensors (the moving average of the weights), checkpoint.safetensors and log.jsonl.

      EXAMPLES
        docq train forecaster sales.csv --init docq-forecast-1 --budget 5m -o my-forecaster
        docq train forecaster --pool pool.safetensors --budget 2h -o runs/a
        docq train forecaster energy.jsonl.gz --pool pool.safetensors --steps 20000 -o runs/a
      """)

  @Argument(help: "Real series: .csv, .jsonl or .jsonl.gz files.")
  var series: [String] = []
  @Option(help: "File of synthetic series (Training/forecaster/make_pool.py); may be given more than once.")
  var pool: [String] = []
  @Option(name: [.customShort("o"), .long], help: "Folder of the run or of the adapted model.")
  var output: String?
  @Option(name: .customLong("init"), help: "Model to start from: docq-forecast-1 or a folder.")
  var initial: String?
  @Option(help: "Steps to forecast in the windows kept aside (default: the series' own prediction_length, else 12).")
  var horizon: Int?
  @Option(help: "Windows kept aside for choosing, and as many for the report.")
  var windows = 2
  @Flag(help: "Print the report as JSON.")
  var json = false
  @Option(help: "Length of the schedule of the learning rate.")
  var steps = 20_000
  @Option(help: "Steps at its end in which the rate falls to zero.")
  var decaySteps = 4000
  @Option(help: "Time to use, such as 90s, 5m, 2h; run again to go on.")
  var budget: TimeBudget?
  @Option(help: "Peak of the learning rate (default: 1.5e-3, with --init and without --pool 2e-4).")
  var rate: Double?
  @Option(help: "Share of the moving average of the weights that stays in each step.")
  var average = 0.999
  @Option(help: "Patches in a step.")
  var tokens = 4096
  @Option(help: "Chance that a sequence comes from a real series.")
  var realShare = 0.2
  @Option(help: "Same seed, same training.")
  var seed: UInt64 = 1
  @Flag(help: "Do not train: write batches to standard output, for Training/forecaster/train.py.")
  var batches = false
  @Option(help: "Width of the model.")
  var modelSize = 192
  @Option(help: "Layers of the model.")
  var layers = 4
  @Option(help: "Attention heads of a layer.")
  var heads = 6
  @Option(help: "Hidden size of an expert.")
  var feedForward = 256
  @Option(help: "Experts of a layer; two serve each patch.")
  var experts = 8

  func validate() throws {
    guard !series.isEmpty || !pool.isEmpty else { throw ValidationError("give series, --pool or both") }
    guard (256...1_000_000).contains(tokens) else { throw ValidationError("--tokens must be from 256 to 1000000") }
    guard batches || output != nil else { throw ValidationError("give a folder with -o") }
    guard (1...50).contains(windows) else { throw ValidationError("--windows must be from 1 to 50") }
    guard rate.map({ $0 > 0 && $0 <= 0.1 }) ?? true else {
      throw ValidationError("--rate must be above 0, at most 0.1")
    }
  }

  func run() async throws {
    do {
      let given = try series.flatMap { path -> [TimeSeries] in
        guard let data = FileManager.default.contents(atPath: path) else {
          throw CommandFailure.unreadable("\(path): no such file, or it cannot be read")
        }
        return try SeriesReader().read(data, name: (path as NSString).lastPathComponent)
      }
      let start = try initial.map { try ForecastModels.folder(of: $0, library: ModelsCommand.library) }
      if batches { return try writeBatches(given) }
      if let start, pool.isEmpty { try adapt(given, start) } else { try pretrain(given, start) }
    } catch {
      throw CommandFailure(describing: error)
    }
  }

  private var folder: URL { URL(fileURLWithPath: output ?? ".", isDirectory: true) }

  private var shape: QuantileConfiguration {
    QuantileConfiguration(
      modelSize: modelSize, layers: layers, heads: heads, feedForwardSize: feedForward, experts: experts)
  }

  private func writeBatches(_ series: [TimeSeries]) throws {
    let stream = try BatchStream(
      shape, pools: pool.map { URL(fileURLWithPath: $0) }, real: series.flatMap(\.target), realShare: realShare,
      tokens: tokens, seed: seed)
    // Ends when the reader does.
    for index in 0... { try Output.write(try stream.batch(index), to: nil) }
  }

  private func adapt(_ series: [TimeSeries], _ start: URL) throws {
    var options = ForecasterFineTuning.Options()
    (options.horizon, options.windows, options.seed) = (horizon, windows, seed)
    if let budget { options.budget = budget.seconds }
    if let rate { options.rate = rate }
    let report = try ForecasterFineTuning(options).run(
      series, initial: start, directory: folder,
      isStopped: { StopSignal.arrived }
    ) { steps, loss in
      Self.say("step \(steps)  weighted quantile loss on the choosing windows \(String(format: "%.4f", loss))")
    }
    if json {
      let coder = JSONEncoder()
      coder.keyEncodingStrategy = .convertToSnakeCase
      coder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try Output.write(try coder.encode(report) + Data("\n".utf8), to: nil)
    } else {
      try Output.write(
        Data((report.text + "use it with: docq forecast SERIES --model \(output ?? "")\n").utf8), to: nil)
    }
  }

  private func pretrain(_ series: [TimeSeries], _ start: URL?) throws {
    var options = ForecasterTraining.Options()
    options.pools = pool.map { URL(fileURLWithPath: $0) }
    options.realShare = realShare
    (options.steps, options.decaySteps) = (steps, min(decaySteps, steps))
    if let budget { options.budget = budget.seconds }
    if let rate { options.rate = rate }
    (options.averageKeep, options.tokensPerStep, options.seed) = (average, tokens, seed)
    let training = try ForecasterTraining(
      shape, directory: folder, real: series.flatMap(\.target),
      initial: start?.appendingPathComponent("model.safetensors"), options)
    try training.run(isStopped: { StopSignal.arrived }) { line in
      var text = "step \(line.step)  \(line.tokens / 1000)k patches (\(Int(line.tokensPerSecond))/s)"
      text += String(format: "  loss %.4f", line.loss)
      if let held = line.synthetic { text += String(format: "  held-out synthetic %.4f", held) }
      if let held = line.real { text += String(format: "  held-out real %.4f", held) }
      Self.say(text)
    }
  }

  private static func say(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8)) }
}

/// SIGTERM and SIGINT end a training after its step, with a checkpoint.
enum StopSignal {
  private static let flag = Atomic(false)
  private static let installed: Bool = {
    flag.store(false, ordering: .relaxed)
    for number in [SIGTERM, SIGINT] { signal(number) { _ in StopSignal.flag.store(true, ordering: .relaxed) } }
    return true
  }()

  static var arrived: Bool { installed && flag.load(ordering: .relaxed) }
}
