import DocumentModel

/// Hashes of a line's words and of the characters at its ends, as rows of the model's table.
enum LineWords {
  /// At most this many hashes for a line.
  static let most = 28

  static func hashes(of text: String, buckets: Int) -> [UInt16] {
    let words = text.lowercased().split(separator: " ")
    var result: [UInt16] = []
    result.reserveCapacity(most)
    func add(_ kind: UInt8, _ text: some StringProtocol) {
      guard result.count < most else { return }
      result.append(UInt16(hash(kind, text) % UInt64(buckets)))
    }
    if let first = words.first { add(1, first) }
    if words.count > 1 { add(2, words[1]) }
    if let last = words.last { add(3, last) }
    // The shape of the beginning: capitals, letters, digits and signs.
    let shape = text.prefix(8).map(Self.shape)
    add(4, String(shape.prefix(4)))
    add(5, String(shape))
    add(6, String(text.suffix(4).map(Self.shape)))
    add(7, String(text.lowercased().prefix(3)))
    add(8, String(text.lowercased().suffix(3)))
    for word in words.prefix(20) { add(9, word.count > 12 ? word.prefix(12) : word) }
    return result
  }

  private static func shape(_ character: Character) -> Character {
    if character.isNumber { return "0" }
    if character.isUppercase { return "A" }
    return character.isLetter ? "a" : character
  }

  /// FNV-1a.
  private static func hash(_ kind: UInt8, _ text: some StringProtocol) -> UInt64 {
    var value = (0xcbf2_9ce4_8422_2325 as UInt64 ^ UInt64(kind)) &* 0x100_0000_01b3
    for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return value ^ (value >> 32)
  }
}
