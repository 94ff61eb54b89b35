import Extraction
import Foundation
import JobQueue

/// Reads the fields of an invoice, a receipt or a form.
public struct ExtractHandler: JobHandler {
  public let kinds: [JobKind] = [.extract]
  private let ingestion: DocumentIngestion

  public init(ingestion: DocumentIngestion = DocumentIngestion()) {
    self.ingestion = ingestion
  }

  public func run(_ job: Job, context: JobContext) async throws -> JobResult {
    let payload = try decodePayload(ExtractPayload.self, of: job)
    let schema = try schema(payload.schema)
    let file = try await context.blobs.localFile(payload.document.blob)
    let result = try namingFailures(of: payload.document.fileName) {
      let document = try ingestion.ingest(
        file, fileName: payload.document.fileName,
        options: DocumentIngestion.Options(password: payload.password, analyzesLayout: false),
        progress: { context.report(progress: 0.9 * $0, stage: $1) },
        isCancelled: { context.isCancelled })
      context.report(progress: 0.95, stage: "extracting")
      return try DocumentExtractor(modelNamed: ExtractorModels.standard).extract(
        document, schema: schema, ignoreEmbedded: payload.ignoreEmbedded)
    }
    return JobResult(contentType: "application/json", body: try ExtractionFormat.json.encode([result]))
  }

  private func schema(_ name: String) throws -> ExtractionSchema {
    do {
      return try ExtractionSchema.named(name)
    } catch {
      throw JobFailure(code: "invalid-input", message: "\(error)", permanent: true)
    }
  }
}
