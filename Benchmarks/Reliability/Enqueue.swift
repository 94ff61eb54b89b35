import ArgumentParser
import EnqueueLoop
import Foundation
import JobQueue

struct Enqueue: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Durable jobs a second: the queue, one caller and many, against loops in C.")

  @Option(help: "Jobs in each run.") var count = 2000
  @Option(help: "Runs of each, taken in turn; the medians are compared.") var rounds = 5
  @Option(help: "Callers at the same time.") var clients = 32

  func run() async throws {
    var (same, plain, one, many): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
    for _ in 0..<rounds {
      plain.append(try loop(intoQueue: false))
      same.append(try loop(intoQueue: true))
      one.append(try await enqueue(clients: 1))
      many.append(try await enqueue(clients: clients))
    }
    let loops = (same: same.quantile(0.5), plain: plain.quantile(0.5))
    func text(_ rate: Double) -> String {
      String(format: "%.0f/s (%.2fx, %.2fx)", rate, rate / loops.same, rate / loops.plain)
    }
    print(
      "enqueue, synchronous=FULL, median of \(rounds): loop in C of the same rows "
        + String(format: "%.0f/s, of one plain table %.0f/s; ", loops.same, loops.plain)
        + "one caller \(text(one.quantile(0.5))); \(clients) callers \(text(many.quantile(0.5)))")
  }

  private func loop(intoQueue: Bool) throws -> Double {
    try inFolder { folder in
      let data = try DataFolder.open(folder)
      // Makes the queue's tables and leaves the file to the loop.
      if intoQueue { _ = try SQLiteJobStore(data: data) }
      let seconds = docq_enqueue_loop(data.queueFile.path, Int32(count), intoQueue)
      try check(seconds > 0, "the loop in C did not work")
      return Double(count) / seconds
    }
  }

  private func enqueue(clients: Int) async throws -> Double {
    let folder = try makeFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let store = try SQLiteJobStore(data: try DataFolder.open(folder))
    let start = secondsNow()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<clients {
        group.addTask {
          for _ in 0..<count / clients {
            _ = try await store.enqueue(NewJob(kind: .ingest, payload: Data("{\"number\":1}".utf8)))
          }
        }
      }
      try await group.waitForAll()
    }
    let rate = Double(count / clients * clients) / (secondsNow() - start)
    let stored = try await store.counts()[.ingest]?[.queued] ?? 0
    try check(stored == count / clients * clients, "\(stored) jobs are there")
    return rate
  }

  private func makeFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("docq-enqueue-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }

  private func inFolder<Value>(_ body: (URL) throws -> Value) throws -> Value {
    let folder = try makeFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }
}
