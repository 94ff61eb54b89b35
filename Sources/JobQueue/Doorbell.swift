import Foundation
import Synchronization

/// Wakes the processes of one data folder when the queue changed, over Unix datagram sockets.
///
/// A ring carries nothing: who is woken looks into the store. A lost ring costs a slow poll's delay, never a job.
public final class Doorbell: Sendable {
  /// Kept open, because it rings at every write to the queue.
  private struct Line: @unchecked Sendable {
    var socket: Int32
    var folder: OpaquePointer?
  }

  private let line: Mutex<Line>

  public init(_ data: DataFolder) {
    line = Mutex(
      Line(
        socket: socket(
          AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0),
        folder: opendir(data.run.path)))
  }

  deinit {
    line.withLock { line in
      if line.socket >= 0 { close(line.socket) }
      if let folder = line.folder { closedir(folder) }
    }
  }

  /// Rings at every listener of the folder; sockets of dead listeners are removed.
  public func ring() {
    line.withLock { line in
      guard line.socket >= 0, let folder = line.folder else { return }
      let directory = dirfd(folder)
      for name in FolderNames.read(folder) where name.hasSuffix(".bell") {
        Self.withSocketAddress(directory: directory, name: name) { address, length in
          var byte: UInt8 = 1
          if sendto(line.socket, &byte, 1, 0, address, length) < 0, errno == ECONNREFUSED {
            unlinkat(directory, name, 0)
          }
        }
      }
    }
  }

  /// Calls `body` with the address of a socket in an open folder. The path goes through /proc, so that deep data
  /// folders do not exceed the 107 bytes of a socket's path.
  static func withSocketAddress<Result>(
    directory: Int32, name: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { path in
      path.copyBytes(from: "/proc/self/fd/\(directory)/\(name)".utf8.prefix(path.count - 1))
    }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
  }
}

/// Waiting for a change without polling. Read `generation`, look into the store, then wait `after` that generation:
/// a ring between the look and the wait is not missed.
public protocol ChangeSignal: Sendable {
  var generation: UInt64 { get }
  /// Returns at the next change after `generation`, or after the time-out.
  func wait(after generation: UInt64, timeout: Duration) async
}

/// A socket at which others ring.
public final class DoorbellListener: ChangeSignal {
  private struct State {
    var generation: UInt64 = 0
    var nextWaiter = 0
    var waiters: [Int: (deadline: DispatchTime, continuation: CheckedContinuation<Void, Never>)] = [:]
    /// When the next look for waiters whose time is over is planned.
    var nextSweep: DispatchTime?
  }

  private let state = Mutex(State())
  private let descriptor: Int32
  private let path: String
  private let timer = DispatchQueue(label: "docq.doorbell")

  public init(_ data: DataFolder) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    let name = "\(getpid())-\(UUIDv7.make().suffix(12)).bell"
    path = data.run.appendingPathComponent(name).path
    let directory = open(data.run.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { close(directory) }
    let socket = descriptor
    let bound = Doorbell.withSocketAddress(directory: directory, name: name) { bind(socket, $0, $1) }
    guard descriptor >= 0, bound == 0 else {
      throw DataFolderError.cannotCreate(path, String(cString: strerror(errno)))
    }
    let thread = Thread { [weak self, descriptor] in
      var byte: UInt8 = 0
      while true {
        let count = recv(descriptor, &byte, 1, 0)
        if count > 0 {
          self?.ring()
        } else if count == 0 || errno != EINTR {
          break  // deinit shut the socket down
        }
      }
      close(descriptor)
    }
    thread.name = "docq.doorbell"
    thread.stackSize = 1 << 17
    thread.start()
  }

  deinit {
    unlink(path)
    shutdown(descriptor, Int32(SHUT_RDWR))
  }

  public var generation: UInt64 { state.withLock { $0.generation } }

  /// Wakes the waiters of this process.
  public func ring() {
    let waiters = state.withLock { state in
      state.generation &+= 1
      defer { state.waiters = [:] }
      return state.waiters.values.map(\.continuation)
    }
    for waiter in waiters { waiter.resume() }
  }

  public func wait(after generation: UInt64, timeout: Duration) async {
    let seconds = Double(timeout.components.seconds) + Double(timeout.components.attoseconds) * 1e-18
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let isWaiting = state.withLock { state in
        guard state.generation == generation, seconds > 0 else { return false }
        let deadline = DispatchTime.now() + seconds
        state.nextWaiter += 1
        state.waiters[state.nextWaiter] = (deadline, continuation)
        planSweep(&state, at: deadline)
        return true
      }
      if !isWaiting { continuation.resume() }
    }
  }

  // One planned sweep serves all waiters: a timer for each would pile up when rings come much faster than time-outs.
  private func planSweep(_ state: inout State, at deadline: DispatchTime) {
    if let next = state.nextSweep, next <= deadline { return }
    state.nextSweep = deadline
    timer.asyncAfter(deadline: deadline) { [weak self] in self?.sweep(plannedFor: deadline) }
  }

  private func sweep(plannedFor planned: DispatchTime) {
    let expired = state.withLock { state in
      if state.nextSweep == planned { state.nextSweep = nil }
      // Who is nearly through is woken, too: two loops with like time-outs wake the process once.
      let now = DispatchTime.now() + .milliseconds(100)
      let over = state.waiters.filter { $0.value.deadline <= now }
      for id in over.keys { state.waiters[id] = nil }
      if let next = state.waiters.values.map(\.deadline).min() { planSweep(&state, at: next) }
      return over.values.map(\.continuation)
    }
    for waiter in expired { waiter.resume() }
  }
}

/// Names in a folder, without Foundation's detours: this is done at every write to the queue.
enum FolderNames {
  static func read(_ path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    return read(folder)
  }

  /// All names, from the first one on.
  static func read(_ folder: OpaquePointer) -> [String] {
    rewinddir(folder)
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: entry.pointee.d_name)) {
          String(cString: $0)
        }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}
