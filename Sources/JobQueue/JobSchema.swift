import GRDB

/// The tables, versioned by `user_version`.
///
/// Every page that a commit changes is written and flushed, so a new job touches few trees: the job's row and its id, the
/// two indexes that a queued job is in, and the event.
enum JobSchema {
  static let version = 3

  /// Brings the file to this version in one transaction; another process may be doing the same.
  ///
  /// - Throws: `JobStoreError.newerSchema`; `JobStoreError.corrupt` when rows of an older file do not fit together.
  static func migrate(_ database: DatabasePool) throws {
    try database.writeWithoutTransaction { db in
      guard try found(db) != version else { return }
      // Tables are put in the place of others, which must neither delete nor rename what refers to them. Neither switch
      // can be turned within a transaction.
      try db.execute(sql: "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON")
      defer { try? db.execute(sql: "PRAGMA foreign_keys = ON; PRAGMA legacy_alter_table = OFF") }
      try db.inTransaction(.immediate) {
        switch try found(db) {
        case version: return .rollback
        case 0: try db.execute(sql: jobs + events + results + ownersAndOrder + jobIndexes)
        case 1:
          try addOwnersAndOrder(db)
          try narrow(db)
        default: try narrow(db)
        }
        try db.execute(sql: "PRAGMA user_version = \(version)")
        return .commit
      }
    }
  }

  private static func found(_ db: Database) throws -> Int {
    let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    guard (0...version).contains(found) else { throw JobStoreError.newerSchema(found: found, supported: version) }
    return found
  }

  /// Compares the tables with those of a new file: damage there would give every value another meaning.
  static func check(_ database: DatabasePool) throws {
    func definitions(_ db: Database) throws -> [String] {
      try String.fetchAll(
        db,
        sql: """
          SELECT type || ' ' || name || ' ' || tbl_name || ' ' || ifnull(sql, '') FROM sqlite_schema
          WHERE name NOT LIKE 'sqlite_stat%' AND name <> 'sqlite_sequence' ORDER BY 1
          """)
    }
    let expected = try DatabaseQueue().write { db in
      try db.execute(sql: jobs + events + results + ownersAndOrder + jobIndexes)
      return try definitions(db)
    }
    guard try database.read(definitions) == expected else {
      throw JobStoreError.corrupt(detail: "its tables are not those of schema \(version)")
    }
  }

  // MARK: - Tables

  // SQLite notices damaged pages but not damaged bytes inside a value, so what answers are made of has a SHA-256 beside
  // it. `scheduled_at` is wall time that somebody asked for. `lease_until` is on the lease clock of `lease_boot`: the end
  // of a running job's lease, or of a queued job's back-off. The payload comes last: what stands behind a long value is
  // read through all of it.
  private static let jobs = """
    CREATE TABLE job (
      id TEXT PRIMARY KEY,
      kind TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
      priority INTEGER NOT NULL DEFAULT 0,
      owner TEXT NOT NULL DEFAULT '',
      attempts INTEGER NOT NULL DEFAULT 0,
      max_attempts INTEGER NOT NULL,
      progress REAL NOT NULL DEFAULT 0,
      stage TEXT,
      failure BLOB,
      is_dead INTEGER NOT NULL DEFAULT 0,
      cancel_requested INTEGER NOT NULL DEFAULT 0,
      waiting_for INTEGER NOT NULL DEFAULT 0,
      created_at INTEGER NOT NULL,
      run_after INTEGER NOT NULL,
      scheduled_at INTEGER,
      started_at INTEGER,
      finished_at INTEGER,
      lease_token INTEGER NOT NULL DEFAULT 0,
      lease_until INTEGER,
      lease_boot TEXT,
      worker TEXT,
      idempotency_key TEXT,
      request_id TEXT,
      traceparent TEXT,
      webhook TEXT,
      payload_sha256 BLOB NOT NULL,
      payload BLOB NOT NULL
    ) STRICT;

    """

  private static let jobIndexes = """
    CREATE UNIQUE INDEX job_key ON job (idempotency_key) WHERE idempotency_key IS NOT NULL;
    CREATE INDEX job_by_state ON job (state, kind, id);
    CREATE INDEX job_due ON job (kind, owner, priority DESC, id) WHERE state = 'queued' AND waiting_for = 0;
    CREATE INDEX job_waiting ON job (kind, owner) WHERE state = 'queued' AND waiting_for > 0;
    CREATE INDEX job_leased ON job (lease_until) WHERE state = 'running';
    CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;
    CREATE INDEX job_dead ON job (id) WHERE is_dead = 1;
    CREATE INDEX job_owner ON job (owner, id) WHERE owner <> '';

    """

  // Numbered within their job, so that they need no other index and no count of their own.
  private static let events = """
    CREATE TABLE job_event (
      job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
      id INTEGER NOT NULL,
      type TEXT NOT NULL,
      time INTEGER NOT NULL,
      data BLOB NOT NULL,
      PRIMARY KEY (job_id, id)
    ) STRICT, WITHOUT ROWID;

    """

  private static let results = """
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

    """

  private static let ownersAndOrder = """
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

    """

  // MARK: - Older files

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
        """ + ownersAndOrder)
  }

  // Version 3: jobs and events in fewer trees.
  private static func narrow(_ db: Database) throws {
    let columns = """
      id, kind, state, priority, owner, attempts, max_attempts, progress, stage, failure, is_dead, cancel_requested,
      waiting_for, created_at, run_after, scheduled_at, started_at, finished_at, lease_token, lease_until, lease_boot,
      worker, idempotency_key, request_id, traceparent, webhook, payload_sha256, payload
      """
    try db.execute(
      sql: """
        ALTER TABLE job RENAME TO old_job;
        ALTER TABLE job_event RENAME TO old_event;
        """ + jobs + events + """
          INSERT INTO job (\(columns)) SELECT \(columns) FROM old_job ORDER BY id;
          INSERT INTO job_event (job_id, id, type, time, data)
            SELECT job_id, id, type, time, data FROM old_event ORDER BY job_id, id;
          """)
    for (table, old) in [("job", "old_job"), ("job_event", "old_event")] {
      let isWhole = try Bool.fetchOne(db, sql: "SELECT (SELECT count(*) FROM \(table)) = (SELECT count(*) FROM \(old))")
      guard isWhole == true else { throw JobStoreError.corrupt(detail: "not every row of its \(table) can be read") }
      try db.execute(sql: "DROP TABLE \(old)")
    }
    try db.execute(sql: jobIndexes)
    if let row = try Row.fetchOne(db, sql: "PRAGMA foreign_key_check") {
      throw JobStoreError.corrupt(detail: "a row of its \(row["table"] ?? "tables") belongs to no job")
    }
  }
}
