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
  @Option(name: [.customShort("o"), .long], help: "Folder of the model.")
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
  @Flag(help: "End with a short training that mixes made-up documents in.")
  var generated = false
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
    (options.steps, options.labellers, options.seed, options.generated) = (steps, labellers, seed, generated)
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
      let score = try experiments.crossValidate(
        steps: steps ?? 300, isStopped: { StopSignal.arrived }, report: Self.say)
      try Output.write(json ? try score.json() : Data(score.text.utf8), to: nil)
      return
    }
    var runs: [ExtractorExperiments.Run] = []
    search: for draw in firstDraw - 1..<firstDraw - 1 + draws {
      for count in labelCounts.split(separator: ",").compactMap({ Int($0) }) {
        if StopSignal.arrived { break search }
        do {
          runs += try experiments.ablation(
            labels: count, draw: draw, steps: steps ?? 120, arms: ExtractorTraining.Arm.allCases,
            unlabelledLimit: unlabelledLimit,
            isStopped: { StopSignal.arrived }, report: Self.say)
        } catch is CancellationError {
          break search
        }
      }
    }
    if json {
      let coder = JSONEncoder()
      coder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try Output.write(try coder.encode(runs) + Data("\n".utf8), to: nil)
    } else {
      try Output.write(Data(ExtractorExperiments.table(runs).utf8), to: nil)
    }
  }

  static func say(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8)) }
}
