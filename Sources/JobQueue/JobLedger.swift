import Foundation

/// What a queue holds, and what each operation does to it: the inside of `InMemoryJobStore`.
struct JobLedger: Sendable {
  struct Entry {
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

    mutating func requeue() {
      job.state = .queued
      job.progress = 0
      job.stage = nil
      job.worker = nil
      until = nil
    }
  }

  struct Delivery {
    var delivery: WebhookDelivery
    var dueAt: Int64
  }

  var entries: [String: Entry] = [:]
  /// By job.
  var events: [String: [JobEvent]] = [:]
  var settings: [JobKind: QueueSettings] = [:]
  /// When an owner was last served, counted in turns, by kind.
  var turns: [JobKind: [String: Int64]] = [:]
  var keys: [APIKey] = []
  var deliveries: [Delivery] = []

  // MARK: - Limits and order

  func checkRoom(_ new: NewJob) throws {
    let settings = self.settings[new.kind] ?? QueueSettings()
    guard settings.mode != .draining else { throw JobStoreError.draining(new.kind) }
    let waiting = entries.values.filter { $0.job.state == .queued && $0.job.kind == new.kind }
    if let limit = settings.maxQueued, waiting.count >= limit { throw JobStoreError.queueFull(limit: limit) }
    if let limit = settings.maxQueuedPerKey, waiting.count(where: { $0.job.owner == new.owner }) >= limit {
      throw JobStoreError.queueFull(limit: limit)
    }
  }

  /// How many of the jobs have not succeeded yet.
  func checkDependencies(_ ids: [String]) throws -> Int {
    try Set(ids).sorted().reduce(0) { open, id in
      guard let other = entries[id]?.job else { throw JobStoreError.noSuchDependency(jobID: id) }
      guard other.state != .failed, other.state != .cancelled else {
        throw JobStoreError.dependencyFailed(jobID: "", dependency: id)
      }
      return other.state == .succeeded ? open : open + 1
    }
  }

  /// The job of a kind that is next: the best of the owner whose turn it is.
  func next(of kind: JobKind, wall: Int64, now: Int64) -> Entry? {
    let settings = self.settings[kind] ?? QueueSettings()
    let running = entries.values.filter { $0.job.state == .running && $0.job.kind == kind }
    guard settings.mode != .paused, running.count < settings.maxRunning ?? .max else { return nil }
    func rank(_ job: Job) -> (Int64, Int, String) { (turns[kind]?[job.owner] ?? 0, -job.priority, job.id) }
    return entries.values.filter { entry in
      entry.job.state == .queued && entry.job.kind == kind && entry.job.waitingFor == 0
        && (entry.scheduledAt ?? wall) <= wall && (entry.until ?? now) <= now
        && running.count { $0.job.owner == entry.job.owner } < settings.maxRunningPerKey ?? .max
    }.min { rank($0.job) < rank($1.job) }
  }

  // MARK: - Transitions

  /// Queues running jobs again whose worker is lost; returns how many.
  mutating func takeBack(_ reason: LossReason, now: Int64, where isLost: (Entry) -> Bool) -> Int {
    let lost = entries.values.filter { $0.job.state == .running && isLost($0) }.sorted { $0.job.id < $1.job.id }
    for var entry in lost {
      if entry.job.attempts >= entry.job.maxAttempts || entry.job.cancelRequested {
        fail(entry, reason.failure(of: entry.job), now: now)
      } else {
        entry.requeue()
        entries[entry.job.id] = entry
        record(entry.job.id, "released", ["reason": reason.rawValue])
      }
    }
    return lost.count
  }

  mutating func fail(_ held: Entry, _ failure: JobFailure, now: Int64) {
    var entry = held
    if entry.job.cancelRequested {
      end(&entry, .cancelled)
    } else if failure.permanent || entry.job.attempts >= entry.job.maxAttempts {
      end(&entry, .failed, failure, isDead: !failure.permanent || failure.code == "lost")
    } else {
      let delay = RetryPolicy.delay(afterAttempt: entry.job.attempts)
      entry.requeue()
      entry.job.failure = failure
      entry.job.runAfter = WallClock.milliseconds() + delay
      entry.until = now + delay
      entries[entry.job.id] = entry
      record(entry.job.id, "queued", Self.words(failure))
    }
  }

  private static func words(_ failure: JobFailure?) -> [String: any Sendable] {
    failure.map { ["code": $0.code, "message": $0.message] } ?? [:]
  }

  /// Queues a final job again, and then the jobs that failed only because they were to run after it.
  mutating func retry(_ entry: inout Entry) throws {
    func unsuccessful(_ ids: Set<String>) -> [Job] {
      ids.compactMap { entries[$0]?.job }.filter { $0.state != .succeeded }
    }
    func failed(_ ids: Set<String>) -> String? {
      unsuccessful(ids).filter(\.state.isFinal).map(\.id).min()
    }
    if let other = failed(entry.after) {
      throw JobStoreError.dependencyFailed(jobID: entry.job.id, dependency: other)
    }
    entry.requeue()
    entry.job.attempts = 0
    entry.job.failure = nil
    entry.job.isDead = false
    entry.job.cancelRequested = false
    entry.job.runAfter = WallClock.milliseconds()
    entry.scheduledAt = nil
    entry.job.startedAt = nil
    entry.job.finishedAt = nil
    entry.job.waitingFor = unsuccessful(entry.after).count
    entries[entry.job.id] = entry
    record(entry.job.id, "retried")
    for id in dependents(of: entry.job.id, in: .failed) {
      guard var other = entries[id], other.job.failure?.code == JobFailure.dependencyCode,
        failed(other.after) == nil
      else { continue }
      try retry(&other)
    }
  }

  func dependents(of id: String, in jobState: JobState) -> [String] {
    entries.values.filter { $0.after.contains(id) && $0.job.state == jobState }.map(\.job.id).sorted()
  }

  /// Ends a job as failed or cancelled, and with it the jobs that were to run after it.
  mutating func end(_ entry: inout Entry, _ final: JobState, _ failure: JobFailure? = nil, isDead: Bool = false) {
    let id = entry.job.id
    entry.job.state = final
    entry.job.failure = failure ?? entry.job.failure
    entry.job.isDead = isDead
    entry.job.finishedAt = WallClock.milliseconds()
    entry.until = nil
    entries[id] = entry
    record(id, final.rawValue, Self.words(failure))
    announce(entry)
    for dependent in dependents(of: id, in: .queued) {
      guard var other = entries[dependent] else { continue }
      end(&other, .failed, .dependency(of: dependent, on: id))
    }
  }

  func entry(_ id: String) throws -> Entry {
    guard let entry = entries[id] else { throw JobStoreError.notFound(jobID: id) }
    return entry
  }

  func held(_ lease: Lease) throws -> Entry {
    guard let entry = entries[lease.jobID], entry.job.state == .running, entry.job.leaseToken == lease.token
    else { throw JobStoreError.leaseLost(jobID: lease.jobID) }
    return entry
  }

  func unreferenced(_ blobs: [String]) -> [String] {
    let used = Set(entries.values.flatMap { $0.job.inputBlobs + $0.resultBlobs })
    return blobs.filter { !used.contains($0) }
  }

  mutating func announce(_ entry: Entry) {
    guard let url = entry.webhook else { return }
    let delivery = WebhookDelivery(id: UUIDv7.make(), jobID: entry.job.id, url: url, attempts: 0)
    deliveries.append(Delivery(delivery: delivery, dueAt: WallClock.milliseconds()))
  }

  mutating func record(_ id: String, _ type: String, _ data: [String: any Sendable] = [:]) {
    let body = (try? JSONSerialization.data(withJSONObject: data, options: [.sortedKeys, .withoutEscapingSlashes]))
    let number = 1 + (events[id]?.last?.id ?? 0)
    events[id, default: []].append(
      JobEvent(id: number, jobID: id, type: type, time: WallClock.milliseconds(), data: body ?? Data("{}".utf8)))
  }
}
