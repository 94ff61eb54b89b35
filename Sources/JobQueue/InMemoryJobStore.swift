import Foundation
import Synchronization

/// The queue without a file: for tests, for commands that work in one process, and as the model that the other stores
/// are checked against. It says what the operations mean in the plainest way; nothing survives the process.
public final class InMemoryJobStore: JobStore {
  private let state = Mutex(JobLedger())
  private let clock: any LeaseClock
  private let onChange: @Sendable () -> Void

  public init(clock: any LeaseClock = BootClock(), onChange: @escaping @Sendable () -> Void = {}) {
    self.clock = clock
    self.onChange = onChange
  }

  // MARK: - Asking for work

  public func enqueue(_ new: NewJob) async throws -> (job: Job, existing: Bool) {
    try change { state in
      if let key = new.idempotencyKey, let earlier = state.entries.values.first(where: { $0.key == key }) {
        guard earlier.job.kind == new.kind, earlier.job.payload == new.payload else {
          throw JobStoreError.idempotencyConflict(key: key)
        }
        return (earlier.job, true)
      }
      try state.checkRoom(new)
      let waitingFor = try state.checkDependencies(new.after)
      let now = WallClock.milliseconds()
      let job = Job(
        id: UUIDv7.make(), kind: new.kind, state: .queued, priority: new.priority, payload: new.payload,
        inputBlobs: Set(new.inputBlobs).sorted(), attempts: 0, maxAttempts: new.maxAttempts, progress: 0, stage: nil,
        failure: nil, cancelRequested: false, createdAt: now, runAfter: new.runAfter ?? now, startedAt: nil,
        finishedAt: nil, leaseToken: 0, worker: nil, owner: new.owner, waitingFor: waitingFor, origin: new.origin)
      state.entries[job.id] = JobLedger.Entry(
        job: job, key: new.idempotencyKey, scheduledAt: new.runAfter, after: Set(new.after), webhook: new.webhook)
      state.record(job.id, "queued")
      return (job, false)
    }
  }

  public func job(_ id: String) async throws -> Job? {
    state.withLock { $0.entries[id]?.job }
  }

  public func jobs(_ filter: JobFilter) async throws -> (jobs: [Job], nextCursor: String?) {
    let limit = max(1, min(500, filter.limit))
    let matching = state.withLock { state in
      state.entries.values.map(\.job).filter { job in
        (filter.state == nil || job.state == filter.state) && (filter.kind == nil || job.kind == filter.kind)
          && (filter.owner == nil || job.owner == filter.owner) && (!filter.onlyDead || job.isDead)
          && (filter.cursor.map { job.id < $0 } ?? true)
      }.sorted { $0.id > $1.id }
    }
    let page = Array(matching.prefix(limit))
    return (page, matching.count > limit ? page.last?.id : nil)
  }

  public func cancel(_ id: String) async throws -> Job {
    try change { state in
      var entry = try state.entry(id)
      switch entry.job.state {
      case .queued:
        entry.job.cancelRequested = true
        state.end(&entry, .cancelled)
      case .running:
        entry.job.cancelRequested = true
        state.entries[id] = entry
        state.record(id, "progress", ["stage": "cancelling"])
      case .cancelled: break
      case .succeeded, .failed: throw JobStoreError.wrongState(jobID: id, state: entry.job.state)
      }
      return entry.job
    }
  }

  public func retry(_ id: String) async throws -> Job {
    try change { state in
      var entry = try state.entry(id)
      guard entry.job.state == .failed || entry.job.state == .cancelled else {
        throw JobStoreError.wrongState(jobID: id, state: entry.job.state)
      }
      try state.retry(&entry)
      return entry.job
    }
  }

  public func retryDead(kind: JobKind?) async throws -> Int {
    try change { state in
      let dead = state.entries.values.filter { $0.job.isDead && (kind == nil || $0.job.kind == kind) }
      for var entry in dead.sorted(by: { $0.job.id < $1.job.id }) { try state.retry(&entry) }
      return dead.count
    }
  }

  public func result(_ id: String) async throws -> JobResult? {
    state.withLock { state in
      guard let entry = state.entries[id], var result = entry.result else { return nil }
      result.blobs = entry.resultBlobs
      return result
    }
  }

  public func events(ofJob id: String, after: Int64, limit: Int) async throws -> [JobEvent] {
    state.withLock { state in Array((state.events[id] ?? []).lazy.filter { $0.id > after }.prefix(limit)) }
  }

  // MARK: - Working

  public func claim(
    kinds: [JobKind], worker: String, limit: Int, leaseMilliseconds: Int64
  ) async throws -> [Job] {
    change { state in
      let wall = WallClock.milliseconds()
      let now = clock.milliseconds()
      var jobs: [Job] = []
      while jobs.count < limit {
        let candidates = Set(kinds).compactMap { state.next(of: $0, wall: wall, now: now) }
        guard var entry = candidates.min(by: { ($1.job.priority, $0.job.id) < ($0.job.priority, $1.job.id) }) else {
          break
        }
        let turn = (state.turns[entry.job.kind]?.values.max() ?? 0) + 1
        state.turns[entry.job.kind, default: [:]][entry.job.owner] = turn
        entry.job.state = .running
        entry.job.attempts += 1
        entry.job.leaseToken += 1
        entry.job.worker = worker
        entry.job.startedAt = wall
        entry.job.progress = 0
        entry.job.stage = nil
        entry.until = now + leaseMilliseconds
        state.entries[entry.job.id] = entry
        state.record(entry.job.id, "running", ["worker": worker])
        jobs.append(entry.job)
      }
      return jobs
    }
  }

  public func heartbeat(_ lease: Lease, leaseMilliseconds: Int64) async throws -> Bool {
    try state.withLock { state in
      var entry = try state.held(lease)
      entry.until = clock.milliseconds() + leaseMilliseconds
      state.entries[lease.jobID] = entry
      return entry.job.cancelRequested
    }
  }

  public func report(_ lease: Lease, progress: Double, stage: String?) async throws {
    try change { state in
      var entry = try state.held(lease)
      entry.job.progress = progress.isFinite ? min(1, max(0, progress)) : 0
      entry.job.stage = stage
      state.entries[lease.jobID] = entry
      state.record(lease.jobID, "progress", ["progress": entry.job.progress, "stage": stage ?? ""])
    }
  }

  public func complete(_ lease: Lease, result: JobResult) async throws {
    try change { state in
      var entry = try state.held(lease)
      entry.job.state = .succeeded
      entry.job.finishedAt = WallClock.milliseconds()
      entry.until = nil
      entry.job.progress = 1
      entry.job.stage = nil
      entry.job.failure = nil
      entry.result = result
      entry.resultBlobs = Set(result.blobs).sorted()
      state.entries[lease.jobID] = entry
      state.record(lease.jobID, "succeeded")
      state.announce(entry)
      for other in state.entries.values where other.job.state == .queued && other.after.contains(lease.jobID) {
        state.entries[other.job.id]?.job.waitingFor -= 1
      }
    }
  }

  public func fail(_ lease: Lease, failure: JobFailure) async throws {
    try change { state in
      state.fail(try state.held(lease), failure, now: clock.milliseconds())
    }
  }

  public func release(_ lease: Lease) async throws {
    try change { state in
      var entry = try state.held(lease)
      entry.requeue()
      entry.job.attempts -= 1
      if entry.job.cancelRequested {
        state.end(&entry, .cancelled)
      } else {
        state.entries[lease.jobID] = entry
        state.record(lease.jobID, "released")
      }
    }
  }

  public func confirmCancelled(_ lease: Lease) async throws {
    try change { state in
      var entry = try state.held(lease)
      state.end(&entry, .cancelled)
    }
  }

  // MARK: - Keeping house

  public func expireLeases() async throws -> Int {
    let now = clock.milliseconds()
    return change { $0.takeBack(.leaseExpired, now: now) { ($0.until ?? .max) < now } }
  }

  public func releaseAll(ofWorker worker: String) async throws -> Int {
    let now = clock.milliseconds()
    return change { $0.takeBack(.workerDied, now: now) { $0.job.worker == worker } }
  }

  public func counts() async throws -> [JobKind: [JobState: Int]] {
    state.withLock { state in
      state.entries.values.reduce(into: [:]) { $0[$1.job.kind, default: [:]][$1.job.state, default: 0] += 1 }
    }
  }

  public func deleteFinal(before time: Int64, kind: JobKind?) async throws -> [String] {
    change { state in
      let needed = Set(state.entries.values.filter { !$0.job.state.isFinal }.flatMap(\.after))
      let old = state.entries.values.filter {
        $0.job.state.isFinal && ($0.job.finishedAt ?? .max) < time && (kind == nil || $0.job.kind == kind)
          && !needed.contains($0.job.id)
      }
      for entry in old {
        state.entries[entry.job.id] = nil
        state.events[entry.job.id] = nil
      }
      let gone = Set(old.map(\.job.id))
      state.deliveries.removeAll { gone.contains($0.delivery.jobID) }
      for id in state.entries.keys { state.entries[id]?.after.subtract(gone) }
      return state.unreferenced(Set(old.flatMap { $0.job.inputBlobs + $0.resultBlobs }).sorted())
    }
  }

  public func unreferenced(_ blobs: [String]) async throws -> [String] {
    state.withLock { $0.unreferenced(blobs) }
  }

  public func forgetBlobs(ofJob id: String) async throws -> [String] {
    change { state in
      guard var entry = state.entries[id] else { return [] }
      let blobs = Set(entry.job.inputBlobs + entry.resultBlobs).sorted()
      entry.job.inputBlobs = []
      entry.resultBlobs = []
      state.entries[id] = entry
      return state.unreferenced(blobs)
    }
  }

  public func oldestDue() async throws -> [JobKind: Int64] {
    let (wall, now) = (WallClock.milliseconds(), clock.milliseconds())
    return state.withLock { state in
      state.entries.values.reduce(into: [:]) { oldest, entry in
        guard entry.job.state == .queued, entry.job.waitingFor == 0, (entry.scheduledAt ?? wall) <= wall,
          (entry.until ?? now) <= now
        else { return }
        oldest[entry.job.kind] = min(oldest[entry.job.kind] ?? .max, max(entry.job.createdAt, entry.job.runAfter))
      }
    }
  }

  // MARK: - Settings, keys, webhooks

  public func queues() async throws -> [JobKind: QueueSettings] {
    state.withLock { state in
      JobKind.allCases.reduce(into: [:]) { $0[$1] = state.settings[$1] ?? QueueSettings() }
    }
  }

  public func configure(_ kind: JobKind, _ settings: QueueSettings) async throws {
    change { $0.settings[kind] = settings }
  }

  public func keys() async throws -> [APIKey] { state.withLock { $0.keys } }

  public func add(_ key: APIKey) async throws { change { $0.keys.append(key) } }

  public func revokeKey(_ id: String) async throws -> APIKey {
    try change { state in
      guard let index = state.keys.firstIndex(where: { $0.id == id }) else { throw JobStoreError.noSuchKey(id: id) }
      state.keys[index].revokedAt = state.keys[index].revokedAt ?? WallClock.milliseconds()
      return state.keys[index]
    }
  }

  public func claimDeliveries(limit: Int, leaseMilliseconds: Int64) async throws -> [WebhookDelivery] {
    state.withLock { state in
      let now = WallClock.milliseconds()
      let due = state.deliveries.indices.filter { state.deliveries[$0].dueAt <= now }
        .sorted {
          (state.deliveries[$0].dueAt, state.deliveries[$0].delivery.id)
            < (state.deliveries[$1].dueAt, state.deliveries[$1].delivery.id)
        }
      return due.prefix(limit).map { index in
        state.deliveries[index].dueAt = now + leaseMilliseconds
        state.deliveries[index].delivery.attempts += 1
        return state.deliveries[index].delivery
      }
    }
  }

  public func settle(_ delivery: WebhookDelivery, error: String?, retryAfter: Int64?) async throws {
    change { state in
      guard let index = state.deliveries.firstIndex(where: { $0.delivery.id == delivery.id }) else { return }
      if error != nil, let retryAfter {
        state.deliveries[index].dueAt = WallClock.milliseconds() + retryAfter
      } else {
        state.deliveries.remove(at: index)
        state.record(
          delivery.jobID, "webhook",
          ["attempts": delivery.attempts, "delivered": error == nil, "error": error ?? ""])
      }
    }
  }

  private func change<Value: Sendable, Failure: Error>(
    _ body: (inout JobLedger) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let value = try state.withLock { (state: inout JobLedger) throws(Failure) -> Value in try body(&state) }
    onChange()
    return value
  }
}
