"""The peer of GET /jobs/ID: FastAPI reading the same row of the same SQLite file and answering the same JSON.

Run by Benchmarks/Reliability/run; DOCQ_QUEUE names the file.
"""

import datetime
import json
import os
import sqlite3

from fastapi import FastAPI, HTTPException

app = FastAPI()
queue = sqlite3.connect(f"file:{os.environ['DOCQ_QUEUE']}?mode=ro", uri=True, check_same_thread=False)
queue.row_factory = sqlite3.Row


def iso(milliseconds):
    if milliseconds is None:
        return None
    time = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@app.get("/jobs/{job_id}")
async def job(job_id: str):
    row = queue.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise HTTPException(404)
    path = f"/v1/jobs/{row['id']}"
    return {
        "id": row["id"],
        "kind": row["kind"],
        "state": row["state"],
        "progress": row["progress"],
        "stage": row["stage"],
        "attempts": row["attempts"],
        "max_attempts": row["max_attempts"],
        "created_at": iso(row["created_at"]),
        "started_at": iso(row["started_at"]),
        "finished_at": iso(row["finished_at"]),
        "error": json.loads(row["failure"]) if row["failure"] else None,
        "links": {"self": path, "result": f"{path}/result", "events": f"{path}/events"},
    }
