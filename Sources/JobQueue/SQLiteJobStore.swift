import Crypto
import Foundation
import GRDB

/// The queue in one SQLite file, shared by any number of processes on one machine.
///
/// WAL with `synchronous=FULL`: what a call acknowledged survives a power cut. Every write is one `BEGIN IMMEDIATE`
/// transaction that holds the state change, the result and the event.
public final class SQLiteJobStore: JobStore {
  private let database: DatabasePool
  private let lookups: Lookups
  private let writer: GroupCommit
  let clock: any LeaseClock

  /// Opens the file, creating or migrating it. `onChange` is called after every write that changed something.
  ///
  /// - Parameter sizeLimit: bytes that the file may grow to; beyond, writes throw `JobStoreError.diskFull`.
  /// - Throws: `JobStoreError.newerSchema` for a file of a newer docq, `JobStoreError.corrupt` for a damaged one.
  public init(
    path: String, clock: any LeaseClock = BootClock(), sizeLimit: Int? = nil,
    onChange: @escaping @Sendable () -> Void = {}
  ) throws {
    self.clock = clock
    var configuration = Configuration()
    configuration.busyMode = .callback { attempt in
      // Short random sleeps, 15 s in all, so that several processes share the writer fairly.
      guard attempt < 3000, GroupCommit.waitsForOthers else { return false }
      usleep(UInt32.random(in: 500...8000))
      return true
    }
    configuration.foreignKeysEnabled = true
    configuration.maximumReaderCount = 4
    let settings = configuration
    database = try mappingErrors { try Self.open(path, settings) }
    writer = GroupCommit(database, onChange: onChange)
    lookups = try mappingErrors { try Lookups(path: path, configuration: settings) }
    try mappingErrors {
      // GRDB sets synchronous=NORMAL when it turns WAL on, after any preparation of ours: FULL has to come last.
      try database.writeWithoutTransaction { db in
        try db.execute(sql: "PRAGMA synchronous=FULL")
        try db.execute(sql: "PRAGMA journal_size_limit=\(64 << 20)")
        if let sizeLimit {
          let pageSize = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 4096
          _ = try Int.fetchOne(db, sql: "PRAGMA max_page_count=\(max(1, sizeLimit / pageSize))")
        }
      }
      try JobSchema.migrate(database)
      try Self.check(database, path: path)
    }
  }

  /// Damage in a file of a usual size shows at the start, before anything is built on it. (Damaged values show when
  /// they are read: they have checksums.)
  private static func check(_ database: DatabasePool, path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0, status.st_size <= 64 << 20 else { return }
    let found = try database.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
    guard found == "ok" else { throw JobStoreError.corrupt(detail: "\(path): \(found ?? "no answer")") }
    try JobSchema.check(database)
  }

  /// Turning WAL on does not ask the busy handler, and another process may be opening or closing the same file.
  private static func open(_ path: String, _ configuration: Configuration) throws -> DatabasePool {
    for _ in 0..<1000 {
      do {
        return try DatabasePool(path: path, configuration: configuration)
      } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
        usleep(UInt32.random(in: 2000...20_000))
      }
    }
    return try DatabasePool(path: path, configuration: configuration)
  }

  public convenience init(data: DataFolder) throws {
    let doorbell = Doorbell(data)
    try self.init(path: data.queueFile.path, onChange: { doorbell.ring() })
  }

  /// Name and value of the settings that durability rests on, read back from the writing connection.
  public func durabilitySettings() throws -> [String: String] {
    try database.writeWithoutTransaction { db in
      [
        "journal_mode": try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? "",
        "synchronous": try String.fetchOne(db, sql: "PRAGMA synchronous") ?? "",
        "foreign_keys": try String.fetchOne(db, sql: "PRAGMA foreign_keys") ?? "",
      ]
    }
  }

  /// Reads the whole file looking for damage; returns what is wrong, nothing when all is well.
  public func damage() async throws -> [String] {
    try await read { db in
      try String.fetchAll(db, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
        + Row.fetchAll(db, sql: "PRAGMA foreign_key_check").map { "dangling row: \($0)" }
    }
  }

  // MARK: - Asking for work

  public func enqueue(_ job: NewJob) async throws -> (job: Job, existing: Bool) {
    let id = UUIDv7.make()
    return try await write(atOnce: true) { db in
      if let key = job.idempotencyKey,
        let stored = try db.rows(
          "SELECT \(JobRow.columns) FROM job WHERE idempotency_key = ?", [key], JobRow.job
        ).first
      {
        guard stored.kind == job.kind, stored.payload == job.payload else {
          throw JobStoreError.idempotencyConflict(key: key)
        }
        return (stored, true)
      }
      try Self.checkRoom(db, job)
      let waitingFor = try Self.checkDependencies(db, job.after)
      let now = WallClock.milliseconds()
      try db.cachedStatement(
        sql: """
          INSERT INTO job (id, kind, state, priority, payload, payload_sha256, max_attempts, created_at, run_after,
            scheduled_at, idempotency_key, owner, waiting_for, request_id, traceparent, webhook)
          VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """
      ).execute(
        arguments: [
          id, job.kind.rawValue, job.priority, job.payload, JobRow.sha256(job.payload), job.maxAttempts, now,
          job.runAfter ?? now, job.runAfter, job.idempotencyKey, job.owner, waitingFor, job.origin.requestID,
          job.origin.traceparent, job.webhook,
        ])
      for other in Set(job.after) {
        try db.execute(sql: "INSERT INTO job_after (job_id, after_id) VALUES (?, ?)", arguments: [id, other])
      }
      for blob in Set(job.inputBlobs) {
        try db.execute(
          sql: "INSERT INTO job_blob (job_id, blob, is_input) VALUES (?, ?, 1)", arguments: [id, blob])
      }
      try JobRow.record(db, id, "queued", [:])
      // What a look into the table would give, spared because it is done at every request.
      return (
        Job(
          id: id, kind: job.kind, state: .queued, priority: job.priority, payload: job.payload,
          inputBlobs: Set(job.inputBlobs).sorted(), attempts: 0, maxAttempts: job.maxAttempts, progress: 0, stage: nil,
          failure: nil, cancelRequested: false, createdAt: now, runAfter: job.runAfter ?? now, startedAt: nil,
          finishedAt: nil, leaseToken: 0, worker: nil, owner: job.owner, waitingFor: waitingFor, origin: job.origin),
        false
      )
    }
  }

  private static func checkRoom(_ db: Database, _ job: NewJob) throws {
    let settings = try Self.settings(db, of: job.kind)
    guard settings.mode != .draining else { throw JobStoreError.draining(job.kind) }
    func check(_ limit: Int?, _ condition: String, _ arguments: StatementArguments) throws {
      guard let limit else { return }
      let waiting = try ["waiting_for = 0", "waiting_for > 0"].map { part in
        try Int.fetchOne(
          db, sql: "SELECT count(*) FROM job WHERE state = 'queued' AND \(part) AND \(condition)", arguments: arguments)
          ?? 0
      }.reduce(0, +)
      guard waiting < limit else { throw JobStoreError.queueFull(limit: limit) }
    }
    try check(settings.maxQueued, "kind = ?", [job.kind.rawValue])
    try check(settings.maxQueuedPerKey, "kind = ? AND owner = ?", [job.kind.rawValue, job.owner])
  }

  /// How many of the jobs have not succeeded yet.
  private static func checkDependencies(_ db: Database, _ ids: [String]) throws -> Int {
    var open = 0
    for id in Set(ids).sorted() {
      guard let state = try String.fetchOne(db, sql: "SELECT state FROM job WHERE id = ?", arguments: [id]) else {
        throw JobStoreError.noSuchDependency(jobID: id)
      }
      if state == "failed" || state == "cancelled" {
        throw JobStoreError.dependencyFailed(jobID: "", dependency: id)
      }
      if state != "succeeded" { open += 1 }
    }
    return open
  }

  public func job(_ id: String) async throws -> Job? {
    // A row by its key: done sooner than handed to another thread.
    try readAtOnce { db in try JobRow.fetch(db, id) }
  }

  public func jobs(_ filter: JobFilter) async throws -> (jobs: [Job], nextCursor: String?) {
    let limit = max(1, min(500, filter.limit))
    let rows = try await read { db in
      var conditions: [String] = []
      var arguments = StatementArguments()
      if let state = filter.state {
        conditions += ["state = ?"]
        arguments += [state.rawValue]
      }
      if let kind = filter.kind {
        conditions += ["kind = ?"]
        arguments += [kind.rawValue]
      }
      if let owner = filter.owner {
        // The index of owners leaves out the jobs of nobody; that it may be used has to stand in the query.
        conditions += owner.isEmpty ? ["owner = ?"] : ["owner = ?", "owner <> ''"]
        arguments += [owner]
      }
      if filter.onlyDead { conditions += ["is_dead = 1"] }
      if let cursor = filter.cursor {
        conditions += ["id < ?"]
        arguments += [cursor]
      }
      let matching = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
      arguments += [limit + 1]
      return try db.rows(
        "SELECT \(JobRow.columns) FROM job \(matching) ORDER BY id DESC LIMIT ?", arguments, JobRow.job)
    }
    return rows.count > limit ? (Array(rows.prefix(limit)), rows[limit - 1].id) : (rows, nil)
  }

  public func cancel(_ id: String) async throws -> Job {
    try await write { db in
      guard let job = try JobRow.fetch(db, id) else { throw JobStoreError.notFound(jobID: id) }
      switch job.state {
      case .queued:
        try db.execute(sql: "UPDATE job SET cancel_requested = 1 WHERE id = ?", arguments: [id])
        try JobRow.end(db, id, .cancelled)
      case .running:
        try db.execute(sql: "UPDATE job SET cancel_requested = 1 WHERE id = ?", arguments: [id])
        try JobRow.record(db, id, "progress", ["stage": "cancelling"])
      case .cancelled: break
      case .succeeded, .failed: throw JobStoreError.wrongState(jobID: id, state: job.state)
      }
      return try JobRow.fetch(db, id)!
    }
  }

  public func retry(_ id: String) async throws -> Job {
    try await write { db in
      guard let job = try JobRow.fetch(db, id) else { throw JobStoreError.notFound(jobID: id) }
      guard job.state == .failed || job.state == .cancelled else {
        throw JobStoreError.wrongState(jobID: id, state: job.state)
      }
      try JobRow.requeue(db, id)
      return try JobRow.fetch(db, id)!
    }
  }

  public func retryDead(kind: JobKind?) async throws -> Int {
    try await write { db in
      let ids = try String.fetchAll(
        db, sql: "SELECT id FROM job WHERE is_dead = 1 AND (?1 IS NULL OR kind = ?1) ORDER BY id",
        arguments: [kind?.rawValue])
      for id in ids { try JobRow.requeue(db, id) }
      return ids.count
    }
  }

  public func result(_ id: String) async throws -> JobResult? {
    try await read { db in
      let blobs = try String.fetchAll(
        db, sql: "SELECT blob FROM job_blob WHERE job_id = ? AND is_input = 0 ORDER BY blob", arguments: [id])
      return try db.rows("SELECT content_type, body, sha256 FROM job_result WHERE job_id = ?", [id]) { row in
        let result = JobResult(contentType: try row.text(0), body: try row.bytes(1), blobs: blobs)
        guard SHA256.hash(data: result.body) == (try row.bytes(2)) else {
          throw JobStoreError.corrupt(detail: "the result of job \(id) does not match its checksum")
        }
        return result
      }.first
    }
  }

  public func events(ofJob id: String, after: Int64, limit: Int) async throws -> [JobEvent] {
    try await read { db in
      try db.rows(
        "SELECT id, type, time, data FROM job_event WHERE job_id = ? AND id > ? ORDER BY id LIMIT ?",
        [id, after, limit]
      ) { row in
        JobEvent(
          id: try row.integer(0), jobID: id, type: try row.text(1), time: try row.integer(2), data: try row.bytes(3))
      }
    }
  }

  // MARK: - Working

  public func heartbeat(_ lease: Lease, leaseMilliseconds: Int64) async throws -> Bool {
    let until = clock.milliseconds() + leaseMilliseconds
    return try await write(ringing: false) { db in
      try db.execute(
        sql: "UPDATE job SET lease_until = ? WHERE id = ? AND lease_token = ? AND state = 'running'",
        arguments: [until, lease.jobID, lease.token])
      guard db.changesCount == 1 else { throw JobStoreError.leaseLost(jobID: lease.jobID) }
      return try Bool.fetchOne(
        db, sql: "SELECT cancel_requested FROM job WHERE id = ?", arguments: [lease.jobID]) ?? false
    }
  }

  public func report(_ lease: Lease, progress: Double, stage: String?) async throws {
    let fraction = progress.isFinite ? min(1, max(0, progress)) : 0
    try await held(lease, "progress = ?, stage = ?", [fraction, stage]) { db in
      try JobRow.record(db, lease.jobID, "progress", ["progress": fraction, "stage": stage ?? ""])
    }
  }

  public func complete(_ lease: Lease, result: JobResult) async throws {
    let now = WallClock.milliseconds()
    try await held(
      lease, "state = 'succeeded', progress = 1, stage = NULL, finished_at = ?, failure = NULL, lease_until = NULL",
      [now]
    ) { db in
      try db.execute(
        sql: "INSERT OR REPLACE INTO job_result (job_id, content_type, body, sha256) VALUES (?, ?, ?, ?)",
        arguments: [lease.jobID, result.contentType, result.body, JobRow.sha256(result.body)])
      try db.execute(sql: "DELETE FROM job_blob WHERE job_id = ? AND is_input = 0", arguments: [lease.jobID])
      for blob in Set(result.blobs) {
        try db.execute(
          sql: "INSERT INTO job_blob (job_id, blob, is_input) VALUES (?, ?, 0)", arguments: [lease.jobID, blob])
      }
      try JobRow.record(db, lease.jobID, "succeeded", [:])
      try JobRow.announce(db, lease.jobID)
      try JobRow.releaseDependents(db, of: lease.jobID)
    }
  }

  public func fail(_ lease: Lease, failure: JobFailure) async throws {
    try await write { [clock] db in
      guard let job = try JobRow.fetch(db, lease.jobID), job.state == .running, job.leaseToken == lease.token else {
        throw JobStoreError.leaseLost(jobID: lease.jobID)
      }
      try JobRow.fail(db, job, failure, clock: clock)
    }
  }

  public func release(_ lease: Lease) async throws {
    try await held(
      lease,
      "state = 'queued', attempts = attempts - 1, progress = 0, stage = NULL, worker = NULL, lease_until = NULL", []
    ) { db in
      // Asked to stop and given back: nobody has to take it up again to learn that.
      let isCancelled = try Bool.fetchOne(
        db, sql: "SELECT cancel_requested FROM job WHERE id = ?", arguments: [lease.jobID])
      if isCancelled == true {
        try JobRow.end(db, lease.jobID, .cancelled)
      } else {
        try JobRow.record(db, lease.jobID, "released", [:])
      }
    }
  }

  public func confirmCancelled(_ lease: Lease) async throws {
    try await held(lease, "lease_until = NULL", []) { try JobRow.end($0, lease.jobID, .cancelled) }
  }

  // MARK: - Transactions

  /// Updates the job only while the lease holds, together with what `also` writes.
  private func held(
    _ lease: Lease, _ assignments: String, _ values: StatementArguments,
    also: @escaping @Sendable (Database) throws -> Void
  ) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE job SET \(assignments) WHERE id = ? AND lease_token = ? AND state = 'running'",
        arguments: values + [lease.jobID, lease.token])
      guard db.changesCount == 1 else { throw JobStoreError.leaseLost(jobID: lease.jobID) }
      try also(db)
    }
  }

  /// Runs in a transaction, together with what other callers of this process write at the same moment.
  func write<Value: Sendable>(
    ringing: Bool = true, atOnce: Bool = false, _ updates: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value {
    do {
      return try await writer.write(ringing: ringing, atOnce: atOnce, updates)
    } catch {
      throw mapped(error)
    }
  }

  func read<Value: Sendable>(_ value: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    do {
      return try await database.read(value)
    } catch {
      throw mapped(error)
    }
  }

  /// For one statement that takes microseconds: reads on the calling thread.
  func readAtOnce<Value>(_ value: (Database) throws -> Value) throws -> Value {
    do {
      return try lookups.read(value)
    } catch {
      throw mapped(error)
    }
  }

  /// Writes a consistent copy of the whole file to `path`, which must not exist, while others go on working.
  func copy(to path: String) async throws {
    do {
      try await writer.withoutHaste {
        try await database.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [path]) }
      }
    } catch {
      throw mapped(error)
    }
  }
}

private func mappingErrors<Value>(_ body: () throws -> Value) throws -> Value {
  do {
    return try body()
  } catch {
    throw mapped(error)
  }
}

/// SQLite's result codes in the queue's own words.
private func mapped(_ error: any Error) -> any Error {
  if let error = error as? RowDecodingError { return JobStoreError.corrupt(detail: "\(error)") }
  guard let error = error as? DatabaseError else { return error }
  switch error.resultCode {
  case .SQLITE_FULL: return JobStoreError.diskFull
  case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHMSIZE: return JobStoreError.diskFull
  case .SQLITE_CORRUPT, .SQLITE_NOTADB: return JobStoreError.corrupt(detail: error.message ?? "\(error.resultCode)")
  case .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_BUSY, .SQLITE_READONLY:
    return JobStoreError.unavailable(detail: error.message ?? "\(error.extendedResultCode)")
  default: return error
  }
}
