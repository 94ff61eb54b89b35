import Foundation
import JobQueue
import Logging
import Synchronization
import Testing

/// The worker loop on a real data folder.
@Suite(.serialized) struct WorkerTests {
  private let folder: TemporaryFolder
  private let data: DataFolder
  private let store: SQLiteJobStore
  private let blobs: FileBlobStore

  init() throws {
    folder = try TemporaryFolder()
    data = try DataFolder.open(folder.url)
    store = try SQLiteJobStore(data: data)
    blobs = try FileBlobStore(data: data)
  }

  /// Runs a worker while `body` runs, then stops it.
  private func withWorker(
    lease: Duration = .seconds(30), grace: Duration = .milliseconds(300), concurrency: Int = 1,
    _ work: @escaping @Sendable (Job, JobContext) async throws -> JobResult, _ body: (Worker) async throws -> Void
  ) async throws {
    var options = WorkerOptions()
    options.lease = lease
    options.grace = grace
    options.concurrency = concurrency
    var log = Logger(label: "test")
    log.logLevel = .critical
    let worker = Worker(
      name: "test", data: data, store: store, blobs: blobs, handlers: [StubHandler(work: work)], options: options,
      log: log)
    let running = Task { try await worker.run() }
    do {
      try await body(worker)
    } catch {
      worker.stop()
      throw error
    }
    worker.stop()
    try await running.value
  }

  /// Waits until the job looks as asked; the test's time limit is the only limit.
  @discardableResult
  private func wait(for id: String, until isThere: (Job) -> Bool = { $0.state.isFinal }) async throws -> Job {
    let bell = try DoorbellListener(data)
    while true {
      let generation = bell.generation
      let job = try #require(try await store.job(id))
      if isThere(job) { return job }
      await bell.wait(after: generation, timeout: .milliseconds(200))
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func jobsAreDoneAsTheyCome() async throws {
    let input = try blobs.put(Data("input".utf8))
    try await withWorker { job, context in
      let text = try await context.blobs.read(job.inputBlobs[0])
      context.report(progress: 0.5, stage: "half")
      let page = try context.store(Data("page".utf8))
      return JobResult(contentType: "text/plain", body: text, blobs: [page])
    } _: { _ in
      for _ in 0..<5 {
        let id = try await store.add(blobs: [input]).id
        #expect(try await wait(for: id).state == .succeeded)
        let result = try #require(try await store.result(id))
        #expect(result.body == Data("input".utf8))
        #expect(try await blobs.read(result.blobs[0]) == Data("page".utf8))
      }
    }
    #expect(folder.files("blobs").count == 2)
    #expect(folder.files("tmp") == [])
    #expect(folder.files("run") == [], "a worker that stopped leaves no lock and no socket")
  }

  @Test(.timeLimit(.minutes(1)))
  func badInputIsTriedOnceAndLeavesNothingBehind() async throws {
    let input = try blobs.put(Data("not a PDF".utf8))
    let attempts = Counter()
    try await withWorker { _, context in
      attempts.increment()
      _ = try context.store(Data("half a page".utf8))
      throw JobFailure(code: "invalid-input", message: "x.pdf is not a PDF", permanent: true)
    } _: { _ in
      let job = try await wait(for: try await store.add(blobs: [input]).id)
      #expect(job.state == .failed && job.failure?.code == "invalid-input")
    }
    #expect(attempts.value == 1)
    #expect(folder.files("blobs") == [])
    #expect(folder.files("tmp") == [])
  }

  @Test(.timeLimit(.minutes(1)))
  func anInputThatAnotherJobNeedsStays() async throws {
    let input = try blobs.put(Data("shared".utf8))
    try await store.add(.impact, blobs: [input])
    try await withWorker { _, _ in
      throw JobFailure(code: "invalid-input", message: "m", permanent: true)
    } _: { _ in
      try await wait(for: try await store.add(blobs: [input]).id)
    }
    #expect(try await blobs.exists(input))
  }

  @Test(.timeLimit(.minutes(1)))
  func otherErrorsAreTriedAgain() async throws {
    struct Hiccup: Error {}
    let attempts = Counter()
    try await withWorker { _, _ in
      attempts.increment()
      if attempts.value == 1 { throw Hiccup() }
      return .text("done")
    } _: { _ in
      let job = try await wait(for: try await store.add().id)
      #expect(job.state == .succeeded && job.attempts == 2 && job.failure == nil)
    }
    #expect(attempts.value == 2)
  }

  @Test(.timeLimit(.minutes(1)))
  func aMissingOrDamagedInputSaysSo() async throws {
    try await withWorker { _, _ in
      .text("done")
    } _: { _ in
      let gone = String(repeating: "0", count: 64)
      #expect(try await wait(for: try await store.add(blobs: [gone]).id).failure?.code == "input-gone")
      let input = try blobs.put(Data("input".utf8))
      try Data("other".utf8).write(to: try await blobs.localFile(input))
      let job = try await wait(for: try await store.add(blobs: [input]).id)
      #expect(job.failure?.code == "input-corrupt" && job.failure?.permanent == true)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func aRunningJobCanBeCancelled() async throws {
    try await withWorker { _, context in
      _ = try context.store(Data("first page".utf8))
      while true {
        try context.checkCancelled()
        usleep(5000)  // blocks its thread, as model code does
      }
    } _: { _ in
      let id = try await store.add().id
      try await wait(for: id) { $0.state == .running }
      _ = try await store.cancel(id)
      #expect(try await wait(for: id).state == .cancelled)
    }
    #expect(folder.files("blobs") == [])
  }

  @Test(.timeLimit(.minutes(1)))
  func workThatBlocksItsThreadKeepsItsLease() async throws {
    try await withWorker(lease: .milliseconds(3000), concurrency: 2) { _, _ in
      for _ in 0..<40 { usleep(100_000) }
      return .text("done")
    } _: { _ in
      let ids = [try await store.add().id, try await store.add().id]
      for id in ids {
        let job = try await wait(for: id)
        #expect(job.state == .succeeded && job.attempts == 1 && job.leaseToken == 1)
      }
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func stoppingGivesJobsBackUnspent() async throws {
    var id = ""
    try await withWorker { _, context in
      while true {
        try context.checkCancelled()
        usleep(5000)
      }
    } _: { worker in
      id = try await store.add().id
      try await wait(for: id) { $0.state == .running }
      worker.stop()
    }
    let job = try #require(try await store.job(id))
    #expect(job.state == .queued && job.attempts == 0)
    // The next worker takes it up.
    try await withWorker { _, _ in
      .text("done")
    } _: { _ in
      let job = try await wait(for: id)
      #expect(job.state == .succeeded && job.attempts == 1)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func stoppingLetsJobsFinishWithinTheGrace() async throws {
    var id = ""
    try await withWorker(grace: .seconds(50)) { _, _ in
      usleep(500_000)
      return .text("done")
    } _: { worker in
      id = try await store.add().id
      try await wait(for: id) { $0.state == .running }
      worker.stop()
    }
    #expect(try await store.job(id)?.state == .succeeded)
  }

  @Test(.timeLimit(.minutes(1)))
  func aWorkersLockIsHeldAsLongAsItRuns() async throws {
    try await withWorker { _, _ in
      .text("done")
    } _: { _ in
      try await wait(for: try await store.add().id)
      try await wait(for: try await store.add().id)
      #expect(folder.files("run").filter { $0.hasSuffix(".lock") }.count == 1)
      let dead = Counter()
      await WorkerLiveness.collectDead(in: data) { _ in dead.increment() }
      #expect(dead.value == 0)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func jobsOfADeadWorkerAreTakenOver() async throws {
    let id = try await store.add().id
    _ = try await store.claimOne(worker: "dead-1-abc")
    // What a killed process leaves: its lock file, with nobody holding the lock.
    try Data().write(to: data.run.appendingPathComponent("dead-1-abc.lock"))
    try await withWorker { _, _ in
      .text("done")
    } _: { _ in
      let job = try await wait(for: id)
      #expect(job.state == .succeeded && job.attempts == 2)
    }
  }
}

private struct StubHandler: JobHandler {
  let kinds: [JobKind] = [.ingest]
  let work: @Sendable (Job, JobContext) async throws -> JobResult

  func run(_ job: Job, context: JobContext) async throws -> JobResult { try await work(job, context) }
}
