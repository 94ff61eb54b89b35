import DocumentModel

/// Which lines of text make one row of the table: lines of a cell are closer to each other than rows, or lie between the
/// same rules.
struct RowFinder {
  /// Indices of lines, row by row.
  private(set) var groups: [[Int]]
  /// Upper and lower edge of each row's text.
  private(set) var extents: [(y0: Double, y1: Double)] = []
  /// Horizontal rules over most of the width, by y, that lie between the first and the last line.
  let fullRules: [TableRule]
  /// Every row stands between rules.
  let isRuled: Bool

  init(_ text: TableText, _ columns: ColumnFinder, _ lines: [[TableStructure.Piece]], _ page: Page) {
    let rows = text.rows
    let width = (columns.boundaries.last ?? 0) - (columns.boundaries.first ?? 0)
    let first = rows[0].box.midY
    let last = rows[rows.count - 1].box.midY
    let inner = text.horizontal.filter { $0.position > first && $0.position < last }
    fullRules = inner.filter { $0.length > 0.6 * width }
    // In a grid with spans no rule may be whole: all rules at one height together count.
    var levels: [(y: Double, length: Double)] = []
    for rule in inner.sorted(by: { $0.position < $1.position }) {
      if let last = levels.last, rule.position - last.y < 4 {
        levels[levels.count - 1].length += rule.length
      } else {
        levels.append((rule.position, rule.length))
      }
    }
    let ys = levels.filter { $0.length > 0.3 * width }.map(\.y)
    let bands = ys.count + 1
    isRuled = bands >= 2 && Double(rows.count) / Double(bands) <= 3.5 && (!columns.ruled.isEmpty || ys.count > 3)
    if isRuled, Self.bandsAreRows(rows, lines, ys, isGrid: !columns.ruled.isEmpty) {
      let bands = rows.map { Self.band(of: $0.box, ys) }
      groups = Self.grouped(rows.indices) { a, b in bands[a] == bands[b] }
    } else {
      groups = Self.byDistance(rows, lines, ys, text.height, columns.count, page)
    }
    extents = groups.map { group in (group.map { rows[$0].box.y0 }.min()!, group.map { rows[$0].box.y1 }.max()!) }
  }

  /// How many rules are above a line of text. A line at the height of a rule stands beside it, in a cell that goes on over
  /// the rule: it belongs to the upper row.
  private static func band(of box: Rect, _ ys: [Double]) -> Int {
    let crossing = ys.first { $0 > box.y0 + 0.2 * box.height && $0 < box.y1 - 0.2 * box.height }
    return ys.count { $0 < crossing ?? box.midY }
  }

  private static func grouped(_ rows: Range<Int>, _ belong: (Int, Int) -> Bool) -> [[Int]] {
    var result: [[Int]] = [[0]]
    for row in rows.dropFirst() {
      if belong(row - 1, row) { result[result.count - 1].append(row) } else { result.append([row]) }
    }
    return result
  }

  /// False where bands hold whole groups of rows: several columns have text in each of their lines.
  private static func bandsAreRows(_ rows: [TextRow], _ lines: [[TableStructure.Piece]], _ ys: [Double], isGrid: Bool)
    -> Bool
  {
    if isGrid { return true }
    var full = 0
    var pairs = 0
    for row in rows.indices.dropFirst()
    where !ys.contains(where: { $0 > rows[row - 1].box.midY && $0 < rows[row].box.midY }) {
      pairs += 1
      if lines[row].count >= 2, lines[row].count >= lines[row - 1].count { full += 1 }
    }
    return full * 3 < max(1, pairs)
  }

  /// Without rules between all rows.
  private static func byDistance(
    _ rows: [TextRow], _ lines: [[TableStructure.Piece]], _ ys: [Double], _ height: Double, _ columns: Int, _ page: Page
  ) -> [[Int]] {
    let steps = zip(rows, rows.dropFirst()).map { $1.box.midY - $0.box.midY }
    let sorted = steps.sorted()
    let usual = sorted[sorted.count / 2]
    // Two kinds of distance: within and between rows.
    let small = sorted[sorted.count / 5]
    let large = sorted[sorted.count * 4 / 5]
    let divide = large > 1.25 * small ? (small + large) / 2 : 0
    return grouped(rows.indices) { a, b in
      if ys.contains(where: { $0 > rows[a].box.midY && $0 < rows[b].box.midY }) { return false }
      let step = steps[a]
      // Lines that overlap: values beside the middle of a label of two lines.
      if step < 0.7 * height { return true }
      guard step < 1.7 * height else { return false }
      let above = lines[a]
      let here = lines[b]
      let isFewer = here.count < max(2, columns / 2 + 1) && here.count <= above.count
      let hasNumbers = here.contains { piece in
        TableFinder.isNumeric(piece.segment.words.map { page.words[$0].text }.joined())
      }
      let isUnder = here.allSatisfy { piece in above.contains { $0.columns.overlaps(piece.columns) } }
      if divide > 0, step < divide, isUnder, here.count <= above.count, !(hasNumbers && here.count > 1) { return true }
      // The first column is empty, and text goes on under text.
      let startsInFirst = here.first?.columns.lowerBound == 0
      if !startsInFirst, isFewer, isUnder, !hasNumbers, step <= 1.05 * usual, above.first?.columns.lowerBound == 0 {
        return here.allSatisfy { piece in
          let word = page.words[piece.segment.words[0]].text
          return word.first?.isLowercase == true || here.count * 2 <= above.count
        }
      }
      // Only the label goes on.
      if startsInFirst, here.count == 1, above.count > 1, !hasNumbers {
        return page.words[here[0].segment.words[0]].text.first?.isLowercase == true
      }
      return false
    }
  }
}
