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
  var priority: Int?
  /// How many jobs have to succeed first.
  var waitingFor: Int?
  var dead: Bool?
  /// Not before; only while the job waits for it.
  var runAfter: String?
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
    priority = job.priority == 0 ? nil : job.priority
    waitingFor = job.waitingFor == 0 ? nil : job.waitingFor
    dead = job.isDead ? true : nil
    runAfter = job.state == .queued && job.runAfter > job.createdAt ? Self.text(job.runAfter) : nil
    createdAt = Self.text(job.createdAt)
    startedAt = job.startedAt.map(Self.text)
    finishedAt = job.finishedAt.map(Self.text)
    error = job.failure.map { Failure(code: $0.code, message: $0.message) }
    let path = Self.path(job.id)
    links = Links(self: path, result: "\(path)/result", events: "\(path)/events")
  }

  static func path(_ id: String) -> String { "/v1/jobs/\(id)" }

  private static func text(_ milliseconds: Int64) -> String {
    // Foundation's formatters take longer than the rest of the answer.
    var seconds = time_t(milliseconds / 1000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func digits(_ value: some BinaryInteger, _ count: Int) -> String {
      let text = "\(value)"
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    return "\(digits(parts.tm_year + 1900, 4))-\(digits(parts.tm_mon + 1, 2))-\(digits(parts.tm_mday, 2))T"
      + "\(digits(parts.tm_hour, 2)):\(digits(parts.tm_min, 2)):\(digits(parts.tm_sec, 2))."
      + "\(digits(milliseconds % 1000, 3))Z"
  }
}

struct JobListView: Encodable {
  var jobs: [JobView]
  var nextCursor: String?
}
