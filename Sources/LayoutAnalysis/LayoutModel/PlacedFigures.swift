import DocumentModel

/// Figures that the file itself tells: pictures that were placed on the page as a whole, with the words that they bring along.
package struct PlacedFigures {
  private let page: Page
  private let em: Double

  package init(_ page: Page, em: Double) { (self.page, self.em) = (page, em) }

  /// One region without id for each picture; pictures within others are parts of those.
  package func regions() -> [Region] {
    var result: [Region] = []
    for picture in page.images where picture.kind == .placed {
      let box = picture.bbox
      guard !result.contains(where: { ($0.bbox.intersection(box)?.area ?? 0) > 0.6 * box.area }) else { continue }
      let lines = page.lines.indices.filter { line in
        let own = page.lines[line].bbox
        return box.contains(x: own.midX, y: own.midY) && own.width < 1.2 * box.width
          && !result.contains { $0.lines.contains(line) }
      }
      guard !isPassage(lines, in: box) else { continue }
      result.append(Region(id: 0, label: .figure, page: page.index, bbox: box, lines: lines))
    }
    return result
  }

  /// Some programs place running text the same way.
  private func isPassage(_ lines: [Int], in box: Rect) -> Bool {
    let prose = lines.filter {
      page.lines[$0].bbox.height < 2 * em && MathEvidence.isProse(page.lines[$0], page)
    }
    return prose.count >= 3 && prose.reduce(0) { $0 + page.lines[$1].bbox.area } > 0.3 * box.area
  }
}
