import DocumentModel

/// Finds gaps within lines that are spaces, stretched to justify the line, and no borders of columns or cells.
///
/// Text above or below runs through under such a gap; under the border of a cell there is another border.
enum StretchedSpaces {
  private static let widestSpace = 2.5

  /// Pairs of pieces to join, right to left in each row, so that joining `right` to `left` in this order is all it takes.
  static func joins(_ pieces: [Rect], _ gutters: GutterFinder) -> [(left: Int, right: Int)] {
    guard pieces.count > 2, pieces.count < 20_000 else { return [] }
    let rows = Rows(pieces)
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

  private enum Neighbour { case covered, gap, nothing }

  /// Pieces by baseline, from top to bottom, each row from left to right.
  private struct Rows {
    let pieces: [Rect]
    private(set) var rows: [[Int]] = []
    private var middles: [Double] = []

    init(_ pieces: [Rect]) {
      self.pieces = pieces
      for index in pieces.indices.sorted(by: { pieces[$0].midY < pieces[$1].midY }) {
        if let middle = middles.last, pieces[index].midY - middle < 0.3 * pieces[index].height {
          rows[rows.count - 1].append(index)
        } else {
          rows.append([index])
          middles.append(pieces[index].midY)
        }
      }
      for row in rows.indices { rows[row].sort { pieces[$0].x0 < pieces[$1].x0 } }
    }

    /// What the next line above or below has where the gap is.
    func nearest(_ row: Int, step: Int, to gap: (x0: Double, x1: Double), _ em: Double) -> Neighbour {
      var other = row + step
      while rows.indices.contains(other), abs(middles[other] - middles[row]) < 2.2 * em {
        defer { other += step }
        guard abs(middles[other] - middles[row]) > 0.6 * em else { continue }
        let boxes = rows[other].map { pieces[$0] }
        if boxes.contains(where: { $0.x0 < gap.x0 && $0.x1 > gap.x1 && $0.height < 1.4 * em && $0.height > 0.7 * em }) {
          return .covered
        }
        for (left, right) in zip(boxes, boxes.dropFirst()) {
          let shared = min(right.x0, gap.x1) - max(left.x1, gap.x0)
          // Two stretched spaces may touch by chance; borders of one column lie below each other.
          if shared > 0.6 * min(right.x0 - left.x1, gap.x1 - gap.x0) { return .gap }
        }
      }
      return .nothing
    }
  }
}
