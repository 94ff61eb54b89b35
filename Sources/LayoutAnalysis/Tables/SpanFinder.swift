import DocumentModel

/// Cells with the rows and columns that they reach over: by missing rules in a grid that is drawn, by short rules under
/// titles, and by text that crosses the white between columns.
struct SpanFinder {
  private let text: TableText
  private let columns: ColumnFinder
  private let rows: RowFinder

  init(_ text: TableText, _ columns: ColumnFinder, _ rows: RowFinder) {
    self.text = text
    self.columns = columns
    self.rows = rows
  }

  func cells(_ lines: [[TableStructure.Piece]], _ page: Page) -> [TableCell] {
    var cells: [TableCell] = []
    for (row, group) in rows.groups.enumerated() {
      var inRow: [TableCell] = []
      for line in group {
        for piece in lines[line] {
          let words = piece.segment.words
          let content = Self.joinedWords(words, page)
          if let same = inRow.firstIndex(where: {
            $0.column <= piece.columns.upperBound && piece.columns.lowerBound < $0.column + $0.columnSpan
          }) {
            inRow[same].text = TextJoiner.join(inRow[same].text, content)
            inRow[same].bbox = inRow[same].bbox.union(piece.segment.box)
            let end = max(inRow[same].column + inRow[same].columnSpan, piece.columns.upperBound + 1)
            inRow[same].column = min(inRow[same].column, piece.columns.lowerBound)
            inRow[same].columnSpan = end - inRow[same].column
          } else {
            inRow.append(
              TableCell(
                row: row, column: piece.columns.lowerBound, columnSpan: piece.columns.count, text: content,
                bbox: piece.segment.box))
          }
        }
      }
      cells += inRow.sorted { $0.column < $1.column }
    }
    if columns.ruled.isEmpty { widenTitles(&cells) } else { followGrid(&cells) }
    return cells
  }

  /// The words of a piece as text; what stands lower comes later, also where lines of neighbours reach in between.
  static func joinedWords(_ words: [Int], _ page: Page) -> String {
    var lines: [[Int]] = []
    for word in words.sorted(by: { page.words[$0].bbox.midY < page.words[$1].bbox.midY }) {
      let box = page.words[word].bbox
      if let last = lines.last?.first.map({ page.words[$0].bbox }),
        last.verticalOverlap(box) > 0.4 * min(last.height, box.height)
      {
        lines[lines.count - 1].append(word)
      } else {
        lines.append([word])
      }
    }
    var result = ""
    for line in lines {
      var text = ""
      var end: Rect?
      for index in line.sorted(by: { page.words[$0].bbox.x0 < page.words[$1].bbox.x0 }) {
        let word = page.words[index]
        if let end, word.bbox.x0 - end.x1 > 0.12 * min(end.height, word.bbox.height) { text += " " }
        text += word.text
        end = word.bbox
      }
      result = result.isEmpty ? text : TextJoiner.join(result, text)
    }
    return result
  }

  private func isFree(_ cells: [TableCell], row: Int, column: Int, except index: Int) -> Bool {
    !cells.indices.contains { other in
      other != index && cells[other].row <= row && row < cells[other].row + cells[other].rowSpan
        && cells[other].column <= column && column < cells[other].column + cells[other].columnSpan
    }
  }

  // MARK: - Drawn grids

  /// Where no rule divides two cells and at most one of them has text, they are one.
  private func followGrid(_ cells: inout [TableCell]) {
    for index in cells.indices {
      // To the right and to the left.
      var cell = cells[index]
      let y = cell.bbox.midY
      func isOpen(_ boundary: Int) -> Bool {
        let x = columns.boundaries[boundary]
        return columns.ruled.contains(boundary) && !text.vertical.contains { abs($0.position - x) < 4 && $0.covers(y) }
      }
      while cell.column + cell.columnSpan < columns.count, isOpen(cell.column + cell.columnSpan),
        isFree(cells, row: cell.row, column: cell.column + cell.columnSpan, except: index)
      { cell.columnSpan += 1 }
      while cell.column > 0, isOpen(cell.column), isFree(cells, row: cell.row, column: cell.column - 1, except: index) {
        cell.column -= 1
        cell.columnSpan += 1
      }
      cells[index] = cell
    }
    guard rows.isRuled else { return }
    for index in cells.indices {
      var cell = cells[index]
      let (x0, x1) = (columns.boundaries[cell.column], columns.boundaries[cell.column + cell.columnSpan])
      let x = (x0 + x1) / 2
      /// No rule between a row and the next at this column, but at others.
      func isOpen(_ row: Int) -> Bool {
        let from = (rows.extents[row].y0 + rows.extents[row].y1) / 2
        let to = (rows.extents[row + 1].y0 + rows.extents[row + 1].y1) / 2
        let between = text.horizontal.filter { $0.position > from && $0.position < to }
        return !between.isEmpty && !between.contains { $0.covers(x) && $0.from < x && $0.to > x }
      }
      func isFreeRow(_ row: Int) -> Bool {
        (cell.column..<(cell.column + cell.columnSpan)).allSatisfy {
          isFree(cells, row: row, column: $0, except: index)
        }
      }
      while cell.row + cell.rowSpan < rows.groups.count, isOpen(cell.row + cell.rowSpan - 1),
        isFreeRow(cell.row + cell.rowSpan)
      { cell.rowSpan += 1 }
      while cell.row > 0, isOpen(cell.row - 1), isFreeRow(cell.row - 1) {
        cell.row -= 1
        cell.rowSpan += 1
      }
      cells[index] = cell
    }
    cells.sort { ($0.row, $0.column) < ($1.row, $1.column) }
  }

  // MARK: - Open tables

  /// Titles over several columns: a short rule below says how many, or the title stands in the middle of them.
  private func widenTitles(_ cells: inout [TableCell]) {
    let width = (columns.boundaries.last ?? 0) - (columns.boundaries.first ?? 0)
    for index in cells.indices where cells[index].row + 1 < rows.groups.count && cells[index].row < 4 {
      var cell = cells[index]
      let below = rows.extents[cell.row + 1]
      let middle = (rows.extents[cell.row].y0 + rows.extents[cell.row].y1) / 2
      let under = text.horizontal.first { rule in
        rule.position > middle && rule.position < (below.y0 + below.y1) / 2 && rule.length < 0.8 * width
          && rule.from < cell.bbox.midX && rule.to > cell.bbox.midX
      }
      if let under {
        let covered = columns.touched(Rect(x0: under.from, y0: 0, x1: under.to, y1: 1))
        widen(&cell, to: covered, cells, index)
      } else if cell.columnSpan == 1, let centered = centeredRange(cell, cells, index) {
        widen(&cell, to: centered, cells, index)
      }
      cells[index] = cell
    }
  }

  private func widen(_ cell: inout TableCell, to range: ClosedRange<Int>, _ cells: [TableCell], _ index: Int) {
    while cell.column > range.lowerBound, isFree(cells, row: cell.row, column: cell.column - 1, except: index) {
      cell.column -= 1
      cell.columnSpan += 1
    }
    while cell.column + cell.columnSpan <= range.upperBound,
      isFree(cells, row: cell.row, column: cell.column + cell.columnSpan, except: index)
    { cell.columnSpan += 1 }
  }

  /// The columns that a title stands in the middle of, when its own column alone does not explain its place.
  private func centeredRange(_ cell: TableCell, _ cells: [TableCell], _ index: Int) -> ClosedRange<Int>? {
    guard cell.row < 2, cells.contains(where: { $0.row == cell.row + 1 }) else { return nil }
    func content(_ range: ClosedRange<Int>) -> (x0: Double, x1: Double)? {
      let below = cells.filter { $0.row > cell.row && $0.columnSpan == 1 && range.contains($0.column) }.map(\.bbox)
      guard let x0 = below.map(\.x0).min(), let x1 = below.map(\.x1).max() else { return nil }
      return (x0, x1)
    }
    guard let own = content(cell.column...cell.column) else { return nil }
    let off = abs(cell.bbox.midX - (own.x0 + own.x1) / 2)
    let isAligned = abs(cell.bbox.x0 - own.x0) < 3 || abs(cell.bbox.x1 - own.x1) < 3 || off < 3
    guard !isAligned else { return nil }
    var best: (range: ClosedRange<Int>, off: Double)?
    var low = cell.column
    while low > 0, isFree(cells, row: cell.row, column: low - 1, except: index) { low -= 1 }
    var high = cell.column
    while high + 1 < columns.count, isFree(cells, row: cell.row, column: high + 1, except: index) { high += 1 }
    for from in low...cell.column {
      for to in cell.column...high where to > from {
        guard let reach = content(from...to) else { continue }
        let distance = abs(cell.bbox.midX - (reach.x0 + reach.x1) / 2)
        if distance < 0.5 * off, distance < best?.off ?? 5 { best = (from...to, distance) }
      }
    }
    return best?.range
  }
}
