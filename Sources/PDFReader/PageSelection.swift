/// Pages chosen by number, as in "1-3,7" or "5-" (to the end). Numbers count from 1.
public struct PageSelection: Codable, Hashable, Sendable, CustomStringConvertible {
  private struct Run: Codable, Hashable, Sendable {
    var first: Int
    var last: Int?
  }
  private var runs: [Run]

  /// Parses "1-3,7" or "5-".
  ///
  /// - Throws: `DocumentReadError.badPageSelection` when the text is something else.
  public init(_ text: String) throws {
    runs = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let bounds = part.split(separator: "-", omittingEmptySubsequences: false).map(Self.trim)
      guard let start = bounds.first, bounds.count <= 2, let first = Self.number(start) else {
        throw DocumentReadError.badPageSelection(text: text)
      }
      if bounds.count == 1 {
        runs.append(Run(first: first, last: first))
      } else if bounds[1].isEmpty {
        runs.append(Run(first: first, last: nil))
      } else {
        guard let last = Self.number(bounds[1]), last >= first else {
          throw DocumentReadError.badPageSelection(text: text)
        }
        runs.append(Run(first: first, last: last))
      }
    }
  }

  public var description: String {
    runs.map { run in
      guard let last = run.last else { return "\(run.first)-" }
      return last == run.first ? "\(run.first)" : "\(run.first)-\(last)"
    }.joined(separator: ",")
  }

  /// The first number that a document of `pageCount` pages does not have.
  public func firstMissing(pageCount: Int) -> Int? {
    runs.lazy.compactMap { run in
      if run.first > pageCount { return run.first }
      guard let last = run.last, last > pageCount else { return nil }
      return last
    }.first
  }

  /// Page indices from 0, ascending, each once; numbers past the end are left out.
  public func indices(pageCount: Int) -> [Int] {
    var chosen = [Bool](repeating: false, count: max(0, pageCount))
    for run in runs {
      let last = min(run.last ?? pageCount, pageCount)
      if run.first <= last { for page in run.first...last { chosen[page - 1] = true } }
    }
    return chosen.indices.filter { chosen[$0] }
  }

  private static func trim(_ text: Substring) -> Substring {
    var text = text
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return text
  }

  private static func number(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let value = Int(text), value >= 1,
      value <= 10_000_000
    else { return nil }
    return value
  }
}
