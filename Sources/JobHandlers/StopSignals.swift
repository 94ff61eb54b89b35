import Dispatch
import Foundation

/// Tells a long-running program to stop: on SIGTERM, on SIGINT, and when a supervisor that started it is gone.
public enum StopSignals {
  /// Calls `stop` once, from a background queue, at the first reason to stop.
  ///
  /// With `DOCQ_SUPERVISED` in the environment, standard input is a pipe from the supervisor whose end means that the
  /// supervisor died.
  public static func onStop(_ stop: @escaping @Sendable () -> Void) {
    let queue = DispatchQueue(label: "docq.stop-signals")
    for number in [SIGTERM, SIGINT] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler(handler: stop)
      source.resume()
      sources.append(source)
    }
    signal(SIGPIPE, SIG_IGN)
    onSupervisorGone { queue.async(execute: stop) }
  }

  /// Calls `stop` from a thread of its own when the supervisor that started this process is gone.
  public static func onSupervisorGone(_ stop: @escaping @Sendable () -> Void) {
    guard ProcessInfo.processInfo.environment["DOCQ_SUPERVISED"] != nil else { return }
    let watcher = Thread {
      var byte: UInt8 = 0
      while true {
        let count = read(STDIN_FILENO, &byte, 1)
        if count == 0 || (count < 0 && errno != EINTR) { break }
      }
      stop()
    }
    watcher.stackSize = 1 << 17
    watcher.start()
  }

  // Dispatch sources end with their last reference; these live as long as the program.
  nonisolated(unsafe) private static var sources: [any DispatchSourceSignal] = []
}
