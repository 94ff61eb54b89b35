import Foundation
import HTTPTypes
import Hummingbird
import JobQueue
import NIOCore

/// The routes about jobs and the documents that they made.
struct JobRoutes: Sendable {
  let gateway: Gateway

  var routes: [Route] {
    [
      Route(method: .get, path: "/jobs") { request, context in try await list(request, context.caller) },
      Route(method: .get, path: "/jobs/{id}", isShort: true) { request, context in try await show(request, context) },
      Route(method: .delete, path: "/jobs/{id}") { _, context in
        try JSONOutput.response(JobView(try await gateway.store.cancel(try await job(context).id)), status: .accepted)
      },
      Route(method: .post, path: "/jobs/{id}/retry") { _, context in
        let job = try await gateway.store.retry(try await job(context).id)
        var response = try JSONOutput.response(JobView(job), status: .accepted)
        response.headers[.location] = JobView.path(job.id)
        return response
      },
      Route(method: .get, path: "/jobs/{id}/result") { request, context in
        try await result(try await job(context), request)
      }, Route(method: .get, path: "/jobs/{id}/events") { request, context in try await events(request, context) },
      Route(method: .get, path: "/documents/{id}") { request, context in
        try await result(try await document(context), request)
      },
      Route(method: .get, path: "/documents/{id}/annotations") { request, context in
        try await result(try await document(context), request)
      },
      Route(method: .get, path: "/documents/{id}/pages/{page}") { request, context in try await page(request, context)
      },
    ]
  }

  private func id(_ context: Gateway.Context) throws -> String { try context.parameters.require("id") }

  private func job(_ context: Gateway.Context) async throws -> Job {
    let id = try id(context)
    guard let job = try await gateway.store.job(id), context.caller.sees(job) else { throw Problem.noSuchJob(id) }
    return job
  }

  private func document(_ context: Gateway.Context) async throws -> Job {
    let job = try await job(context)
    guard job.kind == .ingest else {
      throw Problem(404, "no-document", "job \(job.id) is of kind \(job.kind.rawValue): it made no document")
    }
    return job
  }

  private func list(_ request: Request, _ caller: Caller) async throws -> Response {
    let page = try await gateway.store.jobs(try JobRoutes.filter(request, caller))
    let view = JobListView(jobs: page.jobs.map { JobView($0) }, nextCursor: page.nextCursor)
    return JSONOutput.tagged(try JSONOutput.encoder.encode(view), contentType: "application/json", request)
  }

  /// `?state=&kind=&limit=&cursor=`, of what the caller may see.
  static func filter(_ request: Request, _ caller: Caller) throws -> JobFilter {
    let query = request.uri.queryParameters
    var filter = JobFilter(owner: caller.isAdmin ? nil : caller.owner, cursor: query["cursor"].map(String.init))
    if let text = query["state"].map(String.init) {
      guard let state = JobState(rawValue: text) else {
        throw unknown("state", text, JobState.allCases.map(\.rawValue))
      }
      filter.state = state
    }
    if let text = query["kind"].map(String.init) {
      guard let kind = JobKind(rawValue: text) else { throw unknown("kind", text, JobKind.allCases.map(\.rawValue)) }
      filter.kind = kind
    }
    if let text = query["limit"].map(String.init) {
      guard let limit = Int(text), (1...500).contains(limit) else {
        throw Problem(422, "invalid-option", "limit: '\(text.prefix(40))' is not a whole number from 1 to 500")
      }
      filter.limit = limit
    }
    return filter
  }

  static func unknown(_ name: String, _ value: String, _ known: [String]) -> Problem {
    Problem(
      422, "invalid-option", "\(name): there is no '\(value.prefix(40))'; there are \(known.joined(separator: ", "))")
  }

  private func show(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    var job = try await job(context)
    if let text = request.uri.queryParameters["wait"].map(String.init) {
      guard let seconds = Int(text), seconds >= 0 else {
        throw Problem(422, "invalid-option", "wait: '\(text.prefix(40))' is not a number of seconds")
      }
      let waiter = JobWaiter(store: gateway.store, changes: gateway.changes)
      job = try await waiter.wait(for: job.id, seconds: min(seconds, gateway.configuration.maxWait))
    }
    return JSONOutput.tagged(JobView(job).json, contentType: "application/json", request)
  }

  // MARK: - Results

  /// The result of a final job; a problem for one that failed or is not done.
  func result(_ job: Job, _ request: Request) async throws -> Response {
    try DocumentFormats.checkName(request)
    switch job.state {
    case .queued, .running:
      throw Problem(
        409, "not-finished", "job \(job.id) is \(job.state.rawValue); wait for it at \(JobView.path(job.id))?wait=30",
        headers: [HTTPField(name: .retryAfter, value: "1")])
    case .cancelled: throw Problem(410, "cancelled", "job \(job.id) was cancelled")
    case .failed:
      let failure = job.failure
      let isInput = failure?.permanent == true && failure?.code != "lost"
      throw Problem(isInput ? 422 : 500, failure?.code ?? "failed", failure?.message ?? "job \(job.id) failed")
    case .succeeded: break
    }
    guard let result = try await gateway.store.result(job.id) else { throw Problem.noSuchJob(job.id) }
    guard result.contentType == DocumentFormats.contentType else {
      return JSONOutput.tagged(result.body, contentType: result.contentType, request)
    }
    let formats = try JSONDecoder().decode(DocumentFormats.self, from: result.body)
    let (format, contentType) = try formats.choose(request)
    guard let blob = formats.formats[format] else { throw Problem(404, "no-format", "there is no \(format) of it") }
    var response = JSONOutput.tagged(try await gateway.blobs.read(blob), contentType: contentType, tag: blob, request)
    response.headers[.vary] = "Accept"
    // What came out of a document is shown, not run.
    response.headers[.securityPolicy] = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return response
  }

  private func page(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let job = try await document(context)
    let name = try context.parameters.require("page")
    guard name.hasSuffix(".png") || name.hasSuffix(".svg"), let number = Int(name.dropLast(4)), number > 0 else {
      throw Problem(404, "no-page", "pages are named 1.png, 1.svg, 2.png, ...")
    }
    guard job.state == .succeeded, let result = try await gateway.store.result(job.id) else {
      throw Problem(409, "not-finished", "job \(job.id) is \(job.state.rawValue)")
    }
    let formats = try JSONDecoder().decode(DocumentFormats.self, from: result.body)
    if name.hasSuffix(".svg") {
      guard let overlay = formats.overlay, let part = overlay.pages["\(number)"], part.count == 2 else {
        throw Problem(404, "no-page", "there is no page \(number) in what was read")
      }
      let all = try await gateway.blobs.read(overlay.blob)
      guard part[0] >= 0, part[1] >= 0, part[0] + part[1] <= all.count else {
        throw Problem(500, "damaged", "the drawing of page \(number) is damaged")
      }
      var response = JSONOutput.tagged(
        all.subdata(in: (all.startIndex + part[0])..<(all.startIndex + part[0] + part[1])),
        contentType: "image/svg+xml", tag: "\(overlay.blob)-\(number)", request)
      // What came out of a document is shown, not run.
      response.headers[.securityPolicy] = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
      return response
    }
    guard let blob = formats.pages["\(number)"] else {
      throw Problem(404, "no-page", "there is no image of page \(number); send the document with ?images=true")
    }
    return JSONOutput.tagged(try await gateway.blobs.read(blob), contentType: "image/png", tag: blob, request)
  }

  // MARK: - Events

  /// Server-sent events: all of the job's, from `Last-Event-ID` on, until the final one.
  private func events(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let job = try await job(context)
    let lastID = request.headers[.lastEventID] ?? "0"
    guard let start = Int64(lastID), start >= 0 else {
      throw Problem(400, "invalid-event-id", "Last-Event-ID: '\(lastID.prefix(40))' is not the id of an event")
    }
    let (store, changes) = (gateway.store, gateway.changes)
    let draining = gateway.draining
    let body = ResponseBody { writer in
      var last = start
      var quiet = ContinuousClock.now
      while !draining.hasBegun {
        let generation = changes.generation
        let events = try await store.events(after: last, jobID: job.id, limit: 500)
        for event in events {
          last = event.id
          var data = event.data
          data.removeAll { $0 == 10 || $0 == 13 }
          let text = "id: \(event.id)\nevent: \(event.type)\ndata: \(String(decoding: data, as: UTF8.self))\n\n"
          try await writer.write(ByteBuffer(string: text))
          quiet = .now
        }
        if events.isEmpty {
          guard let now = try await store.job(job.id), !now.state.isFinal else { break }
          if ContinuousClock.now - quiet > .seconds(15) {
            try await writer.write(ByteBuffer(string: ": still here\n\n"))
            quiet = .now
          }
          await changes.wait(after: generation, timeout: .seconds(1))
        }
      }
      try await writer.finish(nil)
    }
    return Response(status: .ok, headers: [.contentType: "text/event-stream"], body: body)
  }
}

/// The result of an ingest job: a blob for each format.
private struct DocumentFormats: Decodable {
  static let contentType = "application/vnd.docq.document+json"
  private static let types: [(format: String, accept: String, contentType: String)] = [
    ("json", "application/json", "application/json"), ("markdown", "text/markdown", "text/markdown; charset=utf-8"),
    ("html", "text/html", "text/html; charset=utf-8"), ("text", "text/plain", "text/plain; charset=utf-8"),
    ("docgenome", "application/vnd.docgenome+json", "application/json"),
    ("coco", "application/vnd.coco+json", "application/json"), ("latex", "application/x-latex", "application/x-latex"),
    ("csv", "text/csv", "text/csv; charset=utf-8"),
  ]

  var formats: [String: String]
  var pages: [String: String]
  /// Pages with what was found on them, one SVG behind the other: where each begins and how long it is.
  var overlay: Overlay?

  struct Overlay: Decodable {
    var blob: String
    var pages: [String: [Int]]
  }

  /// Refuses a `?format=` that no result has.
  static func checkName(_ request: Request) throws {
    guard let wanted = request.uri.queryParameters["format"], !types.contains(where: { $0.format == wanted }) else {
      return
    }
    throw Problem(
      406, "no-format",
      "there is no format '\(wanted.prefix(40))'; there are \(types.map(\.format).joined(separator: ", "))")
  }

  /// By `?format=`, else by Accept, else JSON.
  func choose(_ request: Request) throws -> (format: String, contentType: String) {
    let names = Self.types.map(\.format).joined(separator: ", ")
    if let wanted = request.uri.queryParameters["format"], let type = Self.types.first(where: { $0.format == wanted }) {
      return (type.format, type.contentType)
    }
    let accepted = (request.headers[.accept] ?? "*/*").split(separator: ",").map {
      $0.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
    }
    // A browser's address bar accepts HTML first, which is what a person wants to see.
    for wanted in accepted {
      if wanted == "*/*" || wanted == "application/*" { return ("json", "application/json") }
      if let type = Self.types.first(where: { $0.accept == wanted }) { return (type.format, type.contentType) }
    }
    throw Problem(406, "no-format", "none of the accepted types can be made; there are \(names)")
  }
}
