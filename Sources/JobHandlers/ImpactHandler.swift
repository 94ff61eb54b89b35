import Foundation
import ImpactScoring
import JobQueue
import Synchronization

/// Scores articles, or the article that a PDF is.
public struct ImpactHandler: JobHandler {
  public let kinds: [JobKind] = [.impact]
  private let ingestion: DocumentIngestion

  public init(ingestion: DocumentIngestion = DocumentIngestion()) {
    self.ingestion = ingestion
  }

  public func run(_ job: Job, context: JobContext) async throws -> JobResult {
    let payload = try decodePayload(ImpactPayload.self, of: job)
    let model = try LoadedImpactModel.get()
    let articles = try await articles(payload, context: context)
    let total = Double(max(1, articles.count))
    var scores = try model.score(articles) { done in
      try context.checkCancelled()
      context.report(progress: 0.5 + 0.3 * Double(done) / total, stage: "article \(done)/\(articles.count)")
    }
    scores = ImpactScore.ranked(scores)
    if let count = payload.similar, count > 0 {
      for (index, similar) in try model.similar(articles, count: count).enumerated() { scores[index].similar = similar }
    }
    if payload.explain == true {
      for (index, article) in articles.enumerated() {
        try context.checkCancelled()
        context.report(progress: 0.8 + 0.2 * Double(index) / total, stage: "explaining \(index + 1)/\(articles.count)")
        scores[index].phrases = model.explain(article)
      }
    }
    let report = ImpactReport(
      model: model.name, referenceSet: model.referenceSet, scores: scores, note: ImpactModel.limitations)
    return JobResult(contentType: "application/json", body: try ResultCoder.encode(report))
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
  var model: String
  /// What percentiles refer to.
  var referenceSet: String
  var scores: [ImpactScore]
  var note: String

  enum CodingKeys: String, CodingKey {
    case model, scores, note
    case referenceSet = "reference_set"
  }
}

/// The shipped model, loaded once for all jobs of a process.
enum LoadedImpactModel {
  private static let loaded = Mutex<ImpactModel?>(nil)

  static func get() throws -> ImpactModel {
    try loaded.withLock { model in
      if let model { return model }
      let new = try ImpactModel.shipped()
      model = new
      return new
    }
  }
}

enum ResultCoder {
  static func encode(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
  }
}
