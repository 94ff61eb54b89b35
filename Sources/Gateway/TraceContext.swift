import JobQueue

/// W3C Trace Context (https://www.w3.org/TR/trace-context/): one id for all that a request causes.
enum TraceContext {
  /// The `traceparent` for what a request causes: the trace of the one that came with it, or a new trace.
  static func next(after incoming: String?) -> String {
    let parts = incoming?.split(separator: "-", omittingEmptySubsequences: false) ?? []
    let span = random(1)
    // Later versions may append fields; version ff is invalid.
    guard parts.count >= 4, isHex(parts[0], 2), parts[0] != "ff", parts[0] != "00" || parts.count == 4,
      isHex(parts[1], 32), parts[1].contains(where: { $0 != "0" }), isHex(parts[2], 16),
      parts[2].contains(where: { $0 != "0" }), isHex(parts[3], 2)
    else { return "00-\(random(2))-\(span)-00" }
    return "00-\(parts[1])-\(span)-\(parts[3])"
  }

  private static func isHex(_ text: Substring, _ count: Int) -> Bool {
    text.utf8.count == count && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  private static func random(_ words: Int) -> String {
    (0..<words).map { _ in
      let digits = String(UInt64.random(in: 1...UInt64.max), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
