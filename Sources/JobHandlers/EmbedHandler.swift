import Foundation
import ImpactScoring
import JobQueue

/// Embeds texts.
public struct EmbedHandler: JobHandler {
  public let kinds: [JobKind] = [.embed]

  public init() {}

  public func run(_ job: Job, context: JobContext) async throws -> JobResult {
    let payload = try decodePayload(EmbedPayload.self, of: job)
    let model = try LoadedImpactModel.get()
    let vectors = try model.embeddings(payload.texts) { done in
      try context.checkCancelled()
      context.report(progress: Double(done) / Double(payload.texts.count), stage: "text \(done)/\(payload.texts.count)")
    }
    let report = EmbeddingReport(
      model: model.name, dimensions: vectors.rowSize,
      embeddings: (0..<vectors.rows).map { Array(UnsafeBufferPointer(start: vectors.row($0), count: vectors.rowSize)) })
    return JobResult(contentType: "application/json", body: try ResultCoder.encode(report))
  }
}

/// What an embed job answers with.
struct EmbeddingReport: Codable {
  var model: String
  var dimensions: Int
  /// Each of length 1.
  var embeddings: [[Float]]
}
