import ArgumentParser
import DocumentModel
import Extraction
import Foundation

struct TrainExtractorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "extractor",
    abstract: "Teach the extractor a new form from a few labelled documents and many others.",
    discussion: """
      A labelled folder holds documents and truth.jsonl, or one JSON file beside each document (docq label writes drafts).
      Models trained on the labelled documents label the unlabelled ones; the training then weighs each of these labels by
      how sure it is. --budget covers everything. The same command with the same -o goes on where it stopped.

      EXAMPLES
        docq train extractor --schema order.json --labeled ten-orders --unlabeled orders --budget 10m -o my-model
        docq extract new-order.pdf --model my-model
        docq train extractor --schema order.json --labeled orders --cross-validate --steps 300
        docq train extractor --schema order.json --labeled orders --ablation --label-counts 10,20 --draws 5 --steps 120
        docq train extractor --generate --budget 1h -o runs/extract
      """)

  @Option(help: "Schema file (.json), invoice or receipt.")
  var schema: String?
  @Option(help: "Folder of labelled documents.")
  var labeled: String?
  @Option(help: "Folder of documents without labels.")
  var unlabeled: String?
  @Option(
    name: [.customShort("o"), .long],
    help: "Folder of the model; with --cross-validate a file for what was read, with --ablation one for the runs.")
  var output: String?
  @Option(name: .customLong("init"), help: "Folder of the model to start from (default: docq-extract-1).")
  var initial: String?
  @Option(help: "Time to use, such as 90s, 5m, 2h.")
  var budget: TimeBudget?
  @Option(help: "Steps of training, instead of as many as the budget allows.")
  var steps: Int?
  @Option(help: "Windows (a page or less) in a step.")
  var windows: Int?
  @Option(help: "Peak of the learning rate.")
  var rate: Double?
  @Option(help: "Models that label the unlabelled documents, besides the rules.")
  var labellers = 2
  @Option(help: "Same seed, same training.")
  var seed: UInt64 = 1
  @Option(help: "Share of made-up documents that are mixed in, from 0 to 0.9; the generator must know the fields.")
  var generated = 0.0
  @Option(help: "Largest chance that a word's features are left out, from 0 to 0.9.")
  var wordDrop: Double?
  @Flag(help: "Score by cross-validation over templates instead of writing a model.")
  var crossValidate = false
  @Option(help: "Parts that the templates are divided into.")
  var folds = 5
  @Flag(help: "Compare labels only with ways to use the other documents, at equal steps, instead of writing a model.")
  var ablation = false
  @Option(help: "Numbers of labelled documents to compare at.")
  var labelCounts = "10"
  @Option(help: "Draws of the labelled documents.")
  var draws = 5
  @Option(help: "First draw.")
  var firstDraw = 1
  @Flag(help: "Compare labels only with noise-aware training and nothing else.")
  var brief = false
  @Option(help: "Unlabelled documents to use in a comparison at most.")
  var unlabelledLimit = 1000
  @Flag(help: "Train the general model on made-up documents.")
  var generate = false
  @Option(help: "Steps at the end of --generate in which the rate falls to zero.")
  var decaySteps = 4000
  @Option(help: "Print so many made-up documents, with the field of each word, instead of training.")
  var preview: Int?
  @Flag(help: "Print the report as JSON.")
  var json = false

  func validate() throws {
    if preview != nil { return }
    if generate {
      guard output != nil else { throw ValidationError("give a folder with -o") }
      return
    }
    guard schema != nil, labeled != nil else { throw ValidationError("give --schema and --labeled, or --generate") }
    guard output != nil || crossValidate || ablation else { throw ValidationError("give a folder with -o") }
    guard (2...20).contains(folds), (1...100).contains(draws), (2...8).contains(labellers) else {
      throw ValidationError("--folds must be from 2 to 20, --draws from 1 to 100, --labellers from 2 to 8")
    }
    guard (0...0.9).contains(generated), (0...0.9).contains(wordDrop ?? 0) else {
      throw ValidationError("--generated and --word-drop must be from 0 to 0.9")
    }
    guard labelCounts.split(separator: ",").allSatisfy({ Int($0).map { $0 >= 2 } ?? false }) else {
      throw ValidationError("--label-counts must be numbers from 2 on, such as 10,20")
    }
  }

  func run() async throws {
    do {
      if let preview {
        let generator = DocumentGenerator(seed: seed)
        for index in 0..<preview { try Output.write(Data(generator.document(index).text.utf8), to: nil) }
      } else if generate {
        try pretrain()
      } else {
        try train()
      }
    } catch is CancellationError {
      throw CommandFailure.failed("stopped; the same command goes on where it stopped")
    } catch {
      throw CommandFailure(describing: error)
    }
  }

  private func pretrain() throws {
    var options = ExtractorPretraining.Options()
    options.steps = steps ?? 20_000
    options.decaySteps = min(decaySteps, options.steps)
    if let budget { options.budget = budget.seconds }
    if let windows { options.windows = windows }
    if let rate { options.rate = rate }
    options.seed = seed
    let configuration = ExtractorConfiguration(
      fields: ExtractorConfiguration.general, documentTypes: ExtractorConfiguration.documentTypes)
    let training = try ExtractorPretraining(
      configuration, directory: URL(fileURLWithPath: output ?? ".", isDirectory: true),
      initial: initial.map { URL(fileURLWithPath: $0).appendingPathComponent("model.safetensors") }, options)
    try training.run(isStopped: { StopSignal.arrived }) { line in
      Self.say(
        "step \(line.step)  \(line.documents) documents (\(Int(line.tokensPerSecond)) tokens/s)  loss \(String(format: "%.4f", line.loss))"
      )
    }
  }

  private func train() throws {
    let schema = try ExtractionSchema.named(self.schema ?? "")
    let folder = try LabelledFolder(URL(fileURLWithPath: labeled ?? "", isDirectory: true), schema: schema)
    let labels = Dictionary(folder.entries.map { ($0.file, $0) }, uniquingKeysWith: { first, _ in first })
    var others: [URL] = []
    if let unlabeled {
      others = LabelledFolder.documents(in: URL(fileURLWithPath: unlabeled, isDirectory: true)).filter {
        labels[$0] == nil
      }
      guard !others.isEmpty else { throw CommandFailure.unreadable("\(unlabeled): there are no documents in it") }
    }
    let read = try DocumentBatch.map(
      folder.entries.map(\.file) + others, failed: { _ in nil as ExtractorTraining.Example? }
    ) { document in
      ExtractorTraining.Example(document, schema: schema)
    }
    var labelled: [ExtractorTraining.Example] = [], unlabelled: [ExtractorTraining.Example] = []
    for (index, example) in read.enumerated() {
      guard var example, !example.isEmpty else {
        Self.say("\((folder.entries.map(\.file) + others)[index].lastPathComponent): left out, there is no text on it")
        continue
      }
      if index < folder.entries.count {
        example.label = folder.entries[index]
        labelled.append(example)
      } else {
        unlabelled.append(example)
      }
    }
    var options = ExtractorTraining.Options()
    (options.steps, options.labellers, options.seed, options.madeUpShare) = (steps, labellers, seed, generated)
    if let wordDrop { options.wordDrop = wordDrop }
    if let budget { options.budget = budget.seconds }
    if let windows { options.windows = windows }
    if let rate { options.rate = rate }
    let training = try ExtractorTraining(schema: schema, from: initial.map { URL(fileURLWithPath: $0) }, options)
    if crossValidate || ablation {
      try compare(training, labelled)
      return
    }
    let directory = URL(fileURLWithPath: output ?? "", isDirectory: true)
    let report = try training.run(
      labelled: labelled, unlabelled: unlabelled, directory: directory, isStopped: { StopSignal.arrived },
      report: Self.say)
    if json {
      let coder = JSONEncoder()
      coder.keyEncodingStrategy = .convertToSnakeCase
      coder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try Output.write(try coder.encode(report) + Data("\n".utf8), to: nil)
    } else {
      let text = """
        \(report.labelled) labelled and \(report.unlabelled) unlabelled documents, \(report.steps) steps, \(Int(report.seconds)) s
        on labelled documents left out in two-fold cross-validation: \(report.judgedRight) of \(report.judgedValues) values right
        use it with: docq extract FILE --model \(output ?? "")

        """
      try Output.write(Data(text.utf8), to: nil)
    }
  }

  private func compare(_ training: ExtractorTraining, _ labelled: [ExtractorTraining.Example]) throws {
    let experiments = ExtractorExperiments(training, labelled, folds: folds)
    Self.say("\(labelled.count) labelled documents of \(experiments.templates) templates, \(folds) folds")
    if crossValidate {
      let (score, results) = try experiments.crossValidate(
        steps: steps ?? 300, isStopped: { StopSignal.arrived }, report: Self.say)
      if let output { try Output.write(try ExtractionFormat.jsonl.encode(results), to: output) }
      try Output.write(json ? try score.json() : Data(score.text.utf8), to: nil)
      return
    }
    try ablation(experiments)
  }

  private func ablation(_ experiments: ExtractorExperiments) throws {
    let coder = JSONEncoder()
    coder.outputFormatting = [.prettyPrinted, .sortedKeys]
    // Runs that the file already has are not made again.
    var runs: [ExtractorExperiments.Run] = []
    if let output, let data = FileManager.default.contents(atPath: output) {
      runs = try JSONDecoder().decode([ExtractorExperiments.Run].self, from: data)
    }
    let arms: [ExtractorTraining.Arm] = brief ? [.labelsOnly, .noiseAware] : ExtractorTraining.Arm.allCases
    search: for count in labelCounts.split(separator: ",").compactMap({ Int($0) }) {
      for draw in firstDraw - 1..<firstDraw - 1 + draws {
        if StopSignal.arrived { break search }
        let missing = arms.filter { arm in
          !runs.contains { $0.arm == arm && $0.labels == count && $0.draw == draw && $0.steps == steps ?? 120 }
        }
        guard !missing.isEmpty else { continue }
        do {
          runs += try experiments.ablation(
            labels: count, draw: draw, steps: steps ?? 120, arms: missing, unlabelledLimit: unlabelledLimit,
            isStopped: { StopSignal.arrived }, report: Self.say)
          if let output { try Output.write(try coder.encode(runs), to: output) }
        } catch is CancellationError {
          break search
        }
      }
    }
    if json {
      try Output.write(try coder.encode(runs) + Data("\n".utf8), to: nil)
    } else {
      try Output.write(Data(ExtractorExperiments.table(runs).utf8), to: nil)
    }
  }

  static func say(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8)) }
}
