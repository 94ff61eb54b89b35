import Foundation

/// Everything that a docq service keeps, in one folder: queue, blobs, sockets.
public struct DataFolder: Sendable {
  public static let formatVersion = 1

  public let root: URL
  public let queueFile: URL
  public let blobs: URL
  /// Uploads in progress.
  public let temporary: URL
  /// Sockets and lock files of running processes.
  public let run: URL
  /// Models that the user has imported.
  public let models: URL

  /// A folder that is only looked into, not created.
  public init(path: String) {
    root = URL(fileURLWithPath: path, isDirectory: true).standardizedFileURL
    queueFile = root.appendingPathComponent("queue.sqlite", isDirectory: false)
    blobs = root.appendingPathComponent("blobs", isDirectory: true)
    temporary = root.appendingPathComponent("tmp", isDirectory: true)
    run = root.appendingPathComponent("run", isDirectory: true)
    models = root.appendingPathComponent("models", isDirectory: true)
  }

  /// `DOCQ_DATA`, else `docq` in the user's data folder.
  public static var defaultPath: String {
    let environment = ProcessInfo.processInfo.environment
    if let path = environment["DOCQ_DATA"], !path.isEmpty { return path }
    let base = environment["XDG_DATA_HOME"] ?? "\(environment["HOME"] ?? "/var/lib")/.local/share"
    return "\(base)/docq"
  }

  /// Opens the folder, creating it (readable by its owner only) when it is missing.
  public static func open(_ root: URL) throws -> DataFolder {
    let folder = DataFolder(path: root.path)
    for part in [folder.root, folder.blobs, folder.temporary, folder.run] {
      do {
        try FileManager.default.createDirectory(
          at: part, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      } catch {
        throw DataFolderError.cannotCreate(part.path, Self.reason(error))
      }
      guard access(part.path, W_OK | X_OK) == 0 else { throw DataFolderError.notWritable(part.path) }
    }
    try folder.checkVersion()
    return folder
  }

  /// What webhooks of this folder are signed with, as text ("whsec_..."); made at the first call.
  public func webhookSecret() throws -> String {
    let file = root.appendingPathComponent("webhook-secret")
    func read() -> String? {
      (try? String(contentsOf: file, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    if let known = read(), !known.isEmpty { return known }
    var generator = SystemRandomNumberGenerator()
    let bytes = Data((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })
    // Linked into place: of two processes that come here at once, one wins and both read the same.
    let aside = temporary.appendingPathComponent("webhook-secret-\(getpid())-\(UUIDv7.make())").path
    let descriptor = Glibc.open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw DataFolderError.cannotCreate(aside, String(cString: strerror(errno))) }
    let text = Array("whsec_\(bytes.base64EncodedString())\n".utf8)
    let isWritten = write(descriptor, text, text.count) == text.count && fsync(descriptor) == 0
    close(descriptor)
    defer { unlink(aside) }
    guard isWritten, link(aside, file.path) == 0 || errno == EEXIST, let secret = read() else {
      throw DataFolderError.cannotCreate(file.path, String(cString: strerror(errno)))
    }
    return secret
  }

  private static func reason(_ error: any Error) -> String {
    guard let code = (error as? CocoaError)?.underlying as? POSIXError else { return "\(error.localizedDescription)" }
    return String(cString: strerror(code.code.rawValue))
  }

  private func checkVersion() throws {
    let file = root.appendingPathComponent("version")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else {
      do {
        try Data("\(Self.formatVersion)\n".utf8).write(to: file, options: .atomic)
      } catch {
        throw DataFolderError.cannotCreate(file.path, Self.reason(error))
      }
      return
    }
    let found = Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
    guard let found, found <= Self.formatVersion else {
      throw DataFolderError.newer(root.path, text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }
}

public enum DataFolderError: Error, Equatable, Sendable, CustomStringConvertible {
  case cannotCreate(String, String)
  case notWritable(String)
  case newer(String, String)

  public var description: String {
    switch self {
    case .cannotCreate(let path, let reason):
      "cannot create the data folder \(path): \(reason); choose another one with --data"
    case .notWritable(let path):
      "the data folder \(path) is not writable for this user; choose another one with --data"
    case .newer(let path, let found):
      "the data folder \(path) has format '\(found)', made by a newer docq; update docq or choose another folder"
    }
  }
}
