import Crypto
import Foundation
import GRDB

/// A job's row, and the transitions that several operations share.
enum JobRow {
  static func fetch(_ db: Database, _ id: String) throws -> Job? {
    guard let row = try Row.fetchOne(db, sql: "SELECT * FROM job WHERE id = ?", arguments: [id]) else { return nil }
    let result = try job(row, in: db)
    guard sha256(result.payload) == (try value(row, "payload_sha256")) else {
      throw JobStoreError.corrupt(detail: "the request of job \(id) does not match its checksum")
    }
    return result
  }

  static func sha256(_ bytes: Data) -> Data { Data(SHA256.hash(data: bytes)) }

  static func job(_ row: Row, in db: Database) throws -> Job {
    var result = try job(row)
    result.inputBlobs = try String.fetchAll(
      db, sql: "SELECT blob FROM job_blob WHERE job_id = ? AND is_input = 1 ORDER BY blob", arguments: [result.id])
    return result
  }

  /// The row without its input blobs.
  static func job(_ row: Row) throws -> Job {
    let failure: Data? = try optional(row, "failure")
    return Job(
      id: try value(row, "id"), kind: try name(row, "kind"), state: try name(row, "state"),
      priority: try value(row, "priority"), payload: try value(row, "payload"), inputBlobs: [],
      attempts: try value(row, "attempts"), maxAttempts: try value(row, "max_attempts"),
      progress: try value(row, "progress"), stage: try optional(row, "stage"),
      failure: failure.flatMap { try? JSONDecoder().decode(JobFailure.self, from: $0) },
      cancelRequested: try value(row, "cancel_requested"), createdAt: try value(row, "created_at"),
      runAfter: try value(row, "run_after"), startedAt: try optional(row, "started_at"),
      finishedAt: try optional(row, "finished_at"), leaseToken: try value(row, "lease_token"),
      worker: try optional(row, "worker"))
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

  private static func name<Value: RawRepresentable<String>>(_ row: Row, _ column: String) throws -> Value {
    let text: String = try value(row, column)
    guard let value = Value(rawValue: text) else {
      throw JobStoreError.corrupt(detail: "a row's \(column) is '\(text.prefix(40))'")
    }
    return value
  }

  static func record(_ db: Database, _ id: String, _ type: String, _ data: [String: any Sendable]) throws {
    let body = try JSONSerialization.data(withJSONObject: data, options: [.sortedKeys, .withoutEscapingSlashes])
    try db.execute(
      sql: "INSERT INTO job_event (job_id, type, time, data) VALUES (?, ?, ?, ?)",
      arguments: [id, type, WallClock.milliseconds(), body])
  }

  /// Queues the job again with backoff, or fails it for good.
  static func fail(_ db: Database, _ job: Job, _ failure: JobFailure, clock: any LeaseClock) throws {
    let now = WallClock.milliseconds()
    let body = try JSONEncoder().encode(failure)
    let data: [String: any Sendable] = ["code": failure.code, "message": failure.message]
    if job.cancelRequested {
      try db.execute(
        sql: "UPDATE job SET state = 'cancelled', finished_at = ?, lease_until = NULL WHERE id = ?",
        arguments: [now, job.id])
      try record(db, job.id, "cancelled", [:])
    } else if failure.permanent || job.attempts >= job.maxAttempts {
      try db.execute(
        sql: "UPDATE job SET state = 'failed', failure = ?, finished_at = ?, lease_until = NULL WHERE id = ?",
        arguments: [body, now, job.id])
      try record(db, job.id, "failed", data)
    } else {
      let delay = RetryPolicy.delay(afterAttempt: job.attempts)
      try db.execute(
        sql: """
          UPDATE job SET state = 'queued', failure = ?, run_after = ?, worker = NULL, lease_until = ?, lease_boot = ?,
            progress = 0, stage = NULL WHERE id = ?
          """, arguments: [body, now + delay, clock.milliseconds() + delay, clock.bootID, job.id])
      try record(db, job.id, "queued", data)
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
