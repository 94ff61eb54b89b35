import DocumentModel

/// Joins lines to blocks: same column, same type, a usual distance.
enum BlockBuilder {
  static func blocks(of page: Page, lines: [Int], body: BodyStyle) -> [Region] {
    let order = lines.sorted {
      (page.lines[$0].bbox.y0, page.lines[$0].bbox.x0) < (page.lines[$1].bbox.y0, page.lines[$1].bbox.x0)
    }
    let types = Dictionary(uniqueKeysWithValues: order.map { ($0, page.typography(of: page.lines[$0])) })
    let leading = usualLeading(page, order)
    var blocks: [[Int]] = []
    var open: [Int] = []
    for line in order {
      let box = page.lines[line].bbox
      // The nearest open block above in the same column.
      let fitting = open.filter { position in
        let last = page.lines[blocks[position].last!].bbox
        return last.horizontalOverlap(box) > 0.3 * min(last.width, box.width)
      }
      if let above = fitting.max(by: { page.lines[blocks[$0].last!].bbox.y1 < page.lines[blocks[$1].last!].bbox.y1 }),
        continues(page, blocks[above], line, types, leading, body)
      {
        blocks[above].append(line)
        continue
      }
      open.removeAll { position in
        let last = page.lines[blocks[position].last!].bbox
        return fitting.contains(position) || box.y0 - last.y1 > 4 * max(leading, body.size)
      }
      blocks.append([line])
      open.append(blocks.count - 1)
    }
    return blocks.map { lines in
      let box = lines.dropFirst().reduce(page.lines[lines[0]].bbox) { $0.union(page.lines[$1].bbox) }
      return Region(id: 0, label: .text, page: page.index, bbox: box, lines: lines)
    }
  }

  private typealias Typography = (size: Double, bold: Bool, italic: Bool, mono: Bool, mathShare: Double)

  private static func continues(
    _ page: Page, _ block: [Int], _ line: Int, _ types: [Int: Typography], _ leading: Double, _ body: BodyStyle
  ) -> Bool {
    let last = page.lines[block.last!], next = page.lines[line]
    guard let before = types[block.last!], let after = types[line] else { return false }
    let size = max(before.size, after.size, 1)
    let gap = next.bbox.y0 - last.bbox.y1
    guard gap < 0.75 * size, gap > -0.7 * size else { return false }
    guard abs(before.size - after.size) < 0.12 * size + 0.3 || before.mathShare > 0.3 || after.mathShare > 0.3 else {
      return false
    }
    // A heading set in bold ends where the text begins, and the other way round.
    if before.bold != after.bold && last.words.count > 0 && next.words.count > 2 { return false }
    // So does a run-in heading in italics.
    if before.italic, !after.italic, block.count == 1, last.words.count <= 10, next.words.count > 2,
      last.bbox.width < 0.7 * next.bbox.width
    {
      return false
    }
    if before.mono != after.mono { return false }
    if after.mono { return true }
    if startsItem(next.text) { return false }
    let column = block.reduce(last.bbox) { $0.union(page.lines[$1].bbox) }
    let isIndented = next.bbox.x0 > column.x0 + 0.8 * size && next.bbox.x0 < column.x0 + 4 * size
    if block.count > 1, isIndented, abs(last.bbox.x0 - column.x0) < 0.5 * size, !startsItem(page.lines[block[0]].text) {
      return false
    }
    // A short last line ends a paragraph when what follows starts anew.
    if last.bbox.x1 < column.x1 - 0.25 * column.width, block.count > 1, endsSentence(last.text),
      next.text.first?.isUppercase == true
    {
      return false
    }
    return true
  }

  static func startsItem(_ text: String) -> Bool { ListMarker.length(of: text) != nil }

  private static func endsSentence(_ text: String) -> Bool {
    guard let last = text.last else { return false }
    return ".:!?".contains(last)
  }

  /// Median distance of neighbouring lines.
  private static func usualLeading(_ page: Page, _ order: [Int]) -> Double {
    let steps = zip(order.dropFirst(), order).map { page.lines[$0].bbox.y0 - page.lines[$1].bbox.y0 }.filter { $0 > 2 }
    return steps.isEmpty ? 12 : steps.sorted()[steps.count / 2]
  }
}

/// Bullets and numbers in front of list items.
enum ListMarker {
  private static let bullets: Set<Character> = [
    "•", "◦", "▪", "–", "‣", "●", "○", "∙", "·", "■", "□", "➢", "✓", "-", "*", "—",
  ]

  /// True for a bullet that stands alone.
  static func isBullet(_ text: String) -> Bool { text.count == 1 && text.first.map(bullets.contains) == true }

  /// Number of characters of the marker and the space behind it; nil when the text starts without one.
  static func length(of text: String) -> Int? {
    guard let first = text.first else { return nil }
    if bullets.contains(first) {
      let rest = text.dropFirst()
      return rest.first == " " ? 2 : nil
    }
    let head = text.prefix(6)
    guard let end = head.firstIndex(where: { $0 == "." || $0 == ")" }) else { return nil }
    let marker = head[..<end].drop { $0 == "(" }
    let after = text[text.index(after: end)...]
    guard after.first == " ", !marker.isEmpty, marker.count <= 3 else { return nil }
    let isNumber = marker.allSatisfy(\.isNumber)
    let isLetter = marker.count == 1 && marker.allSatisfy(\.isLetter) && text[end] == ")"
    let isRoman = marker.allSatisfy { "ivx".contains($0) } && text[end] == ")"
    return isNumber || isLetter || isRoman ? text.distance(from: text.startIndex, to: end) + 2 : nil
  }

  static func isOrdered(_ text: String) -> Bool { text.first.map { !bullets.contains($0) } ?? false }
}
