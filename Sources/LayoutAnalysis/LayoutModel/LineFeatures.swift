import DocumentModel
import Foundation

/// Describes the lines of a page as numbers of about -1 to 3, in units of the body's type size where they are lengths.
struct LineFeatures {
  /// Goes up when the numbers change their meaning.
  static let version = 4
  /// Numbers of a line.
  static let count = 94
  /// The same with what the page's image shows.
  static let countWithImage = count + LinePatches.count

  /// [lines, count] or [lines, countWithImage], row by row.
  private(set) var values: [Float] = []
  let neighbours: LineNeighbours
  /// Coordinates of the lines for the encoder: columns and rows of the body's type.
  private(set) var coordinates: [[Float]] = [[], []]

  private struct Typography {
    var size = 0.0, bold = 0.0, italic = 0.0, mono = 0.0, math = 0.0, coloured = 0.0, bodyFont = 0.0
    var firstSize = 0.0
    var font = -1
    var color: UInt32 = 0
  }

  /// - Parameter seesImage: the numbers of `LinePatches` follow those of each line.
  init(_ page: Page, _ context: LayoutContext, seesImage: Bool) {
    let boxes = page.lines.map(\.bbox)
    neighbours = LineNeighbours(boxes)
    values.reserveCapacity((seesImage ? Self.countWithImage : Self.count) * boxes.count)
    let em = max(2, context.body.size)
    let types = page.lines.map { Self.typography($0, page, context) }
    let area = Self.textArea(boxes, page)
    let leading = Self.usualLeading(neighbours, boxes, em)
    let patches = seesImage ? LinePatches(page, em: em) : nil
    for (index, line) in page.lines.enumerated() {
      let before = values.count
      place(index, boxes, area, page, em, leading)
      type(index, types, em)
      surroundings(line, page, em)
      text(line, page)
      document(line, page, context)
      precondition(values.count - before == Self.count, "a line has \(values.count - before) features")
      if let patches {
        patches.append(line.bbox, to: &values)
      } else if seesImage {
        values.append(contentsOf: repeatElement(0, count: LinePatches.count))
      }
      coordinates[0].append(Float(min(400, max(-50, line.bbox.x0 / em))))
      coordinates[1].append(Float(min(800, max(-50, line.bbox.midY / (1.2 * em)))))
    }
  }

  // MARK: - Groups of features

  /// 32 numbers: where the line stands, and how far from its neighbours.
  private mutating func place(
    _ index: Int, _ boxes: [Rect], _ area: Rect, _ page: Page, _ em: Double, _ leading: Double
  ) {
    let box = boxes[index]
    add(box.x0 / page.width, box.x1 / page.width, box.y0 / page.height, box.y1 / page.height)
    add(box.width / max(1, area.width))
    length(box.x0 - area.x0, em, 20)
    length(area.x1 - box.x1, em, 20)
    length(box.y0 - area.y0, em, 20)
    length(area.y1 - box.y1, em, 20)
    // Centred in the text area.
    length(abs((box.x0 - area.x0) - (area.x1 - box.x1)), em, 10)
    for other in [neighbours.above[index], neighbours.below[index]] {
      guard other >= 0 else {
        add(0, 2, 0, 0, 0, 0, 0, 0)
        continue
      }
      let near = boxes[other]
      let gap = max(near.y0 - box.y1, box.y0 - near.y1)
      add(1, clipped(gap / em, -1, 4))
      add(clipped((abs(near.midY - box.midY) - leading) / em, -2, 4))
      add(clipped((box.x0 - near.x0) / em, -4, 4), clipped((box.x1 - near.x1) / em, -4, 4))
      add(abs(box.x0 - near.x0) < 0.15 * em ? 1 : 0, abs(box.x1 - near.x1) < 0.15 * em ? 1 : 0)
      add(abs(box.midX - near.midX) < 0.4 * em ? 1 : 0)
    }
    for other in [neighbours.left[index], neighbours.right[index]] {
      guard other >= 0 else {
        add(0, 1)
        continue
      }
      let gap = max(box.x0 - boxes[other].x1, boxes[other].x0 - box.x1)
      add(1, clipped(gap / em / 8, -0.2, 1))
    }
    add(clipped(Double(neighbours.rowSize[index] - 1) / 3, 0, 2))
    add(clipped(log2(max(0.1, box.height / em)), -2, 3))
  }

  /// 20 numbers: how it is set, and how its neighbours are.
  private mutating func type(_ index: Int, _ types: [Typography], _ em: Double) {
    let own = types[index]
    let relative = log2(max(0.2, own.size / em))
    add(clipped(3 * relative, -3, 5), relative > 0.1 ? 1 : 0, relative < -0.1 ? 1 : 0)
    add(own.bold, own.italic, own.mono, own.math, own.coloured, own.bodyFont)
    add(own.firstSize > 0 && own.firstSize < 0.85 * own.size ? 1 : 0)
    for other in [neighbours.above[index], neighbours.below[index]] {
      guard other >= 0 else {
        add(0, 0, 0, 0, 0)
        continue
      }
      let near = types[other]
      add(clipped(3 * log2(max(0.2, own.size) / max(0.2, near.size)), -3, 3))
      add(own.bold - near.bold, own.italic - near.italic, own.mono - near.mono)
      add(own.font == near.font && own.color == near.color && abs(own.size - near.size) < 0.05 * own.size ? 1 : 0)
    }
  }

  /// 10 numbers: rulings, pictures and links around it.
  private mutating func surroundings(_ line: Line, _ page: Page, _ em: Double) {
    let box = line.bbox
    var over = 4.0, under = 4.0, struck = 0.0, vertical = 0.0, wide = 0.0
    for ruling in page.rulings {
      let rule = ruling.bbox
      if ruling.isHorizontal {
        guard rule.x0 < box.x1, rule.x1 > box.x0 else { continue }
        let middle = rule.midY
        if middle <= box.y0 + 0.25 * box.height {
          if (box.y0 - middle) / em < over { (over, wide) = ((box.y0 - middle) / em, rule.width / page.width) }
        } else if middle >= box.y1 - 0.25 * box.height {
          under = min(under, (middle - box.y1) / em)
        } else {
          struck = 1
        }
      } else if rule.y0 < box.midY, rule.y1 > box.midY {
        vertical = max(vertical, abs(rule.midX - box.midX) < 0.5 * page.width ? 1 : 0)
      }
    }
    add(clipped(over, -1, 4), clipped(under, -1, 4), wide, struck, vertical)
    var covered = 0.0, above = 4.0, below = 4.0
    for image in page.images where image.bbox.area < 0.85 * page.width * page.height {
      let picture = image.bbox
      if let shared = picture.intersection(box) { covered = max(covered, shared.area / max(1, box.area)) }
      guard picture.horizontalOverlap(box) > 0 else { continue }
      if picture.y1 <= box.y0 + 2 { above = min(above, (box.y0 - picture.y1) / em) }
      if picture.y0 >= box.y1 - 2 { below = min(below, (picture.y0 - box.y1) / em) }
    }
    add(covered, clipped(above, 0, 4), clipped(below, 0, 4))
    var linked = 0.0
    for link in page.links {
      guard let shared = link.bbox.intersection(box) else { continue }
      linked += shared.width / max(1, box.width)
    }
    add(clipped(linked, 0, 1), min(1, Double(page.links.count) / 40))
  }

  /// 20 numbers: what the text looks like.
  private mutating func text(_ line: Line, _ page: Page) {
    var letters = 0.0, capitals = 0.0, digits = 0.0, signs = 0.0, dots = 0, equals = 0.0, all = 0.0
    for scalar in line.text.unicodeScalars {
      if scalar == " " { continue }
      all += 1
      switch scalar.value {
      case 0x61...0x7A: letters += 1
      case 0x41...0x5A: (letters, capitals) = (letters + 1, capitals + 1)
      case 0x30...0x39: digits += 1
      case 0x2E: (signs, dots) = (signs + 1, dots + 1)
      case 0x3D, 0x2B, 0x2211, 0x222B, 0x2264, 0x2265, 0x2208, 0x2212: (signs, equals) = (signs + 1, equals + 1)
      case 0x80...: if scalar.properties.isAlphabetic { letters += 1 } else { signs += 1 }
      default: signs += 1
      }
    }
    all = max(1, all)
    add(letters / all, letters > 0 ? capitals / letters : 0, digits / all, signs / all)
    add(log2(all + 1) / 4, log2(Double(line.words.count) + 1) / 3)
    add(dots > 4 && Double(dots) > 0.12 * all ? 1 : 0, min(1, equals / 2))
    let text = line.text
    let first = text.first ?? " ", last = text.last ?? " "
    add(first.isLowercase ? 1 : 0, first.isUppercase ? 1 : 0, first.isNumber ? 1 : 0)
    add(".!?".contains(last) ? 1 : 0, ":;,".contains(last) ? 1 : 0, last == "-" || last == "\u{AD}" ? 1 : 0)
    add(last.isNumber ? 1 : 0, ListMarker.length(of: text) != nil ? 1 : 0)
    add(line.words.first.map { ListMarker.isBullet(page.words[$0].text) } == true ? 1 : 0)
    add(clipped(Double(HeadingNumber.depth(of: text) ?? 0) / 2, 0, 2))
    add(text.contains("@") || text.contains("://") ? 1 : 0, first == "[" || first == "(" ? 1 : 0)
  }

  /// 12 numbers: what the document says about it.
  private mutating func document(_ line: Line, _ page: Page, _ context: LayoutContext) {
    let repetitions = Double(context.repetitions(line, page))
    add(min(2, log2(repetitions + 1) / 2), repetitions / Double(max(1, context.pageCount - 1)))
    add(context.shareOfPages(withLineLike: line, page), Leaders.leads(line.text) ? 1 : 0)
    add(page.index == 0 ? 1 : 0, page.index < 3 ? 1 : 0, page.index == context.pageCount - 1 ? 1 : 0)
    add(min(2, log2(Double(context.pageCount)) / 4), page.width > page.height ? 1 : 0)
    add(context.hasOutline ? 1 : 0, context.isInOutline(line.text) ? 1 : 0)
    add(min(2, Double(page.lines.count) / 60))
  }

  /// Makes rows of `width` numbers as if the file had no table of contents.
  static func hideOutline(_ values: inout [Float], width: Int) {
    for row in stride(from: 0, to: values.count, by: width) { (values[row + 91], values[row + 92]) = (0, 0) }
  }

  // MARK: - Measures

  private mutating func add(_ numbers: Double...) {
    for number in numbers { values.append(number.isFinite ? Float(number) : 0) }
  }

  /// A length as a number from -1 to 2, finer where it is small.
  private mutating func length(_ points: Double, _ em: Double, _ most: Double) {
    let ems = clipped(points / em, -most, most)
    add((ems < 0 ? -1 : 1) * log2(1 + abs(ems)) / 3)
  }

  private func clipped(_ value: Double, _ least: Double, _ most: Double) -> Double { max(least, min(most, value)) }

  /// Extent of the lines that are no outliers at the edge.
  private static func textArea(_ boxes: [Rect], _ page: Page) -> Rect {
    guard boxes.count > 3 else {
      return boxes.dropFirst().reduce(boxes.first ?? Rect(x0: 0, y0: 0, x1: 1, y1: 1)) { $0.union($1) }
    }
    let left = boxes.map(\.x0).sorted(), right = boxes.map(\.x1).sorted()
    let top = boxes.map(\.y0).sorted(), bottom = boxes.map(\.y1).sorted()
    let rest = boxes.count / 20
    return Rect(
      x0: left[rest], y0: top[min(1, rest)], x1: right[boxes.count - 1 - rest],
      y1: bottom[boxes.count - 1 - min(1, rest)])
  }

  /// Median distance of baselines of neighbours.
  private static func usualLeading(_ neighbours: LineNeighbours, _ boxes: [Rect], _ em: Double) -> Double {
    let steps = boxes.indices.compactMap { index -> Double? in
      let above = neighbours.above[index]
      guard above >= 0 else { return nil }
      let step = boxes[index].midY - boxes[above].midY
      return step < 3 * em ? step : nil
    }.sorted()
    return steps.isEmpty ? 1.2 * em : steps[steps.count / 2]
  }

  private static func typography(_ line: Line, _ page: Page, _ context: LayoutContext) -> Typography {
    var result = Typography(), letters = 0.0, fonts: [Int: Double] = [:]
    for (place, index) in line.words.enumerated() {
      let word = page.words[index]
      guard page.styles.indices.contains(word.style) else { continue }
      let style = page.styles[word.style], weight = Double(max(1, word.text.utf8.count))
      letters += weight
      result.size += style.size * weight
      if style.bold { result.bold += weight }
      if style.italic { result.italic += weight }
      if style.monospaced { result.mono += weight }
      if style.math { result.math += weight }
      if style.color != 0 { result.coloured += weight }
      if style.font == context.bodyFont { result.bodyFont += weight }
      fonts[word.style, default: 0] += weight
      if place == 0 { result.firstSize = style.size }
    }
    guard letters > 0 else {
      result.size = line.bbox.height
      return result
    }
    result.size /= letters
    result.bold /= letters
    result.italic /= letters
    result.mono /= letters
    result.math /= letters
    result.coloured /= letters
    result.bodyFont /= letters
    if let main = fonts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) })?.key {
      // Styles differ by size, too; fonts are what is compared.
      result.font = page.styles.firstIndex { $0.font == page.styles[main].font } ?? main
      result.color = page.styles[main].color
    }
    return result
  }
}
