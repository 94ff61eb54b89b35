import Foundation
import MixtureOfExperts
import Tensor

/// Trains the general extractor on made-up documents.
public final class ExtractorPretraining {
  public struct Options: Sendable {
    public var steps = 20_000
    /// Steps at the end in which the rate falls to zero.
    public var decaySteps = 4000
    /// Seconds; the next run goes on.
    public var budget = Double.infinity
    /// Windows in a step.
    public var windows = 8
    public var rate = 2e-3
    public var seed: UInt64 = 1
    public var saveEvery = 300.0
    public var reportEvery = 60.0

    public init() {}
  }

  public struct Progress: Codable, Sendable {
    public var step: Int
    public var documents: Int
    public var seconds: Double
    public var tokensPerSecond: Double
    public var loss: Double
  }

  private let options: Options
  private let model: TrainableExtractor
  private let optimizer: AdamW
  private let parallel: DataParallel
  private let directory: URL
  private let generator: DocumentGenerator
  private var documents = 0

  /// - Parameters:
  ///   - directory: of the run; one that has a checkpoint goes on.
  ///   - initial: model.safetensors to start from.
  /// - Throws: `CheckpointError` or `TensorError`.
  public init(_ configuration: ExtractorConfiguration, directory: URL, initial: URL? = nil, _ options: Options) throws {
    try BLAS.open()
    self.options = options
    self.directory = directory
    model = TrainableExtractor(configuration)
    let parameters =
      try initial.map { try ParameterSet(configuration.parameters, file: SafeTensors($0)) }
      ?? ParameterSet(configuration.parameters, seed: options.seed)
    var about = AdamW.Options()
    about.rate = options.rate
    about.averageKeep = 0.998
    about.schedule = .stableThenDecay(warmUp: 200, steps: options.steps, decay: options.decaySteps)
    optimizer = AdamW(parameters, about)
    parallel = DataParallel(parameters)
    generator = DocumentGenerator(seed: options.seed)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    if FileManager.default.fileExists(atPath: checkpoint.path) {
      documents = Int(try optimizer.load(checkpoint)["documents"] ?? "") ?? 0
    }
  }

  private var checkpoint: URL { directory.appendingPathComponent("checkpoint.safetensors") }

  /// The windows of a made-up document that are trained on: at most three, the last one among them.
  package static func windows(
    _ tagged: TaggedDocument, _ configuration: ExtractorConfiguration, _ random: inout CounterBasedRandom
  ) -> [TrainingWindow] {
    let tokens = DocumentTokens(tagged.document)
    let features = TokenFeatures(tokens)
    let tags = TokenTags.tags(tagged, tokens, configuration)
    let type = Int32(configuration.documentTypes.firstIndex(of: tagged.documentType) ?? -1)
    var ranges = DocumentWindows.ranges(tokens, limit: configuration.windowTokens)
    while ranges.count > 3 { ranges.remove(at: random.integer(1...ranges.count - 2)) }
    return ranges.map { range in
      var window = DocumentWindows.window(features, range)
      window.tags = Array(tags[range])
      window.documentType = type
      return window
    }
  }

  private func batch(_ piece: Int, _ step: Int) -> (ExtractionBatch, Int) {
    var random = CounterBasedRandom(seed: options.seed ^ 0x7ea1, stream: UInt64(step * parallel.pieces + piece))
    let wanted = max(1, options.windows / parallel.pieces)
    var windows: [TrainingWindow] = []
    var made = 0
    while windows.count < wanted {
      let index = (step * parallel.pieces + piece) * 64 + made
      windows += Self.windows(generator.document(index), model.configuration, &random)
      made += 1
    }
    windows.removeAll { $0.count == 0 }
    let drops = windows.map { _ in random.pick([0, 0.1, 0.2, 0.4]) }
    return (ExtractionBatch(windows, dropRates: drops, seed: random.next()), made)
  }

  /// Trains until the steps or the budget are used up, or `isStopped` says so; saves at the end.
  /// - Throws: what writing throws.
  public func run(isStopped: () -> Bool = { false }, report: (Progress) -> Void) throws {
    let clock = ContinuousClock(), start = clock.now
    func seconds() -> Double { (clock.now - start) / .seconds(1) }
    var saved = 0.0, told = 0.0, loss = 0.0, steps = 0, tokens = 0
    while optimizer.step < options.steps, seconds() < options.budget, !isStopped() {
      let step = optimizer.step, pieces = parallel.pieces
      let counts = Tensor(2 * pieces)
      let (sum, gradients) = parallel.run { piece, gradients in
        let (batch, made) = self.batch(piece, step)
        counts[2 * piece] = Float(batch.layout.count)
        counts[2 * piece + 1] = Float(made)
        return model.loss(batch, optimizer.parameters, gradients: gradients, share: 1 / Double(pieces))
      }
      optimizer.update(gradients)
      for piece in 0..<pieces {
        tokens += Int(counts[2 * piece])
        documents += Int(counts[2 * piece + 1])
      }
      loss += sum / Double(pieces)
      steps += 1
      if seconds() - told > options.reportEvery || optimizer.step == options.steps {
        let line = Progress(
          step: optimizer.step, documents: documents, seconds: seconds().rounded(),
          tokensPerSecond: (Double(tokens) / (seconds() - told)).rounded(), loss: loss / Double(steps))
        report(line)
        let data = try JSONEncoder().encode(line) + Data("\n".utf8)
        let log = directory.appendingPathComponent("log.jsonl")
        try (((try? Data(contentsOf: log)) ?? Data()) + data).write(to: log)
        (told, loss, steps, tokens) = (seconds(), 0, 0, 0)
      }
      if seconds() - saved > options.saveEvery {
        try save()
        saved = seconds()
      }
    }
    try save()
  }

  /// Writes the checkpoint to go on from, and the model of the averaged weights.
  public func save() throws {
    try optimizer.save(to: checkpoint, metadata: ["documents": "\(documents)"])
    try model.configuration.json().write(to: directory.appendingPathComponent("config.json"), options: .atomic)
    try optimizer.average.write(to: directory.appendingPathComponent("model.safetensors"), precision: .bfloat16)
  }
}
