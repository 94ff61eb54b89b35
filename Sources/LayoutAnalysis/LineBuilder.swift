import DocumentModel

/// Joins words to lines: words on one baseline, next to each other, within one column.
package enum LineBuilder {
  package static func lines(of page: Page) -> [Line] {
    let gutters = GutterFinder(page)
    var groups: [[Int]] = []
    var boxes: [Rect] = []
    for index in page.words.indices {
      let box = page.words[index].bbox
      guard box.x0.isFinite, box.y0.isFinite, box.x1.isFinite, box.y1.isFinite, box.height > 0 else { continue }
      if let last = boxes.last, follows(box, last), !gutters.separates(last, box) {
        groups[groups.count - 1].append(index)
        boxes[boxes.count - 1] = last.union(box)
      } else {
        groups.append([index])
        boxes.append(box)
      }
    }
    merge(&groups, &boxes, gutters)
    join(StretchedSpaces.joins(boxes, gutters), &groups, &boxes)
    join(HangingMarkers.joins(groups, boxes, on: page, gutters), &groups, &boxes)
    join(Leaders.joins(groups, boxes, on: page), &groups, &boxes)
    return zip(groups, boxes).map { words, box in
      let ordered = readingOrder(words, page)
      return Line(words: ordered, bbox: box, text: text(ordered, page))
    }
  }

  /// Joins the right piece of each pair to the left one; pairs of one row come from right to left or do not touch.
  private static func join(_ pairs: [(left: Int, right: Int)], _ groups: inout [[Int]], _ boxes: inout [Rect]) {
    for (left, right) in pairs {
      groups[left] += groups[right]
      groups[right] = []
      boxes[left] = boxes[left].union(boxes[right])
    }
    let kept = groups.indices.filter { !groups[$0].isEmpty }
    (groups, boxes) = (kept.map { groups[$0] }, kept.map { boxes[$0] })
  }

  /// True when a word stands on the line's baseline, not far behind its end.
  private static func follows(_ word: Rect, _ line: Rect) -> Bool {
    guard line.verticalOverlap(word) >= 0.5 * min(line.height, word.height) else { return false }
    let gap = word.x0 - line.x1
    let em = max(min(line.height, word.height), 1)
    return gap < 0.95 * em && gap > -0.6 * em
  }

  /// Joins pieces of one line that the file paints apart from each other.
  private static func merge(_ groups: inout [[Int]], _ boxes: inout [Rect], _ gutters: GutterFinder) {
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
        if follows(boxes[right], boxes[left]), !gutters.separates(boxes[left], boxes[right]) {
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

  /// Left to right; right to left where most letters are Arabic or Hebrew, with runs of other words as they are.
  private static func readingOrder(_ words: [Int], _ page: Page) -> [Int] {
    let fromLeft = words.sorted { page.words[$0].bbox.x0 < page.words[$1].bbox.x0 }
    let directions = fromLeft.map { WritingDirection(of: page.words[$0].text) }
    guard directions.count(where: { $0 == .rightToLeft }) > directions.count(where: { $0 == .leftToRight }) else {
      return fromLeft
    }
    var result: [Int] = []
    var run: [Int] = []
    for (word, direction) in zip(fromLeft, directions).reversed() {
      if direction == .leftToRight {
        run.insert(word, at: 0)
      } else {
        result += run + [word]
        run = []
      }
    }
    return result + run
  }

  /// Words with a space where there is a gap between them.
  private static func text(_ words: [Int], _ page: Page) -> String {
    // Boxes of some fonts are much higher than their type.
    func size(_ word: Word) -> Double {
      let height = word.bbox.height
      return page.styles.indices.contains(word.style) ? min(height, page.styles[word.style].size) : height
    }
    var result = ""
    var last: Word?
    for index in words {
      let word = page.words[index]
      if let last {
        let gap = max(word.bbox.x0 - last.bbox.x1, last.bbox.x0 - word.bbox.x1)
        if gap > 0.12 * min(size(last), size(word)) { result += " " }
      }
      result += word.text
      last = word
    }
    return result
  }
}

/// Which way the letters of a word run.
enum WritingDirection {
  case leftToRight, rightToLeft, neutral

  init(of text: String) {
    var left = 0, right = 0
    for scalar in text.unicodeScalars {
      switch scalar.value {
      // Hebrew to Arabic Extended-A, and the presentation forms.
      case 0x0590...0x08FF, 0xFB1D...0xFDFF, 0xFE70...0xFEFF: right += 1
      default: if scalar.properties.isAlphabetic || scalar.properties.numericType != nil { left += 1 }
      }
    }
    self = right > left ? .rightToLeft : left > 0 ? .leftToRight : .neutral
  }
}
