import Foundation
import MixtureOfExperts
import Tensor

/// Comparisons on labelled documents: cross-validation over templates, and what weak labels add at equal steps.
public struct ExtractorExperiments {
  private let training: ExtractorTraining
  private let examples: [ExtractorTraining.Example]
  private let folds: [Int]
  public let templates: Int
  public let foldCount: Int

  public init(_ training: ExtractorTraining, _ examples: [ExtractorTraining.Example], folds count: Int) {
    self.training = training
    self.examples = examples
    foldCount = count
    let groups = TemplateGroups.groups(examples.map(\.prepared.document))
    templates = Set(groups).count
    folds = TemplateGroups.folds(groups, count)
  }

  private func evaluate(
    _ parameters: ParameterSet, _ test: [ExtractorTraining.Example], into score: inout ExtractionScore
  ) throws -> [ExtractionResult] {
    let reader = TrainedFormReader(model: try training.model(parameters), schema: training.schema)
    return test.map { example in
      let result = reader.extract(example.document, example.prepared)
      score.add(example.label!, result, schema: training.schema)
      return result
    }
  }

  /// All labels of the other folds, `steps` steps; scores over all folds together, and what was read.
  ///
  /// Confidences of a fold are calibrated on what was read in the other folds.
  public func crossValidate(steps: Int, isStopped: () -> Bool = { false }, report: (String) -> Void) throws
    -> (score: ExtractionScore, results: [ExtractionResult])
  {
    var read: [(fold: Int, example: ExtractorTraining.Example, result: ExtractionResult)] = []
    for fold in 0..<foldCount where !isStopped() {
      let inside = examples.indices.filter { folds[$0] != fold }.map { examples[$0] }
      let outside = examples.indices.filter { folds[$0] == fold }.map { examples[$0] }
      guard !outside.isEmpty else { continue }
      let parameters = try training.train(
        .labelsOnly, inside, [], [], steps: steps, seed: training.options.seed, isStopped: isStopped
      ) { report("fold \(fold + 1) of \(foldCount): \($0)") }
      var own = ExtractionScore()
      for (example, result) in zip(outside, try evaluate(parameters, outside, into: &own)) {
        read.append((fold, example, result))
      }
      report(
        "fold \(fold + 1) of \(foldCount): \(outside.count) documents, micro F1 \(String(format: "%.3f", own.micro.f1)), macro F1 \(String(format: "%.3f", own.macroF1))"
      )
    }
    var score = ExtractionScore(), results: [ExtractionResult] = []
    for fold in Set(read.map(\.fold)).sorted() {
      let scaling = PlattScaling(read.filter { $0.fold != fold }.flatMap { judged($0.result, $0.example) })
      for one in read where one.fold == fold {
        var result = one.result
        for name in result.fields.keys { result.fields[name]!.confidence = scaling(result.fields[name]!.confidence) }
        score.add(one.example.label!, result, schema: training.schema)
        results.append(result)
      }
    }
    return (score, results)
  }

  /// Confidences of the values that a label decides on, and whether they are right.
  private func judged(_ result: ExtractionResult, _ example: ExtractorTraining.Example) -> [(
    score: Double, isRight: Bool
  )] {
    guard let label = example.label else { return [] }
    return result.fields.compactMap { name, field in
      guard label.fields[name] != nil || label.absent.contains(name) else { return nil }
      return (field.confidence, training.isRight(name, field.value, label))
    }
  }

  /// One run of one arm.
  public struct Run: Codable, Sendable {
    public var labels: Int
    public var draw: Int
    public var arm: ExtractorTraining.Arm
    public var steps: Int
    public var microF1: Double
    public var macroF1: Double
  }

  /// For a number of labelled documents, drawn at random from all folds but one, every arm at the same steps; the rest of
  /// those folds is unlabelled; the fold that is left is what is judged. Draw d leaves out fold d modulo the folds.
  public func ablation(
    labels: Int, draw: Int, steps: Int, arms: [ExtractorTraining.Arm], unlabelledLimit: Int,
    isStopped: () -> Bool = { false },
    report: (String) -> Void
  ) throws -> [Run] {
    var random = CounterBasedRandom(seed: training.options.seed, stream: UInt64(draw))
    let fold = draw % foldCount
    var inside = examples.indices.filter { folds[$0] != fold }
    inside.shuffle(using: &random)
    let outside = examples.indices.filter { folds[$0] == fold }.map { examples[$0] }
    guard inside.count > labels, !outside.isEmpty else {
      throw ExtractionError.cannotTrain(
        "\(examples.count) labelled documents are too few to keep \(labels) and a fold apart")
    }
    let labelled = inside.prefix(labels).map { examples[$0] }
    let unlabelled = inside.dropFirst(labels).prefix(unlabelledLimit).map { examples[$0].without() }
    let seed = training.options.seed &+ UInt64(draw)
    let calibrationSteps = max(10, steps * 2 / 5)
    let trainer = training.trainer
    let pairs = try training.crossValidated(labelled, steps: calibrationSteps) { samples, steps, _ in
      try trainer.train(training.initial, samples, [], steps: steps, seed: seed, isStopped: isStopped)
    }
    let labellers = try training.labellers(labelled, steps: steps, seed: seed, isStopped: isStopped)
    let weak = try training.weakLabels(labellers, labelled, unlabelled, PlattScaling(pairs))
    let known = Array(inside.dropFirst(labels).prefix(unlabelledLimit).map { examples[$0] })
    report("\(labels) labels, draw \(draw + 1), weak labels: \(quality(weak, known))")
    return try arms.map { arm in
      // The first labeller is what labels alone give.
      let parameters =
        arm == .labelsOnly
        ? labellers[0]
        : try training.train(arm, labelled, unlabelled, weak, steps: steps, seed: seed, isStopped: isStopped)
      var score = ExtractionScore()
      _ = try evaluate(parameters, outside, into: &score)
      let run = Run(labels: labels, draw: draw, arm: arm, steps: steps, microF1: score.micro.f1, macroF1: score.macroF1)
      report(
        "\(labels) labels, draw \(draw + 1), \(arm.rawValue): micro F1 \(String(format: "%.3f", run.microF1)), macro F1 \(String(format: "%.3f", run.macroF1))"
      )
      return run
    }
  }

  /// How many weak labels are right, of all and of the sure ones.
  private func quality(_ weak: [[String: WeakLabels.Label]], _ known: [ExtractorTraining.Example]) -> String {
    var all = (count: 0, right: 0), sure = (count: 0, right: 0)
    for (labels, example) in zip(weak, known) {
      for (name, label) in labels {
        guard let truth = example.label, truth.fields[name] != nil else { continue }
        let isRight = training.isRight(name, label.value, truth)
        all = (all.count + 1, all.right + (isRight ? 1 : 0))
        if label.confidence >= 0.6 { sure = (sure.count + 1, sure.right + (isRight ? 1 : 0)) }
      }
    }
    return "\(all.right) of \(all.count) right, \(sure.right) of \(sure.count) with a confidence of 0.6 and more"
  }

  /// Means with 95 % intervals (Student's t over draws), and the paired difference to labels only.
  public static func table(_ runs: [Run]) -> String {
    let quantiles = [0, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26]
    func interval(_ values: [Double]) -> String {
      let mean = values.reduce(0, +) / Double(max(1, values.count))
      guard values.count > 1 else { return String(format: "%.3f", mean) }
      let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
      let t = values.count - 1 < quantiles.count ? quantiles[values.count - 1] : 1.96
      return String(format: "%.3f ± %.3f", mean, t * deviation / Double(values.count).squareRoot())
    }
    var text =
      "| labels | arm | draws | macro F1 | micro F1 | macro F1 above labels only |\n|---|---|---|---|---|---|\n"
    for labels in Set(runs.map(\.labels)).sorted() {
      for arm in ExtractorTraining.Arm.allCases {
        let own = runs.filter { $0.labels == labels && $0.arm == arm }
        guard !own.isEmpty else { continue }
        let gains = own.compactMap { run in
          runs.first { $0.labels == labels && $0.draw == run.draw && $0.arm == .labelsOnly }.map {
            run.macroF1 - $0.macroF1
          }
        }
        text +=
          "| \(labels) | \(arm.rawValue) | \(own.count) | \(interval(own.map(\.macroF1))) | \(interval(own.map(\.microF1))) | "
        text += arm == .labelsOnly ? "|\n" : "\(interval(gains)) |\n"
      }
    }
    return text
  }
}
