import Foundation

/// Room that is held back so that running jobs can write down what came of them when the disk is full.
///
/// New work is refused while less than `margin` is free. Should something else fill the disk to the last byte, the
/// reserve is given up, and made again once there is room.
public struct DiskReserve: Sendable {
  /// Size of the reserve, and bytes that have to be free for new work.
  public static let margin = 16 << 20

  private let file: String
  private let root: String

  public init(_ data: DataFolder) {
    file = data.root.appendingPathComponent("reserve").path
    root = data.root.path
  }

  /// Bytes that are free for this user; nil when the system does not say.
  public var freeBytes: Int? {
    var status = statvfs()
    guard statvfs(root, &status) == 0 else { return nil }
    return Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
  }

  /// Makes the reserve where there is plenty of room. Cheap when it is there.
  public func keep() {
    guard access(file, F_OK) != 0, let free = freeBytes, free > 3 * Self.margin else { return }
    let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    if posix_fallocate(descriptor, 0, off_t(Self.margin)) != 0 { unlink(file) }
  }

  /// Gives the reserve up.
  public func release() { unlink(file) }
}
