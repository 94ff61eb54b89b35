import ArgumentParser
import Foundation
import JobQueue

struct DiskFull: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Fills the file system of a data folder while jobs come and run: 507, no acknowledged job lost, recovery.",
    discussion: """
      FOLDER has to be a small file system of its own, for example:
        mount -t tmpfs -o size=64m docq-small /mnt/small
      """)

  @Argument(help: "Mount point of a small file system that may be filled.") var folder: String

  func run() async throws {
    let root = URL(fileURLWithPath: folder)
    guard let size = try Self.space(root)?.total, size <= 1 << 30 else {
      throw ValidationError("\(folder) is not a file system of its own of at most 1 GiB")
    }
    let service = try ServiceUnderTest(data: root.appendingPathComponent("data"))
    defer {
      service.stop()
      try? FileManager.default.removeItem(at: root.appendingPathComponent("data"))
      try? FileManager.default.removeItem(at: root.appendingPathComponent("filler"))
    }
    try await service.start()
    let json = ["Content-Type: application/json"]
    let series = Data("{\"target\": [\((0..<2000).map { "\($0)" }.joined(separator: ","))]}".utf8)
    func send() throws -> (status: Int, id: String?) {
      let answer = try HTTPConnection(port: service.port).send("POST", "/forecast?model=naive", json, body: series)
      return (answer.status, answer.json["id"] as? String)
    }
    var acknowledged: [String] = []
    for _ in 0..<50 {
      let answer = try send()
      try check(answer.status == 202, "before the disk is full: \(answer.status)")
      acknowledged += [answer.id].compactMap { $0 }
    }
    // Fill all but a little, then let jobs do the rest.
    let filler = root.appendingPathComponent("filler").path
    let descriptor = open(filler, O_WRONLY | O_CREAT, 0o600)
    let zeros = [UInt8](repeating: 0, count: 1 << 16)
    while write(descriptor, zeros, zeros.count) > 0 {}
    var statuses: [Int: Int] = [:]
    for _ in 0..<200 {
      let answer = try send()
      statuses[answer.status, default: 0] += 1
      if answer.status == 202 { acknowledged += [answer.id].compactMap { $0 } }
      let upload = try HTTPConnection(port: service.port).send(
        "POST", "/ingest", ["Content-Type: application/pdf"], body: ServiceUnderTest.page("full"))
      statuses[upload.status, default: 0] += 1
      if upload.status == 202, let id = upload.json["id"] as? String { acknowledged.append(id) }
    }
    close(descriptor)
    unlink(filler)
    // No restart: the same processes go on.
    var later = 0
    for _ in 0..<50 where later != 202 {
      later = try send().status
      try await Task.sleep(for: .milliseconds(200))
    }
    let store = try SQLiteJobStore(data: try DataFolder.open(service.data))
    var open = 1
    for _ in 0..<600 where open > 0 {
      _ = try await store.retryDead(kind: nil)
      open = try await store.counts().values.reduce(0) { $0 + ($1[.queued] ?? 0) + ($1[.running] ?? 0) }
      try await Task.sleep(for: .milliseconds(100))
    }
    var lost = 0
    for id in acknowledged where try await store.job(id)?.state != .succeeded { lost += 1 }
    let damage = try await store.damage()
    print(
      "disk full: answers while full \(statuses.sorted { $0.key < $1.key }.map { "\($0.value) x \($0.key)" }); "
        + "\(acknowledged.count) jobs acknowledged, lost \(lost); after room was made: \(later), open \(open); "
        + "damage \(damage.isEmpty ? "none" : damage[0])")
    try check(Set(statuses.keys).isSubset(of: [202, 503, 507]), "answers other than 202, 503 and 507")
    try check(statuses[507] ?? 0 > 0, "the disk was never full")
    try check(lost == 0 && open == 0, "acknowledged jobs did not succeed")
    try check(later == 202, "no recovery without a restart")
    try check(damage.isEmpty, "the file is damaged")
  }

  private static func space(_ folder: URL) throws -> (total: Int64, free: Int64)? {
    let values = try FileManager.default.attributesOfFileSystem(forPath: folder.path)
    guard let total = values[.systemSize] as? NSNumber, let free = values[.systemFreeSize] as? NSNumber else {
      return nil
    }
    return (total.int64Value, free.int64Value)
  }
}
