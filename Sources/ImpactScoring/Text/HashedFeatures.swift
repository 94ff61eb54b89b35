import Foundation

/// Words and word pairs as indices, exactly as Training/impact/train_linear.py makes them.
enum HashedFeatures {
  /// More words of an abstract than this are left out.
  static let maxTokens = 5000

  /// Runs of a-z and digits after ASCII lower-casing; every other byte separates.
  static func tokens(_ text: String) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var token: [UInt8] = []
    for byte in text.utf8 {
      let lower = byte >= 65 && byte <= 90 ? byte + 32 : byte
      if (lower >= 97 && lower <= 122) || (lower >= 48 && lower <= 57) {
        token.append(lower)
      } else if !token.isEmpty {
        result.append(token)
        token = []
        if result.count >= maxTokens { return result }
      }
    }
    if !token.isEmpty { result.append(token) }
    return result
  }

  /// Terms of title and abstract with how often they occur.
  static func terms(title: String, abstract: String) -> [[UInt8]: Int] {
    var counts: [[UInt8]: Int] = [:]
    for (prefix, text) in [("t:", title), ("a:", abstract)] {
      let words = tokens(text)
      for word in words { counts[Array(prefix.utf8) + word, default: 0] += 1 }
      for (first, second) in zip(words, words.dropFirst()) {
        counts[Array(prefix.utf8) + first + [32] + second, default: 0] += 1
      }
    }
    return counts
  }

  /// FNV-1a, 64 bit (Fowler, Noll, Vo), its low bits.
  static func index(_ term: [UInt8], bits: Int) -> Int {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in term { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return Int(value & (1 << UInt64(bits) - 1))
  }
}
