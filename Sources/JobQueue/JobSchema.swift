import GRDB

/// The tables, versioned by `user_version`.
enum JobSchema {
  static let version = 2

  static func migrate(_ database: DatabasePool) throws {
    try database.write { db in
      let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
      guard found <= version else { throw JobStoreError.newerSchema(found: found, supported: version) }
      if found < 1 { try createTables(db) }
      if found < 2 { try addOwnersAndOrder(db) }
      if found < version { try db.execute(sql: "PRAGMA user_version = \(version)") }
    }
  }

  /// Compares the tables with those of a new file: damage there would give every value another meaning.
  static func check(_ database: DatabasePool) throws {
    func definitions(_ db: Database) throws -> [String] {
      try String.fetchAll(
        db,
        sql: """
          SELECT type || ' ' || name || ' ' || tbl_name || ' ' || ifnull(sql, '') FROM sqlite_schema
          WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1
          """)
    }
    let expected = try DatabaseQueue().write { db in
      try createTables(db)
      try addOwnersAndOrder(db)
      return try definitions(db)
    }
    guard try database.read(definitions) == expected else {
      throw JobStoreError.corrupt(detail: "its tables are not those of schema \(version)")
    }
  }

  // SQLite notices damaged pages but not damaged bytes inside a value, so what answers are made of has a SHA-256 beside
  // it. `scheduled_at` is wall time that somebody asked for. `lease_until` is on the lease clock of `lease_boot`: the end
  // of a running job's lease, or of a queued job's back-off.
  private static func createTables(_ db: Database) throws {
    try db.execute(
      sql: """
        CREATE TABLE job (
          id TEXT PRIMARY KEY,
          kind TEXT NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
          priority INTEGER NOT NULL DEFAULT 0,
          payload BLOB NOT NULL,
          payload_sha256 BLOB NOT NULL,
          attempts INTEGER NOT NULL DEFAULT 0,
          max_attempts INTEGER NOT NULL,
          progress REAL NOT NULL DEFAULT 0,
          stage TEXT,
          failure BLOB,
          cancel_requested INTEGER NOT NULL DEFAULT 0,
          created_at INTEGER NOT NULL,
          run_after INTEGER NOT NULL,
          scheduled_at INTEGER,
          started_at INTEGER,
          finished_at INTEGER,
          lease_token INTEGER NOT NULL DEFAULT 0,
          lease_until INTEGER,
          lease_boot TEXT,
          worker TEXT,
          idempotency_key TEXT UNIQUE
        ) STRICT;
        CREATE INDEX job_due ON job (kind, priority DESC, id) WHERE state = 'queued';
        CREATE INDEX job_leased ON job (lease_until) WHERE state = 'running';
        CREATE INDEX job_by_state ON job (state, kind, id);
        CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;
        CREATE TABLE job_blob (
          job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
          blob TEXT NOT NULL,
          is_input INTEGER NOT NULL,
          PRIMARY KEY (job_id, blob, is_input)
        ) STRICT;
        CREATE INDEX job_blob_name ON job_blob (blob);
        CREATE TABLE job_result (
          job_id TEXT PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
          content_type TEXT NOT NULL,
          body BLOB NOT NULL,
          sha256 BLOB NOT NULL
        ) STRICT;
        CREATE TABLE job_event (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
          type TEXT NOT NULL,
          time INTEGER NOT NULL,
          data BLOB NOT NULL
        ) STRICT;
        CREATE INDEX job_event_job ON job_event (job_id, id);
        """)
  }

  // Version 2: owners, dependencies, jobs set aside, settings of queues, API keys, webhooks.
  private static func addOwnersAndOrder(_ db: Database) throws {
    try db.execute(
      sql: """
        ALTER TABLE job ADD COLUMN owner TEXT NOT NULL DEFAULT '';
        ALTER TABLE job ADD COLUMN waiting_for INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE job ADD COLUMN is_dead INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE job ADD COLUMN request_id TEXT;
        ALTER TABLE job ADD COLUMN traceparent TEXT;
        ALTER TABLE job ADD COLUMN webhook TEXT;
        UPDATE job SET is_dead = 1 WHERE state = 'failed' AND (
          json_extract(CAST(failure AS TEXT), '$.code') = 'lost' OR NOT json_extract(CAST(failure AS TEXT), '$.permanent'));
        DROP INDEX job_due;
        CREATE INDEX job_due ON job (kind, owner, priority DESC, id) WHERE state = 'queued' AND waiting_for = 0;
        CREATE INDEX job_waiting ON job (kind, owner) WHERE state = 'queued' AND waiting_for > 0;
        CREATE INDEX job_dead ON job (id) WHERE is_dead = 1;
        CREATE INDEX job_owner ON job (owner, id) WHERE owner <> '';
        CREATE TABLE job_after (
          job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
          after_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
          PRIMARY KEY (job_id, after_id)
        ) STRICT;
        CREATE INDEX job_after_other ON job_after (after_id);
        CREATE TABLE queue (
          kind TEXT PRIMARY KEY,
          settings BLOB NOT NULL
        ) STRICT;
        CREATE TABLE owner_turn (
          kind TEXT NOT NULL,
          owner TEXT NOT NULL,
          turn INTEGER NOT NULL,
          PRIMARY KEY (kind, owner)
        ) STRICT;
        CREATE TABLE api_key (
          id TEXT PRIMARY KEY,
          digest TEXT NOT NULL UNIQUE,
          key BLOB NOT NULL
        ) STRICT;
        CREATE TABLE delivery (
          id TEXT PRIMARY KEY,
          job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
          url TEXT NOT NULL,
          attempts INTEGER NOT NULL DEFAULT 0,
          due_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX delivery_due ON delivery (due_at);
        CREATE INDEX delivery_job ON delivery (job_id);
        """)
  }
}
