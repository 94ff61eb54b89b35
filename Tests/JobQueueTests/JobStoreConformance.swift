import Foundation
import JobQueue
import Testing

/// What every store does alike.
@Suite(.serialized) struct JobStoreConformance {
  // MARK: - Order

  @Test(arguments: StoreUnderTest.allCases)
  func aJobIsStoredAsAsked(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let new = NewJob(kind: .extract, payload: Data("{\"a\":1}".utf8), inputBlobs: ["b", "a", "b"], priority: 3)
      let (job, existing) = try await store.enqueue(new)
      #expect(!existing)
      let stored = try #require(try await store.job(job.id))
      #expect(stored.kind == .extract && stored.state == .queued && stored.priority == 3 && stored.maxAttempts == 3)
      #expect(stored.payload == new.payload && stored.inputBlobs == ["a", "b"])
      #expect(stored.attempts == 0 && stored.leaseToken == 0 && stored.worker == nil && stored.finishedAt == nil)
      #expect(try await store.job("nobody") == nil)
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func jobsAreClaimedByPriorityThenAgeAndOnlyOfTheAskedKinds(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let first = try await store.add()
      let other = try await store.add(.forecast)
      let second = try await store.add()
      let urgent = try await store.add(priority: 5)
      let claimed = try await store.claim(kinds: [.ingest], worker: "w", limit: 10, leaseMilliseconds: 1000)
      #expect(claimed.map(\.id) == [urgent.id, first.id, second.id])
      #expect(claimed.allSatisfy { $0.state == .running && $0.worker == "w" && $0.attempts == 1 && $0.leaseToken == 1 })
      let rest = try await store.claim(kinds: JobKind.allCases, worker: "w", limit: 10, leaseMilliseconds: 1000)
      #expect(rest.map(\.id) == [other.id])
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func aScheduledJobWaits(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let now = WallClock.milliseconds()
      let later = try await store.enqueue(NewJob(kind: .ingest, payload: Data(), runAfter: now + 3_600_000)).job
      #expect(later.runAfter == now + 3_600_000)
      #expect(try await store.claimOne() == nil)
      let past = try await store.enqueue(NewJob(kind: .ingest, payload: Data(), runAfter: now - 1000)).job
      #expect(try await store.claimOne()?.id == past.id)
    }
  }

  // MARK: - Leases

  @Test(arguments: StoreUnderTest.allCases)
  func onlyTheHolderOfTheLeaseCanWrite(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, clock in
      try await store.add()
      let slow = try #require(try await store.claimOne(worker: "slow", lease: 1000))
      clock.advance(1001)
      #expect(try await store.expireLeases() == 1)
      let fast = try #require(try await store.claimOne(worker: "fast"))
      #expect(fast.id == slow.id && fast.leaseToken == slow.leaseToken + 1 && fast.attempts == 2)
      let lost = JobStoreError.leaseLost(jobID: slow.id)
      let failure = JobFailure(code: "x", message: "x", permanent: true)
      await #expect(throws: lost) { try await store.complete(slow.lease, result: .text("late")) }
      await #expect(throws: lost) { try await store.fail(slow.lease, failure: failure) }
      await #expect(throws: lost) { try await store.report(slow.lease, progress: 0.5, stage: nil) }
      await #expect(throws: lost) { _ = try await store.heartbeat(slow.lease, leaseMilliseconds: 1000) }
      await #expect(throws: lost) { try await store.release(slow.lease) }
      await #expect(throws: lost) { try await store.confirmCancelled(slow.lease) }
      try await store.complete(fast.lease, result: .text("right"))
      await #expect(throws: lost) { try await store.complete(fast.lease, result: .text("twice")) }
      #expect(try await store.result(slow.id) == .text("right"))
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func heartbeatsKeepALease(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, clock in
      try await store.add()
      let job = try #require(try await store.claimOne(lease: 1000))
      for _ in 0..<5 {
        clock.advance(900)
        #expect(try await store.heartbeat(job.lease, leaseMilliseconds: 1000) == false)
        #expect(try await store.expireLeases() == 0)
      }
      clock.advance(1001)
      #expect(try await store.expireLeases() == 1)
    }
  }

  @Test func leasesOfAnotherBootAreOver() async throws {
    try await StoreUnderTest.sqlite.with { store, clock in
      try await store.add()
      let job = try #require(try await store.claimOne())
      #expect(try await store.expireLeases() == 0)
      clock.reboot()
      #expect(try await store.expireLeases() == 1)
      #expect(try await store.job(job.id)?.state == .queued)
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func aDeadWorkersJobsAreQueuedAtOnceAndOthersStay(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      for _ in 0..<3 { try await store.add() }
      let dead = try await store.claim(kinds: [.ingest], worker: "dead", limit: 2, leaseMilliseconds: 30_000)
      let alive = try #require(try await store.claimOne(worker: "alive"))
      #expect(try await store.releaseAll(ofWorker: "dead") == 2)
      #expect(try await store.releaseAll(ofWorker: "dead") == 0)
      #expect(try await store.job(alive.id)?.state == .running)
      let again = try await store.claim(kinds: [.ingest], worker: "next", limit: 9, leaseMilliseconds: 30_000)
      #expect(again.map(\.id) == dead.map(\.id))
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func aJobThatTakesEveryWorkerDownIsSetAside(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let job = try await store.add()
      for attempt in 1...3 {
        let claimed = try #require(try await store.claimOne(worker: "w\(attempt)"))
        #expect(claimed.attempts == attempt)
        #expect(try await store.releaseAll(ofWorker: "w\(attempt)") == 1)
      }
      #expect(try await store.claimOne() == nil)
      let failed = try #require(try await store.job(job.id))
      #expect(failed.state == .failed && failed.failure?.code == "lost" && failed.finishedAt != nil)
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func aReleasedJobHasItsAttemptBack(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      try await store.add(attempts: 1)
      let job = try #require(try await store.claimOne())
      try await store.release(job.lease)
      #expect(try await store.job(job.id)?.attempts == 0)
      #expect(try await store.claimOne()?.attempts == 1)
    }
  }

  // MARK: - Failing and trying again

  @Test(arguments: StoreUnderTest.allCases)
  func aTransientFailureIsTriedAgainAfterAPauseUntilAttemptsRunOut(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, clock in
      let id = try await store.add().id
      let failure = JobFailure(code: "internal", message: "no luck", permanent: false)
      for attempt in 1...3 {
        let job = try #require(try await store.claimOne())
        #expect(job.attempts == attempt)
        try await store.fail(job.lease, failure: failure)
        if attempt < 3 {
          #expect(try await store.job(id)?.state == .queued)
          #expect(try await store.job(id)?.failure == failure)
          clock.advance(500)
          #expect(try await store.claimOne() == nil, "the back-off is at least 0.8 s")
          clock.advance(5000)
        }
      }
      let job = try #require(try await store.job(id))
      #expect(job.state == .failed && job.failure == failure)
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func aPermanentFailureIsNeverTriedAgainUnlessAskedTo(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, clock in
      try await store.add()
      let job = try #require(try await store.claimOne())
      let failure = JobFailure(code: "invalid-input", message: "scan.pdf is not a PDF", permanent: true)
      try await store.fail(job.lease, failure: failure)
      #expect(try await store.job(job.id)?.failure == failure)
      clock.advance(1_000_000)
      #expect(try await store.claimOne() == nil)
      let again = try await store.retry(job.id)
      #expect(again.state == .queued && again.attempts == 0 && again.failure == nil && again.finishedAt == nil)
      let claimed = try #require(try await store.claimOne())
      #expect(claimed.leaseToken == 2, "fencing tokens grow over retries too")
      await #expect(throws: JobStoreError.wrongState(jobID: job.id, state: .running)) {
        _ = try await store.retry(job.id)
      }
    }
  }

  @Test func theBackOffDoublesUpToAMinute() {
    for (attempt, seconds) in [(1, 1.0), (2, 2), (3, 4), (6, 32), (7, 60), (50, 60)] {
      for _ in 0..<50 {
        let delay = Double(RetryPolicy.delay(afterAttempt: attempt)) / 1000
        #expect(delay >= seconds * 0.79 && delay <= seconds * 1.21)
      }
    }
  }

  // MARK: - Cancelling

  @Test(arguments: StoreUnderTest.allCases)
  func aQueuedJobIsCancelledAtOnce(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let job = try await store.add()
      #expect(try await store.cancel(job.id).state == .cancelled)
      #expect(try await store.cancel(job.id).state == .cancelled, "cancelling twice is fine")
      #expect(try await store.claimOne() == nil)
      await #expect(throws: JobStoreError.notFound(jobID: "x")) { _ = try await store.cancel("x") }
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func aRunningJobIsAskedToStop(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      try await store.add()
      let job = try #require(try await store.claimOne())
      let asked = try await store.cancel(job.id)
      #expect(asked.state == .running && asked.cancelRequested)
      #expect(try await store.heartbeat(job.lease, leaseMilliseconds: 1000))
      try await store.confirmCancelled(job.lease)
      #expect(try await store.job(job.id)?.state == .cancelled)
      #expect(try await store.retry(job.id).cancelRequested == false)
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func aJobAskedToStopDoesNotComeBack(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, clock in
      for end in 0..<3 {
        try await store.add()
        let job = try #require(try await store.claimOne(worker: "w", lease: 1000))
        _ = try await store.cancel(job.id)
        switch end {
        case 0: try await store.fail(job.lease, failure: JobFailure(code: "c", message: "m", permanent: false))
        case 1: #expect(try await store.releaseAll(ofWorker: "w") == 1)
        default: try await store.release(job.lease)
        }
        #expect(try await store.job(job.id)?.state == .cancelled, "way \(end)")
      }
      clock.advance(100_000)
      #expect(try await store.claimOne() == nil)
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func aFinishedJobCannotBeCancelledOrTriedAgain(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      try await store.add()
      let job = try #require(try await store.claimOne())
      try await store.complete(job.lease, result: .text("done"))
      let refused = JobStoreError.wrongState(jobID: job.id, state: .succeeded)
      await #expect(throws: refused) { _ = try await store.cancel(job.id) }
      await #expect(throws: refused) { _ = try await store.retry(job.id) }
    }
  }

  // MARK: - Idempotency

  @Test(arguments: StoreUnderTest.allCases)
  func theSameKeyReturnsTheSameJob(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      var new = NewJob(kind: .ingest, payload: Data("a".utf8), inputBlobs: ["b"], idempotencyKey: "key")
      let first = try await store.enqueue(new)
      let second = try await store.enqueue(new)
      #expect(!first.existing && second.existing)
      #expect(first.job.id == second.job.id && second.job.inputBlobs == ["b"])
      new.payload = Data("other".utf8)
      await #expect(throws: JobStoreError.idempotencyConflict(key: "key")) { _ = try await store.enqueue(new) }
      #expect(try await store.counts() == [.ingest: [.queued: 1]])
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func manyCallersWithOneKeyMakeOneJob(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let ids = try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<40 {
          group.addTask {
            try await store.enqueue(NewJob(kind: .ingest, payload: Data(), idempotencyKey: "one")).job.id
          }
        }
        return try await group.reduce(into: Set<String>()) { $0.insert($1) }
      }
      #expect(ids.count == 1)
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func noJobIsClaimedTwice(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      for _ in 0..<60 { try await store.add() }
      let claimed = try await withThrowingTaskGroup(of: [String].self) { group in
        for worker in 0..<6 {
          group.addTask {
            var mine: [String] = []
            while let job = try await store.claimOne(worker: "w\(worker)") { mine.append(job.id) }
            return mine
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(claimed.count == 60 && Set(claimed).count == 60)
    }
  }

  // MARK: - Results, events, lists

  @Test(arguments: StoreUnderTest.allCases)
  func resultsComeBackAsTheyWere(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      for size in [0, 1, 100_000, 3_000_000] {
        try await store.add()
        let job = try #require(try await store.claimOne())
        #expect(try await store.result(job.id) == nil)
        let body = Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let result = JobResult(contentType: "application/octet-stream", body: body, blobs: ["y", "x", "y"])
        try await store.complete(job.lease, result: result)
        let stored = try #require(try await store.result(job.id))
        #expect(stored.body == body && stored.contentType == result.contentType && stored.blobs == ["x", "y"])
        let done = try #require(try await store.job(job.id))
        #expect(done.state == .succeeded && done.progress == 1 && done.finishedAt != nil && done.failure == nil)
      }
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func progressIsKeptBetweenNoneAndAll(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      try await store.add()
      let job = try #require(try await store.claimOne())
      for (given, kept) in [(0.25, 0.25), (7, 1), (-1, 0), (.nan, 0), (.infinity, 0)] {
        try await store.report(job.lease, progress: given, stage: "page 7/12, layout")
        let now = try #require(try await store.job(job.id))
        #expect(now.progress == kept && now.stage == "page 7/12, layout")
      }
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func eventsTellTheStoryInOrder(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, clock in
      let id = try await store.add().id
      let other = try await store.add(.forecast).id
      var job = try #require(try await store.claimOne())
      try await store.report(job.lease, progress: 0.5, stage: "half")
      try await store.fail(job.lease, failure: JobFailure(code: "internal", message: "m", permanent: false))
      clock.advance(10_000)
      job = try #require(try await store.claimOne())
      try await store.complete(job.lease, result: .text("done"))
      let events = try await store.events(ofJob: id, after: 0, limit: 100)
      #expect(events.map(\.type) == ["queued", "running", "progress", "queued", "running", "succeeded"])
      #expect(events.map(\.id) == events.map(\.id).sorted() && Set(events.map(\.id)).count == events.count)
      let progress = try #require(try JSONSerialization.jsonObject(with: events[2].data) as? [String: Any])
      #expect(progress["stage"] as? String == "half" && progress["progress"] as? Double == 0.5)
      let rest = try await store.events(ofJob: id, after: events[2].id, limit: 2)
      #expect(rest.map(\.id) == [events[3].id, events[4].id])
      #expect(try await store.events(ofJob: other, after: 0, limit: 100).map(\.type) == ["queued"])
      #expect(try await store.events(ofJob: "unknown", after: 0, limit: 100) == [])
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func listsPageFromTheNewestAndFilter(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      var ids: [String] = []
      for index in 0..<25 { ids.append(try await store.add(index % 5 == 0 ? .impact : .ingest).id) }
      var seen: [String] = []
      var cursor: String?
      repeat {
        let page = try await store.jobs(JobFilter(cursor: cursor, limit: 10))
        seen += page.jobs.map(\.id)
        cursor = page.nextCursor
      } while cursor != nil
      #expect(seen == ids.reversed())
      #expect(try await store.jobs(JobFilter(kind: .impact)).jobs.count == 5)
      _ = try await store.cancel(ids[3])
      #expect(try await store.jobs(JobFilter(state: .cancelled, kind: .ingest)).jobs.map(\.id) == [ids[3]])
      #expect(try await store.counts() == [.ingest: [.queued: 19, .cancelled: 1], .impact: [.queued: 5]])
    }
  }

  // MARK: - Blobs

  @Test(arguments: StoreUnderTest.allCases)
  func oldJobsGoAndNameTheBlobsThatNothingNeeds(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let old = try await store.add(blobs: ["mine", "shared"])
      let job = try #require(try await store.claimOne())
      try await store.complete(job.lease, result: .text("r", blobs: ["page"]))
      let open = try await store.add(blobs: ["shared"])
      #expect(try await store.unreferenced(["mine", "page", "shared", "unknown"]) == ["unknown"])
      #expect(try await store.deleteFinal(before: 1000, kind: nil).isEmpty)
      #expect(
        try await store.deleteFinal(before: WallClock.milliseconds() + 1000, kind: nil).sorted() == ["mine", "page"])
      #expect(try await store.job(old.id) == nil)
      #expect(try await store.result(old.id) == nil)
      #expect(try await store.events(ofJob: old.id, after: 0, limit: 10).isEmpty)
      #expect(try await store.job(open.id) != nil)
    }
  }

  @Test(arguments: StoreUnderTest.allCases)
  func aJobCanLetGoOfItsBlobs(_ kind: StoreUnderTest) async throws {
    try await kind.with { store, _ in
      let job = try await store.add(blobs: ["mine", "shared"])
      try await store.add(blobs: ["shared"])
      #expect(try await store.forgetBlobs(ofJob: job.id) == ["mine"])
      #expect(try await store.job(job.id)?.inputBlobs == [])
    }
  }
}
