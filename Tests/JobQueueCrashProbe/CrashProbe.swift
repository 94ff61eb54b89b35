import Foundation
import JobQueue

// Works on a queue until it is killed: sends jobs and does jobs, and writes down every answer that it was given.
// Usage: JobQueueCrashProbe DATA-FOLDER ACKNOWLEDGEMENTS-FILE [one]
// With `one` it takes a single job with a lease of 300 ms, waits for a byte on standard input, and completes the job.

@main
struct CrashProbe {
  static func main() async throws {
    endWithParent()
    let data = try DataFolder.open(URL(fileURLWithPath: CommandLine.arguments[1]))
    let store = try SQLiteJobStore(data: data)
    let liveness = try WorkerLiveness(name: "probe", data: data)
    let file = open(CommandLine.arguments[2], O_WRONLY | O_CREAT | O_APPEND, 0o600)
    if CommandLine.arguments.count > 3 { return try await doOne(store, worker: liveness.worker, file) }
    var number = 0
    while true {
      number += 1
      let payload = "\(liveness.worker) \(number)"
      let job = try await store.enqueue(
        NewJob(kind: .ingest, payload: Data(payload.utf8), maxAttempts: 100_000, idempotencyKey: payload)
      ).job
      acknowledge(file, "sent \(job.id) \(payload)")
      try await WorkerLiveness.collectDead(in: data) { _ = try await store.releaseAll(ofWorker: $0) }
      let mine = try await store.claim(
        kinds: [.ingest], worker: liveness.worker, limit: 1, leaseMilliseconds: 60_000)
      for job in mine {
        let lease = Lease(jobID: job.id, token: job.leaseToken)
        try await store.report(lease, progress: 0.5, stage: "half")
        try await store.complete(lease, result: JobResult(contentType: "text/plain", body: job.payload))
        acknowledge(file, "done \(job.id) \(String(decoding: job.payload, as: UTF8.self))")
      }
    }
  }

  private static func doOne(_ store: SQLiteJobStore, worker: String, _ file: Int32) async throws {
    let jobs = try await store.claim(kinds: [.ingest], worker: worker, limit: 1, leaseMilliseconds: 300)
    guard let job = jobs.first else { return }
    acknowledge(file, "claimed \(job.id)")
    var byte: UInt8 = 0
    _ = read(STDIN_FILENO, &byte, 1)
    do {
      try await store.complete(
        Lease(jobID: job.id, token: job.leaseToken),
        result: JobResult(contentType: "text/plain", body: Data("late".utf8)))
      acknowledge(file, "done \(job.id)")
    } catch JobStoreError.leaseLost {
      acknowledge(file, "refused \(job.id)")
    }
  }

  /// A test that is killed cannot kill what it started.
  private static func endWithParent() {
    let parent = getppid()
    Thread.detachNewThread {
      while getppid() == parent { usleep(100_000) }
      exit(1)
    }
  }

  /// One write, so that a kill leaves whole lines.
  static func acknowledge(_ file: Int32, _ line: String) {
    let bytes = Array("\(line)\n".utf8)
    _ = write(file, bytes, bytes.count)
  }
}
