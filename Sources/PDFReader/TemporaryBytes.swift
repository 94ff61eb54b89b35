import Foundation

/// Bytes that wait outside of memory, in a temporary file without a name, which is gone when this object is.
public final class TemporaryBytes {
  /// Where something stands.
  public struct Place {
    fileprivate var start: Int
    fileprivate var count: Int
  }

  private var descriptor: Int32 = -1
  private var end = 0
  private let folders: [String]

  /// - Parameter folder: where the file is; nil for TMPDIR, else /var/tmp: /tmp is memory on many machines.
  public init(folder: String? = nil) {
    let named = folder ?? ProcessInfo.processInfo.environment["TMPDIR"]
    folders = named.map { [$0] } ?? ["/var/tmp", "/tmp"]
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// - Parameter place: where earlier bytes stand that are no longer needed.
  /// - Throws: `TemporaryBytesError` when the disk is full.
  public func write(_ bytes: [UInt8], over place: Place? = nil) throws -> Place {
    if descriptor < 0 { try open() }
    var new = Place(start: end, count: bytes.count)
    if let place, place.count >= bytes.count { new.start = place.start } else { end += bytes.count }
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        pwrite(descriptor, $0.baseAddress! + done, $0.count - done, off_t(new.start + done))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw TemporaryBytesError(reason: count < 0 ? errno : EIO) }
      done += count
    }
    return new
  }

  public func read(_ place: Place) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: place.count) { buffer, count in
      while count < place.count {
        let read = pread(descriptor, buffer.baseAddress! + count, place.count - count, off_t(place.start + count))
        if read < 0, errno == EINTR { continue }
        guard read > 0 else { throw TemporaryBytesError(reason: read < 0 ? errno : EIO) }
        count += read
      }
    }
  }

  private func open() throws {
    for folder in folders {
      let path = "\(folder)/docq-pages-\(UUID().uuidString)"
      descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      if descriptor >= 0 {
        unlink(path)
        return
      }
    }
    throw TemporaryBytesError(reason: errno)
  }
}

/// Parts of a long document cannot be set aside.
public struct TemporaryBytesError: Error, CustomStringConvertible {
  /// The system's error number.
  var reason: Int32

  public var description: String {
    "the pages of a long document cannot be set aside in a temporary file: \(String(cString: strerror(reason))). "
      + "TMPDIR may name a folder with more room"
  }
}
