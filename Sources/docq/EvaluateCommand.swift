import ArgumentParser
import DocumentModel
import Extraction
import Foundation
import JobHandlers
import Synchronization
import Tensor

struct EvaluateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Compare results with the truth.",
    subcommands: [EvaluateExtractorCommand.self])
}

struct EvaluateExtractorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "extractor",
    abstract: "Score the extractor on labelled documents.",
    discussion: """
      A labelled folder holds documents (in it or in its pdf/ or img/) and truth.jsonl with one line per document:
      {"file", "fields": {NAME: value}, "line_items"?: [...]}; or one JSON file beside each document, as docq label writes.
      Only the fields that a label names are scored. Values match when they are equal after normalisation: amounts to the
      cent, dates as days, everything else without case, accents and punctuation.

      EXAMPLES
        docq evaluate extractor --truth invoices --ignore-embedded
        docq evaluate extractor --truth orders --model my-model
        docq evaluate extractor --generated 500
      """)

  @Option(help: "Labelled folder.")
  var truth: String?
  @Option(help: "Score on so many made-up documents instead.")
  var generated: Int?
  @Option(help: "Seed of the made-up documents.")
  var seed: UInt64 = 20_260_101
  @Option(help: "docq-extract-1, rules, or the folder of a trained model.")
  var model = ExtractorModels.standard
  @Option(help: "invoice, receipt, or a schema file; the model's own by default.")
  var schema: String?
  @Flag(help: "Read the page only, also when the PDF carries an electronic invoice.")
  var ignoreEmbedded = false
  @Flag(help: "Print the figures as JSON.")
  var json = false
  @Option(help: "File for what the model and the rules propose for each field of an invoice, one JSON object a line.")
  var proposals: String?
  @Option(name: [.customShort("o"), .long], help: "File for the predictions, one JSON object a line.")
  var output: String?

  func validate() throws {
    guard (truth == nil) != (generated == nil) else { throw ValidationError("give --truth DIR or --generated N") }
  }

  func run() async throws {
    do {
      let extractor = try DocumentExtractor(modelNamed: model)
      let schema = try self.schema.map { try ExtractionSchema.named($0) } ?? extractor.trainedSchema ?? .invoice
      var score = ExtractionScore()
      if let generated {
        let generator = DocumentGenerator(seed: seed, mix: schema.documentType == "receipt" ? .receipts : .invoices)
        for index in 0..<generated {
          let tagged = generator.document(index)
          score.add(tagged.label(for: schema), try extractor.extract(tagged.document, schema: schema), schema: schema)
        }
      } else {
        let folder = try LabelledFolder(URL(fileURLWithPath: truth ?? "", isDirectory: true))
        let results = try ExtractionRun(extractor: extractor, schema: schema, ignoreEmbedded: ignoreEmbedded).run(
          folder.entries.map(\.file))
        if let proposals {
          let lines = try DocumentBatch.map(folder.entries.map(\.file), failed: { _ in Data() }) {
            try extractor.proposals($0)
          }
          try Output.write(lines.reduce(Data(), +), to: proposals)
        }
        for (entry, result) in zip(folder.entries, results) { score.add(entry, result) }
        if let output { try Output.write(try ExtractionFormat.jsonl.encode(results), to: output) }
      }
      try Output.write(json ? try score.json() : Data(score.text.utf8), to: nil)
    } catch {
      throw CommandFailure(describing: error)
    }
  }
}

/// Extracts many files, as many at a time as there are cores.
struct ExtractionRun {
  let extractor: DocumentExtractor
  let schema: ExtractionSchema
  var ignoreEmbedded = false

  /// Results in the order of the files; a file that cannot be read gives an empty result and a line on standard error.
  func run(_ files: [URL]) throws -> [ExtractionResult] {
    try DocumentBatch.map(
      files,
      failed: { file in
        ExtractionResult(file: file.lastPathComponent, documentType: schema.documentType, source: "none")
      }
    ) { document in
      try extractor.extract(document, schema: schema, ignoreEmbedded: ignoreEmbedded)
    }
  }
}

/// Reads many documents, as many at a time as there are cores.
enum DocumentBatch {
  static func map<Result: Sendable>(
    _ files: [URL], failed: (URL) -> Result, _ body: (Document) throws -> Result
  ) throws -> [Result] {
    let results = Mutex<[Result?]>([Result?](repeating: nil, count: files.count))
    let done = Atomic(0)
    Parallel.forEach(files.count) { index in
      let file = files[index]
      do {
        let document = try DocumentIngestion().ingest(
          file, fileName: file.lastPathComponent, options: DocumentIngestion.Options(analyzesLayout: false))
        let result = try body(document)
        results.withLock { $0[index] = result }
      } catch {
        Terminal.error("\(error)")
      }
      let count = done.add(1, ordering: .relaxed).newValue
      Terminal.progress(Double(count) / Double(files.count), "\(count)/\(files.count) documents")
    }
    Terminal.clearProgress()
    return results.withLock { list in zip(files, list).map { $1 ?? failed($0) } }
  }
}
