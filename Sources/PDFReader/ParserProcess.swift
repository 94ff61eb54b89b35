import CSandbox
import Foundation
import Glibc

/// The parsing process as its parent sees it.
final class ParserProcess {
  private var pid: pid_t = 0
  private var answer: Int32 = -1
  private var messages: Int32 = -1
  /// Where the parser server writes how the process ended.
  private var ending: Int32 = -1
  /// The process as a descriptor (pidfd); -1 for one that this process started itself.
  private var handle: Int32 = -1
  private var started = ContinuousClock.now
  private var buffer: [UInt8] = []
  private var position = 0
  private var received = 0
  private var stderrTail: [UInt8] = []
  private var killedBy: KillReason?
  /// Since then the next frame is waited for.
  private var lastFrame = ContinuousClock.now
  /// Seconds of recognition that do not count against the limits.
  private var forgiven = 0.0
  /// Processor time of the parser when the last frame was taken.
  private var processorAtFrame = 0.0

  private enum KillReason { case wallClock, cancelled, tooMuch }

  /// - Parameter probing: tries the sandbox, in a program of its own; else a fork of the parser server reads `input`.
  init(executable: String, probing: Bool, task: ParserChild.Task, input: Int32) throws {
    let text = String(decoding: try JSONEncoder().encode(task), as: UTF8.self)
    var output: [Int32] = [-1, -1], errors: [Int32] = [-1, -1], end: [Int32] = [-1, -1]
    guard pipe(&output) == 0, pipe(&errors) == 0, pipe(&end) == 0 else {
      throw DocumentReadError.childMissing(path: executable, reason: String(cString: strerror(errno)))
    }
    for descriptor in output + errors + end { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    defer { for descriptor in [output[1], errors[1], end[1]] { close(descriptor) } }
    (answer, messages, ending) = (output[0], errors[0], end[0])
    _ = fcntl(answer, F_SETFL, O_NONBLOCK)
    _ = fcntl(messages, F_SETFL, O_NONBLOCK)
    _ = fcntl(ending, F_SETFL, O_NONBLOCK)
    let status: Int32
    if probing {
      status = ParserServer.start(
        executable, [ParserChild.probeArgument, text], descriptors: [input, output[1], errors[1]], &pid)
    } else {
      status = ParserServer.of(executable).fork(text, [input, output[1], errors[1], end[1]], &pid, &handle)
    }
    guard status == 0 else {
      pid = 0
      self.end()
      throw DocumentReadError.childMissing(path: executable, reason: String(cString: strerror(status)))
    }
  }

  deinit { end() }

  /// Kills what is left of the process.
  func end() {
    if handle >= 0 {
      // The server reaps it.
      _ = docq_signal_child(handle, SIGKILL)
      close(handle)
    } else if pid > 0 {
      kill(-pid, SIGKILL)
      kill(pid, SIGKILL)
      var status: Int32 = 0
      while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }
    (pid, handle) = (0, -1)
    for descriptor in [answer, messages, ending] where descriptor >= 0 { close(descriptor) }
    (answer, messages, ending) = (-1, -1, -1)
  }

  /// So much time does not count against the parser.
  func pauseClock(_ time: Duration) { started += time }

  /// The page that just came was recognised: the time that it took, up to a limit, does not count.
  func forgive(_ most: Double) {
    let taken = ContinuousClock.now - lastFrame
    allowMore(min(most, Double(taken.components.seconds) + Double(taken.components.attoseconds) / 1e18))
  }

  /// Processor time of the child, in seconds; nil when it is gone.
  private var processorSeconds: Double? {
    var clock: clockid_t = 0
    var time = timespec()
    guard pid > 0, clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// So much time more may be used, in seconds.
  func allowMore(_ seconds: Double) {
    forgiven += seconds
    started += .seconds(seconds)
  }

  /// The next frame; nil at the end of the answer.
  ///
  /// - Parameter seconds: processor time until then; more throws `SlowPage`.
  func nextFrame(
    limits: ParserLimits, fileName: String, seconds: Double = .infinity, isCancelled: () -> Bool
  ) throws -> (FrameKind, [UInt8])? {
    lastFrame = .now
    let usedBefore = processorAtFrame
    while true {
      if let frame = try takeFrame() {
        processorAtFrame = processorSeconds ?? processorAtFrame
        return frame
      }
      if isCancelled() {
        killedBy = .cancelled
        throw CancellationError()
      }
      guard ContinuousClock.now - started < .seconds(limits.wallSeconds) else {
        throw DocumentReadError.timedOut(file: fileName, seconds: limits.wallSeconds, processorTime: false)
      }
      if let used = processorSeconds, used > Double(limits.cpuSeconds) + forgiven + 1 {
        throw DocumentReadError.timedOut(file: fileName, seconds: Double(limits.cpuSeconds), processorTime: true)
      }
      if let used = processorSeconds, used - usedBefore > seconds { throw SlowPage() }
      guard try readMore(limits) else {
        guard position == buffer.count else { throw explainEnd(limits: limits, fileName: fileName) }
        return nil
      }
    }
  }

  private func takeFrame() throws -> (FrameKind, [UInt8])? {
    guard buffer.count - position >= frameHeaderBytes else { return nil }
    let length = (0..<4).reduce(0) { $0 | Int(buffer[position + $1]) << (8 * $1) }
    guard length <= 1 << 30 else { throw FrameError(reason: "has a part that is too long") }
    guard buffer.count - position >= frameHeaderBytes + length else { return nil }
    guard let kind = FrameKind(rawValue: buffer[position + 4]) else {
      throw FrameError(reason: "has a part of an unknown kind")
    }
    let start = position + frameHeaderBytes
    let payload = Array(buffer[start..<(start + length)])
    position = start + length
    if position == buffer.count || position > 1 << 20 {
      buffer.removeFirst(position)
      position = 0
    }
    return (kind, payload)
  }

  /// Waits up to 100 ms for bytes; false at the end of the answer.
  private func readMore(_ limits: ParserLimits) throws -> Bool {
    var waiting = [
      pollfd(fd: answer, events: Int16(POLLIN), revents: 0), pollfd(fd: messages, events: Int16(POLLIN), revents: 0),
    ]
    _ = poll(&waiting, 2, 100)
    if waiting[1].revents != 0 {
      var chunk = [UInt8](repeating: 0, count: 4096)
      let count = read(messages, &chunk, chunk.count)
      if count > 0 {
        stderrTail = Array((stderrTail + chunk.prefix(count)).suffix(4096))
      } else if count == 0 {
        close(messages)
        messages = -1
      }
    }
    guard waiting[0].revents != 0 else { return true }
    let room = 1 << 18
    let old = buffer.count
    buffer.append(contentsOf: repeatElement(0, count: room))
    let count = buffer.withUnsafeMutableBytes { read(answer, $0.baseAddress! + old, room) }
    buffer.removeLast(room - max(0, count))
    if count < 0 { return errno == EAGAIN || errno == EINTR }
    received += count
    guard received <= limits.maxAnswerBytes else { throw FrameError(reason: "is longer than allowed") }
    return count > 0
  }

  /// Why the process ended before its answer was complete.
  func explainEnd(limits: ParserLimits, fileName: String) -> DocumentReadError {
    guard pid > 0 else { return .badAnswer(file: fileName, reason: "is missing") }
    // It closed its answer: it is ending or dead. A short wait tells how.
    var status: Int32 = 0
    for _ in 0..<200 {
      if handle >= 0 {
        if Glibc.read(ending, &status, 4) == 4 { break }
      } else {
        let result = waitpid(pid, &status, WNOHANG)
        if result == pid || (result < 0 && errno == ECHILD) { break }
      }
      usleep(5000)
    }
    if handle < 0 { pid = 0 }
    let signal = status & 0x7F
    let words = String(decoding: stderrTail, as: UTF8.self).lowercased()
    let ranOut = ["memory", "bad_alloc", "cannot allocate", "malloc"].contains { words.contains($0) }
    if signal == SIGXCPU || (signal == SIGKILL && killedBy == nil && !ranOut) {
      return .timedOut(file: fileName, seconds: Double(limits.cpuSeconds), processorTime: true)
    }
    if ranOut { return .outOfMemory(file: fileName, limit: limits.addressSpaceBytes) }
    if signal != 0 { return .crashed(file: fileName, signal: signal) }
    let code = (status >> 8) & 0xFF
    return .badAnswer(file: fileName, reason: "ended early (exit status \(code))")
  }
}
