import Foundation

/// Splits text into the pieces of an uncased BERT vocabulary, with the ids that the reference tokenizer gives
/// (huggingface/tokenizers: BertNormalizer, BertPreTokenizer, WordPiece).
///
/// In this order: special tokens written out in the text are kept whole; control characters go, every kind of space
/// becomes a blank; Chinese characters stand alone; accents go (canonical decomposition without non-spacing marks);
/// lower case; words end at blanks and at punctuation, which stands alone; each word is cut greedily into the longest
/// pieces there are. A word of more than 100 characters or with a piece that is not there is one unknown token.
public struct WordPieceTokenizer: Sendable {
  public static let maxCharactersOfWord = 100

  public let classifier: Int32
  public let separator: Int32
  public let unknown: Int32
  public let vocabulary: [String]
  private let pieces: PieceTable
  private let special: [(text: String, id: Int32)]

  /// - Parameter vocabulary: one piece for each id, continuing pieces with "##" in front.
  /// - Throws: `ImpactModelError.malformed` without the special tokens.
  public init(vocabulary: [String]) throws {
    self.vocabulary = vocabulary
    pieces = PieceTable(vocabulary)
    func id(_ token: String) throws -> Int32 {
      guard let id = vocabulary.firstIndex(of: token) else {
        throw ImpactModelError.malformed("vocab.txt", reason: "it has no \(token)")
      }
      return Int32(id)
    }
    (classifier, separator, unknown) = (try id("[CLS]"), try id("[SEP]"), try id("[UNK]"))
    special = try ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map { ($0, try id($0)) }
  }

  /// - Throws: `ImpactModelError`.
  public init(file: URL) throws {
    guard let text = try? String(contentsOf: file, encoding: .utf8) else {
      throw ImpactModelError.missing(file.lastPathComponent)
    }
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    try self.init(vocabulary: lines)
  }

  /// The ids of a text without the tokens that open and close a sequence.
  /// - Parameter limit: ids after which no more are looked for.
  public func ids(_ text: String, limit: Int = .max) -> [Int32] {
    var result: [Int32] = []
    guard text.utf8.contains(UInt8(ascii: "[")) else {
      append(text[...], limit, to: &result)
      return Array(result.prefix(limit))
    }
    // By code points: a mark behind a bracket makes another character of it.
    var rest = text[...]
    while let open = rest.unicodeScalars.firstIndex(of: "[") {
      let tail = rest[open...]
      if let (token, id) = special.first(where: { tail.utf8.starts(with: $0.text.utf8) }) {
        append(rest[..<open], limit, to: &result)
        result.append(id)
        rest = tail[tail.utf8.index(open, offsetBy: token.utf8.count)...]
      } else {
        // Words end at "[" anyhow.
        let next = tail.unicodeScalars.index(after: open)
        append(rest[..<next], limit, to: &result)
        rest = rest[next...]
      }
      if result.count >= limit { return Array(result.prefix(limit)) }
    }
    append(rest, limit, to: &result)
    return Array(result.prefix(limit))
  }

  private func append(_ text: Substring, _ limit: Int, to ids: inout [Int32]) {
    var word = Word()
    for scalar in text.unicodeScalars {
      let value = scalar.value
      if value < 128 {
        switch CharacterClass.ascii[Int(value)] {
        case .letter: word.append(UInt8(value))
        case .capital: word.append(UInt8(value) + 32)
        case .space: finish(&word, &ids)
        case .alone:
          finish(&word, &ids)
          word.append(UInt8(value))
          finish(&word, &ids)
        case .dropped: continue
        }
        if ids.count >= limit { return }
        continue
      }
      if CharacterClass.isDropped(scalar) {
        continue
      } else if scalar.properties.isWhitespace {
        finish(&word, &ids)
      } else if CharacterClass.isChinese(value) {
        finish(&word, &ids)
        add(scalar, to: &word, &ids)
        finish(&word, &ids)
      } else {
        add(scalar, to: &word, &ids)
      }
      if ids.count >= limit { return }
    }
    finish(&word, &ids)
  }

  /// One character beyond ASCII: decomposed, without marks, in lower case.
  private func add(_ scalar: Unicode.Scalar, to word: inout Word, _ ids: inout [Int32]) {
    for part in String(scalar).decomposedStringWithCanonicalMapping.unicodeScalars
    where part.properties.generalCategory != .nonspacingMark || !CharacterClass.isKnown(part) {
      for lower in part.properties.lowercaseMapping.unicodeScalars {
        if CharacterClass.isPunctuation(lower) {
          finish(&word, &ids)
          word.append(lower)
          finish(&word, &ids)
        } else if lower.properties.isWhitespace {
          finish(&word, &ids)
        } else {
          word.append(lower)
        }
      }
    }
  }

  /// A word on its way.
  private struct Word {
    var bytes: [UInt8] = []
    var characters = 0

    mutating func append(_ byte: UInt8) {
      bytes.append(byte)
      characters += 1
    }

    mutating func append(_ scalar: Unicode.Scalar) {
      bytes.append(contentsOf: UTF8.encode(scalar)!)
      characters += 1
    }
  }

  private func finish(_ word: inout Word, _ ids: inout [Int32]) {
    guard word.characters > 0 else { return }
    if word.characters > Self.maxCharactersOfWord || !pieces.cut(word.bytes, into: &ids) { ids.append(unknown) }
    word.bytes.removeAll(keepingCapacity: true)
    word.characters = 0
  }
}

/// What the tokenizer does with a character.
private enum CharacterClass {
  case letter, capital, space, alone, dropped

  static let ascii: [CharacterClass] = (0..<128).map { value in
    switch value {
    case 9, 10, 13, 32: .space
    // Vertical tab and form feed are control characters first.
    case 0..<32, 127: .dropped
    case 65...90: .capital
    case 48...57, 97...122: .letter
    default: .alone
    }
  }

  /// The reference's tables end with Unicode 8.
  static func isKnown(_ scalar: Unicode.Scalar) -> Bool { (scalar.properties.age?.major ?? 99) <= 8 }

  /// Controls, format characters, private use; the replacement character.
  static func isDropped(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .privateUse: true
    case .format: isKnown(scalar)
    default: scalar.value == 0xFFFD
    }
  }

  static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      isKnown(scalar)
    default: scalar.isASCII && ascii[Int(scalar.value)] == .alone
    }
  }

  /// The blocks that the reference takes for Chinese characters.
  static func isChinese(_ value: UInt32) -> Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF,
      0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}

/// The pieces by a hash of their bytes, so that all prefixes of a word are looked up in one go along it.
struct PieceTable: Sendable {
  private static let seed: UInt64 = 0xcbf2_9ce4_8422_2325
  private let starts: [UInt64: Int32]
  private let continuations: [UInt64: Int32]
  private let bytes: [[UInt8]]
  private let longest: Int

  /// - Parameter included: ids to know; nil for all.
  init(_ vocabulary: [String], included: Set<Int32>? = nil) {
    var starts: [UInt64: Int32] = [:], continuations: [UInt64: Int32] = [:]
    bytes = vocabulary.map { Array(Self.continues($0) ? $0.utf8.dropFirst(2) : $0.utf8[...]) }
    for (id, piece) in vocabulary.enumerated() where included?.contains(Int32(id)) ?? true {
      let hash = bytes[id].reduce(Self.seed) { Self.step($0, $1) }
      // "##" itself is a piece, too; the first of two equal lines counts.
      if Self.continues(piece) {
        if continuations[hash] == nil { continuations[hash] = Int32(id) }
      } else if starts[hash] == nil {
        starts[hash] = Int32(id)
      }
    }
    (self.starts, self.continuations) = (starts, continuations)
    longest = bytes.map(\.count).max() ?? 0
  }

  /// By bytes: a mark behind "##" makes another character of its end.
  static func continues(_ piece: String) -> Bool { piece.utf8.count > 2 && piece.utf8.starts(with: "##".utf8) }

  private static func step(_ hash: UInt64, _ byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }

  /// Appends the pieces of a word; false, and nothing appended, where a part of it is none.
  /// - Parameter continues: what is given follows other pieces of its word.
  func cut(_ word: [UInt8], continues: Bool = false, into ids: inout [Int32]) -> Bool {
    let before = ids.count
    var start = 0
    while start < word.count {
      var hash = Self.seed
      var best: (id: Int32, end: Int)?
      for end in start..<min(word.count, start + longest) {
        hash = Self.step(hash, word[end])
        if let id = start == 0 && !continues ? starts[hash] : continuations[hash],
          bytes[Int(id)].elementsEqual(word[start...end])
        {
          best = (id, end + 1)
        }
      }
      guard let best else {
        ids.removeLast(ids.count - before)
        return false
      }
      ids.append(best.id)
      start = best.end
    }
    return true
  }
}
