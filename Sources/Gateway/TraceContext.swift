import JobQueue
import Synchronization

/// W3C Trace Context (https://www.w3.org/TR/trace-context/): one id for all that a request causes.
enum TraceContext {
  /// The `traceparent` for what a request causes: the trace of the one that came with it, or a new trace.
  static func next(after incoming: String?) -> String {
    let parts = incoming?.split(separator: "-", omittingEmptySubsequences: false) ?? []
    let span = RandomDigits.make(1)
    // Later versions may append fields; version ff is invalid.
    guard parts.count >= 4, isHex(parts[0], 2), parts[0] != "ff", parts[0] != "00" || parts.count == 4,
      isHex(parts[1], 32), parts[1].contains(where: { $0 != "0" }), isHex(parts[2], 16),
      parts[2].contains(where: { $0 != "0" }), isHex(parts[3], 2)
    else { return "00-\(RandomDigits.make(2))-\(span)-00" }
    return "00-\(parts[1])-\(span)-\(parts[3])"
  }

  private static func isHex(_ text: Substring, _ count: Int) -> Bool {
    text.utf8.count == count && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }
}

/// Names for requests and traces, which only have to differ: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) from one
/// number of the system's. Asking the system for each costs more than the rest of a short answer.
enum RandomDigits {
  private static let state = Atomic(UInt64.random(in: 0...UInt64.max))

  /// 16 hexadecimal digits for each word, never all of them zero.
  static func make(_ words: Int) -> String {
    String(unsafeUninitializedCapacity: 16 * words) { buffer in
      for word in 0..<words {
        var bits = next()
        for place in 0..<16 {
          let digit = UInt8(truncatingIfNeeded: bits >> 60)
          buffer[16 * word + place] = digit < 10 ? 48 + digit : 87 + digit
          bits <<= 4
        }
      }
      return 16 * words
    }
  }

  private static func next() -> UInt64 {
    var bits = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    // Zero comes once in 2^64.
    return max(1, bits ^ bits >> 31)
  }
}
