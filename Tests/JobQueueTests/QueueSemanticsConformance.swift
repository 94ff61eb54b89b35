import Foundation
import JobQueue
import Testing

/// Order between jobs and owners, limits, jobs set aside, keys and webhooks: what every store does alike.
@Suite(.serialized) struct QueueSemanticsConformance {
  // MARK: - After other jobs

  @Test(arguments: StoreUnderTest.allCases)
  func aJobRunsOnlyAfterThoseItWaitsFor(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let first = try await store.add()
      let second = try await store.add(.forecast)
      let last = try await store.enqueue(
        NewJob(kind: .ingest, payload: Data(), priority: 9, after: [first.id, second.id, first.id])
      ).job
      #expect(last.waitingFor == 2)
      let one = try #require(try await store.claimOne())
      #expect(one.id == first.id)
      #expect(try await store.claimOne() == nil)
      try await store.complete(one.lease, result: .text("1"))
      #expect(try await store.job(last.id)?.waitingFor == 1)
      #expect(try await store.claimOne() == nil)
      let two = try #require(try await store.claimOne(.forecast))
      try await store.complete(two.lease, result: .text("2"))
      #expect(try await store.claimOne()?.id == last.id)
      // What succeeded already holds nothing up.
      let more = try await store.enqueue(NewJob(kind: .impact, payload: Data(), after: [first.id])).job
      #expect(more.waitingFor == 0)
      #expect(try await store.claimOne(.impact)?.id == more.id)
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func aFailureEndsWhatWaitsForItAndARetryBringsBothBack(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let first = try await store.add()
      let second = try await store.enqueue(NewJob(kind: .extract, payload: Data(), after: [first.id])).job
      let third = try await store.enqueue(NewJob(kind: .impact, payload: Data(), after: [second.id])).job
      let job = try #require(try await store.claimOne())
      try await store.fail(job.lease, failure: JobFailure(code: "invalid-input", message: "m", permanent: true))
      for id in [second.id, third.id] {
        let ended = try #require(try await store.job(id))
        #expect(ended.state == .failed && ended.failure?.code == "dependency-failed" && !ended.isDead)
      }
      await #expect(throws: JobStoreError.dependencyFailed(jobID: second.id, dependency: first.id)) {
        _ = try await store.retry(second.id)
      }
      await #expect(throws: JobStoreError.dependencyFailed(jobID: "", dependency: first.id)) {
        _ = try await store.enqueue(NewJob(kind: .extract, payload: Data(), after: [first.id]))
      }
      await #expect(throws: JobStoreError.noSuchDependency(jobID: "nobody")) {
        _ = try await store.enqueue(NewJob(kind: .extract, payload: Data(), after: ["nobody"]))
      }
      _ = try await store.retry(first.id)
      for id in [second.id, third.id] {
        let back = try #require(try await store.job(id))
        #expect(back.state == .queued && back.waitingFor == 1 && back.failure == nil)
      }
      for (kind, id) in [(JobKind.ingest, first.id), (.extract, second.id), (.impact, third.id)] {
        let job = try #require(try await store.claimOne(kind))
        #expect(job.id == id)
        try await store.complete(job.lease, result: .text("done"))
      }
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func cancellingEndsWhatWaits(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let first = try await store.add()
      let second = try await store.enqueue(NewJob(kind: .extract, payload: Data(), after: [first.id])).job
      _ = try await store.cancel(first.id)
      #expect(try await store.job(second.id)?.state == .failed)
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func whatAnOpenJobWaitsForIsKept(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      try await store.add(blobs: ["b"])
      let first = try #require(try await store.claimOne())
      try await store.complete(first.lease, result: .text("1"))
      let next = try await store.enqueue(NewJob(kind: .extract, payload: Data(), after: [first.id])).job
      let later = WallClock.milliseconds() + 1000
      #expect(try await store.deleteFinal(before: later, kind: nil) == [])
      #expect(try await store.job(first.id) != nil)
      _ = try await store.cancel(next.id)
      #expect(try await store.deleteFinal(before: later, kind: .ingest) == ["b"])
      #expect(try await store.job(first.id) == nil)
      #expect(try await store.job(next.id) != nil)
    }
  }

  // MARK: - Turns and limits

  @Test(arguments: StoreUnderTest.allCases)
  func ownersTakeTurnsHoweverManyJobsOneHas(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      func add(_ owner: String, priority: Int = 0) async throws {
        _ = try await store.enqueue(NewJob(kind: .ingest, payload: Data(), priority: priority, owner: owner))
      }
      for _ in 0..<6 { try await add("many", priority: 9) }
      try await add("few")
      try await add("few", priority: 1)
      try await add("")
      let order = try await store.claim(kinds: [.ingest], worker: "w", limit: 20, leaseMilliseconds: 1000)
      #expect(order.map(\.owner) == ["many", "few", "", "many", "few", "many", "many", "many", "many"])
      #expect(order.filter { $0.owner == "few" }.map(\.priority) == [1, 0])
      // Who was not there before does not wait behind who was.
      try await add("many")
      try await add("new")
      #expect(try await store.claimOne()?.owner == "new")
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func limitsHoldForAQueueAndForAnOwner(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      try await store.configure(
        .ingest, QueueSettings(maxRunning: 3, maxQueued: 7, maxRunningPerKey: 2, maxQueuedPerKey: 5))
      func add(_ owner: String) async throws {
        _ = try await store.enqueue(NewJob(kind: .ingest, payload: Data(), owner: owner))
      }
      for _ in 0..<5 { try await add("a") }
      await #expect(throws: JobStoreError.queueFull(limit: 5)) { try await add("a") }
      for _ in 0..<2 { try await add("b") }
      await #expect(throws: JobStoreError.queueFull(limit: 7)) { try await add("b") }
      try await store.add(.forecast)
      let running = try await store.claim(kinds: JobKind.allCases, worker: "w", limit: 20, leaseMilliseconds: 1000)
      #expect(running.filter { $0.kind == .ingest }.map(\.owner) == ["a", "b", "a"])
      #expect(running.count == 4, "another kind has limits of its own")
      try await store.complete(running[0].lease, result: .text("done"))
      #expect(try await store.claimOne()?.owner == "b")
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func aPausedKindStartsNothingAndADrainingOneTakesNothing(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      try await store.configure(.ingest, QueueSettings(mode: .paused))
      try await store.add()
      try await store.add(.forecast)
      #expect(try await store.claimOne() == nil)
      #expect(try await store.claimOne(.forecast) != nil)
      try await store.configure(.ingest, QueueSettings(mode: .draining))
      await #expect(throws: JobStoreError.draining(.ingest)) { try await store.add() }
      #expect(try await store.claimOne() != nil)
      try await store.configure(.ingest, QueueSettings())
      try await store.add()
      #expect(try await store.queues()[.ingest] == QueueSettings())
      #expect(try await store.queues().count == JobKind.allCases.count)
    }
  }

  // MARK: - Set aside

  @Test(arguments: StoreUnderTest.allCases)
  func deadLettersAreListedAndRunAgainTogether(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let bad = try await store.add()
      var job = try #require(try await store.claimOne())
      try await store.fail(job.lease, failure: JobFailure(code: "invalid-input", message: "m", permanent: true))
      let unlucky = try await store.add(attempts: 1)
      job = try #require(try await store.claimOne())
      try await store.fail(job.lease, failure: JobFailure(code: "internal", message: "m", permanent: false))
      let poison = try await store.add(.forecast, attempts: 1)
      job = try #require(try await store.claimOne(.forecast))
      _ = try await store.releaseAll(ofWorker: "w1")
      #expect(try await store.jobs(JobFilter(onlyDead: true)).jobs.map(\.id) == [poison.id, unlucky.id])
      #expect(try await store.retryDead(kind: .forecast) == 1)
      #expect(try await store.retryDead(kind: nil) == 1)
      #expect(try await store.retryDead(kind: nil) == 0)
      #expect(try await store.job(bad.id)?.state == .failed, "a bad input stays bad")
      let again = try #require(try await store.job(poison.id))
      #expect(again.state == .queued && !again.isDead && again.attempts == 0)
    }
  }

  // MARK: - Owners, keys, webhooks

  @Test(arguments: StoreUnderTest.allCases)
  func listsCanBeOfOneOwner(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let origin = JobOrigin(requestID: "r", traceparent: "t")
      let mine = try await store.enqueue(NewJob(kind: .ingest, payload: Data(), owner: "me", origin: origin)).job
      try await store.add()
      #expect(try await store.jobs(JobFilter(owner: "me")).jobs.map(\.id) == [mine.id])
      #expect(try await store.job(mine.id)?.origin == origin)
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func keysAreKeptAsDigestsAndCanBeRevoked(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let (key, secret) = APIKey.make(name: "ci", scopes: [.submit, .read], requestsPerMinute: 5)
      #expect(secret.hasPrefix("dq_") && secret.count == 67 && key.digest == APIKey.digest(of: secret))
      try await store.add(key)
      #expect(try await store.keys() == [key])
      let revoked = try await store.revokeKey(key.id)
      #expect(revoked.revokedAt != nil)
      #expect(try await store.revokeKey(key.id) == revoked)
      #expect(try await store.keys() == [revoked])
      await #expect(throws: JobStoreError.noSuchKey(id: "k_0")) { _ = try await store.revokeKey("k_0") }
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func everyFinalStateIsAnnouncedUntilItArrived(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      func add() async throws -> Job {
        try await store.enqueue(
          NewJob(kind: .ingest, payload: Data(), maxAttempts: 1, webhook: "https://example.org/hook")
        ).job
      }
      try await store.add()
      _ = try await store.claimOne()
      let done = try await add()
      let failed = try await add()
      let cancelled = try await add()
      #expect(try await store.claimDeliveries(limit: 10, leaseMilliseconds: 60_000) == [])
      let jobs = try await store.claim(kinds: [.ingest], worker: "w", limit: 2, leaseMilliseconds: 1000)
      try await store.complete(jobs[0].lease, result: .text("r"))
      try await store.fail(jobs[1].lease, failure: JobFailure(code: "internal", message: "m", permanent: false))
      _ = try await store.cancel(cancelled.id)
      let due = try await store.claimDeliveries(limit: 10, leaseMilliseconds: 60_000)
      #expect(Set(due.map(\.jobID)) == [done.id, failed.id, cancelled.id] && Set(due.map(\.id)).count == 3)
      #expect(due.allSatisfy { $0.attempts == 1 && $0.url == "https://example.org/hook" })
      #expect(try await store.claimDeliveries(limit: 10, leaseMilliseconds: 60_000) == [])
      try await store.settle(due[0], error: nil, retryAfter: nil)
      try await store.settle(due[1], error: "refused", retryAfter: 0)
      try await store.settle(due[2], error: "refused", retryAfter: nil)
      let again = try await store.claimDeliveries(limit: 10, leaseMilliseconds: 60_000)
      #expect(again.map(\.id) == [due[1].id] && again.map(\.attempts) == [2])
      for (delivery, count) in zip(due, [1, 0, 1]) {
        let events = try await store.events(ofJob: delivery.jobID, after: 0, limit: 100)
        #expect(events.count { $0.type == "webhook" } == count)
      }
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func howLongTheOldestWaitsIsKnown(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      #expect(try await store.oldestDue() == [:])
      let job = try await store.add()
      try await store.add()
      _ = try await store.enqueue(
        NewJob(kind: .impact, payload: Data(), runAfter: WallClock.milliseconds() + 1_000_000))
      _ = try await store.enqueue(NewJob(kind: .extract, payload: Data(), after: [job.id]))
      #expect(try await store.oldestDue() == [.ingest: job.createdAt])
    }
  }
}
