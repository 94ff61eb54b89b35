import ArgumentParser
import DocqClient
import Extraction
import Foundation
import JobHandlers

struct ExtractCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "extract",
    abstract: "Read the fields and line items of invoices, receipts and forms.",
    discussion: """
      An electronic invoice embedded in the PDF (Factur-X, ZUGFeRD) is used first and compared with the page.
      Every value comes with its page and box; `checks` says which sums hold.

      EXAMPLES
        docq extract invoice.pdf
        docq extract *.pdf --format csv > invoices.csv
        docq extract order.pdf --schema my-order.json
        docq extract orders/*.pdf --model my-model --format table
      """)

  @Argument(help: "PDF files.")
  var files: [String]
  @Option(help: "invoice, receipt, or a schema file (.json).")
  var schema: String?
  @Option(help: "docq-extract-1, rules, or the folder of a model that docq train extractor wrote.")
  var model = ExtractorModels.standard
  @Flag(help: "Read the page only, also when the PDF carries an electronic invoice.")
  var ignoreEmbedded = false
  @Option(help: "json, jsonl, csv or table.")
  var format: ExtractionFormat = .json
  @Flag(help: "Same as --format json.")
  var json = false
  @Option(help: "Password of an encrypted file.")
  var password: String?
  @Option(name: [.customShort("o"), .long], help: "File for the results.")
  var output: String?
  @OptionGroup var remote: RemoteOptions

  func run() async throws {
    let schema: ExtractionSchema
    let extractor: DocumentExtractor
    do {
      extractor = try DocumentExtractor(modelNamed: model)
      schema = try self.schema.map { try ExtractionSchema.named($0) } ?? extractor.trainedSchema ?? .invoice
    } catch {
      throw CommandFailure(describing: error)
    }
    let client = try remote.client()
    var results: [ExtractionResult] = []
    var failure: CommandFailure?
    do {
      try await FileBatch(files: files).run { file, label in
        if let client {
          let job = try await client.submit(
            .extract(
              file: file, schema: self.schema ?? "invoice", ignoreEmbedded: ignoreEmbedded, password: password),
            label: label, options: remote)
          guard let job else { return }
          results += [try JSONDecoder().decode(ExtractionResult.self, from: try await client.result(of: job))]
        } else {
          let document = try DocumentIngestion().ingest(
            file, fileName: file.lastPathComponent,
            options: DocumentIngestion.Options(password: password, analyzesLayout: false),
            progress: { Terminal.progress($0, "\(label) \($1)") })
          results += [try extractor.extract(document, schema: schema, ignoreEmbedded: ignoreEmbedded)]
        }
      }
    } catch let error as CommandFailure {
      failure = error
    }
    // What could be read is written even when one of the files could not.
    if !results.isEmpty { try Output.write(try (json ? .json : format).encode(results), to: output) }
    if let failure { throw failure }
  }
}

extension ExtractionFormat: ExpressibleByArgument {}
