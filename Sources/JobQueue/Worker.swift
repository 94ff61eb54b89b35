import Foundation
import Logging
import Synchronization

/// What does the work of some kinds of jobs.
public protocol JobHandler: Sendable {
  var kinds: [JobKind] { get }
  /// May block: it runs on a thread of its own. A thrown `JobFailure` says whether to try again; any other error counts
  /// as internal and is tried again; `CancellationError` answers a request to cancel.
  func run(_ job: Job, context: JobContext) async throws -> JobResult
}

public struct WorkerOptions: Sendable {
  /// Jobs, or batches of jobs, at the same time.
  public var concurrency = 1
  /// Jobs that are claimed at once where so many are waiting; they run at the same time.
  public var batch = 1
  public var lease: Duration = .seconds(30)
  /// How long running jobs get after `stop` before they are given back.
  public var grace: Duration = .seconds(30)
  /// The longest time between two looks into the queue and at the other workers when nobody rings; below a second, so that a
  /// crash is noticed within one.
  public var poll: Duration = .milliseconds(800)

  public init() {}
}

/// Claims jobs, keeps their leases alive, runs the handlers and writes down what came of it.
public final class Worker: Sendable {
  private struct Running {
    var context: JobContext
    var task: Task<Void, Never>
  }

  private let name: String
  private let data: DataFolder
  private let store: any JobStore
  private let blobs: FileBlobStore
  private let handlers: [JobKind: any JobHandler]
  private let options: WorkerOptions
  private let log: Logger
  private let stopping = Atomic(false)
  private let listener: Mutex<DoorbellListener?> = Mutex(nil)
  private let laterDrops: Mutex<[(due: ContinuousClock.Instant, names: [String])]> = Mutex([])

  public init(
    name: String, data: DataFolder, store: any JobStore, blobs: FileBlobStore, handlers: [any JobHandler],
    options: WorkerOptions, log: Logger
  ) {
    self.name = name
    self.data = data
    self.store = store
    self.blobs = blobs
    self.handlers = Dictionary(
      handlers.flatMap { handler in handler.kinds.map { ($0, handler) } }, uniquingKeysWith: { first, _ in first })
    self.options = options
    self.log = log
  }

  /// No new claims; `run` returns when the running jobs ended or their grace is over.
  public func stop() {
    stopping.store(true, ordering: .relaxed)
    listener.withLock { $0 }?.ring()
  }

  /// Works until `stop`.
  public func run() async throws {
    let bell = try DoorbellListener(data)
    listener.withLock { $0 = bell }
    let liveness = try WorkerLiveness(name: name, data: data)
    blobs.removeAbandonedUploads()
    log.info("\(name) ready as \(liveness.worker)", metadata: ["kinds": "\(handlers.keys.map(\.rawValue).sorted())"])
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<options.concurrency { group.addTask { await self.claimLoop(liveness.worker, bell) } }
      group.addTask { await self.houseKeeping(bell) }
      await group.waitForAll()
    }
    // The lock on the worker's name has to outlast the jobs; nothing else uses the object.
    withExtendedLifetime(liveness) {}
    log.info("\(name) stopped")
  }

  private var isStopping: Bool { stopping.load(ordering: .relaxed) }

  private func claimLoop(_ worker: String, _ bell: DoorbellListener) async {
    let kinds = Array(handlers.keys)
    while !isStopping {
      let generation = bell.generation
      do {
        let jobs = try await store.claim(
          kinds: kinds, worker: worker, limit: options.batch, leaseMilliseconds: options.lease.inMilliseconds)
        if jobs.isEmpty {
          await bell.wait(after: generation, timeout: options.poll)
        }
        await withTaskGroup(of: Void.self) { group in
          for job in jobs { group.addTask { await self.work(on: job) } }
        }
      } catch {
        log.error("the queue does not answer: \(error)")
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }

  /// Takes back what dead workers held and what outlived its lease, and removes blobs that nothing refers to.
  private func houseKeeping(_ bell: DoorbellListener) async {
    var nextCollection = ContinuousClock.now
    var nextDeletion = ContinuousClock.now
    var nextExpiry = ContinuousClock.now
    while !isStopping {
      let generation = bell.generation
      do {
        try await WorkerLiveness.collectDead(in: data) { worker in
          let count = try await store.releaseAll(ofWorker: worker)
          if count > 0 { log.warning("worker \(worker) died; \(count) job(s) queued again") }
        }
        let now = ContinuousClock.now
        if now >= nextExpiry {
          nextExpiry = now + min(.seconds(3), options.lease / 4)
          let expired = try await store.expireLeases()
          if expired > 0 { log.warning("\(expired) lease(s) ran out") }
        }
        let due = laterDrops.withLock { drops in
          defer { drops.removeAll { $0.due <= now } }
          return drops.filter { $0.due <= now }.flatMap(\.names)
        }
        await drop(due)
        if now >= nextDeletion {
          nextDeletion = now + .seconds(30)
          try await deleteExpired()
          DiskReserve(data).keep()
        }
        if now >= nextCollection {
          nextCollection = now + .seconds(3600)
          let count = try await blobs.collectGarbage(store)
          if count > 0 { log.info("\(count) blob(s) that no job refers to were removed") }
        }
      } catch {
        log.error("house-keeping failed: \(error)")
      }
      await bell.wait(after: generation, timeout: options.poll)
      // Rings come with every change; looking for dead workers a few times a second is enough.
      if !isStopping, bell.generation != generation { try? await Task.sleep(for: .milliseconds(100)) }
    }
  }

  /// Deletes jobs that were final for longer than their queue keeps them, and what only they referred to.
  private func deleteExpired() async throws {
    for (kind, settings) in try await store.queues() {
      guard let seconds = settings.retentionSeconds else { continue }
      let orphans = try await store.deleteFinal(before: WallClock.milliseconds() - Int64(seconds) * 1000, kind: kind)
      for name in orphans { try? await blobs.delete(name) }
    }
  }

  // MARK: - One job

  private func work(on job: Job) async {
    guard let handler = handlers[job.kind] else { return }
    let lease = Lease(jobID: job.id, token: job.leaseToken)
    let context = JobContext(blobs: blobs)
    var log = log
    log[metadataKey: "job"] = "\(job.id)"
    if let request = job.origin.requestID { log[metadataKey: "request"] = "\(request)" }
    if let trace = job.origin.traceID { log[metadataKey: "trace_id"] = "\(trace)" }
    log.info("\(job.kind.rawValue) started, attempt \(job.attempts)")
    let started = ContinuousClock.now
    let keeper = Task { await self.keepLease(lease, context) }
    let outcome: Result<JobResult, any Error>
    // The handler may block for minutes: it must not hold a thread that heartbeats need.
    let work = Task(executorPreference: HandlerExecutor()) {
      for blob in job.inputBlobs { try await context.blobs.verify(blob) }
      return try await handler.run(job, context: context)
    }
    outcome = await work.result
    do {
      try await persist(job, lease, outcome, context)
      log.info("\(describe(outcome)) after \((ContinuousClock.now - started).inMilliseconds) ms")
    } catch JobStoreError.leaseLost {
      log.warning("the lease was lost; what came of this attempt is dropped")
    } catch {
      log.error("the outcome could not be written; the job runs again when its lease is over: \(error)")
    }
    keeper.cancel()
    await keeper.value
    // Blobs of another attempt, or of a job that needs the same content, are referred to and stay.
    context.settleUploads()
    await drop(context.storedBlobs)
  }

  /// Writes the outcome down, trying again for a while (disk full, file busy): minutes of work hang on it. The lease is
  /// kept meanwhile.
  private func persist(
    _ job: Job, _ lease: Lease, _ outcome: Result<JobResult, any Error>, _ context: JobContext
  ) async throws {
    for pause in [200, 1000, 5000, 10_000] {
      do {
        return try await finish(job, lease, outcome, context)
      } catch JobStoreError.leaseLost {
        throw JobStoreError.leaseLost(jobID: job.id)
      } catch {
        log.warning("the outcome of job \(job.id) could not be written yet: \(error)")
        if error as? JobStoreError == .diskFull { DiskReserve(data).release() }
        try await Task.sleep(for: .milliseconds(pause))
      }
    }
    try await finish(job, lease, outcome, context)
  }

  private func finish(
    _ job: Job, _ lease: Lease, _ outcome: Result<JobResult, any Error>, _ context: JobContext
  ) async throws {
    switch outcome {
    case .success(let result):
      try await store.complete(lease, result: result)
    case .failure where context.reason == .cancelled:
      try await store.confirmCancelled(lease)
    case .failure where context.reason == .stopping:
      try await store.release(lease)
    case .failure(let failure as JobFailure):
      try await store.fail(lease, failure: failure)
      // Nothing can come of a bad input: it does not stay on the disk.
      if failure.permanent { await forgetInputs(of: job) }
    case .failure(BlobError.notFound):
      let failure = JobFailure(
        code: "input-gone", message: "the input of job \(job.id) was removed; send it again", permanent: true)
      try await store.fail(lease, failure: failure)
    case .failure(BlobError.corrupt):
      let failure = JobFailure(
        code: "input-corrupt", message: "the disk damaged the input of job \(job.id); send it again", permanent: true)
      try await store.fail(lease, failure: failure)
      await forgetInputs(of: job)
    case .failure(let error):
      let failure = JobFailure(code: "internal", message: "\(job.kind.rawValue) failed: \(error)", permanent: false)
      try await store.fail(lease, failure: failure)
    }
  }

  private func forgetInputs(of job: Job) async {
    guard let orphans = try? await store.forgetBlobs(ofJob: job.id) else { return }
    for name in orphans { try? await blobs.delete(name) }
    // Who sent the input may still hold it, and put it back when letting go (see `BlobUpload.discard`).
    laterDrops.withLock { $0 += [(ContinuousClock.now + .seconds(2), orphans)] }
  }

  /// Deletes blobs that no job refers to.
  private func drop(_ names: [String]) async {
    guard !names.isEmpty, let orphans = try? await store.unreferenced(names) else { return }
    for name in orphans { try? await blobs.delete(name) }
  }

  /// Extends the lease, hands progress on and brings requests to cancel, until the task is cancelled.
  private func keepLease(_ lease: Lease, _ context: JobContext) async {
    let tick = Duration.milliseconds(250)
    var nextBeat = ContinuousClock.now + options.lease / 3
    var nextReport = ContinuousClock.now
    var deadline: ContinuousClock.Instant?
    while !Task.isCancelled {
      try? await Task.sleep(for: tick)
      guard !Task.isCancelled else { return }
      let now = ContinuousClock.now
      do {
        if now >= nextBeat {
          nextBeat = now + options.lease / 3
          if try await store.heartbeat(lease, leaseMilliseconds: options.lease.inMilliseconds) {
            context.interrupt(.cancelled)
          }
        } else if try await store.job(lease.jobID)?.cancelRequested == true {
          context.interrupt(.cancelled)
        }
        if now >= nextReport, let (fraction, stage) = context.takeReport() {
          nextReport = now + .seconds(1)
          try await store.report(lease, progress: fraction, stage: stage)
        }
      } catch JobStoreError.leaseLost {
        context.interrupt(.leaseLost)
      } catch is CancellationError {
        return
      } catch {
        log.warning("no heartbeat for job \(lease.jobID): \(error)")
      }
      if isStopping {
        deadline = deadline ?? now + options.grace
        if let deadline, now >= deadline { context.interrupt(.stopping) }
      }
    }
  }

  private func describe(_ outcome: Result<JobResult, any Error>) -> String {
    switch outcome {
    case .success: "succeeded"
    case .failure(let failure as JobFailure): "failed: \(failure.message)"
    case .failure(let error): "failed: \(error)"
    }
  }
}

/// Runs a handler on a thread outside Swift's cooperative pool, where it may block.
private final class HandlerExecutor: TaskExecutor {
  private let queue = DispatchQueue(label: "docq.handler", qos: .userInitiated)

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

extension Duration {
  var inMilliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
