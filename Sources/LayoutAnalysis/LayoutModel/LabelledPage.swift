import DocumentModel
import Foundation

/// A block of a labelled document, as the corpus builders write them.
package struct LabelledBlock: Sendable {
  package var page: Int
  package var bbox: Rect
  /// Number of its category; one more than the last is page furniture.
  package var category: Int
  package var level: Int?
  /// Blocks with the same unit are parts of one that was broken over columns or pages; parts come in reading order.
  package var unit: Int

  package init(page: Int, bbox: Rect, category: Int, level: Int?, unit: Int) {
    (self.page, self.bbox, self.category, self.level, self.unit) = (page, bbox, category, level, unit)
  }
}

/// The lines of one page as numbers, with what the model should say of them.
package struct LabelledPage: Sendable {
  /// [lines, LineFeatures.countWithImage], row by row.
  var features: [Float]
  var coordinates: [[Float]]
  var hashes: [[UInt16]]
  /// Class number of each line; -1 where it does not count.
  var classes: [Int8]
  /// 1, 0, or -1 where it does not count.
  var continues: [Int8]
  var resumes: [Int8]

  package var lines: Int { classes.count }

  /// Pages of a document whose words have been read.
  ///
  /// - Parameters:
  ///   - blocks: in reading order.
  ///   - ignoresUnlabelled: lines outside of all blocks count for nothing; else they are page furniture.
  package static func pages(
    of document: Document, blocks: [LabelledBlock], ignoresUnlabelled: Bool = false, buckets: Int = 4096
  ) -> [LabelledPage] {
    var document = document
    for index in document.pages.indices { document.pages[index].lines = LineBuilder.lines(of: document.pages[index]) }
    let context = LayoutContext(document)
    var parts: [Int: Int] = [:]
    let isLaterPart = blocks.map { block in
      parts[block.unit, default: 0] += 1
      return parts[block.unit]! > 1
    }
    let byPage = Dictionary(grouping: blocks.indices) { blocks[$0].page }
    return document.pages.compactMap { page in
      guard !page.lines.isEmpty, page.lines.count < 2000 else { return nil }
      let here = byPage[page.index] ?? []
      let features = LineFeatures(page, context, seesImage: true)
      let owners = page.lines.map { owner(of: $0, on: page, among: here, blocks) }
      var result = LabelledPage(
        features: features.values, coordinates: features.coordinates,
        hashes: page.lines.map { LineWords.hashes(of: $0.text, buckets: buckets) },
        classes: owners.map {
          $0.map { Int8(blocks[$0].category) } ?? (ignoresUnlabelled ? -1 : Int8(LayoutHeads.furniture))
        },
        continues: [], resumes: [Int8](repeating: -1, count: owners.count))
      var top: [Int: Int] = [:]
      for (line, owner) in owners.enumerated() {
        let above = features.neighbours.above[line]
        var next: Int8 =
          owner == nil || above < 0 ? (owner == nil ? -1 : 0) : owners[above] == owner ? 1 : 0
        // A list that is labelled as a whole is cut to its items.
        if let owner, blocks[owner].category == RegionClass.list.rawValue, ignoresUnlabelled,
          ListMarker.length(of: page.lines[line].text) != nil
        {
          next = 0
        }
        result.continues.append(next)
        if let owner, top[owner].map({ page.lines[line].bbox.midY < page.lines[$0].bbox.midY }) ?? true {
          top[owner] = line
        }
      }
      for (owner, line) in top { result.resumes[line] = isLaterPart[owner] ? 1 : 0 }
      return result
    }
  }

  /// The smallest block that holds most of a line's letters.
  private static func owner(of line: Line, on page: Page, among candidates: [Int], _ blocks: [LabelledBlock]) -> Int? {
    var votes: [Int: Int] = [:], missed = 0
    for index in line.words {
      let box = page.words[index].bbox, letters = page.words[index].text.count
      let inside = candidates.filter {
        let block = blocks[$0].bbox
        return box.midX > block.x0 - 1 && box.midX < block.x1 + 1 && box.midY > block.y0 - 1 && box.midY < block.y1 + 1
      }
      if let smallest = inside.min(by: { blocks[$0].bbox.area < blocks[$1].bbox.area }) {
        votes[smallest, default: 0] += letters
      } else {
        missed += letters
      }
    }
    guard let best = votes.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) else { return nil }
    // A bullet outside of its item's box does not count against it.
    return best.value * 2 >= missed ? best.key : nil
  }
}
