import DocumentModel

/// For each line its nearest ones above, below, left and right.
struct LineNeighbours {
  /// Index of the line; -1 where there is none.
  private(set) var above: [Int]
  private(set) var below: [Int]
  private(set) var left: [Int]
  private(set) var right: [Int]
  /// Lines on the same baseline, the line itself among them.
  private(set) var rowSize: [Int]

  init(_ boxes: [Rect]) {
    let count = boxes.count
    above = [Int](repeating: -1, count: count)
    (below, left, right) = (above, above, above)
    rowSize = [Int](repeating: 1, count: count)
    let order = boxes.indices.sorted { (boxes[$0].midY, boxes[$0].x0) < (boxes[$1].midY, boxes[$1].x0) }
    for (place, line) in order.enumerated() {
      let box = boxes[line]
      // Upwards: the nearest whose width overlaps by a third of the narrower one.
      var best = (distance: 120.0, line: -1)
      var step = place - 1
      while step >= 0, place - step < 120 {
        let other = order[step], candidate = boxes[other]
        step -= 1
        if box.midY - candidate.midY > 160 { break }
        let height = min(box.height, candidate.height)
        if candidate.midY > box.midY - 0.35 * max(box.height, candidate.height) {
          // On the same baseline.
          if box.verticalOverlap(candidate) > 0.5 * height { beside(line, other, boxes) }
          continue
        }
        let shared = box.horizontalOverlap(candidate)
        guard shared > 0.3 * min(box.width, candidate.width) || (shared > 0 && shared > 20) else { continue }
        let distance = box.y0 - candidate.y1 + 0.02 * abs(box.x0 - candidate.x0)
        if distance < best.distance { best = (distance, other) }
      }
      above[line] = best.line
    }
    for line in order where above[line] >= 0 {
      let upper = above[line]
      if below[upper] < 0 || boxes[line].y0 < boxes[below[upper]].y0 { below[upper] = line }
    }
  }

  private mutating func beside(_ a: Int, _ b: Int, _ boxes: [Rect]) {
    rowSize[a] += 1
    rowSize[b] += 1
    let (first, second) = boxes[a].x0 <= boxes[b].x0 ? (a, b) : (b, a)
    if right[first] < 0 || boxes[second].x0 < boxes[right[first]].x0 { right[first] = second }
    if left[second] < 0 || boxes[first].x1 > boxes[left[second]].x1 { left[second] = first }
  }
}
