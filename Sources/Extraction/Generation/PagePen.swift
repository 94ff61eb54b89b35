import DocumentModel
import Foundation
import Tensor

/// A made-up document with the field of every word.
public struct TaggedDocument: Sendable {
  /// What a word is.
  public struct Tag: Hashable, Sendable {
    /// "invoice_total", "line.amount", ...
    public var field: String
    /// First word of its value.
    public var isStart: Bool
    /// Characters of the word before the value: a label that was glued to it.
    public var skipped = 0
  }

  public var document: Document
  /// For every page, what its words are; nil for words of no field.
  public var tags: [[Tag?]]
  public var documentType: String
  /// Values as printed and normalised, as truth.jsonl has them.
  public var fields: [String: ExtractedValue] = [:]
  public var lineItems: [LineItem] = []
}

extension TaggedDocument {
  /// Its rows as text, tagged words as <field>word; a new value has a plus sign.
  public var text: String {
    var result = "== \(document.fileName) \(documentType)\n"
    for (page, tags) in zip(document.pages, tags) {
      result += "-- page \(page.index + 1)\n"
      var copy = document
      copy.pages = [page]
      for row in PageRows(copy).rows {
        let cells = row.cells.map { cell in
          cell.words.map { word in
            tags[word.index].map { "<\($0.isStart ? "+" : "")\($0.field)>\(word.text)" } ?? word.text
          }.joined(separator: " ")
        }
        result += cells.joined(separator: "   |   ") + "\n"
      }
    }
    return result
  }
}

/// A stretch of text, of a field or of none.
struct Piece {
  var text: String
  var field: String?
  /// The value goes on from an earlier line.
  var continues = false

  init(_ text: String, _ field: String? = nil, continues: Bool = false) {
    (self.text, self.field, self.continues) = (text, field, continues)
  }
}

/// Sets text on pages. Widths are those of common typefaces, within a few percent.
struct PagePen {
  enum Alignment { case left, right, center }

  let width: Double
  let height: Double
  /// Of all glyphs, to make type narrower or wider.
  var stretch = 1.0
  var isMonospaced = false
  /// Height of a word's box in type sizes.
  var boxHeight = 1.1
  /// What stands on one line is off by up to so many points, as it is with fonts of several kinds.
  var unevenness = 0.0
  private var written = 0
  private(set) var pages: [Page] = []
  private(set) var tags: [[TaggedDocument.Tag?]] = []

  init(width: Double, height: Double) {
    (self.width, self.height) = (width, height)
    newPage()
  }

  mutating func newPage() {
    pages.append(Page(index: pages.count, width: width, height: height))
    tags.append([])
  }

  mutating func setLastPageHeight(_ height: Double) { pages[pages.count - 1].height = height }

  func measure(_ text: String, _ size: Double, bold: Bool = false) -> Double {
    if isMonospaced { return Double(text.count) * 0.6 * size * stretch }
    return text.unicodeScalars.reduce(0) { $0 + Self.advance($1) } * size * stretch * (bold ? 1.06 : 1)
  }

  private static func advance(_ scalar: Unicode.Scalar) -> Double {
    switch scalar {
    case " ", ".", ",", ":", ";", "i", "l", "j", "'", "|", "!", "I", "/", "f", "t": 0.28
    case "r", "(", ")", "-": 0.33
    case "m", "w", "M", "W", "@", "%": 0.85
    case "A"..."Z": 0.68
    case "0"..."9": 0.556
    default: 0.53
    }
  }

  /// Lines that fit a width.
  func wrapped(_ pieces: [Piece], _ size: Double, _ room: Double) -> [[Piece]] {
    var lines: [[Piece]] = [[]]
    var used = 0.0
    for piece in pieces {
      var first = true
      for word in piece.text.split(separator: " ") {
        let needed = measure(String(word) + " ", size)
        if used + needed > room, used > 0 {
          lines.append([])
          used = 0
        }
        lines[lines.count - 1].append(Piece(String(word), piece.field, continues: piece.continues || !first))
        first = false
        used += needed
      }
    }
    return lines
  }

  /// Writes one line on the last page.
  /// - Parameters:
  ///   - x: left edge, right edge or middle, as the alignment says.
  ///   - y: top of the words' boxes.
  /// - Returns: the extent on x.
  @discardableResult mutating func write(
    _ pieces: [Piece], x: Double, y: Double, size: Double, bold: Bool = false, alignment: Alignment = .left
  ) -> (x0: Double, x1: Double) {
    var words: [(text: String, tag: TaggedDocument.Tag?)] = []
    for piece in pieces {
      var isStart = !piece.continues
      for word in piece.text.split(separator: " ") {
        words.append((String(word), piece.field.map { TaggedDocument.Tag(field: $0, isStart: isStart) }))
        isStart = false
      }
    }
    guard !words.isEmpty else { return (x, x) }
    let space = measure(" ", size)
    let widths = words.map { measure($0.text, size, bold: bold) }
    let total = widths.reduce(0, +) + space * Double(words.count - 1)
    var left = alignment == .left ? x : alignment == .right ? x - total : x - total / 2
    let start = left
    let page = pages.count - 1
    let style = styleIndex(size, bold)
    written += 1
    let y = y + unevenness * Double(written * 7919 % 11 - 5) / 5
    for (word, width) in zip(words, widths) {
      let box = Rect(x0: left, y0: y, x1: left + width, y1: y + boxHeight * size)
      pages[page].words.append(Word(text: word.text, bbox: box, style: style))
      tags[page].append(word.tag)
      left += width + space
    }
    return (start, left - space)
  }

  private mutating func styleIndex(_ size: Double, _ bold: Bool) -> Int {
    let page = pages.count - 1
    if let index = pages[page].styles.firstIndex(where: { $0.size == size && $0.bold == bold }) { return index }
    pages[page].styles.append(TextStyle(font: "Made", size: size, bold: bold))
    return pages[page].styles.count - 1
  }
}
