#include "EnqueueLoop.h"

#include <sqlite3.h>
#include <stdio.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double docq_enqueue_loop(const char *path, int count) {
  sqlite3 *db = NULL;
  sqlite3_stmt *job = NULL, *event = NULL, *begin = NULL, *commit = NULL;
  double seconds = -1;
  if (sqlite3_open(path, &db) != SQLITE_OK) goto done;
  if (sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON", NULL, NULL, NULL) !=
      SQLITE_OK)
    goto done;
  if (sqlite3_prepare_v2(db, "BEGIN IMMEDIATE", -1, &begin, NULL) != SQLITE_OK ||
      sqlite3_prepare_v2(db, "COMMIT", -1, &commit, NULL) != SQLITE_OK ||
      sqlite3_prepare_v2(db,
                         "INSERT INTO job (id, kind, state, priority, payload, payload_sha256, max_attempts, created_at,"
                         " run_after) VALUES (?, 'ingest', 'queued', 0, ?, zeroblob(32), 3, ?3, ?3)",
                         -1, &job, NULL) != SQLITE_OK ||
      sqlite3_prepare_v2(db, "INSERT INTO job_event (job_id, type, time, data) VALUES (?, 'queued', ?, x'7b7d')", -1, &event,
                         NULL) != SQLITE_OK)
    goto done;
  double start = now();
  for (int i = 0; i < count; i++) {
    char id[40];
    snprintf(id, sizeof id, "01a20b63-948d-7031-affd-%012d", i);
    sqlite3_bind_text(job, 1, id, -1, SQLITE_TRANSIENT);
    sqlite3_bind_blob(job, 2, "{\"number\":1}", 12, SQLITE_STATIC);
    sqlite3_bind_int64(job, 3, i);
    sqlite3_bind_text(event, 1, id, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(event, 2, i);
    if (sqlite3_step(begin) != SQLITE_DONE || sqlite3_step(job) != SQLITE_DONE) goto done;
    if (sqlite3_step(event) != SQLITE_DONE || sqlite3_step(commit) != SQLITE_DONE) goto done;
    sqlite3_reset(begin);
    sqlite3_reset(job);
    sqlite3_reset(event);
    sqlite3_reset(commit);
  }
  seconds = now() - start;
done:
  if (seconds < 0 && db) fprintf(stderr, "SQLite: %s\n", sqlite3_errmsg(db));
  sqlite3_finalize(job);
  sqlite3_finalize(event);
  sqlite3_finalize(begin);
  sqlite3_finalize(commit);
  sqlite3_close(db);
  return seconds;
}
