import ArgumentParser
import Foundation
import JobQueue

struct DiskErrors: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disk-errors",
    abstract: "Makes writes and flushes of the data folder fail at random while jobs come and run.",
    discussion: """
      Gateway and workers run with libdocq-faults.so (Benchmarks/FaultInjection) in front of libc. Afterwards, without a \
      restart, every acknowledged job has to succeed.
      """)

  @Option(help: "Share of the calls that fail, in percent.") var percent = 5
  @Option(help: "How long the disk is bad.") var seconds = 20.0

  func run() async throws {
    let library = ServiceUnderTest.folder.appendingPathComponent("libdocq-faults.so").path
    guard FileManager.default.fileExists(atPath: library) else {
      throw Broken("\(library) is missing: build all products with `swift build -c release`")
    }
    let data = FileManager.default.temporaryDirectory.appendingPathComponent("docq-disk-errors-\(UUID().uuidString)")
    let badDisk = data.path + ".bad"
    let service = try ServiceUnderTest(
      data: data,
      variables: [
        "LD_PRELOAD": library, "DOCQ_FAULT_FOLDER": data.path, "DOCQ_FAULT_SWITCH": badDisk,
        "DOCQ_FAULT_PERCENT": "\(percent)",
      ])
    defer {
      service.stop()
      try? FileManager.default.removeItem(at: data)
      unlink(badDisk)
    }
    try await service.start()
    let pids = ServiceUnderTest.programs.map { service.pid($0) }
    let json = ["Content-Type: application/json"]
    let series = Data(#"{"target": [1, 2, 3, 4, 5, 6, 7, 8]}"#.utf8)
    var acknowledged: [String] = []
    var statuses: [Int: Int] = [:]
    func send(_ number: Int) throws {
      let connection = try HTTPConnection(port: service.port)
      let answer =
        number % 4 == 0
        ? try connection.send(
          "POST", "/ingest", ["Content-Type: application/pdf"], body: ServiceUnderTest.page("page \(number)"))
        : try connection.send("POST", "/forecast?model=naive", json, body: series)
      statuses[answer.status, default: 0] += 1
      if answer.status == 202, let id = answer.json["id"] as? String { acknowledged.append(id) }
    }
    for number in 0..<20 { try send(number) }
    try check(acknowledged.count == 20, "before the errors: \(statuses)")
    _ = FileManager.default.createFile(atPath: badDisk, contents: nil)
    let end = secondsNow() + seconds
    var number = 20
    while secondsNow() < end {
      try send(number)
      number += 1
    }
    unlink(badDisk)
    let underErrors = statuses
    let before = acknowledged.count
    for _ in 0..<50 where acknowledged.count < before + 10 { try send(number) }
    let recovered = acknowledged.count >= before + 10
    let store = try SQLiteJobStore(data: try DataFolder.open(data))
    // As long as some are done: there may be thousands.
    var open = 1, fewest = Int.max
    var lastProgress = secondsNow()
    while open > 0, secondsNow() - lastProgress < 60 {
      _ = try await store.retryDead(kind: nil)
      open = try await store.counts().values.reduce(0) { $0 + ($1[.queued] ?? 0) + ($1[.running] ?? 0) }
      if open < fewest {
        fewest = open
        lastProgress = secondsNow()
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    var lost: [String] = []
    for id in acknowledged where try await store.job(id)?.state != .succeeded { lost.append(id) }
    let damage = try await store.damage()
    let restarted = zip(ServiceUnderTest.programs, pids).filter { service.pid($0) != $1 || !service.isRunning($0) }
    print(
      "disk errors: \(percent) % of the writes and flushes failed for \(Int(seconds)) s; answers "
        + "\(underErrors.sorted { $0.key < $1.key }.map { "\($0.value) x \($0.key)" }); \(acknowledged.count) jobs "
        + "acknowledged, lost \(lost.count), open \(open); damage \(damage.isEmpty ? "none" : damage[0])")
    try check(Set(underErrors.keys).isSubset(of: [202, 503, 507]), "answers other than 202, 503 and 507")
    try check(underErrors.keys.contains { $0 != 202 }, "no write failed: is the library loaded?")
    try check(recovered, "no recovery without a restart")
    try check(restarted.isEmpty, "\(restarted.map { $0.0 }) ended")
    try check(lost.isEmpty && open == 0, "acknowledged jobs did not succeed: \(lost.prefix(3))")
    try check(damage.isEmpty, "the file is damaged")
  }
}
