import Foundation

/// What text recognition does to words.
package enum Misreading {
  /// True for equal words, and for recognised ones of five letters and more that differ in one.
  package static func isAlike(_ word: String, _ other: String, recognised: Bool) -> Bool {
    if word == other { return true }
    guard recognised, other.utf8.count >= 5 else { return false }
    return distance(Array(word.utf8), Array(other.utf8), most: 1) <= 1
  }

  /// Words of a line with amounts put together that recognition took apart: "62. 80", "4 .50".
  static func joined(_ words: [PlacedWord]) -> [PlacedWord] {
    var result: [PlacedWord] = []
    for word in words {
      if let last = result.last, word.box.x0 - last.box.x1 < 1.2 * max(last.box.height, word.box.height) {
        let isTail = word.text.utf8.count == 2 && word.text.utf8.allSatisfy { (48...57).contains($0) }
        let endsOpen = last.text.hasSuffix(".") || last.text.hasSuffix(",")
        let isPointed =
          word.text.utf8.count == 3 && (word.text.hasPrefix(".") || word.text.hasPrefix(","))
          && word.text.dropFirst().allSatisfy(\.isNumber)
        if isTail && endsOpen && last.text.dropLast().last?.isNumber == true
          || isPointed && last.text.last?.isNumber == true && !last.text.contains(".")
        {
          result[result.count - 1].text += word.text
          result[result.count - 1].box = last.box.union(word.box)
          continue
        }
      }
      result.append(word)
    }
    return result
  }

  private static let digits: [Character: Character] = [
    "O": "0", "o": "0", "Q": "0", "D": "0", "I": "1", "l": "1", "|": "1", "!": "1", "S": "5", "s": "5", "B": "8",
    "Z": "2",
  ]

  /// An amount or a date with letters in place of digits, put right: "RMS.OO", "l5/O3/2018". Other words stay.
  package static func repaired(_ text: String) -> String {
    guard (4...14).contains(text.utf8.count), text.contains(where: { digits[$0] != nil }) else { return text }
    let prefix = text.prefix { !$0.isNumber && digits[$0] == nil || $0 == "€" || $0 == "$" }
    let rest = text[prefix.endIndex...]
    if prefix.count > 3 || prefix.contains(where: \.isLetter) && !["RM", "EUR", "USD"].contains(String(prefix)) {
      return text
    }
    let parts = rest.split(omittingEmptySubsequences: false) { ".,/-".contains($0) }.map { part in
      part.map { digits[$0] ?? $0 }
    }
    guard parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isNumber) }) else { return text }
    let known = rest.filter(\.isNumber).count
    let isAmount = parts.count == 2 && parts[1].count == 2 && (known >= 1 || !prefix.isEmpty)
    let isDate = parts.count == 3 && parts[0].count <= 2 && parts[1].count <= 2 && known >= 4
    guard isAmount || isDate else { return text }
    return prefix + String(rest.map { digits[$0] ?? $0 })
  }

  /// Letters to change, leave out or put in (Levenshtein), or `most` + 1 where they are more.
  static func distance(_ a: [UInt8], _ b: [UInt8], most: Int) -> Int {
    guard abs(a.count - b.count) <= most else { return most + 1 }
    var row = Array(0...b.count)
    for i in 0..<a.count {
      var corner = row[0]
      row[0] = i + 1
      for j in 0..<b.count {
        let next = a[i] == b[j] ? corner : 1 + min(corner, row[j], row[j + 1])
        corner = row[j + 1]
        row[j + 1] = next
      }
    }
    return min(most + 1, row[b.count])
  }
}

/// How firms say what they are.
package enum LegalForms {
  /// Those that a receipt's head is known by.
  static let receipts: Set<String> = [
    "BHD", "S/B", "GMBH", "LTD", "LIMITED", "INC", "LLC", "SARL", "SAS", "SRL", "BV", "B.V", "S.P.A", "SPA", "PLC",
    "ENTERPRISE", "TRADING",
  ]
  /// Forms of two words; where one is there, the other is known.
  private static let pairs = [("SDN", "BHD"), ("PTE", "LTD"), ("PTY", "LTD"), ("PVT", "LTD")]

  /// Words with misread forms put right: "SON BHD", "SDN BHO".
  package static func corrected(_ words: [String]) -> [String] {
    guard words.count > 1 else { return words }
    var result = words
    func bare(_ text: String) -> [UInt8] {
      text.uppercased().utf8.filter { (48...57).contains($0) || (65...90).contains($0) }
    }
    for index in words.indices.dropLast() {
      let (a, b) = (bare(words[index]), bare(words[index + 1]))
      if Self.pairs.contains(where: { a == Array($0.0.utf8) && b == Array($0.1.utf8) }) { continue }
      for (first, second) in Self.pairs {
        let one = Misreading.distance(a, Array(first.utf8), most: 2)
        let two = Misreading.distance(b, Array(second.utf8), most: 2)
        // Nothing else than SDN stands before BHD.
        guard one <= 1 && two <= 1 || second == "BHD" && one + two <= 2 && min(one, two) == 0 else { continue }
        if one > 0 { result[index] = first }
        if two > 0 { result[index + 1] = second }
        break
      }
    }
    return result
  }
}
