import DocumentModel

/// Makes the grid of a table from the words and rules within its box.
enum TableStructure {
  /// - Parameter words: indices into the page's words.
  /// - Returns: nil when there are no two rows and columns.
  static func table(_ words: [Int], in box: Rect, on page: Page) -> Table? {
    guard words.count > 3, words.count < 20_000 else { return nil }
    let text = TableText(words, in: box, on: page)
    let columns = ColumnFinder(text)
    guard (2...60).contains(columns.count), text.rows.count >= 2 else { return nil }
    var lines = text.rows.map { row in
      row.segments.flatMap { split($0, at: columns, on: page, height: text.height) }.map { segment in
        Piece(segment: segment, columns: columns.touched(segment.box))
      }
    }
    // Pieces that share a column of one line belong together.
    for index in lines.indices { lines[index] = joined(lines[index]) }
    let rows = RowFinder(text, columns, lines, page)
    guard rows.groups.count >= 2 else { return nil }
    var cells = SpanFinder(text, columns, rows).cells(lines, page)
    let header = HeaderFinder.rows(cells, rows, text, columns, page)
    for index in cells.indices where cells[index].row < header { cells[index].isHeader = true }
    TableNumber.fill(&cells)
    return Table(rows: rows.groups.count, columns: columns.count, cells: cells)
  }

  /// Text of one line within one column, or over several.
  struct Piece {
    var segment: TableSegment
    var columns: ClosedRange<Int>
  }

  private static func joined(_ pieces: [Piece]) -> [Piece] {
    var result: [Piece] = []
    for piece in pieces {
      if let last = result.last, last.columns.upperBound >= piece.columns.lowerBound {
        result[result.count - 1].segment.words += piece.segment.words
        result[result.count - 1].segment.box = last.segment.box.union(piece.segment.box)
        result[result.count - 1].columns =
          last.columns.lowerBound...max(last.columns.upperBound, piece.columns.upperBound)
      } else {
        result.append(piece)
      }
    }
    return result
  }

  /// Cuts a piece where the space over a boundary is wider than its other spaces.
  private static func split(_ segment: TableSegment, at columns: ColumnFinder, on page: Page, height: Double)
    -> [TableSegment]
  {
    let touched = columns.touched(segment.box)
    guard touched.count > 1, segment.words.count > 1 else { return [segment] }
    let boxes = segment.words.map { page.words[$0].bbox }
    let gaps = zip(boxes, boxes.dropFirst()).map { $1.x0 - $0.x1 }
    let usual = gaps.sorted()[gaps.count / 2]
    var cuts: [Int] = []
    for boundary in columns.boundaries[(touched.lowerBound + 1)...touched.upperBound] {
      guard let gap = gaps.indices.min(by: { distance(boxes, $0, boundary) < distance(boxes, $1, boundary) }),
        distance(boxes, gap, boundary) < 0.25 * height
      else { continue }
      let isWide = gaps.count == 1 ? gaps[gap] > 0.42 * height : gaps[gap] > 1.3 * usual + 0.5
      if isWide { cuts.append(gap) }
    }
    guard !cuts.isEmpty else { return [segment] }
    var result: [TableSegment] = []
    var start = 0
    for cut in Set(cuts).sorted() + [segment.words.count - 1] {
      let box = boxes[(start + 1)..<(cut + 1)].reduce(boxes[start]) { $0.union($1) }
      result.append(TableSegment(words: Array(segment.words[start...cut]), box: box))
      start = cut + 1
    }
    return result
  }

  /// How far a boundary lies outside the gap behind a word.
  private static func distance(_ boxes: [Rect], _ gap: Int, _ boundary: Double) -> Double {
    max(0, boxes[gap].x1 - boundary, boundary - boxes[gap + 1].x0)
  }
}
