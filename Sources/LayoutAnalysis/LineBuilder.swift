import DocumentModel

/// Joins words to lines: words on one baseline, next to each other, within one column.
enum LineBuilder {
  static func lines(of page: Page) -> [Line] {
    var groups: [[Int]] = []
    var boxes: [Rect] = []
    for index in page.words.indices {
      let box = page.words[index].bbox
      guard box.x0.isFinite, box.y0.isFinite, box.x1.isFinite, box.y1.isFinite, box.height > 0 else { continue }
      if let last = boxes.last, follows(box, last) {
        groups[groups.count - 1].append(index)
        boxes[boxes.count - 1] = last.union(box)
      } else {
        groups.append([index])
        boxes.append(box)
      }
    }
    merge(&groups, &boxes)
    return zip(groups, boxes).map { words, box in
      let ordered = words.sorted { page.words[$0].bbox.x0 < page.words[$1].bbox.x0 }
      return Line(words: ordered, bbox: box, text: text(ordered, page))
    }
  }

  /// True when a word stands on the line's baseline, not far behind its end.
  private static func follows(_ word: Rect, _ line: Rect) -> Bool {
    guard line.verticalOverlap(word) >= 0.5 * min(line.height, word.height) else { return false }
    let gap = word.x0 - line.x1
    let em = max(min(line.height, word.height), 1)
    return gap < 0.95 * em && gap > -0.6 * em
  }

  /// Joins pieces of one line that the file paints apart from each other.
  private static func merge(_ groups: inout [[Int]], _ boxes: inout [Rect]) {
    guard boxes.count > 1, boxes.count < 20_000 else { return }
    let order = boxes.indices.sorted { (boxes[$0].midY, boxes[$0].x0) < (boxes[$1].midY, boxes[$1].x0) }
    var target = Array(boxes.indices)
    var alive = [Bool](repeating: true, count: boxes.count)
    for (place, first) in order.enumerated() where alive[first] {
      var reach = place + 1
      while reach < order.count {
        let second = order[reach]
        reach += 1
        guard boxes[second].midY - boxes[first].midY < boxes[first].height else { break }
        guard alive[second] else { continue }
        let (left, right) = boxes[first].x0 <= boxes[second].x0 ? (first, second) : (second, first)
        if follows(boxes[right], boxes[left]) {
          groups[first] += groups[second]
          boxes[first] = boxes[first].union(boxes[second])
          alive[second] = false
          target[second] = first
          reach = place + 1
        }
      }
    }
    groups = groups.indices.filter { alive[$0] }.map { groups[$0] }
    boxes = boxes.indices.filter { alive[$0] }.map { boxes[$0] }
  }

  /// Words with a space where there is a gap between them.
  private static func text(_ words: [Int], _ page: Page) -> String {
    var result = ""
    var end: Rect?
    for index in words {
      let word = page.words[index]
      if let end, word.bbox.x0 - end.x1 > 0.12 * min(end.height, word.bbox.height) { result += " " }
      result += word.text
      end = word.bbox
    }
    return result
  }
}
