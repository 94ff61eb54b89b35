import Foundation

/// A lock that ends with its process: how others learn within moments that a worker died.
public final class WorkerLiveness: Sendable {
  /// Unique for this run of the worker.
  public let worker: String
  private let descriptor: Int32
  private let path: String

  /// Registers a worker in the data folder for as long as the object, or the process, lives.
  public init(name: String, data: DataFolder) throws {
    while true {
      let worker = "\(name)-\(getpid())-\(UUIDv7.make().suffix(6))"
      let path = data.run.appendingPathComponent("\(worker).lock").path
      let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { throw DataFolderError.cannotCreate(path, String(cString: strerror(errno))) }
      var status = stat()
      // Somebody looking for dead workers may have caught the file before it was locked, and removed it.
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &status) == 0, status.st_nlink > 0 {
        self.worker = worker
        self.descriptor = descriptor
        self.path = path
        return
      }
      close(descriptor)
    }
  }

  deinit {
    unlink(path)
    close(descriptor)
  }

  /// Names of workers whose process is gone; `taken` is called with each before its lock file is removed.
  public static func collectDead(in data: DataFolder, _ taken: @Sendable (String) async throws -> Void) async rethrows {
    let folder = data.run.path
    for name in FolderNames.read(folder) where name.hasSuffix(".lock") {
      let path = "\(folder)/\(name)"
      let descriptor = open(path, O_RDWR | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { continue }
      try await taken(String(name.dropLast(".lock".count)))
      unlink(path)
    }
  }
}
