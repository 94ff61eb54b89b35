import DocumentModel
import Foundation
import MixtureOfExperts
import Tensor

/// Noise-aware training (Sarkhel et al., arXiv 2404.00488; a reconstruction, see docs/extraction.md): a few labelled documents of a
/// new form, many that are not labelled, a bound on time.
public struct ExtractorTraining {
  /// What is trained on, at the same number of steps.
  public enum Arm: String, CaseIterable, Codable, Sendable {
    case labelsOnly = "labels only"
    case transfer = "weak labels first, then labels"
    case unweighted = "labels + weak labels, unweighted"
    case noiseAware = "labels + weak labels, noise-aware"
  }

  public struct Options: Sendable {
    /// Seconds for everything.
    public var budget = 600.0
    /// Steps of the last training; nil: as many as the budget allows.
    public var steps: Int?
    /// Models that label the unlabelled documents, besides the rules.
    public var labellers = 2
    public var windows = 6
    public var rate = 1e-3
    public var seed: UInt64 = 1
    /// Weak labels below this are not trained on.
    public var leastConfidence = 0.35
    /// Share of made-up documents in the training, where the generator knows the schema's fields.
    public var madeUpShare = 0.0
    /// The largest chance that a word's feature is left out.
    public var wordDrop = 0.2

    public init() {}
  }

  /// A document that has been read, with its label where there is one.
  public struct Example: Sendable {
    public var label: LabelledFolder.Entry?
    let document: Document
    let prepared: LabelAlignment.Prepared
    let rules: WeakLabels.Opinion

    public init(_ document: Document, schema: ExtractionSchema, label: LabelledFolder.Entry? = nil) {
      var upright = document
      for index in document.pages.indices {
        upright.pages[index] = document.pages[index].turned(by: document.pages[index].quarterTurnsToUpright)
      }
      self.document = upright
      self.label = label
      prepared = LabelAlignment.Prepared(DocumentTokens(upright))
      let found = RuleBasedExtractor(schema: schema).extract(upright)
      rules = found.fields.filter { schema.fields[$0.key] != nil && $0.value.confidence >= 0.6 }.mapValues {
        ($0.value, 0.5)
      }
    }

    /// True for a document without a word on it.
    public var isEmpty: Bool { prepared.document.tokens.isEmpty }
    public var fileName: String { document.fileName }

    func without() -> Example {
      var copy = self
      copy.label = nil
      return copy
    }
  }

  public let schema: ExtractionSchema
  public let options: Options
  let configuration: ExtractorConfiguration
  let initial: ParameterSet
  private let madeUp: [FormTrainer.Sample]

  /// - Parameter folder: of the model to start from; the shipped one by default.
  /// - Throws: `CheckpointError`; `ExtractionError.cannotTrain` where there is no model to start from.
  public init(schema: ExtractionSchema, from folder: URL? = nil, _ options: Options) throws {
    try BLAS.open()
    guard let folder = folder ?? ExtractorModels.shippedFolder else {
      throw ExtractionError.cannotTrain("this build has no model to start from; name one with --init")
    }
    guard let data = FileManager.default.contents(atPath: folder.appendingPathComponent("config.json").path) else {
      throw CheckpointError.cannotOpen("config.json", reason: "no such file in \(folder.lastPathComponent)")
    }
    self.schema = schema
    self.options = options
    let general = try ExtractorConfiguration(data)
    configuration = FormTrainer.configuration(for: schema, from: general)
    initial = try FormTrainer.adapt(
      SafeTensors(folder.appendingPathComponent("model.safetensors")), general, to: configuration, seed: options.seed)
    madeUp = options.madeUpShare > 0 ? Self.madeUp(configuration, seed: options.seed) : []
    guard options.madeUpShare == 0 || !madeUp.isEmpty else {
      throw ExtractionError.cannotTrain("the generator knows none of the schema's fields; leave --generated out")
    }
  }

  var trainer: FormTrainer {
    var trainer = FormTrainer(configuration: configuration)
    (trainer.windows, trainer.rate) = (options.windows, options.rate)
    trainer.dropRates = [0, options.wordDrop / 2, options.wordDrop]
    trainer.madeUp = (madeUp, options.madeUpShare)
    return trainer
  }

  // MARK: - Labels to windows

  func samples(_ examples: [Example]) -> [FormTrainer.Sample] {
    let alignment = LabelAlignment(configuration: configuration)
    let votes = alignment.votes(examples.map { ($0.label?.fields ?? [:], $0.prepared) })
    return examples.map { example in
      let (tags, weights) = alignment.tags(
        example.label?.fields ?? [:], example.prepared, votes: votes, lineItems: example.label?.lineItems ?? [])
      return FormTrainer.Sample(example.prepared, tags, weights, limit: configuration.windowTokens)
    }
  }

  func samples(
    _ examples: [Example], _ labels: [[String: WeakLabels.Label]], votesOf known: [Example], isWeighted: Bool
  ) -> [FormTrainer.Sample] {
    let alignment = LabelAlignment(configuration: configuration)
    let all =
      known.map { ($0.label?.fields ?? [:], $0.prepared) }
      + zip(examples, labels).map { ($1.mapValues { [$0.value] }, $0.prepared) }
    let votes = alignment.votes(all)
    return zip(examples, labels).map { example, labels in
      var fields: [String: [ExtractedValue]] = [:]
      var certainty: [String: Double] = [:], doubtful = Set<String>()
      for name in schema.fields.keys {
        if let label = labels[name], !isWeighted || label.confidence >= options.leastConfidence {
          fields[name] = [label.value]
          certainty[name] = isWeighted ? label.confidence : 1
        }
        if isWeighted, labels[name].map({ $0.confidence < 0.6 }) ?? true { doubtful.insert(name) }
      }
      let (tags, weights) = alignment.tags(
        fields, example.prepared, votes: votes, certainty: certainty, doubtful: doubtful)
      return FormTrainer.Sample(example.prepared, tags, weights, limit: configuration.windowTokens)
    }
  }

  // MARK: - Labellers

  /// A model of weights, through a file as it would be loaded.
  func model(_ parameters: ParameterSet, _ configuration: ExtractorConfiguration? = nil) throws -> LearnedExtractor {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "docq-extract-\(UUID().uuidString)", isDirectory: true)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try (configuration ?? self.configuration).json().write(to: folder.appendingPathComponent("config.json"))
    try parameters.write(to: folder.appendingPathComponent("model.safetensors"), precision: .bfloat16)
    return try LearnedExtractor(folder)
  }

  /// What a model reads in documents: the best value of each field, and the others with the words at their places.
  func readings(_ model: LearnedExtractor, _ examples: [Example], _ scaling: PlattScaling) -> [WeakLabels.Reading] {
    examples.map { example in
      let decoder = SpanDecoder(configuration, example.prepared.document, example.prepared.features, model)
      var reading = WeakLabels.Reading()
      for name in schema.fields.keys {
        let candidates = decoder.candidates(name)
        if let best = candidates.first, best.score >= 0.3 {
          reading.opinion[name] = (best.field.value, scaling(best.score))
        }
        reading.places[name] = candidates.map {
          (
            value: $0.field.value, score: $0.score,
            context: LabelAlignment.context($0.tokens, example.prepared.document)
          )
        }
      }
      return reading
    }
  }

  /// Scores of values and whether they are right, on labelled documents that the model has not seen.
  func judged(_ model: LearnedExtractor, _ examples: [Example]) -> [(score: Double, isRight: Bool)] {
    var pairs: [(score: Double, isRight: Bool)] = []
    for example in examples {
      let decoder = SpanDecoder(configuration, example.prepared.document, example.prepared.features, model)
      for name in schema.fields.keys {
        guard let label = example.label, label.fields[name] != nil || label.absent.contains(name),
          let best = decoder.best(name, threshold: 0.25)
        else { continue }
        pairs.append((best.score, isRight(name, best.field.value, label)))
      }
    }
    return pairs
  }

  func isRight(_ name: String, _ value: ExtractedValue, _ label: LabelledFolder.Entry) -> Bool {
    let type = schema.fields[name]?.type
    let found = ExtractionScore.normalised(name, value, type: type)
    return label.fields[name]?.contains { ExtractionScore.normalised(name, $0, type: type) == found } ?? false
  }

  /// Calibration by two-fold cross-validation on the labelled documents; those of one template stay together where there are
  /// enough of several.
  func crossValidated(
    _ labelled: [Example], steps: Int, _ train: ([FormTrainer.Sample], Int, String) throws -> ParameterSet
  ) throws -> [(score: Double, isRight: Bool)] {
    guard labelled.count >= 4 else { return [] }
    var pairs: [(score: Double, isRight: Bool)] = []
    var folds = TemplateGroups.folds(TemplateGroups.groups(labelled.map(\.prepared.document)), 2)
    if min(folds.filter { $0 == 0 }.count, folds.filter { $0 == 1 }.count) * 3 < labelled.count {
      folds = labelled.indices.map { $0 % 2 }
    }
    for fold in 0..<2 {
      let inside = labelled.indices.filter { folds[$0] != fold }.map { labelled[$0] }
      let outside = labelled.indices.filter { folds[$0] == fold }.map { labelled[$0] }
      pairs += judged(try model(train(samples(inside), steps, "fold-\(fold)")), outside)
    }
    return pairs
  }

  /// Models trained on the labelled documents alone, from different seeds. The first is what labels alone give.
  func labellers(
    _ labelled: [Example], steps: Int, seed: UInt64, checkpoint: ((String) -> URL)? = nil,
    isStopped: () -> Bool = { false }, report: (String) -> Void = { _ in }
  ) throws -> [ParameterSet] {
    let known = samples(labelled)
    return try (0..<options.labellers).map { index in
      var trainer = trainer
      trainer.checkpoint = checkpoint?("labeller-\(index)")
      // Labellers differ in their order of documents and in what they leave out.
      return try trainer.train(
        initial, known, [], steps: steps, seed: seed &+ UInt64(index) &* 31, isStopped: isStopped
      ) { step, loss in
        report(
          "labeller \(index + 1) of \(options.labellers): step \(step)/\(steps)  loss \(String(format: "%.4f", loss))")
      }
    }
  }

  func weakLabels(
    _ labellers: [ParameterSet], _ labelled: [Example], _ unlabelled: [Example], _ scaling: PlattScaling,
    report: (String) -> Void = { _ in }
  ) throws -> [[String: WeakLabels.Label]] {
    var all: [[WeakLabels.Reading]] = []
    for (index, parameters) in labellers.enumerated() {
      all.append(readings(try model(parameters), unlabelled, scaling))
      report("labeller \(index + 1) of \(labellers.count): \(unlabelled.count) documents labelled")
    }
    let readings = unlabelled.indices.map { index in all.map { $0[index] } }
    let habits = TemplateHabits(
      schema, labelled: labelled.map { ($0.label?.fields ?? [:], $0.prepared) },
      unlabelled: zip(readings, unlabelled).map { ($0, $1.prepared) })
    return unlabelled.indices.map { index in
      WeakLabels.combine(
        readings[index].map(\.opinion), rules: unlabelled[index].rules, habit: habits.opinions[index], schema)
    }
  }

  // MARK: - Arms

  /// The weights of one arm.
  func train(
    _ arm: Arm, _ labelled: [Example], _ unlabelled: [Example], _ weak: [[String: WeakLabels.Label]], steps: Int,
    seed: UInt64, checkpoint: ((String) -> URL)? = nil, isStopped: () -> Bool = { false },
    report: (String) -> Void = { _ in }
  ) throws -> ParameterSet {
    let known = samples(labelled)
    func run(
      _ start: ParameterSet, _ second: [FormTrainer.Sample], _ steps: Int, _ name: String,
      first: [FormTrainer.Sample]? = nil
    ) throws -> ParameterSet {
      var trainer = trainer
      trainer.checkpoint = checkpoint?(name)
      return try trainer.train(start, first ?? known, second, steps: steps, seed: seed, isStopped: isStopped) {
        step, loss in
        report("\(name): step \(step)/\(steps)  loss \(String(format: "%.4f", loss))")
      }
    }
    if unlabelled.isEmpty || arm == .labelsOnly { return try run(initial, [], steps, Arm.labelsOnly.rawValue) }
    switch arm {
    case .transfer:
      let second = samples(unlabelled, weak, votesOf: labelled, isWeighted: false)
      return try run(run(initial, [], steps / 2, "weak labels", first: second), [], steps - steps / 2, "labels")
    case .unweighted:
      return try run(initial, samples(unlabelled, weak, votesOf: labelled, isWeighted: false), steps, arm.rawValue)
    default:
      return try run(initial, samples(unlabelled, weak, votesOf: labelled, isWeighted: true), steps, arm.rawValue)
    }
  }

  // MARK: - The whole

  public struct Report: Codable, Sendable {
    public var labelled: Int
    public var unlabelled: Int
    public var steps: Int
    public var calibrationSteps: Int
    public var seconds: Double
    /// Values on documents left out in cross-validation, and how many were right.
    public var judgedValues: Int
    public var judgedRight: Int
    /// Mean confidence of the weak labels, by field.
    public var weakConfidence: [String: Double]
  }

  /// Trains and writes a model folder. Stopped or cut off, it goes on when it is called again with the same folder.
  /// - Throws: `ExtractionError`, `CheckpointError`, `CancellationError` and what writing throws.
  public func run(
    labelled: [Example], unlabelled: [Example], directory: URL, isStopped: @escaping () -> Bool = { false },
    report: @escaping (String) -> Void = { _ in }
  ) throws -> Report {
    let labelled = labelled.filter { !$0.isEmpty }, unlabelled = unlabelled.filter { !$0.isEmpty }
    guard labelled.count >= 2 else {
      throw ExtractionError.cannotTrain(
        "\(labelled.count) labelled document(s) with text on them; at least 2 are needed, 10 are a good start")
    }
    let clock = ContinuousClock(), start = clock.now
    let scratch = directory.appendingPathComponent(".training", isDirectory: true)
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    let place = { (name: String) in
      scratch.appendingPathComponent(name.filter { $0.isLetter || $0.isNumber || $0 == "-" } + ".safetensors")
    }
    let plan = try plan(labelled, unlabelled, scratch)
    report(
      "\(labelled.count) labelled and \(unlabelled.count) unlabelled documents; \(plan.steps) steps"
    )
    let pairs = try crossValidated(labelled, steps: plan.calibrationSteps) { samples, steps, name in
      var trainer = trainer
      trainer.checkpoint = place(name)
      return try trainer.train(initial, samples, [], steps: steps, seed: options.seed, isStopped: isStopped) {
        step, _ in report("calibration, \(name): step \(step)/\(steps)")
      }
    }
    let scaling = PlattScaling(pairs)
    var weak: [[String: WeakLabels.Label]] = []
    if !unlabelled.isEmpty {
      let labellers = try labellers(
        labelled, steps: plan.steps, seed: options.seed, checkpoint: place, isStopped: isStopped, report: report)
      weak = try weakLabels(labellers, labelled, unlabelled, scaling, report: report)
    }
    let parameters = try train(
      .noiseAware, labelled, unlabelled, weak, steps: plan.steps, seed: options.seed, checkpoint: place,
      isStopped: isStopped, report: report)
    var own = configuration
    for index in own.fields.indices {
      own.fields[index].calibration = [scaling.slope, scaling.offset]
      own.fields[index].reviewBelow = pairs.count >= 20 ? scaling.reviewThreshold(pairs) : 0.8
    }
    try own.json().write(to: directory.appendingPathComponent("config.json"), options: .atomic)
    try parameters.write(to: directory.appendingPathComponent("model.safetensors"), precision: .bfloat16)
    var confidence: [String: Double] = [:]
    for name in schema.fields.keys {
      let all = weak.compactMap { $0[name]?.confidence }
      if !all.isEmpty { confidence[name] = all.reduce(0, +) / Double(all.count) }
    }
    let result = Report(
      labelled: labelled.count, unlabelled: unlabelled.count, steps: plan.steps,
      calibrationSteps: plan.calibrationSteps,
      seconds: ((clock.now - start) / .seconds(1)).rounded(), judgedValues: pairs.count,
      judgedRight: pairs.filter(\.isRight).count,
      weakConfidence: confidence)
    try result.card(schema).write(
      to: directory.appendingPathComponent("MODEL_CARD.md"), atomically: true, encoding: .utf8)
    try? FileManager.default.removeItem(at: scratch)
    return result
  }

  private struct Plan: Codable {
    var steps: Int
    var calibrationSteps: Int
  }

  /// Steps that fit the time: the training, as many for each labeller, and fewer for the two folds of calibration.
  private func plan(_ labelled: [Example], _ unlabelled: [Example], _ scratch: URL) throws -> Plan {
    let file = scratch.appendingPathComponent("plan.json")
    if let data = FileManager.default.contents(atPath: file.path),
      let plan = try? JSONDecoder().decode(Plan.self, from: data)
    {
      return plan
    }
    var steps = options.steps ?? 0
    if options.steps == nil {
      let each = trainer.secondsPerStep(initial, samples(labelled))
      let rounds = 1 + 2 * 0.4 + Double(unlabelled.isEmpty ? 0 : options.labellers)
      steps = max(20, min(3000, Int(0.85 * options.budget / each / rounds)))
    }
    let plan = Plan(steps: steps, calibrationSteps: max(10, Int(0.4 * Double(steps))))
    try JSONEncoder().encode(plan).write(to: file, options: .atomic)
    return plan
  }

  /// Made-up documents with most of the schema's fields on them.
  private static func madeUp(_ configuration: ExtractorConfiguration, seed: UInt64) -> [FormTrainer.Sample] {
    let names = Set(configuration.fields.map(\.name))
    let generator = DocumentGenerator(seed: seed)
    var samples: [FormTrainer.Sample] = []
    for index in 0..<2000 where samples.count < 200 {
      let tagged = generator.document(index)
      guard Set(tagged.tags.joined().compactMap { $0?.field }).intersection(names).count * 2 >= names.count else {
        continue
      }
      let prepared = LabelAlignment.Prepared(DocumentTokens(tagged.document))
      let tags = TokenTags.tags(tagged, prepared.document, configuration)
      samples.append(
        FormTrainer.Sample(prepared, tags, [Float](repeating: 1, count: tags.count), limit: configuration.windowTokens))
    }
    return samples
  }
}

extension ExtractorTraining.Report {
  func card(_ schema: ExtractionSchema) -> String {
    """
    # Extractor for \(schema.documentType)

    Trained by `docq train extractor` from \(ExtractorModels.standard): \(labelled) labelled and \(unlabelled) unlabelled documents, \(steps) steps
    (as many for each labeller), \(Int(seconds)) s. Fields: \(schema.fields.keys.sorted().joined(separator: ", ")).

    Two-fold cross-validation on the labelled documents, with \(calibrationSteps) steps: \(judgedRight) of \(judgedValues) values right. Confidences are
    calibrated on these. This is no measure of documents that look otherwise: use `docq evaluate extractor --truth DIR --model THIS`.

    """
  }
}
