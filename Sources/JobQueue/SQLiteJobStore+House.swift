import Foundation
import GRDB

// Keeping house: lost leases, counts, deletion, settings, keys, webhooks.
extension SQLiteJobStore {
  public func expireLeases() async throws -> Int {
    let now = clock.milliseconds()
    let bootID = clock.bootID
    let late = "SELECT id FROM job WHERE state = 'running' AND (lease_until < ? OR lease_boot <> ?) ORDER BY id"
    let any = try readAtOnce { db in
      try String.fetchOne(db.cachedStatement(sql: late + " LIMIT 1"), arguments: [now, bootID])
    }
    guard any != nil else { return 0 }
    return try await write { [clock] db in
      try JobRow.takeBack(
        db, try String.fetchAll(db, sql: late, arguments: [now, bootID]), .leaseExpired, clock: clock)
    }
  }

  public func releaseAll(ofWorker worker: String) async throws -> Int {
    try await write { [clock] db in
      let ids = try String.fetchAll(
        db, sql: "SELECT id FROM job WHERE state = 'running' AND worker = ? ORDER BY id", arguments: [worker])
      return try JobRow.takeBack(db, ids, .workerDied, clock: clock)
    }
  }

  public func counts() async throws -> [JobKind: [JobState: Int]] {
    try await read { db in
      let counts = try db.rows("SELECT kind, state, count(*) FROM job GROUP BY kind, state", []) {
        (kind: try JobRow.kind($0, 0), state: try JobRow.state($0, 1), count: Int(try $0.integer(2)))
      }
      return counts.reduce(into: [:]) { $0[$1.kind, default: [:]][$1.state] = $1.count }
    }
  }

  public func deleteFinal(before time: Int64, kind: JobKind?) async throws -> [String] {
    try await write { db in
      let old = """
        SELECT id FROM job WHERE state IN ('succeeded', 'failed', 'cancelled') AND finished_at < ?1
          AND (?2 IS NULL OR kind = ?2) AND NOT EXISTS (
            SELECT 1 FROM job_after JOIN job AS other ON other.id = job_after.job_id
            WHERE job_after.after_id = job.id AND other.state IN ('queued', 'running'))
        """
      let ids = try String.fetchAll(db, sql: old, arguments: [time, kind?.rawValue])
      var blobs: Set<String> = []
      for id in ids {
        blobs.formUnion(try String.fetchAll(db, sql: "SELECT blob FROM job_blob WHERE job_id = ?", arguments: [id]))
        try db.execute(sql: "DELETE FROM job WHERE id = ?", arguments: [id])
      }
      return try JobRow.unreferenced(db, blobs.sorted())
    }
  }

  public func unreferenced(_ blobs: [String]) async throws -> [String] {
    try await read { db in try JobRow.unreferenced(db, blobs) }
  }

  public func forgetBlobs(ofJob id: String) async throws -> [String] {
    try await write { db in
      let blobs = try String.fetchAll(db, sql: "SELECT blob FROM job_blob WHERE job_id = ?", arguments: [id])
      try db.execute(sql: "DELETE FROM job_blob WHERE job_id = ?", arguments: [id])
      return try JobRow.unreferenced(db, blobs)
    }
  }

  // MARK: - Settings

  static func settings(_ db: Database, of kind: JobKind) throws -> QueueSettings {
    try db.rows("SELECT settings FROM queue WHERE kind = ?", [kind.rawValue]) {
      try decoded(QueueSettings.self, try $0.bytes(0))
    }.first ?? QueueSettings()
  }

  private static func decoded<Value: Decodable>(_ type: Value.Type, _ body: Data) throws -> Value {
    do {
      return try JSONDecoder().decode(type, from: body)
    } catch {
      throw JobStoreError.corrupt(detail: "\(type) cannot be read")
    }
  }

  public func queues() async throws -> [JobKind: QueueSettings] {
    try await read { db in
      try JobKind.allCases.reduce(into: [:]) { $0[$1] = try Self.settings(db, of: $1) }
    }
  }

  public func configure(_ kind: JobKind, _ settings: QueueSettings) async throws {
    let body = try JSONEncoder().encode(settings)
    try await write { db in
      try db.execute(
        sql: "INSERT OR REPLACE INTO queue (kind, settings) VALUES (?, ?)", arguments: [kind.rawValue, body])
    }
  }

  public func oldestDue() async throws -> [JobKind: Int64] {
    let (now, boot, bootID) = (WallClock.milliseconds(), clock.milliseconds(), clock.bootID)
    return try await read { db in
      var result: [JobKind: Int64] = [:]
      for kind in JobKind.allCases {
        result[kind] = try Int64.fetchOne(
          db,
          sql: """
            SELECT min(max(created_at, run_after)) FROM job WHERE state = 'queued' AND waiting_for = 0 AND kind = ?
              AND (scheduled_at IS NULL OR scheduled_at <= ?)
              AND (lease_until IS NULL OR lease_until <= ? OR lease_boot <> ?)
            """, arguments: [kind.rawValue, now, boot, bootID])
      }
      return result
    }
  }

  // MARK: - Keys

  public func keys() async throws -> [APIKey] {
    try await read { db in
      try Data.fetchAll(db, sql: "SELECT key FROM api_key ORDER BY rowid").map { try Self.decoded(APIKey.self, $0) }
    }
  }

  public func add(_ key: APIKey) async throws {
    let body = try JSONEncoder().encode(key)
    try await write { db in
      try db.execute(
        sql: "INSERT INTO api_key (id, digest, key) VALUES (?, ?, ?)", arguments: [key.id, key.digest, body])
    }
  }

  public func revokeKey(_ id: String) async throws -> APIKey {
    try await write { db in
      guard let stored = try Data.fetchOne(db, sql: "SELECT key FROM api_key WHERE id = ?", arguments: [id]) else {
        throw JobStoreError.noSuchKey(id: id)
      }
      var key = try Self.decoded(APIKey.self, stored)
      guard key.revokedAt == nil else { return key }
      key.revokedAt = WallClock.milliseconds()
      try db.execute(
        sql: "UPDATE api_key SET key = ? WHERE id = ?", arguments: [try JSONEncoder().encode(key), id])
      return key
    }
  }

  // MARK: - Webhooks

  public func claimDeliveries(limit: Int, leaseMilliseconds: Int64) async throws -> [WebhookDelivery] {
    let now = WallClock.milliseconds()
    let due = "SELECT id FROM delivery WHERE due_at <= ? ORDER BY due_at, id LIMIT ?"
    guard try await read({ try String.fetchOne($0, sql: due, arguments: [now, 1]) }) != nil else { return [] }
    return try await write(ringing: false) { db in
      try String.fetchAll(db, sql: due, arguments: [now, limit]).flatMap { id in
        try db.execute(
          sql: "UPDATE delivery SET due_at = ?, attempts = attempts + 1 WHERE id = ?",
          arguments: [now + leaseMilliseconds, id])
        return try db.rows("SELECT job_id, url, attempts FROM delivery WHERE id = ?", [id]) { row in
          WebhookDelivery(id: id, jobID: try row.text(0), url: try row.text(1), attempts: Int(try row.integer(2)))
        }
      }
    }
  }

  public func settle(_ delivery: WebhookDelivery, error: String?, retryAfter: Int64?) async throws {
    try await write { db in
      if error != nil, let retryAfter {
        try db.execute(
          sql: "UPDATE delivery SET due_at = ? WHERE id = ?",
          arguments: [WallClock.milliseconds() + retryAfter, delivery.id])
        return
      }
      try db.execute(sql: "DELETE FROM delivery WHERE id = ?", arguments: [delivery.id])
      guard db.changesCount == 1 else { return }
      try JobRow.record(
        db, delivery.jobID, "webhook", ["attempts": delivery.attempts, "delivered": error == nil, "error": error ?? ""])
    }
  }
}
