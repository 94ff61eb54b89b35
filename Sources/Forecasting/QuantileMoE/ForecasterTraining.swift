import Foundation
import MixtureOfExperts
import Tensor

/// Trains docq's forecaster: from random weights on synthetic series, or from a checkpoint.
public final class ForecasterTraining {
  public struct Options: Sendable {
    /// Files of synthetic series (Training/forecaster/make_pool.py).
    public var pools: [URL] = []
    /// Chance that a sequence comes from a real series where there are both.
    public var realShare = 0.2
    /// Averages real series over random spans; see `TrainingSeries`.
    public var coarsens = true
    /// Keeps the last fifth of the real series for validation.
    public var keepsValidation = true
    /// Length of the schedule, and the steps at its end in which the rate falls to zero.
    public var steps = 20_000
    public var decaySteps = 4000
    public var warmUp = 300
    /// Stops after this time, in seconds; the next run goes on.
    public var budget = Double.infinity
    public var tokensPerStep = 4096
    public var rate = 1.5e-3
    public var averageKeep = 0.999
    public var seed: UInt64 = 1
    /// Seconds between checkpoints and between validations.
    public var saveEvery = 300.0
    public var validateEvery = 120.0

    public init() {}
  }

  /// One line of log.jsonl.
  public struct Progress: Codable, Sendable {
    public var step: Int
    public var tokens: Int
    public var seconds: Double
    public var tokensPerSecond: Double
    /// Mean over the steps since the last line.
    public var loss: Double
    /// Losses of the moving average of the weights on held-out series.
    public var synthetic: Double?
    public var real: Double?
  }

  private let options: Options
  private let configuration: QuantileConfiguration
  private let model: TrainableQuantileModel
  private let optimizer: AdamW
  private let parallel: DataParallel
  private let series: TrainingSeries
  private let validation: [(name: String, batches: [QuantileBatch])]
  private let directory: URL
  private var tokens = 0

  /// - Parameters:
  ///   - real: series to train on; the last fifth is kept for validation.
  ///   - initial: a checkpoint's file to start from, unless `directory` has one to go on with.
  /// - Throws: `CheckpointError` or `TensorError`.
  public init(
    _ configuration: QuantileConfiguration, directory: URL, real: [[Double]], initial: URL? = nil, _ options: Options
  ) throws {
    try BLAS.open()
    self.options = options
    self.configuration = configuration
    self.directory = directory
    model = TrainableQuantileModel(configuration)
    let specifications = configuration.parameters
    let parameters =
      try initial.map { try ParameterSet(specifications, file: SafeTensors($0)) }
      ?? ParameterSet(specifications, seed: options.seed)
    var about = AdamW.Options()
    about.rate = options.rate
    about.averageKeep = options.averageKeep
    about.schedule = .stableThenDecay(warmUp: options.warmUp, steps: options.steps, decay: options.decaySteps)
    optimizer = AdamW(parameters, about)
    parallel = DataParallel(parameters)

    let filled = real.map { MissingValues.fill($0, period: 1).0.map(Float.init) }.filter { $0.count >= 12 }
    let kept = filled.isEmpty || !options.keepsValidation ? 0 : max(1, filled.count / 5)
    let training = try options.pools.flatMap { try SeriesPool.read($0, share: 0..<0.98) }
    let heldOut = try options.pools.flatMap { try SeriesPool.read($0, share: 0.98..<1) }
    series = TrainingSeries(
      pools: training, real: Array(filled.dropLast(kept)), realShare: options.realShare, coarsens: options.coarsens,
      configuration)
    var validation: [(name: String, batches: [QuantileBatch])] = []
    func add(_ name: String, _ source: TrainingSeries) {
      validation.append(
        (
          name,
          (0..<8).map { index in
            var random = CounterBasedRandom(seed: 20_240_501, stream: UInt64(index))
            return Self.batch(source, 2048, configuration, &random)
          }
        ))
    }
    if !heldOut.isEmpty { add("synthetic", TrainingSeries(pools: heldOut, real: [], realShare: 0, configuration)) }
    if kept > 0 {
      add("real", TrainingSeries(pools: [], real: Array(filled.suffix(kept)), realShare: 1, configuration))
    }
    self.validation = validation
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    if FileManager.default.fileExists(atPath: checkpoint.path) {
      tokens = Int(try optimizer.load(checkpoint)["tokens"] ?? "") ?? 0
    }
  }

  private var checkpoint: URL { directory.appendingPathComponent("checkpoint.safetensors") }

  static func batch(
    _ source: TrainingSeries, _ tokens: Int, _ configuration: QuantileConfiguration,
    _ random: inout CounterBasedRandom
  ) -> QuantileBatch {
    var sequences: [(features: QuantileFeatures, firstAsked: Int)] = []
    var count = 0
    while count < tokens {
      let one = source.sequence(&random)
      count += one.features.patches - 1
      sequences.append(one)
    }
    return QuantileBatch(sequences, configuration)
  }

  /// Mean loss of the averaged weights on held-out series, by their kind.
  public func validate() -> [String: Double] {
    Dictionary(
      uniqueKeysWithValues: validation.map { name, batches in
        let sums = Tensor(batches.count)
        Parallel.forEach(batches.count) { index in
          sums[index] = Float(model.loss(batches[index], optimizer.average, gradients: nil))
        }
        return (name, sums.buffer.reduce(0) { $0 + Double($1) } / Double(batches.count))
      })
  }

  /// One update of the weights.
  /// - Returns: the loss before it.
  package func step() -> Double {
    let step = optimizer.step, pieces = parallel.pieces
    let counts = Tensor(pieces)
    let (sum, gradients) = parallel.run { piece, gradients in
      var random = CounterBasedRandom(seed: options.seed, stream: UInt64(step * pieces + piece))
      let batch = Self.batch(series, options.tokensPerStep / pieces, configuration, &random)
      counts[piece] = Float(batch.layout.count)
      return model.loss(batch, optimizer.parameters, gradients: gradients, share: 1 / Double(pieces))
    }
    optimizer.update(gradients)
    tokens += Int(counts.buffer.reduce(0, +))
    return sum / Double(pieces)
  }

  /// Trains until the steps or the budget are used up, or `isStopped` says so; saves at the end.
  /// - Throws: what writing throws.
  public func run(isStopped: () -> Bool = { false }, report: (Progress) -> Void) throws {
    let clock = ContinuousClock(), start = clock.now
    func seconds() -> Double { (clock.now - start) / .seconds(1) }
    var saved = 0.0, validated = 0.0, loss = 0.0, steps = 0, firstTokens = tokens
    func tell() throws {
      guard steps > 0 else { return }
      let speed = (Double(tokens - firstTokens) / (seconds() - validated)).rounded()
      let held = validate()
      let line = Progress(
        step: optimizer.step, tokens: tokens, seconds: seconds().rounded(), tokensPerSecond: speed,
        loss: loss / Double(steps), synthetic: held["synthetic"], real: held["real"])
      try log(line)
      report(line)
      (validated, loss, steps, firstTokens) = (seconds(), 0, 0, tokens)
    }
    while optimizer.step < options.steps, seconds() < options.budget, !isStopped() {
      loss += step()
      steps += 1
      if seconds() - validated > options.validateEvery { try tell() }
      if seconds() - saved > options.saveEvery {
        try save()
        saved = seconds()
      }
    }
    try tell()
    try save()
  }

  /// Writes the checkpoint to go on from, and the model of the averaged weights.
  public func save() throws {
    try optimizer.save(to: checkpoint, metadata: ["tokens": "\(tokens)"])
    try export(to: directory)
  }

  /// Writes the model of the averaged weights.
  package func export(to directory: URL) throws {
    try configuration.json().write(to: directory.appendingPathComponent("config.json"), options: .atomic)
    try optimizer.average.write(
      to: directory.appendingPathComponent("model.safetensors"), precision: .bfloat16)
  }

  private func log(_ line: Progress) throws {
    let coder = JSONEncoder()
    coder.keyEncodingStrategy = .convertToSnakeCase
    coder.outputFormatting = .sortedKeys
    let data = try coder.encode(line) + Data("\n".utf8)
    let url = directory.appendingPathComponent("log.jsonl")
    if let handle = try? FileHandle(forWritingTo: url) {
      try handle.seekToEnd()
      try handle.write(contentsOf: data)
      try handle.close()
    } else {
      try data.write(to: url)
    }
  }
}
