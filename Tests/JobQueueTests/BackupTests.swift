import Foundation
import JobQueue
import Testing

@Suite struct BackupTests {
  @Test func aCopyMadeUnderLoadIsWholeAndRunsOn() async throws {
    let folder = try TemporaryFolder()
    let data = try DataFolder.open(folder.url.appendingPathComponent("data"))
    let store = try SQLiteJobStore(data: data)
    let blobs = try FileBlobStore(data: data)
    // Jobs come, are done and are deleted, with their blobs, while the copies are made.
    let load = Task {
      var number = 0
      while !Task.isCancelled {
        number += 1
        let input = try blobs.put(Data("input \(number)".utf8))
        try await store.add(.ingest, "\(number)", blobs: [input])
        if let job = try await store.claimOne() {
          let output = try blobs.put(Data("output of \(job.id)".utf8))
          try await store.complete(job.lease, result: .text("r", blobs: [output]))
        }
        if number % 10 == 0 {
          for name in try await store.deleteFinal(before: WallClock.milliseconds() - 20, kind: nil) {
            try await blobs.delete(name)
          }
        }
      }
    }
    for round in 0..<3 {
      try await Task.sleep(for: .milliseconds(100))
      let target = folder.url.appendingPathComponent("backup \(round)")
      let made = try await Backup.make(of: data, at: target)
      #expect(made.jobs > 0 && made.blobs > 0)
      #expect(try await Backup.verify(target) == made)
      let copy = folder.url.appendingPathComponent("copy \(round)")
      #expect(try await Backup.restore(target, to: copy) == made)
      let restored = try SQLiteJobStore(data: try DataFolder.open(copy))
      #expect(try await restored.damage() == [])
      let other = try FileBlobStore(data: try DataFolder.open(copy))
      var count = 0
      for job in try await restored.jobs(JobFilter(limit: 500)).jobs {
        count += 1
        for name in job.inputBlobs { _ = try await other.read(name) }
        for name in try await restored.result(job.id)?.blobs ?? [] { _ = try await other.read(name) }
      }
      #expect(count == min(500, made.jobs))
      await #expect(throws: BackupError.self) { _ = try await Backup.make(of: data, at: target) }
      await #expect(throws: BackupError.self) { _ = try await Backup.restore(target, to: copy) }
    }
    load.cancel()
    _ = await load.result
  }

  @Test func damageIsFoundBeforeAnythingIsRestored() async throws {
    let folder = try TemporaryFolder()
    let data = try DataFolder.open(folder.url.appendingPathComponent("data"))
    let name = try FileBlobStore(data: data).put(Data("input".utf8))
    try await SQLiteJobStore(data: data).add(blobs: [name])
    let target = folder.url.appendingPathComponent("backup")
    let empty = folder.url.appendingPathComponent("empty")
    await #expect(throws: BackupError.noBackup(empty.path)) { _ = try await Backup.verify(empty) }
    for part in ["queue.sqlite", "blobs/\(name.prefix(2))/\(name.dropFirst(2))"] {
      _ = try await Backup.make(of: data, at: target)
      let file = target.appendingPathComponent(part)
      var bytes = try Data(contentsOf: file)
      bytes[bytes.count / 2] ^= 1
      try bytes.write(to: file)
      await #expect(throws: BackupError.self) { _ = try await Backup.restore(target, to: empty) }
      #expect(!FileManager.default.fileExists(atPath: empty.appendingPathComponent("queue.sqlite").path))
      try FileManager.default.removeItem(at: target)
    }
  }
}
