import CSandbox
import Foundation
import Synchronization

/// A program started as a child: with the descriptors that it is given and no others, in a process group of its own.
///
/// Foundation's `Process` can hang when children end within moments of their start; here each child has a thread that
/// waits for it, and nothing else.
public final class ChildProcess: Sendable {
  public enum Ending: Sendable, Hashable, CustomStringConvertible {
    case exited(Int32)
    case killed(Int32)

    public var description: String {
      switch self {
      case .exited(let code): "exit status \(code)"
      case .killed(let signal): "signal \(signal)"
      }
    }
  }

  private struct State {
    var ending: Ending?
    var waiters: [CheckedContinuation<Ending, Never>] = []
  }

  public let pid: pid_t
  private let state = Mutex(State())

  /// - Parameters:
  ///   - variables: set on top of this process's environment.
  ///   - descriptors: become 0, 1, 2, ... of the child.
  /// - Throws: `POSIXError` when it cannot be started.
  public init(
    _ executable: URL, _ arguments: [String], variables: [String: String] = [:], descriptors: [Int32]
  ) throws {
    var argv = ([executable.path] + arguments).map { strdup($0) } + [nil]
    let environment = ProcessInfo.processInfo.environment.merging(variables, uniquingKeysWith: { $1 })
    var envp = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in argv + envp { free(text) } }
    var pid: pid_t = 0
    let code = docq_spawn(executable.path, &argv, &envp, descriptors, Int32(descriptors.count), &pid)
    guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EINVAL) }
    self.pid = pid
    let thread = Thread { [self] in wait() }
    thread.name = "docq.child"
    thread.stackSize = 1 << 17
    thread.start()
  }

  public var isRunning: Bool { state.withLock { $0.ending == nil } }

  /// Sends a signal, unless the child has ended: its number may belong to another process then.
  public func signal(_ number: Int32) {
    state.withLock { if $0.ending == nil { _ = kill(pid, number) } }
  }

  /// Waits for the end, however it comes.
  public func ended() async -> Ending {
    await withCheckedContinuation { continuation in
      let ending = state.withLock { state in
        if state.ending == nil { state.waiters.append(continuation) }
        return state.ending
      }
      if let ending { continuation.resume(returning: ending) }
    }
  }

  private func wait() {
    var information = siginfo_t()
    // The child stays a zombie, and its number its own, until its end is written down.
    while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    let (ending, waiters) = state.withLock { state in
      var status: Int32 = 0
      while waitpid(pid, &status, 0) < 0, errno == EINTR {}
      let ending: Ending = status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .killed(status & 0x7F)
      defer { state.waiters = [] }
      state.ending = ending
      return (ending, state.waiters)
    }
    for waiter in waiters { waiter.resume(returning: ending) }
  }
}
