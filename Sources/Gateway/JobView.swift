import Foundation
import JobQueue

/// A job as clients see it: nothing of its payload, which may hold a password.
package struct JobView: Encodable {
  struct Links: Encodable {
    var id: String

    private enum CodingKeys: CodingKey { case `self`, result, events }

    func encode(to encoder: any Encoder) throws {
      let path = JobView.path(id)
      var values = encoder.container(keyedBy: CodingKeys.self)
      try values.encode(path, forKey: .`self`)
      try values.encode("\(path)/result", forKey: .result)
      try values.encode("\(path)/events", forKey: .events)
    }
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

  package init(_ job: Job) {
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
    links = Links(id: job.id)
  }

  static func path(_ id: String) -> String { "/v1/jobs/\(id)" }

  private static func text(_ milliseconds: Int64) -> String {
    // Foundation's formatters take longer than the rest of the answer.
    let milliseconds = max(0, milliseconds)
    var seconds = time_t(milliseconds / 1000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    return String(unsafeUninitializedCapacity: 24) { buffer in
      var next = 0
      func write(_ value: Int, _ digits: Int, _ end: Unicode.Scalar) {
        var rest = value
        for place in (next..<next + digits).reversed() {
          buffer[place] = 48 + UInt8(rest % 10)
          rest /= 10
        }
        buffer[next + digits] = UInt8(ascii: end)
        next += digits + 1
      }
      write(Int(parts.tm_year) + 1900, 4, "-")
      write(Int(parts.tm_mon) + 1, 2, "-")
      write(Int(parts.tm_mday), 2, "T")
      write(Int(parts.tm_hour), 2, ":")
      write(Int(parts.tm_min), 2, ":")
      write(Int(parts.tm_sec), 2, ".")
      write(Int(milliseconds % 1000), 3, "Z")
      return next
    }
  }
}

extension JobView {
  /// What `JSONOutput.encoder` makes of it.
  package var json: [UInt8] {
    var object = JSONObjectWriter(capacity: 512)
    object.add("attempts", attempts)
    if let cancelRequested { object.add("cancel_requested", cancelRequested) }
    object.add("created_at", createdAt)
    if let dead { object.add("dead", dead) }
    if let error {
      object.add("error") {
        $0.add("code", error.code)
        $0.add("message", error.message)
      }
    }
    if let finishedAt { object.add("finished_at", finishedAt) }
    object.add("id", id)
    object.add("kind", kind.rawValue)
    object.add("links") {
      $0.add("events", before: "/v1/jobs/", id, after: "/events")
      $0.add("result", before: "/v1/jobs/", id, after: "/result")
      $0.add("self", before: "/v1/jobs/", id)
    }
    object.add("max_attempts", maxAttempts)
    if let priority { object.add("priority", priority) }
    object.add("progress", progress)
    if let runAfter { object.add("run_after", runAfter) }
    if let stage { object.add("stage", stage) }
    if let startedAt { object.add("started_at", startedAt) }
    object.add("state", state.rawValue)
    if let waitingFor { object.add("waiting_for", waitingFor) }
    object.end()
    return object.bytes
  }
}

struct JobListView: Encodable {
  var jobs: [JobView]
  var nextCursor: String?
}
