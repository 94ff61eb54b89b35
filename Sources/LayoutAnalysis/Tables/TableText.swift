import DocumentModel

/// A piece of text in a table: words of one line that stand close together.
struct TableSegment {
  /// Indices into the page's words, left to right.
  var words: [Int]
  var box: Rect
}

/// A line of text across the table.
struct TextRow {
  var segments: [TableSegment]
  var box: Rect
}

/// A horizontal or vertical line within a table.
struct TableRule {
  /// y of a horizontal, x of a vertical rule.
  var position: Double
  var from: Double
  var to: Double

  func covers(_ value: Double) -> Bool { from - 2 <= value && value <= to + 2 }
  var length: Double { to - from }
}

/// The words and rules within a table's box, sorted into lines of text.
struct TableText {
  var rows: [TextRow]
  var horizontal: [TableRule]
  var vertical: [TableRule]
  /// Usual height of a word's box, in points.
  var height: Double
  var box: Rect

  init(_ words: [Int], in box: Rect, on page: Page) {
    self.box = box
    let heights = words.map { page.words[$0].bbox.height }.sorted()
    let height = heights.isEmpty ? 10 : max(2, heights[heights.count / 2])
    self.height = height
    let reach = Rect(x0: box.x0 - 4, y0: box.y0 - 4, x1: box.x1 + 4, y1: box.y1 + 4)
    let inside = page.rulings.filter { ruling in
      ruling.bbox.midX > reach.x0 && ruling.bbox.midX < reach.x1 && ruling.bbox.midY > reach.y0
        && ruling.bbox.midY < reach.y1
    }
    horizontal = Self.joined(
      inside.filter(\.isHorizontal).map { TableRule(position: $0.bbox.midY, from: $0.bbox.x0, to: $0.bbox.x1) })
    vertical = Self.joined(
      inside.filter { !$0.isHorizontal }.map { TableRule(position: $0.bbox.midX, from: $0.bbox.y0, to: $0.bbox.y1) })
    // A letter's stem or an underlined word is no rule of the table.
    vertical.removeAll { $0.length < 1.2 * height }
    let rules = vertical
    rows = Self.lines(of: words, on: page).map { line in
      let segments = Self.segments(line, on: page, height: height, split: rules)
      return TextRow(segments: segments, box: segments.dropFirst().reduce(segments[0].box) { $0.union($1.box) })
    }
  }

  /// Pieces of one rule, and double rules, become one.
  private static func joined(_ rules: [TableRule]) -> [TableRule] {
    var result: [TableRule] = []
    for rule in rules.sorted(by: { ($0.position, $0.from) < ($1.position, $1.from) }) {
      if let same = result.lastIndex(where: {
        abs($0.position - rule.position) < 3 && rule.from < $0.to + 3 && rule.to > $0.from - 3
      }) {
        result[same].from = min(result[same].from, rule.from)
        result[same].to = max(result[same].to, rule.to)
      } else {
        result.append(rule)
      }
    }
    return result
  }

  /// Words that share a line, from top to bottom.
  private static func lines(of words: [Int], on page: Page) -> [[Int]] {
    var lines: [(words: [Int], y0: Double, y1: Double)] = []
    // Tall words first: they say where a line is, marks above and below it follow.
    for word in words.sorted(by: { page.words[$0].bbox.midY < page.words[$1].bbox.midY }) {
      let box = page.words[word].bbox
      let best = lines.indices.suffix(3).max { a, b in overlap(lines[a], box) < overlap(lines[b], box) }
      if let best, overlap(lines[best], box) > 0.5 * min(box.height, lines[best].y1 - lines[best].y0) {
        lines[best].words.append(word)
        if box.height > 0.8 * (lines[best].y1 - lines[best].y0) {
          lines[best].y0 = min(lines[best].y0, box.y0)
          lines[best].y1 = max(lines[best].y1, box.y1)
        }
      } else {
        lines.append(([word], box.y0, box.y1))
      }
    }
    return lines.sorted { $0.y0 + $0.y1 < $1.y0 + $1.y1 }.map(\.words)
  }

  private static func overlap(_ line: (words: [Int], y0: Double, y1: Double), _ box: Rect) -> Double {
    min(line.y1, box.y1) - max(line.y0, box.y0)
  }

  private static func segments(_ line: [Int], on page: Page, height: Double, split rules: [TableRule]) -> [TableSegment]
  {
    var result: [TableSegment] = []
    for word in line.sorted(by: { page.words[$0].bbox.x0 < page.words[$1].bbox.x0 }) {
      let box = page.words[word].bbox
      if let last = result.last, box.x0 - last.box.x1 < 0.55 * height,
        !rules.contains(where: {
          $0.covers(box.midY) && $0.position > last.box.x1 - 1.5 && $0.position < box.x0 + 1.5
            && $0.position > last.box.midX && $0.position < box.midX
        })
      {
        result[result.count - 1].words.append(word)
        result[result.count - 1].box = last.box.union(box)
      } else {
        result.append(TableSegment(words: [word], box: box))
      }
    }
    return result
  }
}
