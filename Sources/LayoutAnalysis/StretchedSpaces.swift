import DocumentModel

/// Finds gaps within lines that are spaces, stretched to justify the line, and no borders of columns or cells.
///
/// Text above or below runs through under such a gap; under the border of a cell there is another border.
enum StretchedSpaces {
  private static let widestSpace = 2.5

  /// Pairs of pieces to join, right to left in each row, so that joining `right` to `left` in this order is all it takes.
  static func joins(_ pieces: [Rect], _ gutters: GutterFinder) -> [(left: Int, right: Int)] {
    guard pieces.count > 2, pieces.count < 20_000 else { return [] }
    let rows = BaselineRows(pieces)
    var result: [(left: Int, right: Int)] = []
    for (number, row) in rows.rows.enumerated() {
      for (left, right) in zip(row, row.dropFirst()).reversed() {
        let (before, after) = (pieces[left], pieces[right])
        let em = max(1, min(before.height, after.height))
        guard after.x0 > before.x1, after.x0 - before.x1 < widestSpace * em,
          max(before.height, after.height) < 1.4 * em, !gutters.separates(before, after)
        else { continue }
        let gap = (x0: before.x1, x1: after.x0)
        let around = [rows.nearest(number, step: -1, to: gap, em), rows.nearest(number, step: 1, to: gap, em)]
        if around.contains(.covered), !around.contains(.gap) { result.append((left, right)) }
      }
    }
    return result
  }
}
