import ArgumentParser
import Forecasting
import Foundation
import Synchronization

struct TrainForecasterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forecaster",
    abstract: "Train a forecaster from pools of synthetic series and from real ones.",
    discussion: """
      Goes on where it stopped when it is run again with the same -o. Writes config.json, model.safetensors (the moving
      average of the weights), checkpoint.safetensors and log.jsonl.

      EXAMPLES
        docq train forecaster --pool pool.safetensors --budget 2h -o runs/a
        docq train forecaster energy.jsonl.gz --pool pool.safetensors --steps 20000 -o runs/a
      """)

  @Argument(help: "Real series: .csv, .jsonl or .jsonl.gz files.")
  var series: [String] = []
  @Option(help: "File of synthetic series (Training/forecaster/make_pool.py); may be given more than once.")
  var pool: [String] = []
  @Option(name: [.customShort("o"), .long], help: "Folder of the run.")
  var output: String
  @Option(name: .customLong("init"), help: "model.safetensors to start from.")
  var initial: String?
  @Option(help: "Length of the schedule of the learning rate.")
  var steps = 20_000
  @Option(help: "Steps at its end in which the rate falls to zero.")
  var decaySteps = 4000
  @Option(help: "Time to use, such as 90s, 5m, 2h; run again to go on.")
  var budget: TimeBudget?
  @Option(help: "Peak of the learning rate.")
  var rate = 1.5e-3
  @Option(help: "Share of the moving average of the weights that stays in each step.")
  var average = 0.999
  @Option(help: "Patches in a step.")
  var tokens = 4096
  @Option(help: "Chance that a sequence comes from a real series.")
  var realShare = 0.2
  @Option(help: "Same seed, same training.")
  var seed: UInt64 = 1
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
    guard rate > 0, rate <= 0.1 else { throw ValidationError("--rate must be above 0, at most 0.1") }
  }

  func run() async throws {
    var options = ForecasterTraining.Options()
    options.pools = pool.map { URL(fileURLWithPath: $0) }
    options.realShare = realShare
    (options.steps, options.decaySteps) = (steps, min(decaySteps, steps))
    if let budget { options.budget = budget.seconds }
    (options.rate, options.averageKeep, options.tokensPerStep, options.seed) = (rate, average, tokens, seed)
    do {
      let real = try series.flatMap { path -> [[Double]] in
        guard let data = FileManager.default.contents(atPath: path) else {
          throw CommandFailure.unreadable("\(path): no such file, or it cannot be read")
        }
        return try SeriesReader().read(data, name: (path as NSString).lastPathComponent).flatMap(\.target)
      }
      let training = try ForecasterTraining(
        QuantileConfiguration(
          modelSize: modelSize, layers: layers, heads: heads, feedForwardSize: feedForward, experts: experts),
        directory: URL(fileURLWithPath: output, isDirectory: true), real: real,
        initial: initial.map { URL(fileURLWithPath: $0) }, options)
      try training.run(isStopped: { StopSignal.arrived }) { line in
        var text = "step \(line.step)  \(line.tokens / 1000)k patches (\(Int(line.tokensPerSecond))/s)"
        text += String(format: "  loss %.4f", line.loss)
        if let held = line.synthetic { text += String(format: "  held-out synthetic %.4f", held) }
        if let held = line.real { text += String(format: "  held-out real %.4f", held) }
        FileHandle.standardError.write(Data((text + "\n").utf8))
      }
    } catch {
      throw CommandFailure(describing: error)
    }
  }
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
