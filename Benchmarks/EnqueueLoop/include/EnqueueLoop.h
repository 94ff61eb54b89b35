// The plainest way to put jobs into a SQLite file durably: what the queue's own enqueue is compared with.
#pragma once

// Inserts `count` jobs of one row and one event each into the tables of a queue, the rows that the queue itself would write,
// one transaction a job, WAL, synchronous=FULL.
// Returns the seconds that it took, or a negative number when SQLite refused something.
double docq_enqueue_loop(const char *path, int count);
