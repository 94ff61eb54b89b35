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

  private static let byID = "SELECT \(columns) FROM job WHERE id = ?"

  static func fetch(_ db: Database, _ id: String) throws -> Job? {
    try db.rows(byID, [id], limit: 1) { row in
      let result = try job(row)
      guard SHA256.hash(data: result.payload) == (try row.bytes(22)) else {
        throw JobStoreError.corrupt(detail: "the request of job \(id) does not match its checksum")
      }
      return result
    }.first
  }

  static func sha256(_ bytes: Data) -> Data { Data(SHA256.hash(data: bytes)) }

  /// - Parameter row: of `columns`.
  static func job(_ row: StatementRow) throws -> Job {
    Job(
      id: try row.text(0), kind: try kind(row, 1), state: try state(row, 2), priority: Int(try row.integer(3)),
      payload: try row.bytes(4),
      // Blobs are named by their digests, which hold no comma.
      inputBlobs: try row.optional(23, row.text).map { $0.split(separator: ",").map(String.init).sorted() } ?? [],
      attempts: Int(try row.integer(5)), maxAttempts: Int(try row.integer(6)), progress: try row.real(7),
      stage: try row.optional(8, row.text),
      failure: try row.optional(9, row.bytes).flatMap { try? JSONDecoder().decode(JobFailure.self, from: $0) },
      cancelRequested: try row.integer(10) != 0, createdAt: try row.integer(11), runAfter: try row.integer(12),
      startedAt: try row.optional(13, row.integer), finishedAt: try row.optional(14, row.integer),
      leaseToken: try row.integer(15), worker: try row.optional(16, row.text), owner: try row.text(17),
      waitingFor: Int(try row.integer(18)), isDead: try row.integer(19) != 0,
      origin: JobOrigin(
        requestID: try row.optional(20, row.text), traceparent: try row.optional(21, row.text)))
  }

  static func kind(_ row: StatementRow, _ column: Int32) throws -> JobKind { try word(try row.text(column)) }

  static func state(_ row: StatementRow, _ column: Int32) throws -> JobState { try word(try row.text(column)) }

  private static func word<Word: RawRepresentable<String>>(_ text: String) throws -> Word {
    guard let word = Word(rawValue: text) else {
      throw JobStoreError.corrupt(detail: "a row holds '\(text.prefix(40))'")
    }
    return word
  }

  static func record(_ db: Database, _ id: String, _ type: String, _ data: [String: any Sendable]) throws {
    let body =
      data.isEmpty
      ? Data("{}".utf8)
      : try JSONSerialization.data(withJSONObject: data, options: [.sortedKeys, .withoutEscapingSlashes])
    try db.cachedStatement(
      sql: """
        INSERT INTO job_event (job_id, id, type, time, data)
        VALUES (?1, 1 + (SELECT ifnull(max(id), 0) FROM job_event WHERE job_id = ?1), ?2, ?3, ?4)
        """
    ).execute(arguments: [id, type, WallClock.milliseconds(), body])
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
    let states = try db.rows(
      "SELECT job.id, state FROM job_after JOIN job ON job.id = job_after.after_id WHERE job_id = ? ORDER BY job.id",
      [id]
    ) { (id: try $0.text(0), state: try state($0, 1)) }
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
