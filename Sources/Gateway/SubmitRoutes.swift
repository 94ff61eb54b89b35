import Foundation
import HTTPTypes
import Hummingbird
import JobQueue

/// The routes that make jobs: /ingest, /extract, /forecast, /impact, /embed.
struct SubmitRoutes: Sendable {
  let gateway: Gateway

  var routes: [Route] {
    [
      Route(method: .post, path: "/ingest") { request, context in try await ingest(request, context) },
      Route(method: .post, path: "/extract") { request, context in try await extract(request, context) },
      Route(method: .post, path: "/forecast") { request, context in try await forecast(request, context) },
      Route(method: .post, path: "/impact") { request, context in try await impact(request, context) },
      Route(method: .post, path: "/embed") { request, context in try await embed(request, context) },
    ]
  }

  private var receiver: UploadReceiver {
    UploadReceiver(blobs: gateway.blobs, limit: gateway.configuration.maxUploadBytes, metrics: gateway.metrics)
  }

  private func ingest(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let options = try Options(request, known: ["pages", "images", "dpi", "ocr", "ocr_language", "filename"])
    let upload = try await receiver.receive(request)
    defer { upload.finish() }
    let wantsImages = try options.flag("images", upload.fields)
    let dpi = try options.number("dpi", upload.fields, in: 20...600) ?? 150
    let ocr = options.text("ocr", upload.fields)
    if let ocr, !["auto", "never", "always"].contains(ocr) {
      throw Problem(422, "invalid-option", "ocr: '\(ocr.prefix(40))' is not auto, never or always")
    }
    let payload = IngestPayload(
      document: upload.document, pages: options.text("pages", upload.fields),
      password: request.headers[.documentPassword] ?? upload.fields["password"],
      imageDPI: wantsImages ? dpi : nil, ocr: ocr, ocrLanguage: options.text("ocr_language", upload.fields))
    return try await submit(.ingest, payload, blobs: [upload.document.blob], options, request, context)
  }

  private func extract(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let options = try Options(request, known: ["schema", "ignore_embedded", "filename", "document", "model"])
    let source = try await document(options, request, context)
    defer { source.finish() }
    let schema = options.text("schema", source.fields) ?? "invoice"
    // A name, never a path on this machine.
    guard ["invoice", "receipt"].contains(schema) else {
      throw Problem(422, "unknown-schema", "there is no schema '\(schema.prefix(80))'; use invoice or receipt")
    }
    let model = options.text("model", source.fields)
    if let model, !TrainRoutes.isName(model) {
      throw Problem(
        422, "unknown-model", "'\(model.prefix(80))' is no name of a model; names are letters, digits, dashes")
    }
    let payload = ExtractPayload(
      document: source.document, schema: schema, ignoreEmbedded: try options.flag("ignore_embedded", source.fields),
      password: source.password, model: model)
    return try await submit(
      .extract, payload, blobs: [source.document.blob], options, request, context, after: source.after)
  }

  /// A document to work on: uploaded with the request, or that of an ingest job.
  private struct Source {
    var document: UploadedDocument
    var fields: [String: String] = [:]
    var password: String?
    var after: [String] = []
    var upload: ReceivedUpload?

    func finish() { upload?.finish() }
  }

  private func document(
    _ options: Options, _ request: Request, _ context: Gateway.Context
  ) async throws -> Source {
    let password = request.headers[.documentPassword]
    guard let id = options.text("document", [:]) else {
      let upload = try await receiver.receive(request)
      return Source(
        document: upload.document, fields: upload.fields, password: password ?? upload.fields["password"],
        upload: upload)
    }
    for try await part in WholeBody(request.body) where part.readableBytes > 0 {
      throw Problem(400, "two-documents", "send either a document or ?document=\(id.prefix(80)), not both")
    }
    guard let job = try await gateway.store.job(id), context.caller.sees(job), job.kind == .ingest else {
      throw Problem(422, "no-document", "document: there is no ingest job '\(id.prefix(80))'")
    }
    let payload = try JSONDecoder().decode(IngestPayload.self, from: job.payload)
    guard !job.inputBlobs.isEmpty else {
      throw Problem(410, "gone", "the document of job \(id) was removed; send it again")
    }
    return Source(document: payload.document, password: password ?? payload.password, after: [id])
  }

  private func forecast(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let options = try Options(
      request, known: ["horizon", "model", "quantiles", "document", "table", "column", "filename"])
    let type = (request.headers[.contentType] ?? "application/json").prefix { $0 != ";" }.lowercased()
    if let table = try options.number("table", [:], in: 1...10_000) {
      let source = try await document(options, request, context)
      defer { source.finish() }
      var payload = try forecastPayload(options)
      payload.table = ForecastPayload.Table(
        document: source.document, password: source.password, number: Int(table), column: options.text("column", [:]))
      return try await submit(
        .forecast, payload, blobs: [source.document.blob], options, request, context, after: source.after)
    }
    if let name = ["document", "column"].first(where: { options.text($0, [:]) != nil }) {
      throw Problem(422, "invalid-option", "\(name) needs table: the number of a table of the document")
    }
    var payload = try forecastPayload(options)
    var body = try await collect(request)
    switch type {
    case "application/json", "application/x-ndjson", "application/jsonl", "application/x-www-form-urlencoded":
      body = try RequestValidation.forecast(body)
    case "text/csv":
      guard !body.isEmpty else { throw Problem(400, "empty", "the request has no body; send a series as JSON or CSV") }
      guard body.prefix(while: { $0 != UInt8(ascii: "\n") }).contains(where: { ",;\t".utf8.contains($0) }) else {
        throw Problem(
          422, "invalid-series",
          "the first line of the CSV has one column only; the first is the time, others the series")
      }
    default:
      throw Problem(415, "media-type", "'\(type.prefix(80))' cannot be read; send application/json or text/csv")
    }
    payload.series = body
    return try await submit(.forecast, payload, blobs: [], options, request, context)
  }

  /// What is asked of a forecast, without its series.
  private func forecastPayload(_ options: Options) throws -> ForecastPayload {
    let levels = try options.text("quantiles", [:])?.split(separator: ",").map { text in
      guard let level = Double(text), level > 0, level < 1 else {
        throw Problem(422, "invalid-option", "quantiles: '\(text)' is not a number between 0 and 1")
      }
      return level
    }
    let horizon = try options.number("horizon", [:], in: 1...Double(RequestValidation.maxHorizon))
    return ForecastPayload(model: options.text("model", [:]), horizon: horizon.map { Int($0) }, quantileLevels: levels)
  }

  private func impact(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let options = try Options(request, known: ["filename", "document", "explain", "similar"])
    let explain = try options.flag("explain", [:]) ? true : nil
    let similar = try options.number("similar", [:], in: 0...50).map { Int($0) }
    let type = (request.headers[.contentType] ?? "").prefix { $0 != ";" }.lowercased()
    if options.text("document", [:]) != nil || type == "multipart/form-data" || UploadReceiver.isDocument(type) {
      let source = try await document(options, request, context)
      defer { source.finish() }
      return try await submit(
        .impact, ImpactPayload(document: source.document, explain: explain, similar: similar),
        blobs: [source.document.blob], options, request, context, after: source.after)
    }
    guard ["application/json", "application/x-www-form-urlencoded", ""].contains(type) else {
      throw Problem(415, "media-type", "'\(type.prefix(80))' cannot be read; send application/json or a PDF")
    }
    var payload = try RequestValidation.impact(try await collect(request))
    (payload.explain, payload.similar) = (explain, similar)
    return try await submit(.impact, payload, blobs: [], options, request, context)
  }

  private func embed(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let options = try Options(request, known: [])
    let type = (request.headers[.contentType] ?? "").prefix { $0 != ";" }.lowercased()
    guard ["application/json", "application/x-www-form-urlencoded", ""].contains(type) else {
      throw Problem(415, "media-type", "'\(type.prefix(80))' cannot be read; send application/json")
    }
    return try await submit(
      .embed, try RequestValidation.embed(try await collect(request)), blobs: [], options, request, context)
  }

  private func collect(_ request: Request) async throws -> Data {
    try await Self.collect(request, limit: gateway.configuration.maxJSONBytes)
  }

  static func collect(_ request: Request, limit: Int) async throws -> Data {
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
    _ kind: JobKind, _ payload: some Encodable, blobs: [String], _ options: Options, _ request: Request,
    _ context: Gateway.Context, after: [String] = []
  ) async throws -> Response {
    let job = try await enqueue(
      kind, payload, blobs: blobs, order: try options.order(gateway.configuration.webhooks), after: after, request,
      context)
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

  /// Puts a job in the queue for a caller.
  func enqueue(
    _ kind: JobKind, _ payload: some Encodable, blobs: [String], order: Order = Order(), after: [String] = [],
    _ request: Request, _ context: Gateway.Context
  ) async throws -> Job {
    guard !gateway.draining.hasBegun else {
      throw Problem(
        503, "stopping", "the service is stopping; send it again in a moment",
        headers: [HTTPField(name: .retryAfter, value: "5")])
    }
    try gateway.checkRoom(for: 0)
    let owner = context.caller.owner
    let key = request.headers[.idempotencyKey]
    guard key.map({ (1...200).contains($0.count) }) ?? true else {
      throw Problem(400, "invalid-key", "an Idempotency-Key has 1 to 200 characters")
    }
    for id in order.after {
      guard let other = try await gateway.store.job(id), context.caller.sees(other) else {
        throw JobStoreError.noSuchDependency(jobID: id)
      }
    }
    return try await gateway.store.enqueue(
      NewJob(
        kind: kind, payload: try JSONOutput.payload.encode(payload), inputBlobs: blobs, priority: order.priority,
        runAfter: order.runAfter,
        // Two callers may use the same word.
        idempotencyKey: key.map { owner.isEmpty ? $0 : "\(owner) \($0)" }, after: order.after + after, owner: owner,
        origin: context.origin, webhook: order.webhook)
    ).job
  }

  /// When and in which order a job is to run, and who is told.
  struct Order {
    var priority = 0
    var runAfter: Int64?
    var after: [String] = []
    var webhook: String?
  }

  private func accepted(_ job: Job) throws -> Response {
    var response = JSONOutput.response(JobView(job), status: .accepted)
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

    private static let ofEveryJob = ["priority", "delay", "after", "webhook"]

    init(_ request: Request, known: [String]) throws {
      let known = known + Self.ofEveryJob
      var query: [String: String] = [:]
      for (key, value) in request.uri.queryParameters { query[String(key)] = String(value) }
      if let unknown = query.keys.sorted().first(where: { !known.contains($0) }) {
        throw Problem(
          400, "unknown-option",
          "there is no option '\(unknown.prefix(80))' here; there are \(known.joined(separator: ", "))")
      }
      if let empty = query.keys.sorted().first(where: { query[$0] == "" }) {
        throw Problem(400, "empty-option", "the option '\(empty)' has no value: give one or leave it out")
      }
      self.query = query
    }

    func text(_ name: String, _ fields: [String: String]) -> String? {
      let value = query[name] ?? fields[name]
      return value?.isEmpty == true ? nil : value
    }

    func order(_ webhooks: WebhookPolicy) throws -> Order {
      var order = Order()
      if let priority = try number("priority", [:], in: -100...100) { order.priority = Int(priority) }
      if let delay = try number("delay", [:], in: 0...31_536_000) {
        order.runAfter = WallClock.milliseconds() + Int64(delay * 1000)
      }
      order.after = (text("after", [:]) ?? "").split(separator: ",").map(String.init)
      guard order.after.count <= 100 else { throw Problem(422, "invalid-option", "after: at most 100 jobs") }
      if let url = text("webhook", [:]) {
        do {
          try webhooks.check(url)
        } catch {
          throw Problem(422, "invalid-webhook", "webhook: \(error)")
        }
        order.webhook = url
      }
      return order
    }

    func flag(_ name: String, _ fields: [String: String]) throws -> Bool {
      switch text(name, fields) {
      case "1", "true", "yes", "on": return true
      case nil, "0", "false", "no", "off": return false
      case let value?:
        throw Problem(422, "invalid-option", "\(name): '\(value.prefix(40))' is neither true nor false")
      }
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
