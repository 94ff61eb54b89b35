import Foundation
import HTTPTypes
import Hummingbird
import JobQueue
import NIOCore

/// The routes about jobs and their results.
struct JobRoutes: Sendable {
  let gateway: Gateway

  var routes: [Route] {
    [
      Route(method: .get, path: "/jobs") { request, context in try await list(request, context.caller) },
      Route(method: .get, path: "/jobs/{id}", isShort: true) { request, context in try await show(request, context) },
      Route(method: .delete, path: "/jobs/{id}") { _, context in
        JSONOutput.response(JobView(try await gateway.store.cancel(try await job(context).id)), status: .accepted)
      },
      Route(method: .post, path: "/jobs/{id}/retry") { _, context in
        let job = try await gateway.store.retry(try await job(context).id)
        var response = JSONOutput.response(JobView(job), status: .accepted)
        response.headers[.location] = JobView.path(job.id)
        return response
      },
      Route(method: .get, path: "/jobs/{id}/result") { request, context in
        try await result(try await job(context), request)
      }, Route(method: .get, path: "/jobs/{id}/events") { request, context in try await events(request, context) },
    ]
  }

  private func id(_ context: Gateway.Context) throws -> String { try context.parameters.require("id") }

  func job(_ context: Gateway.Context) async throws -> Job {
    let id = try id(context)
    guard let job = try await gateway.store.job(id), context.caller.sees(job) else { throw Problem.noSuchJob(id) }
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
    try DocumentParts.checkName(request)
    let result = try await result(of: job)
    guard result.contentType == DocumentParts.contentType else {
      return JSONOutput.tagged(result.body, contentType: result.contentType, request)
    }
    let parts = try JSONDecoder().decode(DocumentParts.self, from: result.body)
    let (format, contentType) = try parts.choose(request)
    guard let blob = parts.formats[format] else { throw Problem(404, "no-format", "there is no \(format) of it") }
    var response = JSONOutput.tagged(try await gateway.blobs.read(blob), contentType: contentType, tag: blob, request)
    response.headers[.vary] = "Accept"
    response.headers[.securityPolicy] = DocumentParts.securityPolicy
    return response
  }

  /// What a job left; a problem for one that failed or is not done.
  func result(of job: Job) async throws -> JobResult {
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
    return result
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
        let events = try await store.events(ofJob: job.id, after: last, limit: 500)
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
