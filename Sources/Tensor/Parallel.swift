import Dispatch
import Foundation
import Synchronization

/// Work on several cores. One knob: the environment's DOCQ_THREADS, else all cores.
public enum Parallel {
  public static let threads: Int = {
    let wish = ProcessInfo.processInfo.environment["DOCQ_THREADS"].flatMap { Int($0) }
    return max(1, min(256, wish ?? ProcessInfo.processInfo.activeProcessorCount))
  }()

  /// Calls `body` once for every index below `count`, on up to `threads` threads; returns when all are done.
  ///
  /// A thread takes the next index when it is done with one, so put large pieces first. Calls inside calls run on the
  /// thread that they are made on.
  public static func forEach(_ count: Int, threads: Int = threads, _ body: (Int) -> Void) {
    let workers = min(threads, count)
    guard workers > 1, !isInside else {
      for index in 0..<max(0, count) { body(index) }
      return
    }
    let next = Atomic(0)
    // The pieces are the caller's to keep apart; nothing outlives this call.
    nonisolated(unsafe) let body = body
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
      $isInside.withValue(true) {
        while true {
          let index = next.add(1, ordering: .relaxed).oldValue
          guard index < count else { return }
          body(index)
        }
      }
    }
  }

  /// What `transform` makes of each value, in their order; the values are shared out among the threads.
  public static func map<Value, Result>(_ values: [Value], _ transform: (Value) -> Result) -> [Result] {
    let results = UnsafeMutableBufferPointer<Result>.allocate(capacity: values.count)
    defer { results.deallocate() }
    // Pieces of a few values: each thread takes the next when it is done with one.
    let size = 8
    forEach((values.count + size - 1) / size) { piece in
      for index in piece * size..<min((piece + 1) * size, values.count) {
        results.initializeElement(at: index, to: transform(values[index]))
      }
    }
    return Array(unsafeUninitializedCapacity: values.count) { buffer, count in
      _ = buffer.moveInitialize(fromContentsOf: results)
      count = values.count
    }
  }

  /// Whether this is a thread's share of a call of `forEach`: calls within it stay on the thread.
  @TaskLocal public static var isInside = false

  /// `count` things in nearly equal ranges, one for each thread, none smaller than `least`.
  public static func forRanges(_ count: Int, least: Int = 1, _ body: (Range<Int>) -> Void) {
    let pieces = max(1, min(threads, count / max(1, least)))
    forEach(pieces) { piece in body(count * piece / pieces..<count * (piece + 1) / pieces) }
  }
}
