import DocumentModel
import Foundation

/// A document's words as the model and the decoder see them: row by row, in cells, with glued parts divided.
package struct DocumentTokens: Sendable {
  package struct Token: Sendable {
    var text: String
    /// Lower case, digits as 0, without punctuation at the ends.
    var folded: String
    var box: Rect
    /// Index of the page in the file.
    var page: Int
    var bold: Bool
    var size: Double
    var cell: Int
    var row: Int
    /// Position of its page in the document, and of its word on the page.
    var pagePosition: Int
    var word: Int
    /// Characters of the word before this part of it.
    var start: Int
  }

  package private(set) var tokens: [Token] = []
  /// Tokens of each cell and of each row.
  package private(set) var cells: [Range<Int>] = []
  private(set) var cellBoxes: [Rect] = []
  private(set) var rows: [Range<Int>] = []
  /// Cells of each row.
  private(set) var cellsOfRow: [Range<Int>] = []
  /// Median height of a word's box, in points.
  let medianHeight: Double
  /// Width and height by position of the page.
  let pageSizes: [(width: Double, height: Double)]
  /// Read by text recognition.
  let isRecognised: Bool

  package init(_ document: Document, maxPages: Int = 60, maxTokens: Int = 60_000) {
    pageSizes = document.pages.map { ($0.width, $0.height) }
    isRecognised = document.pages.contains { $0.textSource == .ocr }
    let positions = Dictionary(
      document.pages.enumerated().map { ($0.element.index, $0.offset) }, uniquingKeysWith: { first, _ in first })
    let page = PageRows(document, maxPages: maxPages)
    var heights: [Double] = []
    for row in page.rows where tokens.count < maxTokens {
      let firstToken = tokens.count, firstCell = cells.count
      for cell in row.cells {
        let start = tokens.count
        for word in isRecognised ? Misreading.joined(cell.words) : cell.words {
          heights.append(word.box.height)
          let text = isRecognised ? Misreading.repaired(word.text) : word.text
          for part in Self.parts(of: text) {
            let count = Double(max(1, text.count))
            let unit = word.box.width / count
            var box = word.box
            if part.text.count < text.count {
              box.x0 = word.box.x0 + unit * Double(part.start)
              box.x1 = box.x0 + unit * Double(part.text.count)
            }
            tokens.append(
              Token(
                text: part.text, folded: Self.folded(part.text), box: box, page: word.page, bold: word.bold,
                size: word.size, cell: cells.count, row: rows.count, pagePosition: positions[word.page] ?? 0,
                word: word.index, start: part.start))
          }
        }
        cells.append(start..<tokens.count)
      }
      rows.append(firstToken..<tokens.count)
      cellsOfRow.append(firstCell..<cells.count)
    }
    medianHeight = heights.isEmpty ? 10 : max(1, heights.sorted()[heights.count / 2])
    cellBoxes = cells.map { box($0) }
  }

  package func text(_ range: Range<Int>) -> String { tokens[range].map(\.text).joined(separator: " ") }

  func box(_ range: Range<Int>) -> Rect {
    tokens[range].dropFirst().reduce(tokens[range.lowerBound].box) { $0.union($1.box) }
  }

  /// The cell that stands nearest to the left of a cell: in its row, or in a row beside it that is printed a little higher or lower.
  package func cellBefore(_ cell: Int) -> Int? {
    let row = tokens[cells[cell].lowerBound].row, box = cellBoxes[cell]
    var best = cell > cellsOfRow[row].lowerBound ? cell - 1 : nil
    for other in [row - 1, row + 1] where rows.indices.contains(other) {
      guard tokens[rows[other].lowerBound].page == tokens[rows[row].lowerBound].page else { continue }
      for candidate in cellsOfRow[other] {
        let place = cellBoxes[candidate]
        let common = min(place.y1, box.y1) - max(place.y0, box.y0)
        if common > 0.3 * min(place.height, box.height), place.x1 <= box.x0 + 1,
          best.map({ place.x0 > cellBoxes[$0].x1 }) ?? true
        {
          best = candidate
        }
      }
    }
    return best
  }

  // MARK: - Words

  /// "Date:25/12/2018" and "03/16/20-03/29/20" are two things each.
  package static func parts(of text: String) -> [(text: String, start: Int)] {
    guard text.utf8.count > 3,
      text.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "(") })
    else {
      return [(text, 0)]
    }
    let characters = Array(text)
    if let colon = characters.firstIndex(of: ":"), colon > 1, colon + 1 < characters.count,
      characters[colon - 1].isLetter || characters[colon - 1] == ".",
      characters[colon + 1] != "/", characters[colon + 1] != ":"
    {
      return [(String(characters[...colon]), 0), (String(characters[(colon + 1)...]), colon + 1)]
    }
    // "Senate-D(136462)": a number in brackets that was glued to a name.
    if let bracket = characters.lastIndex(of: "("), bracket > 1, characters.count - bracket > 3,
      characters[(bracket + 1)...].allSatisfy({ $0.isNumber || $0 == ")" }), characters[bracket - 1].isLetter
    {
      return [(String(characters[..<bracket]), 0), (String(characters[bracket...]), bracket)]
    }
    // A range of dates: two equal halves that both have two separators.
    for dash in characters.indices where characters[dash] == "-" && dash >= 6 && characters.count - dash - 1 >= 6 {
      let (a, b) = (characters[..<dash], characters[(dash + 1)...])
      func isDate(_ part: ArraySlice<Character>) -> Bool {
        part.filter { $0 == "/" || $0 == "." }.count == 2 && part.allSatisfy { $0.isNumber || $0 == "/" || $0 == "." }
      }
      if isDate(a), isDate(b) { return [(String(a), 0), (String(b), dash + 1)] }
    }
    return [(text, 0)]
  }

  package static func folded(_ text: String) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(text.utf8.count)
    for byte in text.lowercased().utf8 {
      result.append(byte >= 48 && byte <= 57 ? 48 : byte)
    }
    func isMark(_ byte: UInt8) -> Bool {
      byte < 128 && !(byte >= 97 && byte <= 122) && byte != 48 && byte != 35 && byte != 37
    }
    var low = 0, high = result.count
    while low < high, isMark(result[low]) { low += 1 }
    while high > low, isMark(result[high - 1]) { high -= 1 }
    return low < high ? String(decoding: result[low..<high], as: UTF8.self) : text
  }
}
