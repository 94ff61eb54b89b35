import Foundation
import HTTPTypes
import Hummingbird
import JobQueue

/// POST /train/extractor: documents that were ingested before, the labels of some of them, a schema and a time.
struct TrainRoutes: Sendable {
  let gateway: Gateway

  var routes: [Route] {
    [Route(method: .post, path: "/train/extractor") { request, context in try await train(request, context) }]
  }

  private func train(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let submit = SubmitRoutes(gateway: gateway)
    let body = try await SubmitRoutes.collect(request, limit: gateway.configuration.maxJSONBytes)
    guard let object = try RequestValidation.parse(body) as? [String: Any] else {
      throw Self.invalid("", "must be an object with name, schema and labeled")
    }
    guard let name = object["name"] as? String, Self.isName(name) else {
      throw Self.invalid("/name", "must be up to 64 letters, digits, dashes and underscores")
    }
    guard let schema = object["schema"] as? [String: Any], schema["fields"] is [String: Any] else {
      throw Self.invalid("/schema", "must be an object with 'fields'")
    }
    guard let labeled = object["labeled"] as? [[String: Any]], (2...10_000).contains(labeled.count) else {
      throw Self.invalid("/labeled", "must list from 2 to 10000 documents with their fields")
    }
    let unlabeled = object["unlabeled"] ?? [String]()
    guard let unlabeled = unlabeled as? [String], unlabeled.count <= 10_000 else {
      throw Self.invalid("/unlabeled", "must list at most 10000 ids of ingest jobs")
    }
    let budget = object["budget"] ?? 600
    guard let seconds = (budget as? NSNumber)?.doubleValue, (10...86_400).contains(seconds) else {
      throw Self.invalid("/budget", "must be seconds from 10 to 86400")
    }
    var payload = TrainPayload(
      name: name, schema: try JSONSerialization.data(withJSONObject: schema, options: [.sortedKeys]), budget: seconds)
    for (index, entry) in labeled.enumerated() {
      guard let id = entry["document"] as? String, entry["fields"] is [String: Any] else {
        throw Self.invalid("/labeled/\(index)", "must have 'document', the id of an ingest job, and 'fields'")
      }
      let document = try await document(id, at: "/labeled/\(index)/document", context)
      let label = try JSONSerialization.data(withJSONObject: entry, options: [.sortedKeys])
      payload.labelled.append(TrainPayload.Labelled(document: document, label: label))
    }
    for (index, id) in unlabeled.enumerated() {
      payload.unlabelled.append(try await document(id, at: "/unlabeled/\(index)", context))
    }
    let blobs = Set(payload.labelled.map(\.document.blob) + payload.unlabelled.map(\.blob))
    let job = try await submit.enqueue(.train, payload, blobs: blobs.sorted(), request, context)
    var response = JSONOutput.response(JobView(job), status: .accepted)
    response.headers[.location] = JobView.path(job.id)
    response.headers[.retryAfter] = "5"
    return response
  }

  private func document(_ id: String, at pointer: String, _ context: Gateway.Context) async throws -> UploadedDocument {
    guard let job = try await gateway.store.job(id), context.caller.sees(job), job.kind == .ingest else {
      throw Self.invalid(pointer, "there is no ingest job '\(id.prefix(80))'")
    }
    guard !job.inputBlobs.isEmpty else { throw Self.invalid(pointer, "its document was removed; send it again") }
    return try JSONDecoder().decode(IngestPayload.self, from: job.payload).document
  }

  static func isName(_ name: String) -> Bool {
    (1...64).contains(name.utf8.count)
      && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
  }

  private static func invalid(_ pointer: String, _ detail: String) -> Problem {
    Problem(
      422, "invalid-training", "\(pointer.isEmpty ? "the request" : pointer): \(detail)",
      errors: [.init(pointer: pointer, detail: detail)])
  }
}
