import Foundation
import ImpactScoring
import JobQueue

/// Scores articles, or the article that a PDF is.
public struct ImpactHandler: JobHandler {
  public let kinds: [JobKind] = [.impact]
  private let ingestion: DocumentIngestion

  public init(ingestion: DocumentIngestion = DocumentIngestion()) {
    self.ingestion = ingestion
  }

  public func run(_ job: Job, context: JobContext) async throws -> JobResult {
    let payload = try decodePayload(ImpactPayload.self, of: job)
    let model = try ImpactModel.shipped()
    var scores: [ImpactScore] = []
    for (index, article) in try await articles(payload, context: context).enumerated() {
      if index % 100 == 0 {
        try context.checkCancelled()
        context.report(progress: 0.5, stage: "article \(index + 1)")
      }
      scores += [model.score(article)]
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let body = try encoder.encode(ImpactReport(scores: scores, note: ImpactModel.limitations))
    return JobResult(contentType: "application/json", body: body)
  }

  private func articles(_ payload: ImpactPayload, context: JobContext) async throws -> [Article] {
    if let articles = payload.articles {
      return articles.enumerated().map { index, article in
        Article(id: article.id ?? "\(index + 1)", title: article.title, abstract: article.abstract)
      }
    }
    guard let upload = payload.document else {
      throw JobFailure(
        code: "invalid-payload", message: "the request has neither articles nor a document", permanent: true)
    }
    let file = try await context.blobs.localFile(upload.blob)
    let article = try namingFailures(of: upload.fileName) {
      let document = try ingestion.ingest(
        file, fileName: upload.fileName, options: DocumentIngestion.Options(maxPages: 2),
        progress: { context.report(progress: $0 / 2, stage: $1) }, isCancelled: { context.isCancelled })
      return TitleAndAbstract.find(in: document)
    }
    guard let article else {
      throw JobFailure(
        code: "invalid-input", message: "\(upload.fileName): no title and abstract found on the first two pages",
        permanent: true)
    }
    return [article]
  }
}

/// What an impact job answers with.
struct ImpactReport: Codable {
  var scores: [ImpactScore]
  var note: String
}
