import Foundation
import Tensor

/// What documents say, by subject and language: the tables in Resources/wording.
package struct Wording: Sendable {
  package static let languages = ["en", "de", "fr", "es", "it", "nl"]
  package static let shared = Wording()

  private let entries: [String: [String]]

  private init() {
    var entries: [String: [String]] = [:]
    for table in ["labels", "sentences", "names", "adorder"] {
      let file = Bundle.module.bundleURL.appendingPathComponent("Resources/wording/\(table).tsv")
      let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
      for line in text.split(separator: "\n") where !line.hasPrefix("#") {
        let columns = line.split(separator: "\t", maxSplits: 2)
        guard columns.count == 3 else { continue }
        entries["\(columns[0]) \(columns[1])"] = columns[2].split(separator: "|").map(String.init)
      }
    }
    self.entries = entries
  }

  /// All wordings; English ones where a language has none of its own.
  package func all(_ subject: String, _ language: String) -> [String] {
    entries["\(subject) \(language)"] ?? entries["\(subject) en"] ?? [subject]
  }
}

extension CounterBasedRandom {
  mutating func chance(_ probability: Double) -> Bool { uniform() < probability }

  mutating func pick<T>(_ list: [T]) -> T { list[min(list.count - 1, Int(uniform() * Double(list.count)))] }

  mutating func integer(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + min(range.count - 1, Int(uniform() * Double(range.count)))
  }

  mutating func real(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform() }

  mutating func word(_ subject: String, _ language: String) -> String { pick(Wording.shared.all(subject, language)) }

  /// "4711", "0093".
  mutating func digits(_ count: Int) -> String {
    (0..<count).map { _ in String(integer(0...9)) }.joined()
  }

  /// A name that no list has, such as "Tovaris".
  mutating func madeUpName() -> String {
    let starts = [
      "b", "br", "c", "d", "dr", "f", "g", "gl", "h", "k", "l", "m", "n", "p", "pr", "r", "s", "st", "t", "v", "w", "z",
    ]
    let ends = ["n", "r", "s", "x", "l", "m", "t", "ck", "", "", "a", "o"]
    var name = ""
    for _ in 0..<integer(2...3) { name += pick(starts) + pick(["a", "e", "i", "o", "u", "ei", "au", "y"]) }
    return (name + pick(ends)).capitalized
  }

  /// An id as documents number themselves and each other.
  mutating func code(year: Int) -> String {
    let prefix = pick([
      "", "", "", "RE", "R-", "INV", "INV-", "F", "FA-", "FAC", "A", "TX-", "SI-", "V", "RG", "No", "K", "B-", "X",
    ])
    switch integer(0...14) {
    case 0: return "\(prefix)\(digits(integer(3...5)))"
    case 1: return "\(prefix)\(digits(integer(6...9)))"
    case 2: return "\(prefix)\(year)-\(digits(integer(2...6)))"
    case 3: return "\(prefix)\(year)\(digits(integer(3...6)))"
    case 4: return "\(year % 100)/\(digits(integer(3...5)))"
    case 5: return "\(digits(2))-\(digits(3))-\(digits(4))"
    case 6: return "\(prefix)\(digits(integer(4...7)))/\(year % 100)"
    case 7: return "\(prefix)\(digits(integer(2...4)))\(pick(["A", "B", "-1", "-2", ".1", "Z"]))"
    case 8:
      return "\(digits(integer(8...10)))/\(digits(2))/\(pick(["M", "A", "K"]))/\(digits(2))/\(pick(["N", "R", "B"]))"
    case 9: return "\(digits(2)).\(digits(3)).\(digits(3)).\(digits(1))-\(year)-\(integer(1...12))"
    case 10:
      return (0..<integer(2...4)).map { _ in pick(["A", "B", "C", "F", "K", "R", "T", "X"]) }.joined()
        + digits(integer(2...8))
    case 11: return digits(integer(10...13))
    case 12: return "\(prefix)\(integer(1...12))/\(year)/\(digits(3))"
    case 13: return "\(digits(3)) \(digits(3)) \(digits(3))"
    default: return "\(year)/\(digits(integer(2...5)))"
    }
  }
}
