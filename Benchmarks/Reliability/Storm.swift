import ArgumentParser
import Foundation
import JobQueue
import Synchronization

struct Storm: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "SIGKILL to gateway and workers at random while clients send jobs: no acknowledged job is lost or done twice."
  )

  @Option(help: "How long.") var seconds = 60.0
  @Option(help: "At least so many kills.") var kills = 40
  @Option(help: "At least so many acknowledged jobs.") var jobs = 0
  @Option(help: "Clients that send jobs.") var clients = 3
  @Option(help: "Seed of what is killed and when; random without it.") var seed: UInt64?

  /// What was answered with 202.
  private final class Acknowledged: Sendable {
    private let list = Mutex<[Sent]>([])
    var all: [Sent] { list.withLock { $0 } }
    func append(_ sent: Sent) { list.withLock { $0.append(sent) } }
  }

  private struct Sent: Sendable {
    var id: String
    var key: String
  }

  func run() async throws {
    let seed = seed ?? UInt64.random(in: 1...UInt64.max)
    var generator = SplitMix(state: seed)
    let service = try ServiceUnderTest()
    defer { service.stop() }
    try await service.start()
    let end = secondsNow() + seconds
    let acknowledged = Acknowledged()
    let threads = (0..<clients).map { client in
      Task.detached { Self.send(as: client, to: service, until: end, acknowledged) }
    }
    var killed = 0
    while secondsNow() < end || killed < kills {
      try await Task.sleep(for: .milliseconds(Int.random(in: 20...200, using: &generator)))
      let victim = ServiceUnderTest.programs.randomElement(using: &generator)!
      // One that never gets as far as its start proves nothing.
      if Int.random(in: 0..<4, using: &generator) == 0 { try? await service.becomeReady() }
      try await service.killAndRestart(victim)
      killed += 1
    }
    for thread in threads { await thread.value }
    try await service.becomeReady()
    let sent = acknowledged.all
    let store = try SQLiteJobStore(data: try DataFolder.open(service.data))
    let setAside = try await finish(store)
    try await report(store, sent, killed, seed, setAside)
  }

  /// Sends jobs with idempotency keys; an answer of 202 is an acknowledgement.
  private static func send(
    as client: Int, to service: ServiceUnderTest, until end: Double, _ acknowledged: Acknowledged
  ) {
    let series = Data("{\"id\": \"a\", \"target\": [1, 2, 3, 4, 5, 6, 7, 8], \"prediction_length\": 3}".utf8)
    let articles = Data("{\"articles\": [{\"title\": \"A paper\", \"abstract\": \"On things.\"}]}".utf8)
    let json = "Content-Type: application/json"
    var number = 0
    var connection: HTTPConnection?
    while secondsNow() < end {
      number += 1
      let key = "\(client)-\(number)"
      let (path, type, body) =
        switch number % 8 {
        case 0: ("/ingest", "Content-Type: application/pdf", ServiceUnderTest.page("Page \(key)"))
        case 1, 2, 3: ("/impact", json, articles)
        default: ("/forecast?model=naive", json, series)
        }
      // Asking again with the same key is what a careful client does after a broken answer.
      for _ in 0..<50 {
        do {
          let open = try connection ?? HTTPConnection(port: service.port)
          connection = open
          let answer = try open.send("POST", path, [type, "Idempotency-Key: \(key)"], body: body)
          guard answer.status == 202, let id = answer.json["id"] as? String else { break }
          acknowledged.append(Sent(id: id, key: key))
          break
        } catch {
          connection = nil
          usleep(20_000)
        }
      }
    }
  }

  /// Waits for the queue to run empty; jobs that were set aside because their workers were killed run again.
  private func finish(_ store: SQLiteJobStore) async throws -> Int {
    var setAside = 0
    var quietSince = secondsNow()
    var lastOpen = -1
    while true {
      setAside += try await store.retryDead(kind: nil)
      let counts = try await store.counts()
      let open = counts.values.reduce(0) { $0 + ($1[.queued] ?? 0) + ($1[.running] ?? 0) }
      if open == 0 { return setAside }
      if open != lastOpen { (lastOpen, quietSince) = (open, secondsNow()) }
      try check(secondsNow() - quietSince < 60, "\(open) job(s) stay open")
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  private func report(
    _ store: SQLiteJobStore, _ sent: [Sent], _ killed: Int, _ seed: UInt64, _ setAside: Int
  ) async throws {
    var (done, twice) = (0, 0)
    var filter = JobFilter(limit: 500)
    repeat {
      let page = try await store.jobs(filter)
      for job in page.jobs {
        let successes = try await store.events(ofJob: job.id, after: 0, limit: .max).count { $0.type == "succeeded" }
        if successes > 0 { done += 1 }
        if successes > 1 { twice += 1 }
      }
      filter.cursor = page.nextCursor
    } while filter.cursor != nil
    var lost = 0
    for one in sent {
      let job = try await store.job(one.id)
      if job?.state != .succeeded { lost += 1 }
    }
    let keys = Dictionary(grouping: sent, by: \.key).values.count { Set($0.map(\.id)).count > 1 }
    let damage = try await store.damage()
    print(
      """
      storm: seed \(seed), \(killed) kills, \(sent.count) jobs acknowledged, \(done) done; \
      lost \(lost), done twice \(twice), keys with two jobs \(keys), set aside and run again \(setAside), \
      damage \(damage.isEmpty ? "none" : damage[0])
      """)
    try check(lost == 0, "\(lost) acknowledged job(s) did not succeed")
    try check(twice == 0 && keys == 0, "a job was done twice")
    try check(damage.isEmpty, "the file is damaged: \(damage)")
    try check(sent.count >= jobs, "only \(sent.count) jobs were acknowledged; \(jobs) were asked for")
  }
}
