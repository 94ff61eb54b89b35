import Foundation
import GRDB

// Handing out work.
extension SQLiteJobStore {
  private struct Candidate {
    var id: String
    var kind: JobKind
    var owner: String
    var priority: Int
    var turn: Int64
  }

  public func claim(
    kinds: [JobKind], worker: String, limit: Int, leaseMilliseconds: Int64
  ) async throws -> [Job] {
    let places = kinds.map { _ in "?" }.joined(separator: ",")
    // Nothing but an asked-for start rests on wall time: setting the clock back must not hold up the queue.
    let now = WallClock.milliseconds()
    let boot = clock.milliseconds()
    let isDue = """
      state = 'queued' AND waiting_for = 0 AND (scheduled_at IS NULL OR scheduled_at <= ?)
        AND (lease_until IS NULL OR lease_until <= ? OR lease_boot <> ?)
      """
    let due: StatementArguments = [now, boot, clock.bootID]
    // A read first: an idle worker's slow poll must not take the write lock.
    let any = try readAtOnce { db in
      try String.fetchOne(
        db.cachedStatement(sql: "SELECT id FROM job WHERE \(isDue) AND kind IN (\(places)) LIMIT 1"),
        arguments: due + StatementArguments(kinds.map { $0.rawValue }))
    }
    guard any != nil else { return [] }
    return try await write { [clock] db in
      var settings: [JobKind: QueueSettings] = [:]
      for kind in kinds { settings[kind] = try Self.settings(db, of: kind) }
      var jobs: [Job] = []
      while jobs.count < limit {
        let load = try Self.load(db)
        let candidates = try Set(kinds).compactMap { kind in
          try Self.next(of: kind, settings[kind] ?? QueueSettings(), load, isDue, due, db)
        }
        guard let best = candidates.min(by: { ($1.priority, $0.id) < ($0.priority, $1.id) }) else { break }
        try db.execute(
          sql: """
            UPDATE job SET state = 'running', attempts = attempts + 1, lease_token = lease_token + 1,
              lease_until = ?, lease_boot = ?, worker = ?, started_at = ?, progress = 0, stage = NULL WHERE id = ?
            """, arguments: [boot + leaseMilliseconds, clock.bootID, worker, now, best.id])
        try db.execute(
          sql: """
            INSERT OR REPLACE INTO owner_turn (kind, owner, turn)
            VALUES (?1, ?2, 1 + (SELECT ifnull(max(turn), 0) FROM owner_turn WHERE kind = ?1))
            """, arguments: [best.kind.rawValue, best.owner])
        try JobRow.record(db, best.id, "running", ["worker": worker])
        jobs.append(try JobRow.fetch(db, best.id)!)
      }
      return jobs
    }
  }

  /// Running jobs by kind and owner.
  private static func load(_ db: Database) throws -> [JobKind: [String: Int]] {
    let counts = try db.rows(
      "SELECT kind, owner, count(*) FROM job WHERE state = 'running' GROUP BY kind, owner", []
    ) { (kind: try JobRow.kind($0, 0), owner: try $0.text(1), count: Int(try $0.integer(2))) }
    return counts.reduce(into: [:]) { $0[$1.kind, default: [:]][$1.owner] = $1.count }
  }

  /// The job of a kind that is next: of the owner whose turn it is.
  private static func next(
    of kind: JobKind, _ settings: QueueSettings, _ load: [JobKind: [String: Int]], _ isDue: String,
    _ due: StatementArguments, _ db: Database
  ) throws -> Candidate? {
    let running = load[kind] ?? [:]
    guard settings.mode != .paused, running.values.reduce(0, +) < settings.maxRunning ?? .max else { return nil }
    var best: Candidate?
    // One step in the index for each owner, however many jobs they have.
    var owner = try String.fetchOne(
      db, sql: "SELECT min(owner) FROM job WHERE state = 'queued' AND waiting_for = 0 AND kind = ?",
      arguments: [kind.rawValue])
    while let current = owner {
      if running[current] ?? 0 < settings.maxRunningPerKey ?? .max,
        let candidate = try db.rows(
          """
          SELECT id, priority, ifnull((SELECT turn FROM owner_turn WHERE kind = ?1 AND owner = ?2), 0)
          FROM job WHERE kind = ?1 AND owner = ?2 AND \(isDue) ORDER BY priority DESC, id LIMIT 1
          """, [kind.rawValue, current] + due,
          { row in
            Candidate(
              id: try row.text(0), kind: kind, owner: current, priority: Int(try row.integer(1)),
              turn: try row.integer(2))
          }
        ).first
      {
        if best.map({ (candidate.turn, -candidate.priority, candidate.id) < ($0.turn, -$0.priority, $0.id) }) ?? true {
          best = candidate
        }
      }
      owner = try String.fetchOne(
        db, sql: "SELECT min(owner) FROM job WHERE state = 'queued' AND waiting_for = 0 AND kind = ? AND owner > ?",
        arguments: [kind.rawValue, current])
    }
    return best
  }
}
