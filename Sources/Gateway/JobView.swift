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
  /// What `JSONOutput.encoder` makes of it, several times faster: it is asked for more than anything else.
  var json: Data {
    var text = "{"
    text.reserveCapacity(640)
    func add(_ name: String, _ value: String) {
      text += text.utf8.count > 1 ? ",\"" : "\""
      text += name
      text += "\":"
      text += value
    }
    add("attempts", "\(attempts)")
    if let cancelRequested { add("cancel_requested", "\(cancelRequested)") }
    add("created_at", Self.quoted(createdAt))
    if let dead { add("dead", "\(dead)") }
    if let error {
      add("error", "{\"code\":\(Self.quoted(error.code)),\"message\":\(Self.quoted(error.message))}")
    }
    if let finishedAt { add("finished_at", Self.quoted(finishedAt)) }
    add("id", Self.quoted(id))
    add("kind", Self.quoted(kind.rawValue))
    add(
      "links",
      "{\"events\":\(Self.quoted(links.events)),\"result\":\(Self.quoted(links.result)),"
        + "\"self\":\(Self.quoted(links.`self`))}")
    add("max_attempts", "\(maxAttempts)")
    if let priority { add("priority", "\(priority)") }
    add("progress", progress == progress.rounded() ? "\(Int(progress))" : "\(progress)")
    if let runAfter { add("run_after", Self.quoted(runAfter)) }
    if let stage { add("stage", Self.quoted(stage)) }
    if let startedAt { add("started_at", Self.quoted(startedAt)) }
    add("state", Self.quoted(state.rawValue))
    if let waitingFor { add("waiting_for", "\(waitingFor)") }
    return Data((text + "}").utf8)
  }

  private static func quoted(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { $0 >= 32 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    if isPlain { return "\"\(text)\"" }
    return (try? JSONOutput.encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
  }
}

struct JobListView: Encodable {
  var jobs: [JobView]
  var nextCursor: String?
}
