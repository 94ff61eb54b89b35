import Extraction
import Foundation
import JobQueue
import Synchronization

/// Reads the fields of an invoice, a receipt or a form.
public final class ExtractHandler: JobHandler {
  public let kinds: [JobKind] = [.extract]
  private let ingestion: DocumentIngestion
  private let models: URL?
  /// Trained models by name, with the time of their file.
  private let loaded: Mutex<[String: (Date, DocumentExtractor)]> = Mutex([:])

  /// - Parameter models: folder of the models that users have trained.
  public init(ingestion: DocumentIngestion = DocumentIngestion(), models: URL? = nil) {
    self.ingestion = ingestion
    self.models = models
  }

  public func run(_ job: Job, context: JobContext) async throws -> JobResult {
    let payload = try decodePayload(ExtractPayload.self, of: job)
    let extractor = try extractor(payload.model)
    let schema = try extractor.trainedSchema ?? schema(payload.schema)
    let file = try await context.blobs.localFile(payload.document.blob)
    let result = try namingFailures(of: payload.document.fileName) {
      let document = try ingestion.ingest(
        file, fileName: payload.document.fileName,
        options: DocumentIngestion.Options(password: payload.password, analyzesLayout: false),
        progress: { context.report(progress: 0.9 * $0, stage: $1) },
        isCancelled: { context.isCancelled })
      context.report(progress: 0.95, stage: "extracting")
      return try extractor.extract(document, schema: schema, ignoreEmbedded: payload.ignoreEmbedded)
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

  /// Names only: a request must not choose files.
  private func extractor(_ name: String?) throws -> DocumentExtractor {
    guard let name else { return try DocumentExtractor() }
    let isName = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    guard isName, let folder = models?.appendingPathComponent(name, isDirectory: true),
      let facts = try? FileManager.default.attributesOfItem(
        atPath: folder.appendingPathComponent("model.safetensors").path),
      let date = facts[.modificationDate] as? Date
    else {
      throw JobFailure(code: "no-such-model", message: "there is no model '\(name)'; train it first", permanent: true)
    }
    return try loaded.withLock { loaded in
      if let known = loaded[name], known.0 == date { return known.1 }
      do {
        let made = try DocumentExtractor(modelNamed: folder.path)
        loaded[name] = (date, made)
        return made
      } catch {
        throw JobFailure(code: "model-unreadable", message: "model '\(name)': \(error)", permanent: true)
      }
    }
  }
}
