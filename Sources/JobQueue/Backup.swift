import Crypto
import Foundation
import GRDB

/// A data folder copied while its service runs, and put back.
///
/// A backup is a folder with `queue.sqlite`, `blobs` and `manifest.json`. The queue is a consistent copy of one moment;
/// every blob that it refers to is there. Jobs that ran at that moment run again after a restore.
public struct Backup: Codable, Sendable, Hashable {
  /// Unix milliseconds.
  public var createdAt: Int64
  /// SHA-256 of `queue.sqlite`, lower-case hex.
  public var queueDigest: String
  public var jobs: Int
  public var blobs: Int
  /// References to blobs that were deleted while the copy was made; their jobs were done with them.
  public var dropped: Int

  private static let parts = (queue: "queue.sqlite", manifest: "manifest.json")

  /// Copies `data` to a new folder and verifies the copy.
  ///
  /// - Throws: `BackupError.exists` when there is something at `target`; `JobStoreError`, `BlobError` for what is wrong
  ///   with the source; `BackupError.damaged` when the copy does not hold what it should.
  public static func make(of data: DataFolder, at target: URL) async throws -> Backup {
    guard !FileManager.default.fileExists(atPath: target.path) else { throw BackupError.exists(target.path) }
    // Complete or not there: everything is written aside and renamed at the end.
    let aside = target.deletingLastPathComponent().appendingPathComponent(".\(target.lastPathComponent)-\(getpid())")
    do {
      try? FileManager.default.removeItem(at: aside)
      let folder = try DataFolder.open(aside)
      let source = try FileBlobStore(data: data)
      let copy = try FileBlobStore(data: folder)
      try await SQLiteJobStore(data: data).copy(to: folder.queueFile.path)
      let references = try references(in: folder.queueFile)
      var dropped: [String] = []
      for name in references {
        do {
          try copyBlob(try await source.localFile(name), named: name, to: copy)
        } catch BlobError.notFound {
          dropped.append(name)
        }
      }
      try forget(dropped, in: folder.queueFile)
      try sync(folder.queueFile)
      let backup = Backup(
        createdAt: WallClock.milliseconds(), queueDigest: try digest(of: folder.queueFile),
        jobs: try countJobs(in: folder.queueFile), blobs: references.count - dropped.count, dropped: dropped.count)
      for name in ["run", "tmp"] { try FileManager.default.removeItem(at: aside.appendingPathComponent(name)) }
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(backup).write(to: aside.appendingPathComponent(parts.manifest), options: .atomic)
      _ = try await verify(aside)
      guard rename(aside.path, target.path) == 0 else {
        throw BackupError.cannotWrite(target.path, String(cString: strerror(errno)))
      }
      try sync(target.deletingLastPathComponent())
      return backup
    } catch {
      try? FileManager.default.removeItem(at: aside)
      throw error
    }
  }

  /// Reads a whole backup: the queue against its digest, its structure, and every blob against its name.
  ///
  /// - Throws: `BackupError.noBackup`, `BackupError.damaged`.
  public static func verify(_ folder: URL) async throws -> Backup {
    let manifest = folder.appendingPathComponent(parts.manifest)
    let queue = folder.appendingPathComponent(parts.queue)
    guard let bytes = FileManager.default.contents(atPath: manifest.path),
      let backup = try? JSONDecoder().decode(Backup.self, from: bytes)
    else { throw BackupError.noBackup(folder.path) }
    guard try digest(of: queue) == backup.queueDigest else {
      throw BackupError.damaged(folder.path, "queue.sqlite does not match the checksum in manifest.json")
    }
    let problems = try reading(queue) { try String.fetchAll($0, sql: "PRAGMA integrity_check").filter { $0 != "ok" } }
    if let first = problems.first { throw BackupError.damaged(folder.path, first) }
    for name in try references(in: queue) {
      let blob = folder.appendingPathComponent("blobs/\(name.prefix(2))/\(name.dropFirst(2))")
      guard FileManager.default.fileExists(atPath: blob.path), try digest(of: blob) == name else {
        throw BackupError.damaged(folder.path, "blob \(name) is missing or does not match its name")
      }
    }
    return backup
  }

  /// Verifies a backup and makes a data folder of it. The backup stays as it is.
  ///
  /// - Throws: `BackupError.exists` when `target` holds a queue already; what `verify` throws.
  public static func restore(_ folder: URL, to target: URL) async throws -> Backup {
    guard !FileManager.default.fileExists(atPath: target.appendingPathComponent(parts.queue).path) else {
      throw BackupError.exists(target.appendingPathComponent(parts.queue).path)
    }
    let backup = try await verify(folder)
    let data = try DataFolder.open(target)
    let blobs = try FileBlobStore(data: data)
    for name in try references(in: folder.appendingPathComponent(parts.queue)) {
      try copyBlob(
        folder.appendingPathComponent("blobs/\(name.prefix(2))/\(name.dropFirst(2))"), named: name, to: blobs)
    }
    // The queue comes last: where it stands, everything that it refers to stands.
    let aside = data.temporary.appendingPathComponent("restore-\(getpid())")
    try FileManager.default.copyItem(at: folder.appendingPathComponent(parts.queue), to: aside)
    guard try digest(of: aside) == backup.queueDigest else {
      throw BackupError.damaged(folder.path, "queue.sqlite changed while it was copied")
    }
    try sync(aside)
    guard rename(aside.path, data.queueFile.path) == 0 else {
      throw BackupError.cannotWrite(data.queueFile.path, String(cString: strerror(errno)))
    }
    try sync(data.root)
    _ = try SQLiteJobStore(data: data)
    return backup
  }

  // MARK: - Parts

  private static func reading<Value>(_ queue: URL, _ body: (Database) throws -> Value) throws -> Value {
    var configuration = Configuration()
    configuration.readonly = true
    return try DatabaseQueue(path: queue.path, configuration: configuration).read(body)
  }

  private static func references(in queue: URL) throws -> [String] {
    try reading(queue) { try String.fetchAll($0, sql: "SELECT DISTINCT blob FROM job_blob ORDER BY blob") }
  }

  private static func countJobs(in queue: URL) throws -> Int {
    try reading(queue) { try Int.fetchOne($0, sql: "SELECT count(*) FROM job") ?? 0 }
  }

  private static func forget(_ blobs: [String], in queue: URL) throws {
    guard !blobs.isEmpty else { return }
    try DatabaseQueue(path: queue.path).write { db in
      for blob in blobs { try db.execute(sql: "DELETE FROM job_blob WHERE blob = ?", arguments: [blob]) }
    }
  }

  /// Copies bytes, checking them on the way: a damaged blob is not carried on.
  private static func copyBlob(_ file: URL, named name: String, to blobs: FileBlobStore) throws {
    let upload = try blobs.makeUpload()
    defer { upload.discard() }
    guard let source = try? FileHandle(forReadingFrom: file) else { throw BlobError.notFound(name) }
    defer { try? source.close() }
    while let piece = try source.read(upToCount: 1 << 20), !piece.isEmpty {
      try piece.withUnsafeBytes { try upload.write($0) }
    }
    guard try upload.commit() == name else { throw BlobError.corrupt(name) }
  }

  private static func digest(of file: URL) throws -> String {
    guard let source = try? FileHandle(forReadingFrom: file) else { throw BlobError.notFound(file.lastPathComponent) }
    defer { try? source.close() }
    var hash = SHA256()
    while let piece = try source.read(upToCount: 1 << 20), !piece.isEmpty { hash.update(data: piece) }
    return hexadecimal(hash.finalize())
  }

  private static func sync(_ file: URL) throws {
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    guard descriptor >= 0, fsync(descriptor) == 0 else {
      throw BackupError.cannotWrite(file.path, String(cString: strerror(errno)))
    }
  }
}

public enum BackupError: Error, Equatable, Sendable, CustomStringConvertible {
  case exists(String)
  case noBackup(String)
  case damaged(String, String)
  case cannotWrite(String, String)

  public var description: String {
    switch self {
    case .exists(let path): "\(path) is there already: name a folder that does not exist yet"
    case .noBackup(let path): "\(path) is not a backup: it has no readable manifest.json"
    case .damaged(let path, let reason): "the backup \(path) is damaged (\(reason)); use another one"
    case .cannotWrite(let path, let reason): "cannot write \(path): \(reason)"
    }
  }
}
