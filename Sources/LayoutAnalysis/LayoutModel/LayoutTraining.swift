import CKernels
import DocumentModel
import Foundation
import MixtureOfExperts
import Tensor

/// The layout model with weights that change: loss and gradients of a batch of pages.
struct TrainableLayoutModel: Sendable {
  let configuration: LayoutConfiguration
  private let encoder: TrainableEncoder

  init(_ configuration: LayoutConfiguration) {
    self.configuration = configuration
    encoder = TrainableEncoder(configuration.encoder)
  }

  /// What came out for a batch.
  struct Outcome {
    /// Mean loss of a line.
    var loss = 0.0
    /// [true class][predicted class] counts of lines.
    var confusion = [[Int]](repeating: [Int](repeating: 0, count: LayoutHeads.classes), count: LayoutHeads.classes)
    var continuesRight = 0, continuesAll = 0, resumesRight = 0, resumesAll = 0
  }

  /// - Parameters:
  ///   - classWeights: of the cross entropy, by true class.
  ///   - gradients: what the gradients of the mean loss are added to; nil for the loss alone.
  func run(
    _ pages: [LabelledPage], _ parameters: ParameterSet, gradients: ParameterSet?, classWeights: [Float],
    share: Double = 1
  ) -> Outcome {
    var batch = PageTokens(configuration)
    for page in pages { batch.append(features: page.features, coordinates: page.coordinates, hashes: page.hashes) }
    let tokens = batch.count, size = configuration.encoder.modelSize, width = configuration.featureCount
    var outcome = Outcome()
    guard tokens > 0 else { return outcome }
    let x = Tensor(shape: [tokens, width], batch.features)
    let before = Tensor(shape: [tokens, size], zeroed: false)
    linear("in_proj", x, into: before, parameters)
    let hidden = before.copy()
    Kernels.best.silu(hidden.pointer, hidden.count)
    let embedded = Tensor(shape: [tokens, size], zeroed: false)
    linear("feat_proj", hidden, into: embedded, parameters)
    batch.addWords(parameters["words.weight"], to: embedded)
    let trace = encoder.forward(embedded, batch.layout, parameters)
    let logits = Tensor(shape: [tokens, LayoutHeads.count], zeroed: false)
    linear("heads", trace.output, into: logits, parameters)
    let dLogits = Tensor(shape: logits.shape)
    for (token, place) in batch.places.enumerated() {
      let page = pages[place.page], line = place.line
      judge(
        logits.row(token), dLogits.row(token), Int(page.classes[line]), page.continues[line], page.resumes[line],
        classWeights, Float(share) / Float(tokens), &outcome)
    }
    outcome.loss /= Double(tokens)
    guard let gradients else { return outcome }

    let dOutput = Tensor(shape: [tokens, size], zeroed: false)
    back("heads", dLogits, trace.output, into: dOutput, parameters, gradients)
    encoder.backward(dOutput, trace, parameters, gradients, balance: configuration.encoder.balanceLoss * share)
    batch.wordGradients(dOutput, into: gradients["words.weight"])
    let dHidden = Tensor(shape: [tokens, size], zeroed: false)
    back("feat_proj", dOutput, hidden, into: dHidden, parameters, gradients)
    Kernels.best.silu_backward(before.pointer, dHidden.pointer, dHidden.count)
    back("in_proj", dHidden, x, into: nil, parameters, gradients)
    return outcome
  }

  /// Loss of one line and its gradient by the logits.
  private func judge(
    _ row: UnsafeMutablePointer<Float>, _ gradient: UnsafeMutablePointer<Float>, _ label: Int, _ continues: Int8,
    _ resumes: Int8, _ weights: [Float], _ scale: Float, _ outcome: inout Outcome
  ) {
    let classes = LayoutHeads.classes
    if label >= 0 {
      var best = 0
      for index in 1..<classes where row[index] > row[best] { best = index }
      outcome.confusion[label][best] += 1
      let exponentials = (0..<classes).map { expf(row[$0] - row[best]) }
      let sum = exponentials.reduce(0, +)
      let weight = weights[label]
      outcome.loss += Double(weight * -logf(max(1e-12, exponentials[label] / sum)))
      for index in 0..<classes {
        gradient[index] = scale * weight * (exponentials[index] / sum - (index == label ? 1 : 0))
      }
    }
    func binary(_ index: Int, _ target: Int8, _ weight: Float) -> Bool {
      let probability = 1 / (1 + expf(-row[index]))
      outcome.loss += Double(weight * -logf(max(1e-12, target == 1 ? probability : 1 - probability)))
      gradient[index] = scale * weight * (probability - Float(target))
      return (row[index] > 0) == (target == 1)
    }
    if continues >= 0 {
      outcome.continuesAll += 1
      if binary(LayoutHeads.continues, continues, 1) { outcome.continuesRight += 1 }
    }
    if resumes >= 0 {
      outcome.resumesAll += 1
      if binary(LayoutHeads.resumes, resumes, 0.7) { outcome.resumesRight += 1 }
    }
  }

  private func linear(_ name: String, _ x: Tensor, into y: Tensor, _ parameters: ParameterSet) {
    LinearOperation.forward(
      x.pointer, x.rowSize, rows: x.rows, inputs: x.rowSize, weight: parameters[name + ".weight"],
      bias: parameters[name + ".bias"], outputs: y.rowSize, into: y.pointer, y.rowSize)
  }

  private func back(
    _ name: String, _ dy: Tensor, _ x: Tensor, into dx: Tensor?, _ parameters: ParameterSet, _ gradients: ParameterSet
  ) {
    LinearOperation.backward(
      dy.pointer, dy.rowSize, x: x.pointer, x.rowSize, rows: dy.rows, inputs: x.rowSize,
      weight: parameters[name + ".weight"], outputs: dy.rowSize, weightGradient: gradients[name + ".weight"],
      biasGradient: gradients[name + ".bias"], into: dx?.pointer, x.rowSize, replace: true)
  }
}

/// Trains the layout model on labelled pages.
package final class LayoutTraining {
  package struct Options: Sendable {
    package var steps = 6000
    package var warmUp = 200
    package var linesPerStep = 3000
    package var rate = 1.5e-3
    package var averageKeep = 0.999
    package var seed: UInt64 = 1
    /// Stops after this time, in seconds; the next run goes on.
    package var budget = Double.infinity
    package var saveEvery = 120.0

    package init() {}
  }

  package struct Progress: Codable, Sendable {
    package var step: Int
    package var seconds: Double
    package var loss: Double
    package var heldOutLoss: Double
    /// Mean F1 of the classes of held-out lines, and shares of right decisions.
    package var lineF1: Double
    package var continues: Double
    package var resumes: Double
    package var classF1: [String: Double]
  }

  private let options: Options
  private let model: TrainableLayoutModel
  private let optimizer: AdamW
  private let parallel: DataParallel
  private let directory: URL
  private let training: [LabelledPage]
  private let heldOut: [LabelledPage]
  private let classWeights: [Float]

  /// - Parameters:
  ///   - training, heldOut: pages; both must not be empty.
  ///   - initial: a checkpoint's file to start from, unless `directory` has one to go on with.
  package init(
    _ configuration: LayoutConfiguration, training: [LabelledPage], heldOut: [LabelledPage], directory: URL,
    initial: URL? = nil, _ options: Options
  ) throws {
    try BLAS.open()
    self.options = options
    self.directory = directory
    self.training = training
    self.heldOut = heldOut
    model = TrainableLayoutModel(configuration)
    let specifications = configuration.parameters
    let parameters =
      try initial.map { try ParameterSet(specifications, file: SafeTensors($0)) }
      ?? ParameterSet(specifications, seed: options.seed)
    var about = AdamW.Options()
    about.rate = options.rate
    about.averageKeep = options.averageKeep
    about.schedule = .cosine(warmUp: options.warmUp, steps: options.steps)
    optimizer = AdamW(parameters, about)
    parallel = DataParallel(parameters)
    // Rare classes count more, by the fourth root of how rare they are.
    var counts = [Double](repeating: 1, count: LayoutHeads.classes)
    for page in training { for label in page.classes where label >= 0 { counts[Int(label)] += 1 } }
    let mean = counts.reduce(0, +) / Double(counts.count)
    classWeights = counts.map { Float(min(3, max(0.5, pow(mean / $0, 0.25)))) }
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    if FileManager.default.fileExists(atPath: checkpoint.path) { _ = try optimizer.load(checkpoint) }
  }

  private var checkpoint: URL { directory.appendingPathComponent("checkpoint.safetensors") }

  private func step() -> Double {
    let step = optimizer.step, pieces = parallel.pieces
    let (sum, gradients) = parallel.run { piece, gradients in
      var random = CounterBasedRandom(seed: options.seed, stream: UInt64(step * pieces + piece))
      var pages: [LabelledPage] = [], lines = 0
      while lines < options.linesPerStep / pieces {
        let page = training[min(training.count - 1, Int(random.uniform() * Double(training.count)))]
        pages.append(page.varied(&random))
        lines += page.lines
      }
      return model.run(
        pages, optimizer.parameters, gradients: gradients, classWeights: classWeights, share: 1 / Double(pieces)
      ).loss
    }
    optimizer.update(gradients)
    return sum / Double(pieces)
  }

  /// Scores of the averaged weights on held-out pages.
  package func validate() -> Progress {
    var total = TrainableLayoutModel.Outcome(), batches = 0.0
    for first in stride(from: 0, to: heldOut.count, by: 40) {
      let one = model.run(
        Array(heldOut[first..<min(heldOut.count, first + 40)]), optimizer.average, gradients: nil,
        classWeights: classWeights)
      total.loss += one.loss
      batches += 1
      for label in 0..<LayoutHeads.classes {
        for other in 0..<LayoutHeads.classes { total.confusion[label][other] += one.confusion[label][other] }
      }
      total.continuesRight += one.continuesRight
      total.continuesAll += one.continuesAll
      total.resumesRight += one.resumesRight
      total.resumesAll += one.resumesAll
    }
    var f1: [String: Double] = [:]
    for label in 0..<LayoutHeads.classes {
      let right = total.confusion[label][label], wanted = total.confusion[label].reduce(0, +)
      let given = total.confusion.reduce(0) { $0 + $1[label] }
      guard wanted > 0 else { continue }
      f1[RegionClass(rawValue: label)?.name ?? "Furniture"] = 2 * Double(right) / Double(wanted + given)
    }
    return Progress(
      step: optimizer.step, seconds: 0, loss: 0, heldOutLoss: total.loss / max(1, batches),
      lineF1: f1.values.reduce(0, +) / Double(max(1, f1.count)),
      continues: Double(total.continuesRight) / Double(max(1, total.continuesAll)),
      resumes: Double(total.resumesRight) / Double(max(1, total.resumesAll)), classF1: f1)
  }

  /// Trains until the steps or the budget are used up, or `isStopped` says so; saves at the end.
  package func run(isStopped: () -> Bool = { false }, report: (Progress) -> Void) throws {
    let clock = ContinuousClock(), start = clock.now
    func seconds() -> Double { (clock.now - start) / .seconds(1) }
    var saved = 0.0, loss = 0.0, steps = 0
    func tell() throws {
      guard steps > 0 else { return }
      var line = validate()
      (line.seconds, line.loss) = (seconds().rounded(), loss / Double(steps))
      try save()
      report(line)
      (saved, loss, steps) = (seconds(), 0, 0)
    }
    while optimizer.step < options.steps, seconds() < options.budget, !isStopped() {
      loss += step()
      steps += 1
      if seconds() - saved > options.saveEvery { try tell() }
    }
    try tell()
  }

  /// Writes the checkpoint to go on from, and the model of the averaged weights.
  private func save() throws {
    try optimizer.save(to: checkpoint)
    try model.configuration.json().write(to: directory.appendingPathComponent("config.json"), options: .atomic)
    try optimizer.average.write(to: directory.appendingPathComponent("model.safetensors"), precision: .bfloat16)
  }
}

extension LabelledPage {
  /// The page with some words hidden, its numbers a little off, and sometimes without its outline, so that no single sign
  /// decides.
  func varied(_ random: inout CounterBasedRandom) -> LabelledPage {
    var page = self
    let share = random.uniform() < 0.5 ? 0.6 * random.uniform() : 0.05
    if random.uniform() < 0.5 { LineFeatures.hideOutline(&page.features, width: LineFeatures.countWithImage) }
    let noise = random.uniform() < 0.8 ? 0.1 * random.uniform() : 0
    if noise > 0 {
      for index in page.features.indices { page.features[index] += Float(noise * (2 * random.uniform() - 1)) }
    }
    // Pages without an image, such as posters, are read as well.
    if random.uniform() < 0.08 {
      for row in stride(from: 0, to: page.features.count, by: LineFeatures.countWithImage) {
        for index in LineFeatures.count..<LineFeatures.countWithImage { page.features[row + index] = 0 }
      }
    }
    // Some files do not tell bold, italic and typewriter type by their fonts' names.
    if random.uniform() < 0.08 {
      for row in stride(from: 0, to: page.features.count, by: LineFeatures.countWithImage) {
        for index in 35...37 { page.features[row + index] = 0 }
      }
    }
    for line in page.hashes.indices {
      if random.uniform() < 0.03 {
        page.hashes[line] = []
      } else {
        page.hashes[line].removeAll { _ in random.uniform() < share }
      }
    }
    return page
  }
}
