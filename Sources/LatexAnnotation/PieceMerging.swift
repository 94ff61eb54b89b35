import DocumentModel

/// What the source keeps apart and a reader does not.
extension RegionBuilder {
  /// Words beside a figure's pictures (labels typed by hand) belong to the nearest picture of that figure.
  mutating func mergeFigureLabels(_ pages: [Page]) {
    let units = resolver.units
    for index in pieces.indices {
      guard case .content(let float) = units[pieces[index].unit].key, pieces[index].words.count < 60 else { continue }
      let page = pieces[index].page
      let pictures = pieces.indices.filter {
        let unit = units[pieces[$0].unit]
        guard pieces[$0].page == page, unit.label == .figure, $0 != index, case .context = unit.key else {
          return false
        }
        return resolver.log.chain(unit.context).contains(float) && pieces[$0].box != nil
      }
      guard !pictures.isEmpty else { continue }
      for word in pieces[index].words {
        let box = pages[page].words[word].bbox
        let nearest = pictures.min { distance(pieces[$0].box!, box) < distance(pieces[$1].box!, box) }!
        pieces[nearest].words.append(word)
        pieces[nearest].glyphs = pieces[nearest].glyphs?.union(box) ?? box
      }
      pieces[index].words = []
      pieces[index].glyphs = nil
      pieces[index].graphics = nil
    }
  }

  private func distance(_ a: Rect, _ b: Rect) -> Double {
    max(0, max(a.x0, b.x0) - min(a.x1, b.x1)) + max(0, max(a.y0, b.y0) - min(a.y1, b.y1))
  }

  /// Makes one unit of several: what stands in one column becomes one piece.
  mutating func join(_ others: Set<Int>, into unit: Int) {
    var last: Int?
    for index in pieces.indices.sorted(by: { (pieces[$0].page, pieces[$0].first) < (pieces[$1].page, pieces[$1].first) }
    )
    where others.contains(pieces[index].unit) || pieces[index].unit == unit {
      guard let box = pieces[index].box else { continue }
      pieces[index].unit = unit
      if let before = last, pieces[before].page == pieces[index].page, let known = pieces[before].box,
        known.horizontalOverlap(box) > 0.5 * min(known.width, box.width)
      {
        pieces[before].words += pieces[index].words
        pieces[before].glyphs = pieces[before].glyphs.map { $0.union(box) } ?? box
        pieces[before].mathGlyphs += pieces[index].mathGlyphs
        pieces[index].words = []
        pieces[index].glyphs = nil
        pieces[index].graphics = nil
      } else {
        last = index
      }
    }
  }

  /// Takes a line out of its piece: it becomes a piece of another unit.
  mutating func split(_ words: Set<Int>, from piece: Int, to unit: Int, _ page: Page) {
    func box(_ words: [Int]) -> Rect? {
      words.dropFirst().reduce(words.first.map { page.words[$0].bbox }) { $0?.union(page.words[$1].bbox) }
    }
    var part = pieces[piece]
    part.unit = unit
    part.words = pieces[piece].words.filter(words.contains)
    part.glyphs = box(part.words)
    part.graphics = nil
    pieces[piece].words.removeAll(where: words.contains)
    pieces[piece].glyphs = box(pieces[piece].words)
    pieces.append(part)
  }
}
