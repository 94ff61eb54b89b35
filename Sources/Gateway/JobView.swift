import Foundation
import JobQueue

/// A job as clients see it: nothing of its payload, which may hold a password.
struct JobView: Encodable {
  struct Links: Encodable {
    var `self`: String
    var result: String
    var events: String
  }
  struct Failure: Encodable {
    var code: String
    var message: String
  }

  var id: String
  var kind: JobKind
  var state: JobState
  var progress: Double
  var stage: String?
  var attempts: Int
  var max_attempts: Int
  var cancel_requested: Bool?
  var created_at: String
  var started_at: String?
  var finished_at: String?
  var error: Failure?
  var links: Links

  init(_ job: Job) {
    id = job.id
    kind = job.kind
    state = job.state
    progress = job.progress
    stage = job.stage
    attempts = job.attempts
    max_attempts = job.maxAttempts
    cancel_requested = job.cancelRequested && !job.state.isFinal ? true : nil
    created_at = Self.text(job.createdAt)
    started_at = job.startedAt.map(Self.text)
    finished_at = job.finishedAt.map(Self.text)
    error = job.failure.map { Failure(code: $0.code, message: $0.message) }
    let path = Self.path(job.id)
    links = Links(self: path, result: "\(path)/result", events: "\(path)/events")
  }

  static func path(_ id: String) -> String { "/v1/jobs/\(id)" }

  private static func text(_ milliseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(milliseconds) / 1000)
      .formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
  }
}

struct JobListView: Encodable {
  var jobs: [JobView]
  var next_cursor: String?
}
