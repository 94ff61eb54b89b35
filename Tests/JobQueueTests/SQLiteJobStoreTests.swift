import Crypto
import Foundation
import GRDB
import JobQueue
import Testing

/// What only the file has: durability, versions, damage.
@Suite struct SQLiteJobStoreTests {
  @Test func theWriterSyncsEveryCommit() throws {
    let folder = try TemporaryFolder()
    let store = try SQLiteJobStore(path: folder.url.appendingPathComponent("q").path)
    #expect(try store.durabilitySettings() == ["journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"])
    // Opening an existing file takes another path through the library.
    let again = try SQLiteJobStore(path: folder.url.appendingPathComponent("q").path)
    #expect(try again.durabilitySettings() == ["journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"])
  }

  @Test func jobsSurviveClosingTheFile() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appendingPathComponent("q").path
    let id = try await SQLiteJobStore(path: path).add(blobs: ["b"]).id
    let stored = try #require(try await SQLiteJobStore(path: path).job(id))
    #expect(stored.state == .queued && stored.inputBlobs == ["b"])
  }

  @Test func aFileOfANewerDocqIsRefused() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appendingPathComponent("q").path
    _ = try await SQLiteJobStore(path: path).add()
    try await DatabaseQueue(path: path).write { try $0.execute(sql: "PRAGMA user_version = 99") }
    #expect(throws: JobStoreError.newerSchema(found: 99, supported: 3)) { _ = try SQLiteJobStore(path: path) }
  }

  @Test func aFileOfTheFirstVersionIsMigrated() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appendingPathComponent("q").path
    try await DatabaseQueue(path: path).write { db in
      try db.execute(sql: try schema(1))
      let insert = """
        INSERT INTO job (id, kind, state, payload, payload_sha256, max_attempts, created_at, run_after, failure)
        VALUES (?, 'ingest', ?, ?, ?, 3, 1, 1, ?)
        """
      let sum = Data(SHA256.hash(data: Data("{}".utf8)))
      for (id, state, failure) in [
        ("a", "queued", nil), ("b", "failed", #"{"code":"lost","message":"m","permanent":true}"#),
        ("c", "failed", #"{"code":"invalid-input","message":"m","permanent":true}"#),
        ("d", "failed", #"{"code":"internal","message":"m","permanent":false}"#),
      ] {
        try db.execute(sql: insert, arguments: [id, state, Data("{}".utf8), sum, failure.map { Data($0.utf8) }])
      }
    }
    let store = try SQLiteJobStore(path: path)
    #expect(try await store.jobs(JobFilter(onlyDead: true)).jobs.map(\.id) == ["d", "b"])
    #expect(try await store.claimOne()?.id == "a")
    #expect(try await store.damage() == [])
  }

  /// The tables and rows of a file as version 2 left it, between two jobs.
  private func fileOfTheSecondVersion(_ path: String) async throws {
    try await DatabaseQueue(path: path).write { db in
      try db.execute(sql: try schema(2))
      let sum = Data(SHA256.hash(data: Data("{}".utf8)))
      for (id, state) in [("a", "succeeded"), ("b", "running"), ("c", "queued"), ("d", "queued"), ("e", "failed")] {
        try db.execute(
          sql: """
            INSERT INTO job (id, kind, state, payload, payload_sha256, max_attempts, created_at, run_after, owner,
              idempotency_key, webhook, waiting_for, request_id)
            VALUES (?1, 'ingest', ?2, ?3, ?4, 3, 7, 8, 'owner of ' || ?1, iif(?1 = 'd', NULL, 'key of ' || ?1),
              'https://example.org', ?1 = 'd', 'request of ' || ?1)
            """, arguments: [id, state, Data("{}".utf8), sum])
      }
      try db.execute(
        sql: """
          UPDATE job SET lease_token = 5, lease_until = 1000000, lease_boot = 'boot', worker = 'w', attempts = 1,
            progress = 0.5, stage = 'half', started_at = 9 WHERE id = 'b';
          UPDATE job SET finished_at = 10, progress = 1 WHERE id = 'a';
          UPDATE job SET finished_at = 11, is_dead = 1 WHERE id = 'e';
          UPDATE job SET failure = CAST('{"code":"lost","message":"m","permanent":true}' AS BLOB) WHERE id = 'e';
          INSERT INTO job_event (job_id, type, time, data) VALUES ('a', 'queued', 1, x'7b7d'), ('b', 'queued', 2, x'7b7d'),
            ('a', 'succeeded', 3, x'7b7d'), ('c', 'queued', 4, x'7b7d'), ('b', 'running', 5, x'7b7d');
          INSERT INTO job_blob VALUES ('a', 'page', 0), ('b', 'input', 1);
          INSERT INTO job_after VALUES ('d', 'c');
          INSERT INTO delivery (id, job_id, url, due_at) VALUES ('x', 'a', 'https://example.org', 0);
          INSERT INTO owner_turn VALUES ('ingest', 'owner of b', 1);
          INSERT INTO queue VALUES ('impact', CAST('{"mode":"paused"}' AS BLOB));
          """)
      let result = Data("result".utf8)
      try db.execute(
        sql: "INSERT INTO job_result VALUES ('a', 'text/plain', ?, ?)",
        arguments: [result, Data(SHA256.hash(data: result))])
    }
  }

  @Test func aFileOfTheSecondVersionIsMigratedWithAllThatItHolds() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appendingPathComponent("q").path
    try await fileOfTheSecondVersion(path)
    let clock = ManualClock()
    let store = try SQLiteJobStore(path: path, clock: clock)
    #expect(try await store.damage() == [])
    #expect(
      try await store.allJobs().map { "\($0.id) \($0.state)" }
        == ["e failed", "d queued", "c queued", "b running", "a succeeded"])
    let running = try #require(try await store.job("b"))
    #expect(running.owner == "owner of b" && running.origin.requestID == "request of b" && running.leaseToken == 5)
    #expect(running.progress == 0.5 && running.stage == "half" && running.startedAt == 9 && running.worker == "w")
    #expect(running.inputBlobs == ["input"] && running.createdAt == 7 && running.runAfter == 8 && running.attempts == 1)
    #expect(try await store.jobs(JobFilter(onlyDead: true)).jobs.map(\.failure?.code) == ["lost"])
    #expect(try await store.result("a") == .text("result", blobs: ["page"]))
    #expect(try await store.queues()[.impact]?.mode == .paused)
    #expect(try await store.claimDeliveries(limit: 9, leaseMilliseconds: 1).map(\.jobID) == ["a"])
    // Keys are known still, the order of jobs holds, events go on where they were.
    let again = NewJob(kind: .ingest, payload: Data("{}".utf8), idempotencyKey: "key of c")
    #expect(try await store.enqueue(again).job.id == "c")
    #expect(try await store.events(ofJob: "b", after: 2, limit: 9).map(\.id) == [5])
    #expect(try await store.releaseAll(ofWorker: "w") == 1)
    #expect(try await store.events(ofJob: "b", after: 5, limit: 9).map(\.type) == ["released"])
    #expect(try await store.cancel("c").state == .cancelled)
    #expect(try await store.job("d")?.failure?.code == "dependency-failed")
    // What belongs to a job goes with it.
    #expect(try await store.deleteFinal(before: 11, kind: nil) == ["page"])
    #expect(try await store.job("a") == nil)
    #expect(try await store.result("a") == nil)
    #expect(try await store.events(ofJob: "a", after: 0, limit: 9) == [])
    #expect(try await store.claimDeliveries(limit: 9, leaseMilliseconds: 1).allSatisfy { $0.jobID != "a" })
    #expect(try store.durabilitySettings()["foreign_keys"] == "1")
    #expect(try await store.damage() == [])
    #expect(try await SQLiteJobStore(path: path).allJobs().count == 4)
  }

  @Test func severalProcessesMayFindAFileOfTheSecondVersion() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appendingPathComponent("q").path
    try await fileOfTheSecondVersion(path)
    let counts = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<4 { group.addTask { try await SQLiteJobStore(path: path).allJobs().count } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(counts == [5, 5, 5, 5])
  }

  @Test func anOldFileWhoseRowsDoNotFitTogetherStaysAsItIs() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appendingPathComponent("q").path
    try await fileOfTheSecondVersion(path)
    // GRDB turns foreign keys on.
    var configuration = Configuration()
    configuration.foreignKeysEnabled = false
    let old = try DatabaseQueue(path: path, configuration: configuration)
    try await old.write { try $0.execute(sql: "INSERT INTO job_blob VALUES ('nobody', 'blob', 1)") }
    #expect { _ = try SQLiteJobStore(path: path) } throws: { isCorrupt($0) }
    #expect(try await old.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == 2)
    #expect(try await old.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM job_event") } == 5)
  }

  /// The statements that make an empty file of an earlier version.
  private func schema(_ version: Int) throws -> String {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    return try String(contentsOf: folder.appendingPathComponent("schema-\(version).sql"), encoding: .utf8)
  }

  @Test func aJobThatIsQueuedTouchesFewPages() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appendingPathComponent("q").path
    let store = try SQLiteJobStore(path: path)
    func pages() throws -> Int { try Data(contentsOf: URL(fileURLWithPath: path + "-wal")).count / 4120 }
    try await store.add()
    let before = try pages()
    for _ in 0..<100 { try await store.add() }
    // Five trees, and now and then a new page.
    #expect(try pages() - before < 700)
  }

  @Test func callersAtTheSameMomentShareATransactionAndKeepTheirOwnAnswers() async throws {
    let folder = try TemporaryFolder()
    let store = try SQLiteJobStore(path: folder.url.appendingPathComponent("q").path)
    let outcomes = await withTaskGroup(of: Bool.self) { group in
      for index in 0..<200 {
        group.addTask {
          // Every fourth has the key of the one before it and another payload: refused, alone.
          let key = "key \(index - (index % 4 == 3 ? 1 : 0))"
          let new = NewJob(kind: .ingest, payload: Data("\(index % 4 == 3)".utf8), idempotencyKey: key)
          return (try? await store.enqueue(new)) != nil
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(outcomes.count { $0 } == 150)
    #expect(try await store.counts() == [.ingest: [.queued: 150]])
    #expect(try await store.damage() == [])
  }

  @Test func aFileThatIsNoDatabaseIsRefused() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appendingPathComponent("q")
    try Data(repeating: 0x41, count: 10_000).write(to: file)
    #expect { _ = try SQLiteJobStore(path: file.path) } throws: { isCorrupt($0) }
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func damagedPagesNeverTurnIntoAWrongAnswer(_ seed: UInt64) async throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appendingPathComponent("q")
    var ids: [String] = []
    do {
      let store = try SQLiteJobStore(path: file.path)
      for index in 0..<40 {
        let id = try await store.add(.ingest, String(repeating: "payload \(index) ", count: 50)).id
        let job = try #require(try await store.claimOne())
        let result = String(repeating: "result of \(id) ", count: 100)
        try await store.complete(job.lease, result: .text(result))
        ids.append(id)
      }
    }
    let good = try Data(contentsOf: file)
    var generator = SplitMix(state: seed)
    var noticed = 0
    for _ in 0..<20 {
      var bytes = good
      for _ in 0..<40 {
        bytes[Int.random(in: 100..<bytes.count, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
      }
      try bytes.write(to: file)
      for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file.path + suffix) }
      do {
        let store = try SQLiteJobStore(path: file.path)
        for (index, id) in ids.enumerated() {
          let job = try await store.job(id)
          let payload = Data(String(repeating: "payload \(index) ", count: 50).utf8)
          #expect(job == nil || job?.payload == payload)
          let result = try await store.result(id)
          #expect(result == nil || result?.body == Data(String(repeating: "result of \(id) ", count: 100).utf8))
        }
      } catch {
        #expect(isCorrupt(error), "\(error)")
        noticed += 1
      }
    }
    #expect(noticed > 10, "of 20 damaged files \(noticed) were noticed")
  }

  @Test func twoConnectionsShareTheFileWithoutBusyErrors() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appendingPathComponent("q").path
    let stores = try (0..<4).map { _ in try SQLiteJobStore(path: path) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, store) in stores.enumerated() {
        group.addTask {
          for _ in 0..<25 {
            try await store.add()
            if let job = try await store.claimOne(worker: "w\(index)") {
              try await store.report(job.lease, progress: 0.5, stage: nil)
              try await store.complete(job.lease, result: .text("r"))
            }
          }
        }
      }
      try await group.waitForAll()
    }
    let counts = try await stores[0].counts()
    #expect(counts[.ingest]?.values.reduce(0, +) == 100)
    #expect(try await stores[0].damage() == [])
  }

  @Test func storesOpenTheSameNewFileAtTheSameTime() async throws {
    for _ in 0..<5 {
      let folder = try TemporaryFolder()
      let path = folder.url.appendingPathComponent("q").path
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<6 {
          group.addTask { _ = try await SQLiteJobStore(path: path).add() }
        }
        try await group.waitForAll()
      }
      #expect(try await SQLiteJobStore(path: path).counts() == [.ingest: [.queued: 6]])
    }
  }

  @Test func onlyChangesRing() async throws {
    let folder = try TemporaryFolder()
    let rings = Counter()
    let store = try SQLiteJobStore(
      path: folder.url.appendingPathComponent("q").path, onChange: { rings.increment() })
    _ = try await store.claimOne()
    _ = try await store.expireLeases()
    _ = try await store.releaseAll(ofWorker: "nobody")
    #expect(rings.value == 0)
    try await store.add()
    #expect(rings.value == 1)
    let job = try #require(try await store.claimOne())
    #expect(rings.value == 2)
    _ = try await store.heartbeat(job.lease, leaseMilliseconds: 1000)
    #expect(rings.value == 2)
  }

  @Test func enqueueAnswersWithWhatIsStored() async throws {
    let folder = try TemporaryFolder()
    let store = try SQLiteJobStore(path: folder.url.appendingPathComponent("q").path)
    let first = try await store.add()
    let new = NewJob(
      kind: .forecast, payload: Data("{\"a\":1}".utf8), inputBlobs: ["c", "b", "c"], priority: 3, maxAttempts: 5,
      runAfter: 4_000_000_000_000, after: [first.id], owner: "someone",
      origin: JobOrigin(requestID: "r", traceparent: "00-1-2-01"))
    let answered = try await store.enqueue(new).job
    let stored = try #require(try await store.job(answered.id))
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    #expect(try encoder.encode(answered) == encoder.encode(stored))
  }

  @Test func aLoneWriteWaitsForTheWriteOfAnother() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appendingPathComponent("q").path
    let store = try SQLiteJobStore(path: path)
    // The first commits show how fast the disk is, on which it depends whose thread commits.
    for _ in 0..<20 { try await store.add() }
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: path, configuration: configuration)
    try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    let start = ContinuousClock.now
    async let waiting = store.add()
    try await Task.sleep(for: .milliseconds(300))
    try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
    let late = try await waiting
    #expect(ContinuousClock.now - start >= .milliseconds(300))
    #expect(try await store.job(late.id) != nil)
    #expect(try await store.counts() == [.ingest: [.queued: 21]])
  }

  @Test func aFullDiskRefusesTheJobAndTheStoreWorksOnAfterwards() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appendingPathComponent("q").path
    let store = try SQLiteJobStore(path: path, sizeLimit: 1 << 20)
    let kept = try await store.add()
    let large = NewJob(kind: .ingest, payload: Data(repeating: 1, count: 3 << 20), inputBlobs: ["b"])
    await #expect(throws: JobStoreError.diskFull) { _ = try await store.enqueue(large) }
    #expect(try await store.unreferenced(["b"]) == ["b"], "nothing of the refused job stays")
    try await store.add()
    #expect(try await store.job(kept.id) != nil)
    #expect(try await store.counts() == [.ingest: [.queued: 2]])
    #expect(try await store.damage() == [])
  }
}

private func isCorrupt(_ error: any Error) -> Bool {
  if case JobStoreError.corrupt = error { true } else { false }
}
