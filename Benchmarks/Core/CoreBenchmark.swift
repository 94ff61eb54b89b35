import ArgumentParser
import Forecasting
import Foundation
import MixtureOfExperts
import Tensor

/// Timings of the core inside one process, one line of JSON each; Benchmarks/core_speed.py runs them beside their peers.
@main
struct CoreBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Timings of the mixture-of-experts core, as lines of JSON.",
    subcommands: [Decoding.self, FirstAnswer.self, Experts.self, Training.self])

  static func report(_ figures: [String: Double]) throws {
    let data = try JSONSerialization.data(withJSONObject: figures, options: .sortedKeys)
    FileHandle.standardOutput.write(data + Data("\n".utf8))
  }

  /// Seconds of the fastest of some runs.
  static func fastest(_ runs: Int, _ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    var best = Double.infinity
    for _ in 0..<runs {
      let took = try clock.measure(body)
      best = min(best, took / .seconds(1))
    }
    return best
  }

  /// Peak resident memory of this process in MiB.
  static var peakMemory: Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) / 1024
  }

  static func series(_ length: Int, _ count: Int) -> [TimeSeries] {
    (0..<count).map { index in
      var random = CounterBasedRandom(seed: 1, stream: UInt64(index))
      let values = (0..<length).map { step -> Double in
        10 + 3 * sin(2 * Double.pi * Double(step) / 24) + 0.4 * random.normal()
      }
      return TimeSeries(id: "series-\(index)", target: [values])
    }
  }

  /// Forecasts with a loaded checkpoint.
  struct Decoding: ParsableCommand {
    @Argument(help: "Folder of a Moirai-MoE checkpoint.")
    var directory: String
    @Option(help: "Runs of each; the fastest counts.")
    var runs = 5

    func run() throws {
      let fast = try ForecastModels.load(directory, precision: .bfloat16)
      var request = ForecastRequest(horizon: 96)
      request.samples = 100
      let one = CoreBenchmark.series(512, 1), many = CoreBenchmark.series(512, 32)
      var figures = ["cached_bfloat16_seconds": try CoreBenchmark.fastest(runs) { _ = try fast.forecast(one, request) }]
      request.decoding = .exact
      figures["exact_bfloat16_seconds"] = try CoreBenchmark.fastest(max(1, runs / 2)) {
        _ = try fast.forecast(one, request)
      }
      request.decoding = .cached
      request.horizon = 16
      figures["batch_bfloat16_seconds"] = try CoreBenchmark.fastest(runs) { _ = try fast.forecast(many, request) }

      let model = try ForecastModels.load(directory)
      figures["batch_seconds"] = try CoreBenchmark.fastest(runs) { _ = try model.forecast(many, request) }
      request.horizon = 96
      figures["cached_seconds"] = try CoreBenchmark.fastest(runs) { _ = try model.forecast(one, request) }
      request.decoding = .exact
      figures["exact_seconds"] = try CoreBenchmark.fastest(max(1, runs / 2)) { _ = try model.forecast(one, request) }
      try CoreBenchmark.report(figures)
    }
  }

  /// From nothing to the first forecast.
  struct FirstAnswer: ParsableCommand {
    @Argument(help: "Folder of a Moirai-MoE checkpoint.")
    var directory: String

    func run() throws {
      let seconds = try CoreBenchmark.fastest(1) {
        var request = ForecastRequest(horizon: 96)
        request.samples = 100
        _ = try ForecastModels.load(directory).forecast(CoreBenchmark.series(512, 1), request)
      }
      try CoreBenchmark.report(["seconds": seconds, "peak_mib": CoreBenchmark.peakMemory])
    }
  }

  /// GFLOP/s of the sparse feed-forward block alone, by precision, and of a large product in OpenBLAS.
  struct Experts: ParsableCommand {
    @Option(help: "Runs of each; the fastest counts.")
    var runs = 50

    func run() throws {
      try BLAS.open()
      var configuration = EncoderConfiguration(modelSize: 384, layers: 1, heads: 6, feedForwardSize: 512)
      (configuration.experts, configuration.expertsPerToken) = (32, 2)
      let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
      defer { try? FileManager.default.removeItem(at: url) }
      try ParameterSet(configuration.parameters(), seed: 1).write(to: url)
      let file = try SafeTensors(url)
      let tokens = 200
      var random = CounterBasedRandom(seed: 2)
      let x = Tensor(shape: [tokens, 384], (0..<tokens * 384).map { _ in Float(random.normal()) })
      let y = Tensor(tokens, 384)
      let work = 2.0 * Double(tokens) * 2 * 3 * 384 * 512
      var figures: [String: Double] = [:]
      for precision in Precision.allCases {
        let experts = try SparseFeedForward(configuration, file: file, layer: 0, precision: precision)
        figures[precision.rawValue] = work / CoreBenchmark.fastest(runs) { experts.forward(x, addingTo: y) } / 1e9
      }

      let size = 1024
      let a = Tensor(shape: [size, size], (0..<size * size).map { _ in Float(random.normal()) })
      let outputs = (0..<Parallel.threads).map { _ in Tensor(size, size) }
      let product = CoreBenchmark.fastest(runs) {
        Parallel.forEach(Parallel.threads) { thread in
          BLAS.product(size, size, size, a.pointer, size, a.pointer, size, outputs[thread].pointer, size)
        }
      }
      figures["peak"] = 2 * pow(Double(size), 3) * Double(Parallel.threads) / product / 1e9
      try CoreBenchmark.report(figures)
    }
  }

  /// Steps of AdamW on a causal encoder with random data.
  struct Training: ParsableCommand {
    @Option(help: "Steps that count.")
    var steps = 10
    @Option(help: "Sequences in a step.")
    var rows = 32
    @Option(help: "Tokens in a sequence.")
    var length = 128

    func run() throws {
      try BLAS.open()
      var configuration = EncoderConfiguration(modelSize: 256, layers: 6, heads: 8, feedForwardSize: 512)
      (configuration.experts, configuration.expertsPerToken, configuration.balanceLoss) = (16, 2, 0.01)
      (configuration.isCausal, configuration.queryKeyNorm) = (true, true)
      configuration.positions = .rotary(fraction: 0.5, base: 10_000)
      let encoder = TrainableEncoder(configuration)
      let parameters = ParameterSet(configuration.parameters(), seed: 1)
      let optimizer = AdamW(parameters, AdamW.Options())
      let parallel = DataParallel(parameters)
      let perPiece = rows / parallel.pieces
      let count = perPiece * length
      let inputs = (0..<parallel.pieces).map { piece -> Tensor in
        var random = CounterBasedRandom(seed: 3, stream: UInt64(piece))
        return Tensor(shape: [count, 256], (0..<count * 256).map { _ in Float(random.normal()) })
      }
      let layout = TokenLayout(
        segments: (0..<perPiece).map { $0 * length..<($0 + 1) * length },
        times: (0..<perPiece).flatMap { _ in (0..<Int32(length)).map { $0 } })
      func step() {
        let (_, gradients) = parallel.run { piece, gradients in
          let trace = encoder.forward(inputs[piece], layout, parameters)
          let dy = trace.output.copy()
          encoder.backward(dy, trace, parameters, gradients)
          return 0
        }
        optimizer.update(gradients)
      }
      step()
      let seconds = CoreBenchmark.fastest(steps, step)
      try CoreBenchmark.report(["tokens_per_second": Double(count * parallel.pieces) / seconds])
    }
  }
}
