import Foundation
import Synchronization

/// The queue without a file: for tests, for commands that work in one process, and as the model that the other stores
/// are checked against. It says what the operations mean in the plainest way; nothing survives the process.
public final class InMemoryJobStore: JobStore {
  private struct Entry {
    var job: Job
    var resultBlobs: [String] = []
    var result: JobResult?
    var key: String?
    /// Wall time that somebody asked for.
    var scheduledAt: Int64?
    /// End of the lease of a running job, or of the back-off of a queued one, on the lease clock.
    var until: Int64?
  }

  private struct State {
    var entries: [String: Entry] = [:]
    var events: [JobEvent] = []
    var lastEvent: Int64 = 0
  }

  private let state = Mutex(State())
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
      let now = WallClock.milliseconds()
      let job = Job(
        id: UUIDv7.make(), kind: new.kind, state: .queued, priority: new.priority, payload: new.payload,
        inputBlobs: Set(new.inputBlobs).sorted(), attempts: 0, maxAttempts: new.maxAttempts, progress: 0, stage: nil,
        failure: nil, cancelRequested: false, createdAt: now, runAfter: new.runAfter ?? now, startedAt: nil,
        finishedAt: nil, leaseToken: 0, worker: nil)
      state.entries[job.id] = Entry(job: job, key: new.idempotencyKey, scheduledAt: new.runAfter)
      Self.record(&state, job.id, "queued")
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
          && (filter.cursor.map { job.id < $0 } ?? true)
      }.sorted { $0.id > $1.id }
    }
    let page = Array(matching.prefix(limit))
    return (page, matching.count > limit ? page.last?.id : nil)
  }

  public func cancel(_ id: String) async throws -> Job {
    try change { state in
      var entry = try Self.entry(state, id)
      switch entry.job.state {
      case .queued:
        entry.job.cancelRequested = true
        Self.end(&entry, .cancelled)
        state.entries[id] = entry
        Self.record(&state, id, "cancelled")
      case .running:
        entry.job.cancelRequested = true
        state.entries[id] = entry
        Self.record(&state, id, "progress", ["stage": "cancelling"])
      case .cancelled: break
      case .succeeded, .failed: throw JobStoreError.wrongState(jobID: id, state: entry.job.state)
      }
      return entry.job
    }
  }

  public func retry(_ id: String) async throws -> Job {
    try change { state in
      var entry = try Self.entry(state, id)
      guard entry.job.state == .failed || entry.job.state == .cancelled else {
        throw JobStoreError.wrongState(jobID: id, state: entry.job.state)
      }
      Self.requeue(&entry)
      entry.job.attempts = 0
      entry.job.failure = nil
      entry.job.cancelRequested = false
      entry.job.runAfter = WallClock.milliseconds()
      entry.scheduledAt = nil
      entry.job.startedAt = nil
      entry.job.finishedAt = nil
      state.entries[id] = entry
      Self.record(&state, id, "retried")
      return entry.job
    }
  }

  public func result(_ id: String) async throws -> JobResult? {
    state.withLock { state in
      guard let entry = state.entries[id], var result = entry.result else { return nil }
      result.blobs = entry.resultBlobs
      return result
    }
  }

  public func events(after: Int64, jobID: String?, limit: Int) async throws -> [JobEvent] {
    state.withLock { state in
      Array(state.events.lazy.filter { $0.id > after && (jobID == nil || $0.jobID == jobID) }.prefix(limit))
    }
  }

  // MARK: - Working

  public func claim(
    kinds: [JobKind], worker: String, limit: Int, leaseMilliseconds: Int64
  ) async throws -> [Job] {
    change { state in
      let wall = WallClock.milliseconds()
      let now = clock.milliseconds()
      let due = state.entries.values.filter { entry in
        entry.job.state == .queued && kinds.contains(entry.job.kind) && (entry.scheduledAt ?? wall) <= wall
          && (entry.until ?? now) <= now
      }.map(\.job).sorted { ($1.priority, $0.id) < ($0.priority, $1.id) }
      return due.prefix(limit).map { job in
        var entry = state.entries[job.id] ?? Entry(job: job)
        entry.job.state = .running
        entry.job.attempts += 1
        entry.job.leaseToken += 1
        entry.job.worker = worker
        entry.job.startedAt = wall
        entry.job.progress = 0
        entry.job.stage = nil
        entry.until = now + leaseMilliseconds
        state.entries[job.id] = entry
        Self.record(&state, job.id, "running", ["worker": worker])
        return entry.job
      }
    }
  }

  public func heartbeat(_ lease: Lease, leaseMilliseconds: Int64) async throws -> Bool {
    try state.withLock { state in
      var entry = try Self.held(state, lease)
      entry.until = clock.milliseconds() + leaseMilliseconds
      state.entries[lease.jobID] = entry
      return entry.job.cancelRequested
    }
  }

  public func report(_ lease: Lease, progress: Double, stage: String?) async throws {
    try change { state in
      var entry = try Self.held(state, lease)
      entry.job.progress = progress.isFinite ? min(1, max(0, progress)) : 0
      entry.job.stage = stage
      state.entries[lease.jobID] = entry
      Self.record(&state, lease.jobID, "progress", ["progress": entry.job.progress, "stage": stage ?? ""])
    }
  }

  public func complete(_ lease: Lease, result: JobResult) async throws {
    try change { state in
      var entry = try Self.held(state, lease)
      Self.end(&entry, .succeeded)
      entry.job.progress = 1
      entry.job.stage = nil
      entry.job.failure = nil
      entry.result = result
      entry.resultBlobs = Set(result.blobs).sorted()
      state.entries[lease.jobID] = entry
      Self.record(&state, lease.jobID, "succeeded")
    }
  }

  public func fail(_ lease: Lease, failure: JobFailure) async throws {
    try change { state in
      Self.fail(&state, try Self.held(state, lease), failure, now: clock.milliseconds())
    }
  }

  public func release(_ lease: Lease) async throws {
    try change { state in
      var entry = try Self.held(state, lease)
      Self.requeue(&entry)
      entry.job.attempts -= 1
      if entry.job.cancelRequested { Self.end(&entry, .cancelled) }
      state.entries[lease.jobID] = entry
      Self.record(&state, lease.jobID, entry.job.cancelRequested ? "cancelled" : "released")
    }
  }

  public func confirmCancelled(_ lease: Lease) async throws {
    try change { state in
      var entry = try Self.held(state, lease)
      Self.end(&entry, .cancelled)
      state.entries[lease.jobID] = entry
      Self.record(&state, lease.jobID, "cancelled")
    }
  }

  // MARK: - Keeping house

  public func expireLeases() async throws -> Int {
    let now = clock.milliseconds()
    return takeBack(.leaseExpired) { ($0.until ?? .max) < now }
  }

  public func releaseAll(ofWorker worker: String) async throws -> Int {
    takeBack(.workerDied) { $0.job.worker == worker }
  }

  public func counts() async throws -> [JobKind: [JobState: Int]] {
    state.withLock { state in
      state.entries.values.reduce(into: [:]) { $0[$1.job.kind, default: [:]][$1.job.state, default: 0] += 1 }
    }
  }

  public func deleteFinal(before time: Int64) async throws -> [String] {
    change { state in
      let old = state.entries.values.filter { $0.job.state.isFinal && ($0.job.finishedAt ?? .max) < time }
      for entry in old { state.entries[entry.job.id] = nil }
      let gone = Set(old.map(\.job.id))
      state.events.removeAll { gone.contains($0.jobID) }
      return Self.unreferenced(state, Set(old.flatMap { $0.job.inputBlobs + $0.resultBlobs }).sorted())
    }
  }

  public func unreferenced(_ blobs: [String]) async throws -> [String] {
    state.withLock { Self.unreferenced($0, blobs) }
  }

  public func forgetBlobs(ofJob id: String) async throws -> [String] {
    change { state in
      guard var entry = state.entries[id] else { return [] }
      let blobs = Set(entry.job.inputBlobs + entry.resultBlobs).sorted()
      entry.job.inputBlobs = []
      entry.resultBlobs = []
      state.entries[id] = entry
      return Self.unreferenced(state, blobs)
    }
  }

  // MARK: - Transitions

  private func change<Value: Sendable, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let value = try state.withLock { (state: inout State) throws(Failure) -> Value in try body(&state) }
    onChange()
    return value
  }

  private func takeBack(_ reason: LossReason, _ isLost: @Sendable (Entry) -> Bool) -> Int {
    change { state in
      let lost = state.entries.values.filter { $0.job.state == .running && isLost($0) }.sorted { $0.job.id < $1.job.id }
      for var entry in lost {
        if entry.job.attempts >= entry.job.maxAttempts || entry.job.cancelRequested {
          Self.fail(&state, entry, reason.failure(of: entry.job), now: clock.milliseconds())
        } else {
          Self.requeue(&entry)
          state.entries[entry.job.id] = entry
          Self.record(&state, entry.job.id, "released", ["reason": reason.rawValue])
        }
      }
      return lost.count
    }
  }

  private static func fail(_ state: inout State, _ held: Entry, _ failure: JobFailure, now: Int64) {
    var entry = held
    let data: [String: any Sendable] = ["code": failure.code, "message": failure.message]
    if entry.job.cancelRequested {
      end(&entry, .cancelled)
      record(&state, entry.job.id, "cancelled")
    } else if failure.permanent || entry.job.attempts >= entry.job.maxAttempts {
      end(&entry, .failed)
      entry.job.failure = failure
      record(&state, entry.job.id, "failed", data)
    } else {
      let delay = RetryPolicy.delay(afterAttempt: entry.job.attempts)
      requeue(&entry)
      entry.job.failure = failure
      entry.job.runAfter = WallClock.milliseconds() + delay
      entry.until = now + delay
      record(&state, entry.job.id, "queued", data)
    }
    state.entries[entry.job.id] = entry
  }

  private static func requeue(_ entry: inout Entry) {
    entry.job.state = .queued
    entry.job.progress = 0
    entry.job.stage = nil
    entry.job.worker = nil
    entry.until = nil
  }

  private static func end(_ entry: inout Entry, _ state: JobState) {
    entry.job.state = state
    entry.job.finishedAt = WallClock.milliseconds()
    entry.until = nil
  }

  private static func entry(_ state: State, _ id: String) throws -> Entry {
    guard let entry = state.entries[id] else { throw JobStoreError.notFound(jobID: id) }
    return entry
  }

  private static func held(_ state: State, _ lease: Lease) throws -> Entry {
    guard let entry = state.entries[lease.jobID], entry.job.state == .running, entry.job.leaseToken == lease.token
    else { throw JobStoreError.leaseLost(jobID: lease.jobID) }
    return entry
  }

  private static func unreferenced(_ state: State, _ blobs: [String]) -> [String] {
    let used = Set(state.entries.values.flatMap { $0.job.inputBlobs + $0.resultBlobs })
    return blobs.filter { !used.contains($0) }
  }

  private static func record(_ state: inout State, _ id: String, _ type: String, _ data: [String: any Sendable] = [:]) {
    state.lastEvent += 1
    let body = (try? JSONSerialization.data(withJSONObject: data, options: [.sortedKeys, .withoutEscapingSlashes]))
    state.events.append(
      JobEvent(
        id: state.lastEvent, jobID: id, type: type, time: WallClock.milliseconds(), data: body ?? Data("{}".utf8)))
  }
}
