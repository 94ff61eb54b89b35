import CKernels
import Foundation
import Tensor

/// How the learning rate goes, as a factor of its peak.
public enum LearningRateSchedule: Codable, Equatable, Sendable {
  /// Linear warm-up, then half a cosine down to zero at `steps`.
  case cosine(warmUp: Int, steps: Int)
  /// Linear warm-up, then level, then down by one minus the square root over the last `decay` steps (Hägele et al.,
  /// arXiv 2405.18392).
  case stableThenDecay(warmUp: Int, steps: Int, decay: Int)
  case constant(warmUp: Int)

  /// - Parameter step: from 0.
  public func factor(_ step: Int) -> Double {
    func warm(_ steps: Int) -> Double { steps > 0 ? min(1, Double(step + 1) / Double(steps)) : 1 }
    switch self {
    case .constant(let warmUp): return warm(warmUp)
    case .cosine(let warmUp, let steps):
      return warm(warmUp) * 0.5 * (1 + cos(Double.pi * min(1, Double(step) / Double(max(1, steps)))))
    case .stableThenDecay(let warmUp, let steps, let decay):
      let fallen = Double(step - (steps - decay)) / Double(max(1, decay))
      return warm(warmUp) * (1 - max(0, min(1, fallen)).squareRoot())
    }
  }
}

/// AdamW (Loshchilov and Hutter, ICLR 2019) with gradient clipping by the global norm and an exponential moving average
/// of the weights.
public final class AdamW {
  public struct Options: Codable, Equatable, Sendable {
    public var rate = 1e-3
    public var beta1 = 0.9
    public var beta2 = 0.98
    public var epsilon = 1e-8
    /// Applied to matrices only, as the specifications say.
    public var weightDecay = 0.05
    /// Gradients are scaled down to this norm.
    public var clip = 1.0
    /// Share of the average that stays in each step, less in the first steps.
    public var averageKeep = 0.999
    public var schedule = LearningRateSchedule.constant(warmUp: 0)

    public init() {}
  }

  public var options: Options
  public let parameters: ParameterSet
  /// The moving average, which is what to ship.
  public let average: ParameterSet
  /// Steps taken.
  public private(set) var step = 0
  private let first: ParameterSet
  private let second: ParameterSet

  public init(_ parameters: ParameterSet, _ options: Options) {
    self.options = options
    self.parameters = parameters
    average = parameters.copy()
    first = parameters.zeros()
    second = parameters.zeros()
  }

  /// Changes the parameters.
  /// - Returns: the norm of the gradients before clipping. Where it is not finite nothing is changed.
  @discardableResult public func update(_ gradients: ParameterSet) -> Double {
    let norm = Kernels.best.sum_of_squares(gradients.all.pointer, gradients.count).squareRoot()
    guard norm.isFinite else { return norm }
    let template = docq_adamw(
      rate: Float(options.rate * options.schedule.factor(step)), beta1: Float(options.beta1),
      beta2: Float(options.beta2), epsilon: Float(options.epsilon), decay: 0,
      correction1: Float(1 - pow(options.beta1, Double(step + 1))),
      correction2: Float(1 - pow(options.beta2, Double(step + 1))),
      gradient_scale: Float(norm > options.clip ? options.clip / norm : 1))
    step += 1
    let keep = Float(min(options.averageKeep, Double(1 + step) / Double(10 + step)))
    let pieces = parameters.specifications.map(\.name).filter { !parameters.buffer($0).isEmpty }
    let specifications = Dictionary(uniqueKeysWithValues: parameters.specifications.map { ($0.name, $0) })
    Parallel.forEach(pieces.count) { index in
      let name = pieces[index]
      guard let specification = specifications[name], specification.trains else { return }
      var own = template
      own.decay = specification.decays ? Float(options.weightDecay) : 0
      let count = parameters.buffer(name).count
      Kernels.best.adamw(&own, parameters[name], gradients[name], first[name], second[name], count)
      Kernels.best.blend(average[name], parameters[name], keep, count)
    }
    return norm
  }

  // MARK: - Checkpoints

  private static let arrays = ["parameters", "average", "first_moment", "second_moment"]

  /// Everything that going on needs, in one file that is replaced as a whole.
  /// - Parameter metadata: what else the training wants back.
  public func save(to url: URL, metadata: [String: String] = [:]) throws {
    var metadata = metadata
    metadata["step"] = "\(step)"
    metadata["layout"] = Self.layout(parameters)
    try SafeTensors.write(
      zip(Self.arrays, [parameters, average, first, second]).map { ($0, $1.all) }, metadata: metadata, to: url)
  }

  /// Goes on where `save` was called.
  /// - Returns: the metadata.
  /// - Throws: `CheckpointError` where the file is damaged or from another model.
  public func load(_ url: URL) throws -> [String: String] {
    let file = try SafeTensors(url)
    guard let saved = file.metadata["step"].flatMap({ Int($0) }), saved >= 0 else {
      throw CheckpointError.badConfiguration(file.fileName, key: "step", reason: "is missing")
    }
    guard file.metadata["layout"] == Self.layout(parameters) else {
      throw CheckpointError.badConfiguration(
        file.fileName, key: "layout", reason: "the checkpoint is of a model of another shape")
    }
    let tensors = try Self.arrays.map { try file.floats($0, shape: [parameters.count]) }
    for (set, tensor) in zip([parameters, average, first, second], tensors) {
      set.all.pointer.update(from: tensor.pointer, count: tensor.count)
    }
    step = saved
    return file.metadata
  }

  private static func layout(_ parameters: ParameterSet) -> String {
    let text = parameters.specifications.map { "\($0.name)\($0.shape)" }.joined(separator: ";")
    return String(
      text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, radix: 16)
  }
}

/// Gradients of a batch that is divided among the cores.
public final class DataParallel {
  private let parts: [ParameterSet]

  /// - Parameter threads: pieces that a batch is divided into. The same number gives the same sums.
  public init(_ parameters: ParameterSet, threads: Int = Parallel.threads) {
    parts = (0..<max(1, threads)).map { _ in parameters.zeros() }
  }

  public var pieces: Int { parts.count }

  /// Runs `body` for every piece on a thread of its own, each with gradients to add to.
  /// - Parameter body: returns what is to be summed, such as the loss of its piece.
  /// - Returns: the sums and the summed gradients, which stay valid until the next call.
  public func run(_ body: (_ piece: Int, _ gradients: ParameterSet) -> Double) -> (sum: Double, gradients: ParameterSet)
  {
    let sums = Tensor(shape: [2 * parts.count])
    sums.pointer.withMemoryRebound(to: Double.self, capacity: parts.count) { sums in
      nonisolated(unsafe) let sums = sums
      Parallel.forEach(parts.count, threads: parts.count) { piece in
        parts[piece].all.fill(0)
        sums[piece] = body(piece, parts[piece])
      }
    }
    let total = parts[0].all
    Parallel.forRanges(total.count, least: 1 << 14) { range in
      for part in parts.dropFirst() {
        Kernels.best.add_scaled(
          total.pointer + range.lowerBound, part.all.pointer + range.lowerBound, 1, range.count)
      }
    }
    let sum = sums.pointer.withMemoryRebound(to: Double.self, capacity: parts.count) { sums in
      (0..<parts.count).reduce(0) { $0 + sums[$1] }
    }
    return (sum, parts[0])
  }
}
