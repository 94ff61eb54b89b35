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
  private let root: URL
  private let temporary: URL

  public init(data: DataFolder) throws {
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

  public func delete(_ name: String) async throws {
    unlink(try path(of: name).path)
  }

  public func exists(_ name: String) async throws -> Bool {
    access(try path(of: name).path, F_OK) == 0
  }

  /// Removes uploads that no process is writing any more (their owner died). Call at start.
  public func removeAbandonedUploads() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: temporary.path)) ?? []
    for name in names {
      // "PID-UUID"
      guard let pid = name.split(separator: "-").first.flatMap({ Int32($0) }), kill(pid, 0) != 0 else { continue }
      unlink(temporary.appendingPathComponent(name).path)
    }
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

  init(store: FileBlobStore, folder: URL) throws {
    self.store = store
    path = folder.appendingPathComponent("\(getpid())-\(UUIDv7.make())").path
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure("cannot create an upload in \(folder.path)") }
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
    unlink(path)
  }

  private func place(_ name: String) throws {
    let final = try store.path(of: name)
    let folder = final.deletingLastPathComponent().path
    mkdir(folder, 0o700)
    guard link(path, final.path) == 0 || errno == EEXIST || errno == ENOENT else {
      throw Self.failure("cannot store an upload")
    }
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
  }

  private static func failure(_ what: String) -> BlobError {
    errno == ENOSPC || errno == EDQUOT ? .diskFull : .failed("\(what): \(String(cString: strerror(errno)))")
  }
}

func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
