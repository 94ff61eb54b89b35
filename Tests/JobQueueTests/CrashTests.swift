import Foundation
import JobQueue
import Testing

/// Real processes killed with SIGKILL in the middle of their work.
@Suite struct CrashTests {
  @Test func killedProcessesLoseNothingAndDoNothingTwice() async throws {
    let folder = try TemporaryFolder()
    let data = try DataFolder.open(folder.url.appendingPathComponent("data"))
    let log = folder.url.appendingPathComponent("acknowledged").path
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SplitMix(state: seed)
    var probes = try (0..<3).map { _ in try start(data, log) }
    let kills = 30
    for _ in 0..<kills {
      try await Task.sleep(for: .milliseconds(Int.random(in: 20...200, using: &generator)))
      let victim = Int.random(in: 0..<probes.count, using: &generator)
      #expect(probes[victim].isRunning, "a probe ended by itself: see its error output")
      kill(probes[victim].processIdentifier, SIGKILL)
      probes[victim].waitUntilExit()
      probes[victim] = try start(data, log)
    }
    for probe in probes {
      kill(probe.processIdentifier, SIGKILL)
      probe.waitUntilExit()
    }

    let store = try SQLiteJobStore(data: data)
    #expect(try await store.damage() == [])
    try await WorkerLiveness.collectDead(in: data) { _ = try await store.releaseAll(ofWorker: $0) }
    while let job = try await store.claimOne() {
      try await store.complete(job.lease, result: JobResult(contentType: "text/plain", body: job.payload))
    }
    #expect(folder.files("data/run").filter { $0.hasSuffix(".lock") } == [])

    let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map { $0.split(separator: " ") }
    let sent = lines.filter { $0[0] == "sent" }
    let done = lines.filter { $0[0] == "done" }
    print("\(kills) kills, seed \(seed): \(sent.count) jobs acknowledged, \(done.count) completions acknowledged")
    #expect(sent.count > 20 && done.count > 20)
    #expect(Set(done.map { $0[1] }).count == done.count, "no completion was acknowledged twice")
    for line in sent + done {
      let job = try #require(try await store.job(String(line[1])), "acknowledged job \(line[1]) is gone")
      #expect(String(decoding: job.payload, as: UTF8.self) == line[2...].joined(separator: " "))
    }
    let jobs = try await store.allJobs()
    for job in jobs {
      let events = try await store.events(ofJob: job.id, after: 0, limit: .max)
      #expect(events.count { $0.type == "succeeded" } == 1)
    }
    let counts = try await store.counts()
    #expect(counts == [.ingest: [.succeeded: jobs.count]], "every job ran to its end")
    #expect(jobs.count >= sent.count)
  }

  /// SIGSTOP is what a laptop's lid, a debugger or a busy hypervisor does to a worker.
  @Test func aWorkerThatSleptThroughItsLeaseIsRefused() async throws {
    let folder = try TemporaryFolder()
    let data = try DataFolder.open(folder.url.appendingPathComponent("data"))
    let store = try SQLiteJobStore(data: data)
    let id = try await store.enqueue(NewJob(kind: .ingest, payload: Data("work".utf8))).job.id
    let log = folder.url.appendingPathComponent("acknowledged").path
    func said() -> String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
    let input = Pipe()
    let sleeper = try start(data, log, "one", input: input)
    for _ in 0..<400 where said().isEmpty { try await Task.sleep(for: .milliseconds(25)) }
    #expect(said() == "claimed \(id)\n")
    kill(sleeper.processIdentifier, SIGSTOP)
    var expired = 0
    for _ in 0..<400 where expired == 0 {
      try await Task.sleep(for: .milliseconds(25))
      expired = try await store.expireLeases()
    }
    let again = try #require(try await store.claimOne(), "the job of the sleeping worker is there again")
    kill(sleeper.processIdentifier, SIGCONT)
    try input.fileHandleForWriting.write(contentsOf: Data("x".utf8))
    sleeper.waitUntilExit()
    #expect(said() == "claimed \(id)\nrefused \(id)\n")
    try await store.complete(again.lease, result: JobResult(contentType: "text/plain", body: Data("in time".utf8)))
    #expect(try await store.result(id)?.body == Data("in time".utf8))
  }

  /// The probe stands beside the program that runs the tests.
  private func start(_ data: DataFolder, _ log: String, _ options: String..., input: Pipe? = nil) throws -> Process {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tests).deletingLastPathComponent()
      .appendingPathComponent("JobQueueCrashProbe")
    process.arguments = [data.root.path, log] + options
    if let input { process.standardInput = input }
    try process.run()
    return process
  }
}
