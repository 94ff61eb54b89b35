import Dispatch
import Foundation
import JobHandlers
import Logging
import Synchronization

/// Keeps the gateway and the workers running: starts them, restarts what dies, stops all of them together.
///
/// A child holds the read end of a pipe whose write end only the supervisor has. When the supervisor dies, however it
/// dies, the pipe closes and the child stops by itself, so that no orphan keeps the port or a lease.
final class Supervisor: Sendable {
  struct Program: Sendable {
    var name: String
    var executable: URL
    var arguments: [String]
  }

  private struct State {
    var running: [String: ChildProcess] = [:]
    var stopping = false
    var failuresInARow: [String: Int] = [:]
  }

  private let programs: [Program]
  private let log: Logger
  private let state = Mutex(State())
  private let lifeline = Pipe()
  /// How long the children get to finish after SIGTERM.
  private let grace: TimeInterval

  init(programs: [Program], grace: TimeInterval = 35, log: Logger) {
    self.programs = programs
    self.grace = grace
    self.log = log
  }

  /// Starts everything and returns when all children ended after `stop`.
  func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for program in programs {
        group.addTask { try await self.keepRunning(program) }
      }
      do {
        // Not `waitForAll`: it would hold a failure back until the healthy programs end as well.
        while try await group.next() != nil {}
      } catch {
        stop()
        throw error
      }
    }
  }

  /// Asks every child to stop; those that have not after the grace period are killed.
  func stop() {
    let children = state.withLock { state in
      state.stopping = true
      return Array(state.running.values)
    }
    for child in children { child.signal(SIGTERM) }
    DispatchQueue.global().asyncAfter(deadline: .now() + grace) { [self] in
      let late = state.withLock { Array($0.running.values) }
      for child in late { child.signal(SIGKILL) }
    }
  }

  private func keepRunning(_ program: Program) async throws {
    while true {
      let started = ContinuousClock.now
      let status = try await runOnce(program)
      if state.withLock({ $0.stopping }) { return }
      // 2 is an address in use or a missing key, 64 (ArgumentParser's) a wrong option: trying again would not help.
      if case .exited(let code) = status, code == 2 || code == 64 { throw SupervisorError.cannotStart(program.name) }
      let failures = state.withLock { state in
        let lived = ContinuousClock.now - started
        let count = lived > .seconds(30) ? 1 : (state.failuresInARow[program.name] ?? 0) + 1
        state.failuresInARow[program.name] = count
        return count
      }
      let pause = min(5.0, 0.05 * Double(1 << min(failures - 1, 7)))
      log.warning("\(program.name) ended (\(status)); starting it again in \(pause) s")
      try await Task.sleep(for: .seconds(pause))
      if state.withLock({ $0.stopping }) { return }
    }
  }

  private func runOnce(_ program: Program) async throws -> ChildProcess.Ending {
    // Starting and recording are one step, so that `stop` never misses a child.
    let child = try state.withLock { state in
      guard !state.stopping else { throw CancellationError() }
      let child = try ChildProcess(
        program.executable, program.arguments, variables: ["DOCQ_SUPERVISED": "1"],
        descriptors: [lifeline.fileHandleForReading.fileDescriptor, STDOUT_FILENO, STDERR_FILENO])
      state.running[program.name] = child
      return child
    }
    log.info("\(program.name) started as process \(child.pid)")
    let ending = await child.ended()
    state.withLock { $0.running[program.name] = nil }
    return ending
  }
}

enum SupervisorError: Error, CustomStringConvertible {
  case missingExecutable(String, folder: String)
  case cannotStart(String)

  var description: String {
    switch self {
    case .missingExecutable(let name, let folder):
      "\(name) is not in \(folder): build all products with `make build` and keep them in one folder"
    case .cannotStart(let name):
      "\(name) could not start; its message above says why"
    }
  }
}
