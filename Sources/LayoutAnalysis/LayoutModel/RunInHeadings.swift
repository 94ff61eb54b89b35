import DocumentModel

/// Headings that stand in the first line of their paragraph, as LaTeX's \paragraph sets them: in a type of their own, and with a space as
/// wide as the type is high behind them.
package enum RunInHeadings {
  /// Cuts such headings off, each in front of its paragraph.
  ///
  /// - Parameter regions: in reading order, without ids and text.
  package static func split(_ page: inout Page, _ regions: inout [Region]) {
    var result: [Region] = []
    for var region in regions {
      if [.text, .textEquation].contains(region.label), !region.isFurniture, let first = region.lines.first,
        let end = headingEnd(page.lines[first], page), region.lines.count > 1 || page.lines[first].words.count > end + 5
      {
        let words = page.lines[first].words
        let heading = line(of: Array(words[..<end]), page), rest = line(of: Array(words[end...]), page)
        page.lines[first] = rest
        page.lines.append(heading)
        result.append(
          Region(
            id: 0, label: .title, page: page.index, bbox: heading.bbox, lines: [page.lines.count - 1]))
        region.bbox = region.lines.dropFirst().reduce(rest.bbox) { $0.union(page.lines[$1].bbox) }
      }
      result.append(region)
    }
    regions = result
  }

  /// The number of words of the heading that a line begins with.
  private static func headingEnd(_ line: Line, _ page: Page) -> Int? {
    let words = line.words.map { page.words[$0] }
    guard words.count > 2, let own = style(words[0], page), own.bold || own.italic,
      let initial = words[0].text.first, initial.isUppercase || initial.isNumber
    else { return nil }
    for end in 1..<min(14, words.count) {
      guard let next = style(words[end], page) else { return nil }
      let isOwn = next.bold == own.bold && next.italic == own.italic && abs(next.size - own.size) < 0.2 * own.size
      let gap = words[end].bbox.x0 - words[end - 1].bbox.x1
      // Mathematics may be part of a heading.
      if isOwn || next.math && gap <= 0.8 * own.size { continue }
      guard gap > 0.8 * next.size, gap < 1.7 * next.size, !next.bold, words[..<end].contains(where: isWord),
        !Headings.isStatement(words[0].text)
      else { return nil }
      return end
    }
    return nil
  }

  private static func isWord(_ word: Word) -> Bool { word.text.count(where: \.isLetter) > 2 }

  private static func style(_ word: Word, _ page: Page) -> TextStyle? {
    page.styles.indices.contains(word.style) ? page.styles[word.style] : nil
  }

  private static func line(of words: [Int], _ page: Page) -> Line {
    Line(
      words: words,
      bbox: words.dropFirst().reduce(page.words[words[0]].bbox) { $0.union(page.words[$1].bbox) },
      text: words.map { page.words[$0].text }.joined(separator: " "))
  }
}
