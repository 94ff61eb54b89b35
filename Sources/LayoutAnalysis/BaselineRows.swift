import DocumentModel

/// Pieces by baseline, from top to bottom, each row from left to right.
struct BaselineRows {
  enum Neighbour { case covered, gap, nothing }

  private let pieces: [Rect]
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
