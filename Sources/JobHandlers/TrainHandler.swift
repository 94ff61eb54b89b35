import Extraction
import Foundation
import JobQueue

/// Trains an extractor for a new form; the model goes to the models of the data folder, where /extract finds it by name.
public struct TrainHandler: JobHandler {
  public let kinds: [JobKind] = [.train]
  private let models: URL
  private let ingestion: DocumentIngestion

  /// - Parameter models: folder of the models that users have trained or imported.
  public init(models: URL, ingestion: DocumentIngestion = DocumentIngestion()) {
    self.models = models
    self.ingestion = ingestion
  }

  public func run(_ job: Job, context: JobContext) async throws -> JobResult {
    let payload = try decodePayload(TrainPayload.self, of: job)
    do {
      let schema = try ExtractionSchema(json: payload.schema, name: "schema")
      var labelled: [ExtractorTraining.Example] = [], unlabelled: [ExtractorTraining.Example] = []
      let all = payload.labelled.map { ($0.document, $0.label as Data?) } + payload.unlabelled.map { ($0, nil) }
      for (index, (upload, label)) in all.enumerated() {
        try context.checkCancelled()
        context.report(progress: 0.1 * Double(index) / Double(all.count), stage: "reading \(upload.fileName)")
        let file = try await context.blobs.localFile(upload.blob)
        let document = try namingFailures(of: upload.fileName) {
          try ingestion.ingest(
            file, fileName: upload.fileName, options: DocumentIngestion.Options(analyzesLayout: false),
            isCancelled: { context.isCancelled })
        }
        var example = ExtractorTraining.Example(document, schema: schema)
        if let label {
          example.label = try LabelledFolder.Entry(label, of: file, named: upload.fileName, schema: schema)
          labelled.append(example)
        } else {
          unlabelled.append(example)
        }
      }
      var options = ExtractorTraining.Options()
      options.budget = payload.budget
      let training = try ExtractorTraining(schema: schema, options)
      let started = ContinuousClock.now
      // Under its own name only when it is whole; a retry goes on where this one stopped.
      let partial = models.appendingPathComponent(".\(payload.name)-\(job.id)", isDirectory: true)
      let report = try training.run(
        labelled: labelled, unlabelled: unlabelled, directory: partial, isStopped: { context.isCancelled },
        report: { line in
          let share = (ContinuousClock.now - started) / .seconds(max(1, payload.budget))
          context.report(progress: min(0.99, 0.1 + 0.9 * share), stage: line)
        })
      let target = models.appendingPathComponent(payload.name, isDirectory: true)
      if FileManager.default.fileExists(atPath: target.path) { try FileManager.default.removeItem(at: target) }
      try FileManager.default.moveItem(at: partial, to: target)
      let coder = JSONEncoder()
      coder.keyEncodingStrategy = .convertToSnakeCase
      coder.outputFormatting = [.sortedKeys]
      return JobResult(
        contentType: "application/json", body: try coder.encode(TrainReport(model: payload.name, report: report)))
    } catch let error as ExtractionError {
      throw JobFailure(code: "invalid-input", message: error.description, permanent: true)
    }
  }
}

/// What a train job answers with.
struct TrainReport: Codable {
  var model: String
  var report: ExtractorTraining.Report
}
