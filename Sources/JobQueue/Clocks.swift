import Foundation

/// Unix time, for people; never used to decide whether a lease holds.
public enum WallClock {
  public static func milliseconds() -> Int64 {
    Int64((Date().timeIntervalSince1970 * 1000).rounded())
  }
}

/// The clock of leases: it only moves forward, whatever happens to the wall clock.
public protocol LeaseClock: Sendable {
  func milliseconds() -> Int64
  /// Changes when the clock starts again; leases of another boot are over.
  var bootID: String { get }
}

/// Milliseconds since the machine started, sleep included.
public struct BootClock: LeaseClock {
  public let bootID: String

  public init() {
    let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    bootID = text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown"
  }

  public func milliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
