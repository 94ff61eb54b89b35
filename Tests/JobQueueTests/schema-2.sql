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
, owner TEXT NOT NULL DEFAULT '', waiting_for INTEGER NOT NULL DEFAULT 0, is_dead INTEGER NOT NULL DEFAULT 0, request_id TEXT, traceparent TEXT, webhook TEXT) STRICT;
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
PRAGMA user_version = 2;
