import Crypto
import Foundation

public enum BlobError: Error, Equatable, Sendable, CustomStringConvertible {
  case notFound(String)
  case corrupt(String)
  case badName(String)
  case tooLarge(limit: Int)
  case diskFull
  case failed(String)

  public var description: String {
    switch self {
    case .notFound(let name): "blob \(name) is not there (any more)"
    case .corrupt(let name): "blob \(name) does not match its checksum: the disk returned other bytes"
    case .badName(let name): "'\(name.prefix(80))' is not a blob name"
    case .tooLarge(let limit): "the upload is larger than \(limit) bytes"
    case .diskFull: "the disk of the data folder is full"
    case .failed(let reason): reason
    }
  }
}

/// Blobs as files named by their SHA-256, written aside, synced and linked into place.
public struct FileBlobStore: BlobStore {
  fileprivate let root: URL
  private let temporary: URL
  private let reserve: DiskReserve

  public var freeBytes: Int? { reserve.freeBytes }
  /// Where files that a job needs for a while may stand.
  public var temporaryFolder: URL { temporary }

  public init(data: DataFolder) throws {
    reserve = DiskReserve(data)
    root = data.blobs
    temporary = data.temporary
  }

  public func makeUpload() throws -> any BlobUpload {
    try FileBlobUpload(store: self, folder: temporary)
  }

  /// Stores bytes at once and returns their name.
  public func put(_ bytes: Data) throws -> String {
    let upload = try makeUpload()
    defer { upload.discard() }
    try bytes.withUnsafeBytes { try upload.write($0) }
    return try upload.commit()
  }

  public func localFile(_ name: String) async throws -> URL {
    let file = try path(of: name)
    guard access(file.path, R_OK) == 0 else { throw BlobError.notFound(name) }
    return file
  }

  public func read(_ name: String) async throws -> Data {
    let file = try await localFile(name)
    let bytes = try Data(contentsOf: file, options: .mappedIfSafe)
    guard hexadecimal(SHA256.hash(data: bytes)) == name else { throw BlobError.corrupt(name) }
    return bytes
  }

  /// Reads the whole file to see that the disk still holds what was stored.
  public func verify(_ name: String) async throws {
    let file = try FileHandle(forReadingFrom: try await localFile(name))
    defer { try? file.close() }
    var hash = SHA256()
    while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { hash.update(data: piece) }
    guard hexadecimal(hash.finalize()) == name else { throw BlobError.corrupt(name) }
  }

  public func delete(_ name: String) async throws {
    unlink(try path(of: name).path)
  }

  public func exists(_ name: String) async throws -> Bool {
    access(try path(of: name).path, F_OK) == 0
  }

  /// Removes uploads that no process is writing any more (their owner died). Call at start.
  ///
  /// The lock of a living writer keeps its file, also where process ids mean nothing (containers sharing a folder).
  public func removeAbandonedUploads() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: temporary.path)) ?? []
    for name in names {
      // "PID-UUID"
      guard let pid = name.split(separator: "-").first.flatMap({ Int32($0) }), pid > 0 else { continue }
      let path = temporary.appendingPathComponent(name).path
      let isOwnerGone = kill(pid, 0) != 0 && errno == ESRCH
      guard isOwnerGone || Self.age(path) > 86_400 else { continue }
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
      close(descriptor)
    }
  }

  /// Deletes blobs older than `age` seconds that no job refers to: what a killed process stored and never handed over.
  /// Returns how many.
  public func collectGarbage(_ store: any JobStore, olderThan age: Double = 86_400) async throws -> Int {
    var count = 0
    for folder in (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? [] where folder.utf8.count == 2 {
      let path = root.appendingPathComponent(folder).path
      let old = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
        .filter { Self.age("\(path)/\($0)") > age }.map { folder + $0 }
        .filter { (try? self.path(of: $0)) != nil }
      for name in try await store.unreferenced(old) {
        try await delete(name)
        count += 1
      }
    }
    return count
  }

  /// Seconds since the file changed; negative when it is not there.
  private static func age(_ path: String) -> Double {
    var status = stat()
    guard stat(path, &status) == 0 else { return -1 }
    return Date().timeIntervalSince1970 - Double(status.st_mtim.tv_sec)
  }

  /// A name is 64 hexadecimal digits: nothing else ever becomes a path.
  fileprivate func path(of name: String) throws -> URL {
    let digits = name.utf8
    guard digits.count == 64, digits.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else {
      throw BlobError.badName(name)
    }
    return root.appendingPathComponent(String(name.prefix(2))).appendingPathComponent(String(name.dropFirst(2)))
  }
}

/// One upload: hashed while it is written.
final class FileBlobUpload: BlobUpload, @unchecked Sendable {
  // One caller at a time writes, as with any file; `lock` only guards against misuse.
  private let lock = NSLock()
  private let store: FileBlobStore
  private let path: String
  private var descriptor: Int32
  private var hash = SHA256()
  private(set) var byteCount = 0
  private var committed: String?
  private var isBroken = false

  init(store: FileBlobStore, folder: URL) throws {
    self.store = store
    path = folder.appendingPathComponent("\(getpid())-\(UUIDv7.make())").path
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure("cannot create an upload in \(folder.path)") }
    flock(descriptor, LOCK_EX | LOCK_NB)
  }

  deinit { discard() }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    lock.lock()
    defer { lock.unlock() }
    hash.update(bufferPointer: bytes)
    var rest = bytes
    while !rest.isEmpty {
      let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        isBroken = true
        throw Self.failure("cannot write an upload")
      }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
    }
    byteCount += bytes.count
  }

  func commit() throws -> String {
    lock.lock()
    defer { lock.unlock() }
    if let committed { return committed }
    guard descriptor >= 0, !isBroken else { throw BlobError.failed("this upload failed; start it again") }
    guard fsync(descriptor) == 0 else { throw Self.failure("cannot sync an upload") }
    close(descriptor)
    descriptor = -1
    let name = hexadecimal(hash.finalize())
    try place(name)
    committed = name
    return name
  }

  /// Ends the upload. Call it after the job that refers to the blob is stored: should the same content have been
  /// deleted for another job in between, it is put back.
  func discard() {
    lock.lock()
    defer { lock.unlock() }
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
    if let committed { try? place(committed) }
    committed = nil
    unlink(path)
  }

  private func place(_ name: String) throws {
    let final = try store.path(of: name)
    let folder = final.deletingLastPathComponent().path
    if mkdir(folder, 0o700) == 0 {
      try Self.sync(store.root.path)
    } else if errno != EEXIST {
      throw Self.failure("cannot store an upload")
    }
    if link(path, final.path) != 0 {
      guard errno == EEXIST else { throw Self.failure("cannot store an upload") }
      // The same content is there. This copy takes its place: should the disk have damaged the other, that mends it,
      // and it is young again for the collector of garbage.
      let copy = path + ".copy"
      guard link(path, copy) == 0 else { throw Self.failure("cannot store an upload") }
      defer { unlink(copy) }  // rename leaves it where both are the same file already
      guard rename(copy, final.path) == 0 else { throw Self.failure("cannot store an upload") }
    }
    try Self.sync(folder)
  }

  /// Makes the names in a folder durable.
  private static func sync(_ folder: String) throws {
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw failure("cannot open \(folder)") }
    defer { close(directory) }
    guard fsync(directory) == 0 else { throw failure("cannot sync \(folder)") }
  }

  private static func failure(_ what: String) -> BlobError {
    errno == ENOSPC || errno == EDQUOT ? .diskFull : .failed("\(what): \(String(cString: strerror(errno)))")
  }
}

func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
