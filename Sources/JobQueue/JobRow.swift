import Crypto
import Foundation
import GRDB

/// A job's row, and the transitions that several operations share.
enum JobRow {
  /// What makes a job, in the order in which `job` reads it.
  static let columns = """
    id, kind, state, priority, payload, attempts, max_attempts, progress, stage, failure, cancel_requested, created_at, \
    run_after, started_at, finished_at, lease_token, worker, owner, waiting_for, is_dead, request_id, traceparent, \
    payload_sha256,
    (SELECT group_concat(blob) FROM job_blob WHERE job_id = job.id AND is_input = 1)
    """

  static func fetch(_ db: Database, _ id: String) throws -> Job? {
    let statement = try db.cachedStatement(sql: "SELECT \(columns) FROM job WHERE id = ?")
    // The row is read where it stands: `fetchOne` would copy it first.
    let rows = try Row.fetchCursor(statement, arguments: [id])
    guard let row = try rows.next() else { return nil }
    let result = try job(row)
    guard sha256(result.payload) == (try value(row, 22)) else {
      throw JobStoreError.corrupt(detail: "the request of job \(id) does not match its checksum")
    }
    return result
  }

  static func sha256(_ bytes: Data) -> Data { Data(SHA256.hash(data: bytes)) }

  /// - Parameter row: of `columns`.
  static func job(_ row: Row) throws -> Job {
    let failure: Data? = try optional(row, 9)
    let id: String = try value(row, 0)
    // Blobs are named by their digests, which hold no comma.
    let blobs: String? = try optional(row, 23)
    return Job(
      id: id, kind: try name(row, 1), state: try name(row, 2), priority: try value(row, 3), payload: try value(row, 4),
      inputBlobs: blobs.map { $0.split(separator: ",").map(String.init).sorted() } ?? [], attempts: try value(row, 5),
      maxAttempts: try value(row, 6), progress: try value(row, 7), stage: try optional(row, 8),
      failure: failure.flatMap { try? JSONDecoder().decode(JobFailure.self, from: $0) },
      cancelRequested: try value(row, 10), createdAt: try value(row, 11), runAfter: try value(row, 12),
      startedAt: try optional(row, 13), finishedAt: try optional(row, 14), leaseToken: try value(row, 15),
      worker: try optional(row, 16), owner: try value(row, 17), waitingFor: try value(row, 18),
      isDead: try value(row, 19),
      origin: JobOrigin(requestID: try optional(row, 20), traceparent: try optional(row, 21)))
  }

  static func event(_ row: Row) throws -> JobEvent {
    JobEvent(
      id: try value(row, "id"), jobID: try value(row, "job_id"), type: try value(row, "type"),
      time: try value(row, "time"), data: try value(row, "data"))
  }

  // GRDB's own subscripts end the process when a damaged file holds something else than the schema says.

  static func value<Value: DatabaseValueConvertible>(_ row: Row, _ column: String) throws -> Value {
    guard let value: Value = try optional(row, column) else {
      throw JobStoreError.corrupt(detail: "a row has no \(column)")
    }
    return value
  }

  static func optional<Value: DatabaseValueConvertible>(_ row: Row, _ column: String) throws -> Value? {
    guard let stored: DatabaseValue = row[column], !stored.isNull else { return nil }
    guard let value = Value.fromDatabaseValue(stored) else {
      throw JobStoreError.corrupt(detail: "a row's \(column) is not what it should be")
    }
    return value
  }

  static func value<Value: DatabaseValueConvertible>(_ row: Row, _ index: Int) throws -> Value {
    guard let value: Value = try optional(row, index) else {
      throw JobStoreError.corrupt(detail: "a row lacks its column \(index)")
    }
    return value
  }

  static func optional<Value: DatabaseValueConvertible>(_ row: Row, _ index: Int) throws -> Value? {
    let stored: DatabaseValue = row[index]
    guard !stored.isNull else { return nil }
    guard let value = Value.fromDatabaseValue(stored) else {
      throw JobStoreError.corrupt(detail: "a row's column \(index) is not what it should be")
    }
    return value
  }

  private static func name<Value: RawRepresentable<String>>(_ row: Row, _ index: Int) throws -> Value {
    let text: String = try value(row, index)
    guard let value = Value(rawValue: text) else {
      throw JobStoreError.corrupt(detail: "a row holds '\(text.prefix(40))'")
    }
    return value
  }

  static func record(_ db: Database, _ id: String, _ type: String, _ data: [String: any Sendable]) throws {
    let body =
      data.isEmpty
      ? Data("{}".utf8)
      : try JSONSerialization.data(withJSONObject: data, options: [.sortedKeys, .withoutEscapingSlashes])
    try db.cachedStatement(sql: "INSERT INTO job_event (job_id, type, time, data) VALUES (?, ?, ?, ?)").execute(
      arguments: [id, type, WallClock.milliseconds(), body])
  }

  /// Queues the job again with backoff, or fails it for good.
  static func fail(_ db: Database, _ job: Job, _ failure: JobFailure, clock: any LeaseClock) throws {
    if job.cancelRequested {
      try end(db, job.id, .cancelled)
    } else if failure.permanent || job.attempts >= job.maxAttempts {
      try end(db, job.id, .failed, failure, isDead: !failure.permanent || failure.code == "lost")
    } else {
      let delay = RetryPolicy.delay(afterAttempt: job.attempts)
      try db.execute(
        sql: """
          UPDATE job SET state = 'queued', failure = ?, run_after = ?, worker = NULL, lease_until = ?, lease_boot = ?,
            progress = 0, stage = NULL WHERE id = ?
          """,
        arguments: [
          try JSONEncoder().encode(failure), WallClock.milliseconds() + delay, clock.milliseconds() + delay,
          clock.bootID, job.id,
        ])
      try record(db, job.id, "queued", words(failure))
    }
  }

  private static func words(_ failure: JobFailure?) -> [String: any Sendable] {
    failure.map { ["code": $0.code, "message": $0.message] } ?? [:]
  }

  /// Ends a job as failed or cancelled, and with it the jobs that were to run after it.
  static func end(
    _ db: Database, _ id: String, _ state: JobState, _ failure: JobFailure? = nil, isDead: Bool = false
  ) throws {
    let body = try failure.map { try JSONEncoder().encode($0) }
    try db.execute(
      sql: """
        UPDATE job SET state = ?, failure = ifnull(?, failure), is_dead = ?, finished_at = ?, lease_until = NULL
        WHERE id = ?
        """, arguments: [state.rawValue, body, isDead, WallClock.milliseconds(), id])
    try record(db, id, state.rawValue, words(failure))
    try announce(db, id)
    for dependent in try dependents(db, of: id, in: .queued) {
      try end(db, dependent, .failed, .dependency(of: dependent, on: id))
    }
  }

  /// After a success: jobs that waited for it wait no more.
  static func releaseDependents(_ db: Database, of id: String) throws {
    try db.execute(
      sql: """
        UPDATE job SET waiting_for = waiting_for - 1
        WHERE state = 'queued' AND id IN (SELECT job_id FROM job_after WHERE after_id = ?)
        """, arguments: [id])
  }

  /// Puts the message in line that the job's sender asked for.
  static func announce(_ db: Database, _ id: String) throws {
    try db.execute(
      sql: """
        INSERT INTO delivery (id, job_id, url, due_at) SELECT ?, id, webhook, ? FROM job
        WHERE id = ? AND webhook IS NOT NULL
        """, arguments: [UUIDv7.make(), WallClock.milliseconds(), id])
  }

  private static func dependents(_ db: Database, of id: String, in state: JobState) throws -> [String] {
    try String.fetchAll(
      db,
      sql: """
        SELECT job.id FROM job_after JOIN job ON job.id = job_after.job_id WHERE after_id = ? AND state = ?
        ORDER BY job.id
        """, arguments: [id, state.rawValue])
  }

  /// The first job that `id` was to run after and that will not succeed by itself, and how many have not succeeded yet.
  private static func dependencies(_ db: Database, of id: String) throws -> (failed: String?, open: Int) {
    let states = try Row.fetchAll(
      db,
      sql: """
        SELECT job.id, state FROM job_after JOIN job ON job.id = job_after.after_id WHERE job_id = ? ORDER BY job.id
        """, arguments: [id]
    ).map { (id: try value($0, 0) as String, state: try name($0, 1) as JobState) }
    return (
      states.first { $0.state == .failed || $0.state == .cancelled }?.id, states.count { $0.state != .succeeded }
    )
  }

  /// Queues a final job again, and then the jobs that failed only because they were to run after it.
  static func requeue(_ db: Database, _ id: String) throws {
    let (failed, open) = try dependencies(db, of: id)
    if let failed { throw JobStoreError.dependencyFailed(jobID: id, dependency: failed) }
    try db.execute(
      sql: """
        UPDATE job SET state = 'queued', attempts = 0, progress = 0, stage = NULL, failure = NULL, is_dead = 0,
          cancel_requested = 0, run_after = ?, scheduled_at = NULL, started_at = NULL, finished_at = NULL,
          worker = NULL, lease_until = NULL, waiting_for = ? WHERE id = ?
        """, arguments: [WallClock.milliseconds(), open, id])
    try record(db, id, "retried", [:])
    for dependent in try dependents(db, of: id, in: .failed) {
      guard try fetch(db, dependent)?.failure?.code == JobFailure.dependencyCode,
        try dependencies(db, of: dependent).failed == nil
      else { continue }
      try requeue(db, dependent)
    }
  }

  /// Queues jobs again at once whose worker is gone; those out of attempts fail for `reason`.
  static func takeBack(_ db: Database, _ ids: [String], _ reason: LossReason, clock: any LeaseClock) throws -> Int {
    for id in ids {
      guard let job = try fetch(db, id), job.state == .running else { continue }
      if job.attempts >= job.maxAttempts || job.cancelRequested {
        try fail(db, job, reason.failure(of: job), clock: clock)
      } else {
        try db.execute(
          sql: """
            UPDATE job SET state = 'queued', worker = NULL, lease_until = NULL, progress = 0, stage = NULL
            WHERE id = ?
            """, arguments: [id])
        try record(db, id, "released", ["reason": reason.rawValue])
      }
    }
    return ids.count
  }

  static func unreferenced(_ db: Database, _ blobs: [String]) throws -> [String] {
    try blobs.filter {
      try Bool.fetchOne(db, sql: "SELECT NOT EXISTS (SELECT 1 FROM job_blob WHERE blob = ?)", arguments: [$0]) ?? true
    }
  }
}

extension JobFailure {
  static let dependencyCode = "dependency-failed"

  static func dependency(of id: String, on other: String) -> JobFailure {
    JobFailure(
      code: dependencyCode,
      message: "job \(id) was to run after job \(other), which did not succeed; retry that one to run both",
      permanent: true)
  }
}

/// How a running job got lost.
enum LossReason: String {
  case workerDied = "its worker died"
  case leaseExpired = "its lease ran out"

  func failure(of job: Job) -> JobFailure {
    JobFailure(
      code: "lost",
      message: "job \(job.id) was given up after \(job.attempts) attempt(s): \(rawValue) during the last one",
      permanent: true)
  }
}

/// When a failed attempt is tried again.
public enum RetryPolicy {
  /// Milliseconds to wait: 1 s doubling up to a minute, with 20 % jitter so that failures do not come back in step.
  public static func delay(afterAttempt attempt: Int) -> Int64 {
    let base = 1000 * Double(1 << min(6, max(0, attempt - 1)))
    return Int64(min(60_000, base) * Double.random(in: 0.8...1.2))
  }
}
