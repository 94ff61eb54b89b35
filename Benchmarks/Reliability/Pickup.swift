import ArgumentParser
import Foundation
import JobHandlers
import JobQueue
import Logging

struct Pickup: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "How long until an idle worker, a process of its own, has a new job in hand.")

  @Option(help: "Jobs.") var jobs = 500
  @Option(help: "How long the idle worker is watched.") var idleSeconds = 20.0

  func run() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("docq-pickup-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let data = try DataFolder.open(folder)
    let store = try SQLiteJobStore(data: data)
    let bell = try DoorbellListener(data)
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    let worker = try ChildProcess(
      URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath(), ["pickup-worker", folder.path],
      descriptors: [null, null, null])
    close(null)
    defer { worker.signal(SIGKILL) }
    var (fromCall, fromAnswer): ([Double], [Double]) = ([], [])
    for index in 0..<jobs + 20 {
      let called = secondsNow()
      let job = try await store.enqueue(NewJob(kind: .ingest, payload: Data("{}".utf8))).job
      let answered = secondsNow()
      let limit = answered + 10
      while try await store.job(job.id)?.state.isFinal != true {
        try check(secondsNow() < limit, "the worker does not take jobs")
        let generation = bell.generation
        await bell.wait(after: generation, timeout: .milliseconds(20))
      }
      let body = try await store.result(job.id)?.body ?? Data()
      guard let started = Double(String(decoding: body, as: UTF8.self)) else { throw Broken("no time in the result") }
      // The first ones find the worker starting.
      if index >= 20 {
        fromCall.append(started - called)
        fromAnswer.append(max(0, started - answered))
      }
      try await Task.sleep(for: .milliseconds(Int.random(in: 1...8)))
    }
    let before = processorSeconds(worker.pid)
    try await Task.sleep(for: .seconds(idleSeconds))
    let idle = (processorSeconds(worker.pid) - before) / idleSeconds * 1000
    print(
      "pickup of \(jobs) jobs, synchronous=FULL: from the acknowledgement \(fromAnswer.latencies); from the call "
        + "\(fromCall.latencies); idle worker \(String(format: "%.2f", idle)) ms of processor time a second")
  }

  /// Of all its threads, those that ended included.
  private func processorSeconds(_ pid: pid_t) -> Double {
    var (clock, time) = (clockid_t(), timespec())
    guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else { return .nan }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// The worker whose reaction is measured.
struct PickupWorker: AsyncParsableCommand {
  static let configuration = CommandConfiguration(shouldDisplay: false)
  @Argument var folder: String

  private struct Clock: JobHandler {
    let kinds: [JobKind] = [.ingest]
    func run(_ job: Job, context: JobContext) async throws -> JobResult {
      JobResult(contentType: "text/plain", body: Data("\(secondsNow())".utf8))
    }
  }

  func run() async throws {
    let data = try DataFolder.open(URL(fileURLWithPath: folder))
    try await Worker(
      name: "pickup", data: data, store: try SQLiteJobStore(data: data), blobs: try FileBlobStore(data: data),
      handlers: [Clock()], options: WorkerOptions(), log: Logger(label: "pickup")
    ).run()
  }
}
