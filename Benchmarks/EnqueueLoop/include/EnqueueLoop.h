// The plainest ways to put jobs into a SQLite file durably: what the queue's own enqueue is compared with.
#pragma once

#include <stdbool.h>

// Inserts `count` jobs into a file, one transaction a job, WAL, synchronous=FULL.
//
// into_queue: one row and one event each into the tables of a queue, as the queue itself would write them. Otherwise one row
// each into a table of six columns with one index, which is made first.
// Returns the seconds that it took, or a negative number when SQLite refused something.
double docq_enqueue_loop(const char *path, int count, bool into_queue);
