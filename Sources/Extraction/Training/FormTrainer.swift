import Foundation
import MixtureOfExperts
import Tensor

/// Trains the extractor's weights on windows of real documents for a number of steps.
struct FormTrainer {
  /// A document's windows; those with values first.
  struct Sample {
    var tagged: [TrainingWindow] = []
    var others: [TrainingWindow] = []

    init(_ prepared: LabelAlignment.Prepared, _ tags: [Int32], _ weights: [Float], limit: Int) {
      for range in DocumentWindows.ranges(prepared.document, limit: limit) {
        var window = DocumentWindows.window(prepared.features, range)
        window.tags = Array(tags[range])
        window.weights = Array(weights[range])
        if window.tags.contains(where: { $0 != 0 }) { tagged.append(window) } else { others.append(window) }
      }
    }

    func draw(_ random: inout CounterBasedRandom) -> TrainingWindow? {
      if !tagged.isEmpty, others.isEmpty || random.chance(0.8) { return random.pick(tagged) }
      return others.isEmpty ? nil : random.pick(others)
    }
  }

  let configuration: ExtractorConfiguration
  var windows = 6
  var rate = 1e-3
  /// Share of the first group's windows where there are two.
  var firstShare = 1.0 / 3
  /// A word's features are left out with one of these chances, so that other things than known words are learned from.
  var dropRates = [0, 0.1, 0.2]
  /// Made-up documents, so that what the general model knows is not forgotten, and the share of their windows.
  var madeUp: (samples: [Sample], share: Double) = ([], 0)
  /// File to go on from and to save to now and then.
  var checkpoint: URL?

  /// Seconds that a step takes, measured over a few.
  func secondsPerStep(_ initial: ParameterSet, _ samples: [Sample]) -> Double {
    let clock = ContinuousClock(), start = clock.now
    var probe = self
    probe.checkpoint = nil
    _ = try? probe.train(initial, samples, [], steps: 3, seed: 0)
    return (clock.now - start) / .seconds(3)
  }

  /// - Parameters:
  ///   - initial: weights to start from; they are not changed.
  ///   - first: documents labelled by people.
  ///   - second: weakly labelled ones; may be empty.
  /// - Returns: the moving average of the weights.
  func train(
    _ initial: ParameterSet, _ first: [Sample], _ second: [Sample], steps: Int, seed: UInt64,
    isStopped: () -> Bool = { false }, report: (Int, Double) -> Void = { _, _ in }
  ) throws -> ParameterSet {
    let model = TrainableExtractor(configuration)
    var options = AdamW.Options()
    options.rate = rate
    options.averageKeep = 0.98
    options.schedule = .cosine(warmUp: min(20, steps / 10), steps: steps)
    let optimizer = AdamW(initial.copy(), options)
    let parallel = DataParallel(optimizer.parameters)
    if let checkpoint, FileManager.default.fileExists(atPath: checkpoint.path) { _ = try optimizer.load(checkpoint) }
    let clock = ContinuousClock()
    var sum = 0.0, since = 0, saved = clock.now
    while optimizer.step < steps {
      let step = optimizer.step
      if isStopped() {
        if let checkpoint { try optimizer.save(to: checkpoint) }
        throw CancellationError()
      }
      if let checkpoint, clock.now - saved > .seconds(30) {
        try optimizer.save(to: checkpoint)
        saved = clock.now
      }
      let (loss, gradients) = parallel.run { piece, gradients in
        var random = CounterBasedRandom(seed: seed, stream: UInt64(step * parallel.pieces + piece))
        var batch: [TrainingWindow] = []
        var tries = 0
        while batch.count < max(1, windows / parallel.pieces), tries < 100 {
          tries += 1
          let group =
            !madeUp.samples.isEmpty && random.chance(madeUp.share)
            ? madeUp.samples : second.isEmpty || random.chance(firstShare) ? first : second
          guard !group.isEmpty else { continue }
          if let window = random.pick(group).draw(&random) { batch.append(window) }
        }
        guard !batch.isEmpty else { return 0 }
        let drops = batch.map { _ in random.pick(dropRates) }
        return model.loss(
          ExtractionBatch(batch, dropRates: drops, seed: random.next()), optimizer.parameters, gradients: gradients,
          share: 1 / Double(parallel.pieces))
      }
      // Gradients that are not finite change nothing: such a step must not be tried for ever.
      guard optimizer.update(gradients).isFinite else {
        throw ExtractionError.cannotTrain("the gradients are not finite; use a smaller --rate")
      }
      sum += loss / Double(parallel.pieces)
      since += 1
      if since == 20 || step == steps - 1 {
        report(step + 1, sum / Double(since))
        (sum, since) = (0, 0)
      }
    }
    return optimizer.average
  }

  // MARK: - From the general model to a schema

  /// What other schemas call the general model's fields.
  private static let alike = [
    "company": "vendor_name", "date": "invoice_date", "total": "invoice_total", "address": "vendor_address",
    "supplier": "vendor_name",
    "order_date": "invoice_date", "po_number": "purchase_order", "contract_number": "contract_num",
    "client": "customer_name",
  ]

  /// The fields of a schema.
  static func configuration(for schema: ExtractionSchema, from general: ExtractorConfiguration)
    -> ExtractorConfiguration
  {
    var result = general
    result.fields =
      schema.fields.sorted { $0.key < $1.key }.map { ExtractorConfiguration.Field($0.key, $0.value.type) }
      + schema.lineItem.sorted { $0.key < $1.key }.map { ExtractorConfiguration.Field("line.\($0.key)", $0.value.type) }
    result.schema = schema.source
    return result
  }

  /// Weights for the fields of `configuration`: those that the general model knows by name start as they are there.
  static func adapt(
    _ file: SafeTensors, _ general: ExtractorConfiguration, to configuration: ExtractorConfiguration, seed: UInt64
  ) throws -> ParameterSet {
    let source = try ParameterSet(general.parameters, file: file)
    let target = ParameterSet(configuration.parameters, seed: seed)
    for one in general.parameters where !one.name.hasPrefix("tags.") {
      target.buffer(one.name).baseAddress!.update(from: source[one.name], count: source.buffer(one.name).count)
    }
    let size = configuration.encoder.modelSize
    func copy(_ from: Int, _ to: Int) {
      (target["tags.weight"] + to * size).update(from: source["tags.weight"] + from * size, count: size)
      target["tags.bias"][to] = source["tags.bias"][from]
    }
    copy(0, 0)
    for (index, field) in configuration.fields.enumerated() {
      let name = general.fields.contains { $0.name == field.name } ? field.name : alike[field.name] ?? field.name
      if let known = general.fields.firstIndex(where: { $0.name == name }) {
        copy(1 + 2 * known, 1 + 2 * index)
        copy(2 + 2 * known, 2 + 2 * index)
      } else {
        // Unlikely at first, so that nothing is taken for it.
        for tag in [1 + 2 * index, 2 + 2 * index] {
          for place in 0..<size { target["tags.weight"][tag * size + place] *= 0.2 }
          target["tags.bias"][tag] = -2
        }
      }
    }
    return target
  }
}
