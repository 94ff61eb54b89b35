import DocumentModel

/// A word with its place; what the extractor works on.
struct PlacedWord {
  var text: String
  var box: Rect
  var page: Int
  var size: Double
  var bold: Bool
  /// What key phrases are compared with: lower case, without punctuation at the ends.
  var key: String
  /// Position among its page's words.
  var index = -1

  init(text: String, box: Rect, page: Int, size: Double, bold: Bool) {
    (self.text, self.box, self.page, self.size, self.bold) = (text, box, page, size, bold)
    key = Self.key(text)
  }

  /// A word of nothing but punctuation is its own key.
  static func key(_ text: String) -> String {
    let lower = text.lowercased()
    let inner = lower.drop { $0.isPunctuation }
    let bare = inner.prefix(
      upTo: inner.lastIndex { !$0.isPunctuation }.map { inner.index(after: $0) } ?? inner.startIndex)
    return bare.isEmpty ? lower : String(bare)
  }
}

/// Words of a page in rows, and rows in cells: pieces that a gap divides.
struct PageRows {
  struct Cell {
    var words: [PlacedWord]
    var box: Rect { words.dropFirst().reduce(words[0].box) { $0.union($1.box) } }
    var text: String { words.map(\.text).joined(separator: " ") }
    var page: Int { words[0].page }
  }
  struct Row {
    var cells: [Cell]
    var box: Rect { cells.dropFirst().reduce(cells[0].box) { $0.union($1.box) } }
    var words: [PlacedWord] { cells.flatMap(\.words) }
    var text: String { cells.map(\.text).joined(separator: " ") }
    var page: Int { cells[0].page }
  }

  let rows: [Row]
  /// The text comes from text recognition.
  let isRecognised: Bool

  init(_ document: Document, maxPages: Int = 60) {
    var all: [Row] = []
    isRecognised = document.pages.contains { $0.textSource == .ocr }
    for page in document.pages.prefix(maxPages) where page.words.count < 20_000 {
      let words = page.words.enumerated().map { index, word in
        let style =
          page.styles.indices.contains(word.style)
          ? page.styles[word.style] : TextStyle(font: "", size: word.bbox.height)
        var placed = PlacedWord(text: word.text, box: word.bbox, page: page.index, size: style.size, bold: style.bold)
        placed.index = index
        return placed
      }.sorted { $0.box.midY < $1.box.midY }
      var groups: [[PlacedWord]] = []
      for word in words {
        if let last = groups.last,
          abs(last[0].box.midY - word.box.midY) < 0.45 * min(last[0].box.height, word.box.height) + 0.5
        {
          groups[groups.count - 1].append(word)
        } else {
          groups.append([word])
        }
      }
      all += groups.map { group in
        var cells: [Cell] = []
        for word in group.sorted(by: { $0.box.x0 < $1.box.x0 }) {
          if let last = cells.last?.words.last, word.box.x0 - last.box.x1 < 0.9 * max(last.box.height, word.box.height)
          {
            cells[cells.count - 1].words.append(word)
          } else {
            cells.append(Cell(words: [word]))
          }
        }
        return Row(cells: cells)
      }
    }
    rows = all
  }
}
