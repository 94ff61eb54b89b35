import ArgumentParser
import Extraction
import Foundation

struct LabelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "label",
    abstract: "Write draft labels beside documents, for a person to correct.",
    discussion: """
      Each document gets a JSON file of the same name with what the extractor reads in it. The list that is printed has
      the least sure documents first: correct those, and the folder is a labelled folder for docq train extractor.
      Files that exist are left alone.

      EXAMPLES
        docq label orders --schema my-order.json
        docq label orders --model my-model --overwrite
      """)

  @Argument(help: "Folder of documents.")
  var folder: String
  @Option(help: "invoice, receipt, or a schema file (.json); the model's own by default.")
  var schema: String?
  @Option(help: "docq-extract-1, rules, or the folder of a trained model.")
  var model = ExtractorModels.standard
  @Flag(help: "Write over labels that exist, but not over those that say \"reviewed\": true.")
  var overwrite = false
  @Flag(help: "Print the list as JSON.")
  var json = false

  func run() async throws {
    do {
      let extractor = try DocumentExtractor(modelNamed: model)
      let schema = try self.schema.map { try ExtractionSchema.named($0) } ?? extractor.trainedSchema ?? .invoice
      let directory = URL(fileURLWithPath: folder, isDirectory: true)
      let files = LabelledFolder.documents(in: directory).filter {
        overwrite ? !LabelFile.isReviewed(beside: $0) : !LabelFile.exists(beside: $0)
      }
      guard !files.isEmpty else {
        throw CommandFailure.unreadable("\(folder): there are no documents without labels in it")
      }
      let results = try ExtractionRun(extractor: extractor, schema: schema).run(files)
      var lines: [LabelFile.Summary] = []
      for (file, result) in zip(files, results) {
        lines.append(try LabelFile.write(result, schema: schema, beside: file))
      }
      lines.sort { $0.confidence < $1.confidence }
      if json {
        let coder = JSONEncoder()
        coder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try Output.write(try coder.encode(lines) + Data("\n".utf8), to: nil)
      } else {
        let text = lines.map { line in
          String(format: "%.2f  ", line.confidence) + line.file
            + (line.doubtful.isEmpty ? "" : "  look at " + line.doubtful.joined(separator: ", ")) + "\n"
        }
        try Output.write(Data(text.joined().utf8), to: nil)
      }
    } catch {
      throw CommandFailure(describing: error)
    }
  }
}
