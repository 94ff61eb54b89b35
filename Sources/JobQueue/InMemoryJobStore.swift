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
    /// Ids of the jobs that have to succeed first.
    var after: Set<String> = []
    var webhook: String?
  }

  private struct Delivery {
    var delivery: WebhookDelivery
    var dueAt: Int64
  }

  private struct State {
    var entries: [String: Entry] = [:]
    var events: [JobEvent] = []
    var lastEvent: Int64 = 0
    var settings: [JobKind: QueueSettings] = [:]
    /// When an owner was last served, counted in turns, by kind.
    var turns: [JobKind: [String: Int64]] = [:]
    var keys: [APIKey] = []
    var deliveries: [Delivery] = []
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
      try Self.checkRoom(state, new)
      let waitingFor = try Self.checkDependencies(state, new.after)
      let now = WallClock.milliseconds()
      let job = Job(
        id: UUIDv7.make(), kind: new.kind, state: .queued, priority: new.priority, payload: new.payload,
        inputBlobs: Set(new.inputBlobs).sorted(), attempts: 0, maxAttempts: new.maxAttempts, progress: 0, stage: nil,
        failure: nil, cancelRequested: false, createdAt: now, runAfter: new.runAfter ?? now, startedAt: nil,
        finishedAt: nil, leaseToken: 0, worker: nil, owner: new.owner, waitingFor: waitingFor, origin: new.origin)
      state.entries[job.id] = Entry(
        job: job, key: new.idempotencyKey, scheduledAt: new.runAfter, after: Set(new.after), webhook: new.webhook)
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
          && (filter.owner == nil || job.owner == filter.owner) && (!filter.onlyDead || job.isDead)
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
        Self.end(&state, &entry, .cancelled)
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
      try Self.retry(&state, &entry)
      return entry.job
    }
  }

  public func retryDead(kind: JobKind?) async throws -> Int {
    try change { state in
      let dead = state.entries.values.filter { $0.job.isDead && (kind == nil || $0.job.kind == kind) }
      for var entry in dead.sorted(by: { $0.job.id < $1.job.id }) { try Self.retry(&state, &entry) }
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
      var jobs: [Job] = []
      while jobs.count < limit {
        let candidates = Set(kinds).compactMap { Self.next(state, of: $0, wall: wall, now: now) }
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
        Self.record(&state, entry.job.id, "running", ["worker": worker])
        jobs.append(entry.job)
      }
      return jobs
    }
  }

  /// The job of a kind that is next: the best of the owner whose turn it is.
  private static func next(_ state: State, of kind: JobKind, wall: Int64, now: Int64) -> Entry? {
    let settings = state.settings[kind] ?? QueueSettings()
    let running = state.entries.values.filter { $0.job.state == .running && $0.job.kind == kind }
    guard settings.mode != .paused, running.count < settings.maxRunning ?? .max else { return nil }
    func rank(_ job: Job) -> (Int64, Int, String) { (state.turns[kind]?[job.owner] ?? 0, -job.priority, job.id) }
    return state.entries.values.filter { entry in
      entry.job.state == .queued && entry.job.kind == kind && entry.job.waitingFor == 0
        && (entry.scheduledAt ?? wall) <= wall && (entry.until ?? now) <= now
        && running.count { $0.job.owner == entry.job.owner } < settings.maxRunningPerKey ?? .max
    }.min { rank($0.job) < rank($1.job) }
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
      entry.job.state = .succeeded
      entry.job.finishedAt = WallClock.milliseconds()
      entry.until = nil
      entry.job.progress = 1
      entry.job.stage = nil
      entry.job.failure = nil
      entry.result = result
      entry.resultBlobs = Set(result.blobs).sorted()
      state.entries[lease.jobID] = entry
      Self.record(&state, lease.jobID, "succeeded")
      Self.announce(&state, entry)
      for other in state.entries.values where other.job.state == .queued && other.after.contains(lease.jobID) {
        state.entries[other.job.id]?.job.waitingFor -= 1
      }
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
      if entry.job.cancelRequested {
        Self.end(&state, &entry, .cancelled)
      } else {
        state.entries[lease.jobID] = entry
        Self.record(&state, lease.jobID, "released")
      }
    }
  }

  public func confirmCancelled(_ lease: Lease) async throws {
    try change { state in
      var entry = try Self.held(state, lease)
      Self.end(&state, &entry, .cancelled)
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

  public func deleteFinal(before time: Int64, kind: JobKind?) async throws -> [String] {
    change { state in
      let needed = Set(state.entries.values.filter { !$0.job.state.isFinal }.flatMap(\.after))
      let old = state.entries.values.filter {
        $0.job.state.isFinal && ($0.job.finishedAt ?? .max) < time && (kind == nil || $0.job.kind == kind)
          && !needed.contains($0.job.id)
      }
      for entry in old { state.entries[entry.job.id] = nil }
      let gone = Set(old.map(\.job.id))
      state.events.removeAll { gone.contains($0.jobID) }
      state.deliveries.removeAll { gone.contains($0.delivery.jobID) }
      for id in state.entries.keys { state.entries[id]?.after.subtract(gone) }
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
        Self.record(
          &state, delivery.jobID, "webhook",
          ["attempts": delivery.attempts, "delivered": error == nil, "error": error ?? ""])
      }
    }
  }

  private static func announce(_ state: inout State, _ entry: Entry) {
    guard let url = entry.webhook else { return }
    let delivery = WebhookDelivery(id: UUIDv7.make(), jobID: entry.job.id, url: url, attempts: 0)
    state.deliveries.append(Delivery(delivery: delivery, dueAt: WallClock.milliseconds()))
  }

  // MARK: - Limits and order

  private static func checkRoom(_ state: State, _ new: NewJob) throws {
    let settings = state.settings[new.kind] ?? QueueSettings()
    guard settings.mode != .draining else { throw JobStoreError.draining(new.kind) }
    let waiting = state.entries.values.filter { $0.job.state == .queued && $0.job.kind == new.kind }
    if let limit = settings.maxQueued, waiting.count >= limit { throw JobStoreError.queueFull(limit: limit) }
    if let limit = settings.maxQueuedPerKey, waiting.count(where: { $0.job.owner == new.owner }) >= limit {
      throw JobStoreError.queueFull(limit: limit)
    }
  }

  /// How many of the jobs have not succeeded yet.
  private static func checkDependencies(_ state: State, _ ids: [String]) throws -> Int {
    try Set(ids).sorted().reduce(0) { open, id in
      guard let other = state.entries[id]?.job else { throw JobStoreError.noSuchDependency(jobID: id) }
      guard other.state != .failed, other.state != .cancelled else {
        throw JobStoreError.dependencyFailed(jobID: "", dependency: id)
      }
      return other.state == .succeeded ? open : open + 1
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
    if entry.job.cancelRequested {
      end(&state, &entry, .cancelled)
    } else if failure.permanent || entry.job.attempts >= entry.job.maxAttempts {
      end(&state, &entry, .failed, failure, isDead: !failure.permanent || failure.code == "lost")
    } else {
      let delay = RetryPolicy.delay(afterAttempt: entry.job.attempts)
      requeue(&entry)
      entry.job.failure = failure
      entry.job.runAfter = WallClock.milliseconds() + delay
      entry.until = now + delay
      state.entries[entry.job.id] = entry
      record(&state, entry.job.id, "queued", words(failure))
    }
  }

  private static func words(_ failure: JobFailure?) -> [String: any Sendable] {
    failure.map { ["code": $0.code, "message": $0.message] } ?? [:]
  }

  /// Queues a final job again, and then the jobs that failed only because they were to run after it.
  private static func retry(_ state: inout State, _ entry: inout Entry) throws {
    func unsuccessful(_ ids: Set<String>) -> [Job] {
      ids.compactMap { state.entries[$0]?.job }.filter { $0.state != .succeeded }
    }
    func failed(_ ids: Set<String>) -> String? {
      unsuccessful(ids).filter(\.state.isFinal).map(\.id).min()
    }
    if let other = failed(entry.after) {
      throw JobStoreError.dependencyFailed(jobID: entry.job.id, dependency: other)
    }
    requeue(&entry)
    entry.job.attempts = 0
    entry.job.failure = nil
    entry.job.isDead = false
    entry.job.cancelRequested = false
    entry.job.runAfter = WallClock.milliseconds()
    entry.scheduledAt = nil
    entry.job.startedAt = nil
    entry.job.finishedAt = nil
    entry.job.waitingFor = unsuccessful(entry.after).count
    state.entries[entry.job.id] = entry
    record(&state, entry.job.id, "retried")
    for id in dependents(state, of: entry.job.id, in: .failed) {
      guard var other = state.entries[id], other.job.failure?.code == JobFailure.dependencyCode,
        failed(other.after) == nil
      else { continue }
      try retry(&state, &other)
    }
  }

  private static func dependents(_ state: State, of id: String, in jobState: JobState) -> [String] {
    state.entries.values.filter { $0.after.contains(id) && $0.job.state == jobState }.map(\.job.id).sorted()
  }

  private static func requeue(_ entry: inout Entry) {
    entry.job.state = .queued
    entry.job.progress = 0
    entry.job.stage = nil
    entry.job.worker = nil
    entry.until = nil
  }

  /// Ends a job as failed or cancelled, and with it the jobs that were to run after it.
  private static func end(
    _ state: inout State, _ entry: inout Entry, _ final: JobState, _ failure: JobFailure? = nil, isDead: Bool = false
  ) {
    let id = entry.job.id
    entry.job.state = final
    entry.job.failure = failure ?? entry.job.failure
    entry.job.isDead = isDead
    entry.job.finishedAt = WallClock.milliseconds()
    entry.until = nil
    state.entries[id] = entry
    record(&state, id, final.rawValue, words(failure))
    announce(&state, entry)
    for dependent in dependents(state, of: id, in: .queued) {
      guard var other = state.entries[dependent] else { continue }
      end(&state, &other, .failed, .dependency(of: dependent, on: id))
    }
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
