import Foundation
import HTTPTypes
import Hummingbird
import JobQueue

/// The routes for whoever runs the service: queues and what was set aside.
struct QueueRoutes: Sendable {
  let gateway: Gateway

  var routes: [Route] {
    [
      Route(method: .get, path: "/queues", access: .scope(.admin)) { _, _ in
        try JSONOutput.response(QueueListView(queues: try await views()))
      },
      Route(method: .patch, path: "/queues/{kind}", access: .scope(.admin)) { request, context in
        try await configure(request, context)
      },
      Route(method: .get, path: "/dead-letters", access: .scope(.admin)) { request, context in
        var filter = try JobRoutes.filter(request, context.caller)
        filter.onlyDead = true
        let page = try await gateway.store.jobs(filter)
        return try JSONOutput.response(
          JobListView(jobs: page.jobs.map { JobView($0) }, nextCursor: page.nextCursor))
      },
      Route(method: .post, path: "/dead-letters/retry", access: .scope(.admin)) { request, context in
        let kind = try JobRoutes.filter(request, context.caller).kind
        return try JSONOutput.response(["retried": try await gateway.store.retryDead(kind: kind)])
      },
    ]
  }

  private func views() async throws -> [QueueView] {
    let (settings, counts) = (try await gateway.store.queues(), try await gateway.store.counts())
    let (oldest, now) = (try await gateway.store.oldestDue(), WallClock.milliseconds())
    return JobKind.allCases.map { kind in
      QueueView(
        kind: kind, settings: settings[kind] ?? QueueSettings(), queued: counts[kind]?[.queued] ?? 0,
        running: counts[kind]?[.running] ?? 0, oldestSeconds: oldest[kind].map { max(0, Double(now - $0) / 1000) })
    }
  }

  /// Changes what the JSON merge patch (RFC 7396) names.
  private func configure(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let name = try context.parameters.require("kind")
    guard let kind = JobKind(rawValue: name) else {
      throw Problem(
        404, "no-such-queue",
        "there is no queue '\(name.prefix(80))'; there are \(JobKind.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let type = (request.headers[.contentType] ?? "application/json").prefix { $0 != ";" }.lowercased()
    guard ["application/json", "application/merge-patch+json"].contains(type) else {
      throw Problem(415, "media-type", "'\(type.prefix(80))' cannot be read; send application/json")
    }
    guard
      let patch = try RequestValidation.parse(try await SubmitRoutes.collect(request, limit: 65536)) as? [String: Any]
    else { throw Problem(422, "invalid-settings", "send an object such as {\"mode\": \"paused\"}") }
    var settings = try await gateway.store.queues()[kind] ?? QueueSettings()
    for (name, value) in patch {
      switch name {
      case "mode":
        guard let mode = (value as? String).flatMap(QueueSettings.Mode.init(rawValue:)) else {
          throw invalid("/mode", "must be open, paused or draining")
        }
        settings.mode = mode
      case "max_running": settings.maxRunning = try number(value, "/max_running", from: 1)
      case "max_queued": settings.maxQueued = try number(value, "/max_queued", from: 0)
      case "max_running_per_key": settings.maxRunningPerKey = try number(value, "/max_running_per_key", from: 1)
      case "max_queued_per_key": settings.maxQueuedPerKey = try number(value, "/max_queued_per_key", from: 0)
      case "retention_seconds": settings.retentionSeconds = try number(value, "/retention_seconds", from: 0)
      default: throw invalid("/\(name.prefix(80))", "is not a setting of a queue")
      }
    }
    try await gateway.store.configure(kind, settings)
    let view = try await views().first { $0.kind == kind }
    return try JSONOutput.response(view)
  }

  private func number(_ value: Any, _ pointer: String, from least: Int) throws -> Int? {
    if value is NSNull { return nil }
    guard let number = value as? NSNumber, !RequestValidation.isBoolean(number),
      let whole = Int(exactly: number.doubleValue), (least...1_000_000_000).contains(whole)
    else { throw invalid(pointer, "must be a whole number from \(least) to 1000000000, or null for no limit") }
    return whole
  }

  private func invalid(_ pointer: String, _ detail: String) -> Problem {
    let field = Problem.Field(pointer: pointer, detail: detail)
    return Problem(422, "invalid-settings", field.description, errors: [field])
  }
}

/// A queue as its operator sees it.
private struct QueueView: Encodable {
  var kind: JobKind
  var settings: QueueSettings
  var queued: Int
  var running: Int
  /// How long the oldest job that could run waits.
  var oldestSeconds: Double?

  private enum CodingKeys: String, CodingKey {
    case kind, mode, queued, running, oldestSeconds
    case maxRunning, maxQueued, maxRunningPerKey, maxQueuedPerKey, retentionSeconds
  }

  func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(kind, forKey: .kind)
    try values.encode(settings.mode, forKey: .mode)
    try values.encode(queued, forKey: .queued)
    try values.encode(running, forKey: .running)
    try values.encodeIfPresent(oldestSeconds, forKey: .oldestSeconds)
    try values.encodeIfPresent(settings.maxRunning, forKey: .maxRunning)
    try values.encodeIfPresent(settings.maxQueued, forKey: .maxQueued)
    try values.encodeIfPresent(settings.maxRunningPerKey, forKey: .maxRunningPerKey)
    try values.encodeIfPresent(settings.maxQueuedPerKey, forKey: .maxQueuedPerKey)
    try values.encodeIfPresent(settings.retentionSeconds, forKey: .retentionSeconds)
  }
}

private struct QueueListView: Encodable {
  var queues: [QueueView]
}
