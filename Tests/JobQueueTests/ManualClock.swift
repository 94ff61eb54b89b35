import Foundation
import JobQueue
import Synchronization

/// A lease clock that the test moves.
final class ManualClock: LeaseClock {
  private let now = Mutex<(time: Int64, boot: String)>((1_000_000, "first boot"))

  var bootID: String { now.withLock { $0.boot } }

  func milliseconds() -> Int64 { now.withLock { $0.time } }
  func advance(_ milliseconds: Int64) { now.withLock { $0.time += milliseconds } }
  func reboot() { now.withLock { $0 = (0, "second boot") } }
}

/// A folder that is removed with the last reference to it.
final class TemporaryFolder: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("docq-queue-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Paths of the regular files below `part`, relative to it.
  func files(_ part: String) -> [String] {
    let root = url.appendingPathComponent(part).path
    return ((try? FileManager.default.subpathsOfDirectory(atPath: root)) ?? []).filter { path in
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder) && !isFolder.boolValue
    }.sorted()
  }
}

/// A store under test with the clock that its leases follow. Every conformance test runs on each of them.
enum StoreUnderTest: String, CaseIterable, Sendable {
  case sqlite, memory

  func with<Value>(_ body: (any JobStore, ManualClock) async throws -> Value) async throws -> Value {
    let clock = ManualClock()
    switch self {
    case .memory:
      return try await body(InMemoryJobStore(clock: clock), clock)
    case .sqlite:
      let folder = try TemporaryFolder()
      defer { withExtendedLifetime(folder) {} }
      return try await body(
        try SQLiteJobStore(path: folder.url.appendingPathComponent("queue.sqlite").path, clock: clock), clock)
    }
  }
}

extension JobStore {
  @discardableResult
  func add(
    _ kind: JobKind = .ingest, _ payload: String = "{}", blobs: [String] = [], priority: Int = 0, attempts: Int = 3
  ) async throws -> Job {
    try await enqueue(
      NewJob(
        kind: kind, payload: Data(payload.utf8), inputBlobs: blobs, priority: priority, maxAttempts: attempts)
    ).job
  }

  func claimOne(_ kind: JobKind = .ingest, worker: String = "w1", lease: Int64 = 30_000) async throws -> Job? {
    try await claim(kinds: [kind], worker: worker, limit: 1, leaseMilliseconds: lease).first
  }

  func allJobs() async throws -> [Job] {
    var all: [Job] = []
    var filter = JobFilter(limit: 500)
    repeat {
      let page = try await jobs(filter)
      all += page.jobs
      filter.cursor = page.nextCursor
    } while filter.cursor != nil
    return all
  }
}

extension Job {
  var lease: Lease { Lease(jobID: id, token: leaseToken) }
}

extension JobResult {
  static func text(_ text: String, blobs: [String] = []) -> JobResult {
    JobResult(contentType: "text/plain", body: Data(text.utf8), blobs: blobs)
  }
}
