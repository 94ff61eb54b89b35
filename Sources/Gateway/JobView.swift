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
  var maxAttempts: Int
  var cancelRequested: Bool?
  var createdAt: String
  var startedAt: String?
  var finishedAt: String?
  var error: Failure?
  var links: Links

  init(_ job: Job) {
    id = job.id
    kind = job.kind
    state = job.state
    progress = job.progress
    stage = job.stage
    attempts = job.attempts
    maxAttempts = job.maxAttempts
    cancelRequested = job.cancelRequested && !job.state.isFinal ? true : nil
    createdAt = Self.text(job.createdAt)
    startedAt = job.startedAt.map(Self.text)
    finishedAt = job.finishedAt.map(Self.text)
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
  var nextCursor: String?
}
