import Foundation
import JobQueue
import Testing

/// The SQLite store against the in-memory one: the same operations at random, the same answers and histories.
@Suite struct StoreModelTests {
  /// Two that stay and one that changes; `DOCQ_RANDOM_RUNS` asks for more of those.
  private static let seeds: [UInt64] = {
    let runs = ProcessInfo.processInfo.environment["DOCQ_RANDOM_RUNS"].flatMap { Int($0) } ?? 1
    return [1, 2] + (0..<runs).map { _ in UInt64.random(in: 3...UInt64.max) }
  }()

  @Test(arguments: seeds)
  func randomOperationsLeaveEqualHistories(_ seed: UInt64) async throws {
    let steps = 2000
    print("\(steps) random operations with seed \(seed)")
    try await StoreUnderTest.sqlite.with { store, clock in
      var run = RandomRun(seed: seed, sqlite: store, memory: InMemoryJobStore(clock: clock), clock: clock)
      for _ in 0..<steps { try await run.step() }
      try await run.compareEverything()
    }
  }
}

/// One run on two stores; jobs are known by the order of their creation, as ids differ.
private struct RandomRun {
  var generator: SplitMix
  let sqlite: any JobStore
  let memory: any JobStore
  let clock: ManualClock
  var ids: [(sqlite: String, memory: String)] = []
  var leases: [(job: Int, token: Int64)] = []
  var stepCount = 0

  init(seed: UInt64, sqlite: any JobStore, memory: any JobStore, clock: ManualClock) {
    generator = SplitMix(state: seed)
    self.sqlite = sqlite
    self.memory = memory
    self.clock = clock
  }

  mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }

  mutating func step() async throws {
    stepCount += 1
    switch pick(19) {
    case 0...2: try await enqueue()
    case 3...5: try await claim()
    case 6: try await withLease { try await $0.complete($1, result: .text("r", blobs: ["out\($1.token)"])) }
    case 7:
      let permanent = pick(3) == 0
      try await withLease {
        try await $0.fail($1, failure: JobFailure(code: "internal", message: "m", permanent: permanent))
      }
    case 8: try await withLease { try await $0.release($1) }
    case 9:
      let progress = Double(pick(100)) / 100
      try await withLease { try await $0.report($1, progress: progress, stage: "s") }
    case 10: try await withLease { _ = try await $0.heartbeat($1, leaseMilliseconds: 150_000) }
    case 11: try await withLease { try await $0.confirmCancelled($1) }
    case 12: try await withJob { _ = try await $0.cancel($1) }
    case 13: try await withJob { _ = try await $0.retry($1) }
    case 14:
      // Longer than any back-off, shorter than a lease.
      clock.advance(100_000)
      let counts = (try await sqlite.expireLeases(), try await memory.expireLeases())
      #expect(counts.0 == counts.1)
    case 15:
      let settings = QueueSettings(
        mode: [.open, .open, .paused, .draining][pick(4)], maxRunning: limit(), maxQueued: limit(),
        maxRunningPerKey: limit(), maxQueuedPerKey: limit())
      let kind = JobKind.allCases[pick(2)]
      try await sqlite.configure(kind, pick(2) == 0 ? settings : QueueSettings())
      try await memory.configure(kind, try await sqlite.queues()[kind] ?? QueueSettings())
    case 16:
      let kind = pick(2) == 0 ? nil : JobKind.allCases[pick(2)]
      let counts = (try await sqlite.retryDead(kind: kind), try await memory.retryDead(kind: kind))
      #expect(counts.0 == counts.1, "step \(stepCount)")
    case 17:
      let counts = (
        try await sqlite.claimDeliveries(limit: .max, leaseMilliseconds: 0),
        try await memory.claimDeliveries(limit: .max, leaseMilliseconds: 0)
      )
      #expect(
        counts.0.map { "\(number(sqlite: $0.jobID)) \($0.attempts)" }.sorted()
          == counts.1.map { "\(number(memory: $0.jobID)) \($0.attempts)" }.sorted(), "step \(stepCount)")
    default:
      let worker = "w\(pick(3))"
      if pick(4) == 0 {
        let counts = (try await sqlite.releaseAll(ofWorker: worker), try await memory.releaseAll(ofWorker: worker))
        #expect(counts.0 == counts.1)
      } else if !ids.isEmpty {
        let id = ids[pick(ids.count)]
        let blobs = (try await sqlite.forgetBlobs(ofJob: id.sqlite), try await memory.forgetBlobs(ofJob: id.memory))
        #expect(blobs.0.sorted() == blobs.1.sorted())
      }
    }
    if stepCount % 200 == 0 { try await compareEverything() }
  }

  private mutating func limit() -> Int? { pick(2) == 0 ? nil : 1 + pick(30) }
  private func number(sqlite id: String) -> Int { ids.firstIndex { $0.sqlite == id } ?? -1 }
  private func number(memory id: String) -> Int { ids.firstIndex { $0.memory == id } ?? -1 }

  private mutating func enqueue() async throws {
    var new = NewJob(
      kind: JobKind.allCases[pick(2)], payload: Data("p\(pick(3))".utf8), inputBlobs: ["in\(pick(20))"],
      priority: pick(3), maxAttempts: 1 + pick(3), idempotencyKey: pick(2) == 0 ? "key\(pick(40))" : nil,
      owner: ["", "a", "b"][pick(3)], webhook: pick(4) == 0 ? "http://hook" : nil)
    var after: [Int] = []
    if !ids.isEmpty, pick(3) == 0 {
      for _ in 0...pick(2) { after.append(max(0, ids.count - 1 - pick(12))) }
    }
    new.after = after.map { ids[$0].sqlite }
    let left = await outcome { try await sqlite.enqueue(new) }
    new.after = after.map { ids[$0].memory }
    let right = await outcome { try await memory.enqueue(new) }
    switch (left, right) {
    case (.success(let left), .success(let right)):
      #expect(left.existing == right.existing)
      if !left.existing { ids.append((left.job.id, right.job.id)) }
    case (.failure(let left), .failure(let right)):
      #expect(left == right)
    default:
      Issue.record("step \(stepCount): \(left) and \(right)")
    }
  }

  private mutating func claim() async throws {
    let kinds = pick(3) == 0 ? [JobKind.ingest, .extract] : [JobKind.allCases[pick(2)]]
    let worker = "w\(pick(3))"
    let limit = 1 + pick(3)
    let left = try await sqlite.claim(kinds: kinds, worker: worker, limit: limit, leaseMilliseconds: 150_000)
    let right = try await memory.claim(kinds: kinds, worker: worker, limit: limit, leaseMilliseconds: 150_000)
    let jobs = left.map { job in ids.firstIndex { $0.sqlite == job.id } ?? -1 }
    #expect(jobs == right.map { job in ids.firstIndex { $0.memory == job.id } ?? -1 }, "step \(stepCount)")
    #expect(left.map(\.leaseToken) == right.map(\.leaseToken))
    for (job, claimed) in zip(jobs, left) { leases.append((job, claimed.leaseToken)) }
  }

  private mutating func withLease(_ operation: (any JobStore, Lease) async throws -> Void) async throws {
    guard !leases.isEmpty else { return }
    // Mostly recent leases, sometimes ones that are long over.
    let lease = leases[pick(4) == 0 ? pick(leases.count) : max(0, leases.count - 1 - pick(4))]
    let id = ids[lease.job]
    let left = await outcome { try await operation(sqlite, Lease(jobID: id.sqlite, token: lease.token)) }
    let right = await outcome { try await operation(memory, Lease(jobID: id.memory, token: lease.token)) }
    compare(left, right, lease.job)
  }

  private mutating func withJob(_ operation: (any JobStore, String) async throws -> Void) async throws {
    guard !ids.isEmpty else { return }
    let job = pick(ids.count)
    let left = await outcome { try await operation(sqlite, ids[job].sqlite) }
    let right = await outcome { try await operation(memory, ids[job].memory) }
    compare(left, right, job)
  }

  private func compare(_ left: Result<Void, Refusal>, _ right: Result<Void, Refusal>, _ job: Int) {
    switch (left, right) {
    case (.success, .success): break
    case (.failure(let left), .failure(let right)): #expect(left == right, "step \(stepCount), job \(job)")
    default: Issue.record("step \(stepCount), job \(job): \(left) and \(right)")
    }
  }

  func compareEverything() async throws {
    for id in ids {
      let left = try #require(try await sqlite.job(id.sqlite))
      let right = try #require(try await memory.job(id.memory))
      #expect(describe(left) == describe(right), "step \(stepCount)")
      #expect(try await sqlite.result(id.sqlite) == (try await memory.result(id.memory)))
      let history = (
        try await sqlite.events(ofJob: id.sqlite, after: 0, limit: .max),
        try await memory.events(ofJob: id.memory, after: 0, limit: .max)
      )
      #expect(history.0.map { "\($0.id) \($0.type)" } == history.1.map { "\($0.id) \($0.type)" })
    }
    #expect(try await sqlite.counts() == (try await memory.counts()))
  }

  /// All of a job that does not depend on ids and wall time.
  private func describe(_ job: Job) -> String {
    """
    \(job.kind) \(job.state) \(job.priority) \(job.attempts)/\(job.maxAttempts) \(job.progress) \(job.stage ?? "-") \
    \(job.failure?.code ?? "-") \(job.cancelRequested) \(job.leaseToken) \(job.worker ?? "-") \(job.inputBlobs) \
    \(job.startedAt == nil) \(job.finishedAt == nil) \(String(decoding: job.payload, as: UTF8.self)) \
    \(job.owner) \(job.waitingFor) \(job.isDead)
    """
  }
}

/// An error without the id of the job, which differs between stores.
private struct Refusal: Error, Equatable {
  var text: String

  init(_ error: any Error) {
    switch error {
    case JobStoreError.leaseLost: text = "lease lost"
    case JobStoreError.wrongState(_, let state): text = "wrong state \(state)"
    case JobStoreError.notFound: text = "not found"
    case JobStoreError.dependencyFailed: text = "dependency failed"
    default: text = "\(error)"
    }
  }
}

private func outcome<Value>(_ body: () async throws -> Value) async -> Result<Value, Refusal> {
  do {
    return .success(try await body())
  } catch {
    return .failure(Refusal(error))
  }
}

/// Sebastiano Vigna's splitmix64: small, and the same everywhere.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
