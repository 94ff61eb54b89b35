import Foundation
import HTTPTypes
import Hummingbird
import JobQueue

/// The routes that make jobs: /ingest, /extract, /forecast, /impact.
struct SubmitRoutes: Sendable {
  let gateway: Gateway

  var routes: [Route] {
    [
      Route(method: .post, path: "/ingest") { request, _ in try await ingest(request) },
      Route(method: .post, path: "/extract") { request, _ in try await extract(request) },
      Route(method: .post, path: "/forecast") { request, _ in try await forecast(request) },
      Route(method: .post, path: "/impact") { request, _ in try await impact(request) },
    ]
  }

  private var receiver: UploadReceiver {
    UploadReceiver(blobs: gateway.blobs, limit: gateway.configuration.maxUploadBytes, metrics: gateway.metrics)
  }

  private func ingest(_ request: Request) async throws -> Response {
    let options = try Options(request, known: ["pages", "images", "dpi", "filename"])
    let upload = try await receiver.receive(request)
    defer { upload.finish() }
    let wantsImages = options.flag("images", upload.fields)
    let dpi = try options.number("dpi", upload.fields, in: 20...600) ?? 150
    let payload = IngestPayload(
      document: upload.document, pages: options.text("pages", upload.fields),
      password: request.headers[.documentPassword] ?? upload.fields["password"],
      imageDPI: wantsImages ? dpi : nil)
    return try await submit(.ingest, payload, blobs: [upload.document.blob], request)
  }

  private func extract(_ request: Request) async throws -> Response {
    let options = try Options(request, known: ["schema", "ignore_embedded", "filename"])
    let upload = try await receiver.receive(request)
    defer { upload.finish() }
    let schema = options.text("schema", upload.fields) ?? "invoice"
    // A name, never a path on this machine.
    guard ["invoice", "receipt"].contains(schema) else {
      throw Problem(422, "unknown-schema", "there is no schema '\(schema.prefix(80))'; use invoice or receipt")
    }
    let payload = ExtractPayload(
      document: upload.document, schema: schema, ignoreEmbedded: options.flag("ignore_embedded", upload.fields),
      password: request.headers[.documentPassword] ?? upload.fields["password"])
    return try await submit(.extract, payload, blobs: [upload.document.blob], request)
  }

  private func forecast(_ request: Request) async throws -> Response {
    let options = try Options(request, known: ["horizon", "model", "quantiles"])
    let type = (request.headers[.contentType] ?? "application/json").prefix { $0 != ";" }.lowercased()
    var body = try await collect(request)
    switch type {
    case "application/json", "application/x-ndjson", "application/jsonl", "application/x-www-form-urlencoded":
      body = try RequestValidation.forecast(body)
    case "text/csv":
      guard !body.isEmpty else { throw Problem(400, "empty", "the request has no body; send a series as JSON or CSV") }
    default:
      throw Problem(415, "media-type", "'\(type.prefix(80))' cannot be read; send application/json or text/csv")
    }
    let levels = try options.text("quantiles", [:])?.split(separator: ",").map { text in
      guard let level = Double(text), level > 0, level < 1 else {
        throw Problem(422, "invalid-option", "quantiles: '\(text)' is not a number between 0 and 1")
      }
      return level
    }
    let horizon = try options.number("horizon", [:], in: 1...Double(RequestValidation.maxHorizon))
    let payload = ForecastPayload(
      series: body, model: options.text("model", [:]), horizon: horizon.map { Int($0) }, quantileLevels: levels)
    return try await submit(.forecast, payload, blobs: [], request)
  }

  private func impact(_ request: Request) async throws -> Response {
    let type = (request.headers[.contentType] ?? "").prefix { $0 != ";" }.lowercased()
    if ["application/pdf", "multipart/form-data"].contains(type) {
      let upload = try await receiver.receive(request)
      defer { upload.finish() }
      return try await submit(
        .impact, ImpactPayload(document: upload.document), blobs: [upload.document.blob], request)
    }
    guard ["application/json", "application/x-www-form-urlencoded", ""].contains(type) else {
      throw Problem(415, "media-type", "'\(type.prefix(80))' cannot be read; send application/json or a PDF")
    }
    return try await submit(.impact, try RequestValidation.impact(try await collect(request)), blobs: [], request)
  }

  private func collect(_ request: Request) async throws -> Data {
    let limit = gateway.configuration.maxJSONBytes
    let tooLarge = Problem(413, "too-large", "the request is larger than \(limit) bytes")
    if let declared = request.headers[.contentLength].flatMap({ Int($0) }), declared > limit { throw tooLarge }
    var body = Data()
    for try await buffer in WholeBody(request.body) {
      guard body.count + buffer.readableBytes <= limit else { throw tooLarge }
      body.append(contentsOf: buffer.readableBytesView)
    }
    return body
  }

  // MARK: - Answers

  private func submit(
    _ kind: JobKind, _ payload: some Encodable, blobs: [String], _ request: Request
  ) async throws -> Response {
    guard !gateway.draining.hasBegun else {
      throw Problem(
        503, "stopping", "the service is stopping; send it again in a moment",
        headers: [HTTPField(name: .retryAfter, value: "5")])
    }
    let key = request.headers[.idempotencyKey]
    guard key.map({ (1...200).contains($0.count) }) ?? true else {
      throw Problem(400, "invalid-key", "an Idempotency-Key has 1 to 200 characters")
    }
    let (job, _) = try await gateway.store.enqueue(
      NewJob(kind: kind, payload: try JSONOutput.payload.encode(payload), inputBlobs: blobs, idempotencyKey: key))
    if let seconds = wish(request) {
      let waiter = JobWaiter(store: gateway.store, changes: gateway.changes)
      let later = try await waiter.wait(for: job.id, seconds: min(seconds, gateway.configuration.maxWait))
      if later.state.isFinal {
        var response = try await JobRoutes(gateway: gateway).result(later, request)
        response.headers[.preferenceApplied] = "wait=\(seconds)"
        response.headers[.contentLocation] = JobView.path(job.id) + "/result"
        return response
      }
      return try accepted(later)
    }
    return try accepted(job)
  }

  private func accepted(_ job: Job) throws -> Response {
    var response = try JSONOutput.response(JobView(job), status: .accepted)
    response.headers[.location] = JobView.path(job.id)
    response.headers[.retryAfter] = "1"
    return response
  }

  /// The N of `Prefer: wait=N` (RFC 7240).
  private func wish(_ request: Request) -> Int? {
    guard let prefer = request.headers[.prefer] else { return nil }
    for part in prefer.split(separator: ",") {
      let pair = part.split(separator: "=").map { $0.trimmingCharacters(in: .whitespaces) }
      if pair.count == 2, pair[0].lowercased() == "wait", let seconds = Int(pair[1]), seconds > 0 { return seconds }
    }
    return nil
  }

  /// Options of the query string; a form's field of the same name counts too.
  private struct Options {
    private let query: [String: String]

    init(_ request: Request, known: [String]) throws {
      var query: [String: String] = [:]
      for (key, value) in request.uri.queryParameters { query[String(key)] = String(value) }
      if let unknown = query.keys.sorted().first(where: { !known.contains($0) }) {
        throw Problem(
          400, "unknown-option",
          "there is no option '\(unknown.prefix(80))' here; there are \(known.joined(separator: ", "))")
      }
      self.query = query
    }

    func text(_ name: String, _ fields: [String: String]) -> String? {
      let value = query[name] ?? fields[name]
      return value?.isEmpty == true ? nil : value
    }

    func flag(_ name: String, _ fields: [String: String]) -> Bool {
      ["1", "true", "yes", "on"].contains(query[name] ?? fields[name] ?? "")
    }

    func number(_ name: String, _ fields: [String: String], in range: ClosedRange<Double>) throws -> Double? {
      guard let text = text(name, fields) else { return nil }
      guard let value = Double(text), range.contains(value) else {
        throw Problem(
          422, "invalid-option",
          "\(name): '\(text.prefix(40))' is not a number from \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
  }
}
