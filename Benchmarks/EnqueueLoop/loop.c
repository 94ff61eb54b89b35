#include "EnqueueLoop.h"

#include <sqlite3.h>
#include <stdio.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static const char *const settings = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;";
static const char *const plain_table =
    "CREATE TABLE plain (id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, priority INTEGER NOT NULL,"
    " payload BLOB NOT NULL, created_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX plain_due ON plain (kind, priority DESC, id) WHERE state = 'queued';";
static const char *const plain_row = "INSERT INTO plain VALUES (?1, 'ingest', 'queued', 0, ?2, ?3)";
static const char *const queue_row =
    "INSERT INTO job (id, kind, state, priority, payload, payload_sha256, max_attempts, created_at, run_after)"
    " VALUES (?1, 'ingest', 'queued', 0, ?2, zeroblob(32), 3, ?3, ?3)";
static const char *const queue_event =
    "INSERT INTO job_event (job_id, id, type, time, data)"
    " VALUES (?1, 1 + (SELECT ifnull(max(id), 0) FROM job_event WHERE job_id = ?1), 'queued', ?3, x'7b7d')";

// One after the other; each is reset for its next turn. False when SQLite refused one.
static bool run_all(sqlite3_stmt *const statements[], int count) {
  for (int i = 0; i < count; i++) {
    if (!statements[i]) continue;
    if (sqlite3_step(statements[i]) != SQLITE_DONE) return false;
    sqlite3_reset(statements[i]);
  }
  return true;
}

double docq_enqueue_loop(const char *path, int count, bool into_queue) {
  sqlite3 *db = NULL;
  sqlite3_stmt *statements[4] = {NULL};
  const char *const texts[4] = {"BEGIN IMMEDIATE", into_queue ? queue_row : plain_row, into_queue ? queue_event : NULL, "COMMIT"};
  double seconds = -1;
  if (sqlite3_open(path, &db) != SQLITE_OK) goto done;
  if (sqlite3_exec(db, settings, NULL, NULL, NULL) != SQLITE_OK) goto done;
  if (!into_queue && sqlite3_exec(db, plain_table, NULL, NULL, NULL) != SQLITE_OK) goto done;
  for (int i = 0; i < 4; i++) {
    if (texts[i] && sqlite3_prepare_v2(db, texts[i], -1, &statements[i], NULL) != SQLITE_OK) goto done;
  }
  double start = now();
  for (int i = 0; i < count; i++) {
    char id[40];
    snprintf(id, sizeof id, "01a20b63-948d-7031-affd-%012d", i);
    sqlite3_bind_text(statements[1], 1, id, -1, SQLITE_TRANSIENT);
    sqlite3_bind_blob(statements[1], 2, "{\"number\":1}", 12, SQLITE_STATIC);
    sqlite3_bind_int64(statements[1], 3, i);
    if (statements[2]) {
      sqlite3_bind_text(statements[2], 1, id, -1, SQLITE_TRANSIENT);
      sqlite3_bind_int64(statements[2], 3, i);
    }
    if (!run_all(statements, 4)) goto done;
  }
  seconds = now() - start;
done:
  if (seconds < 0 && db) fprintf(stderr, "SQLite: %s\n", sqlite3_errmsg(db));
  for (int i = 0; i < 4; i++) sqlite3_finalize(statements[i]);
  sqlite3_close(db);
  return seconds;
}
