import ArgumentParser
import Foundation

/// Programs that put a running docq under stress and say what came of it. Exit status 1: something promised did not hold.
@main
struct Reliability: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "docq-reliability",
    abstract: "Stress for the queue and the gateway, with figures and seeds.",
    discussion: """
      Starts the programs that stand beside it on a data folder of its own and a free loopback port.

      EXAMPLES
        docq-reliability storm --seconds 60 --kills 40
        docq-reliability idle --connections 10000
      """,
    subcommands: [
      Storm.self, Idle.self, Uploads.self, DiskFull.self, DiskErrors.self, Enqueue.self, Pickup.self, PickupWorker.self,
      Requests.self, Soak.self,
    ])
}

/// Something promised did not hold.
struct Broken: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

func check(_ holds: Bool, _ promise: @autoclosure () -> String) throws {
  guard holds else { throw Broken(promise()) }
}

/// Sebastiano Vigna's splitmix64: the same numbers for the same seed everywhere.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension [Double] {
  /// The value below which a share of the numbers lies.
  func quantile(_ share: Double) -> Double {
    let sorted = sorted()
    return sorted.isEmpty ? .nan : sorted[Swift.min(sorted.count - 1, Int(Double(sorted.count) * share))]
  }

  /// "p50 0.41 ms, p99 1.2 ms, worst 3 ms", of seconds.
  var latencies: String {
    func text(_ seconds: Double) -> String { String(format: "%.2f ms", seconds * 1000) }
    return "p50 \(text(quantile(0.5))), p99 \(text(quantile(0.99))), worst \(text(self.max() ?? .nan))"
  }
}

func secondsNow() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
