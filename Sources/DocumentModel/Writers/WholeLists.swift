extension Document {
  /// The document with the items of each list as one region, as DocGenome has lists; relations go to the list.
  func withWholeLists() -> Document {
    var document = self
    var kept: [Int: Int] = [:]
    for page in pages.indices {
      var regions: [Region] = []
      for region in pages[page].regions {
        if region.label == .list, !region.isFurniture, let last = regions.last, last.label == .list, !last.isFurniture,
          Self.areNeighbours(last.bbox, region.bbox, lines: last.lines.count)
        {
          kept[region.id] = last.id
          regions[regions.count - 1].bbox = last.bbox.union(region.bbox)
          regions[regions.count - 1].lines += region.lines
          regions[regions.count - 1].text += "\n" + region.text
          regions[regions.count - 1].continuedBy = region.continuedBy
        } else {
          regions.append(region)
        }
      }
      document.pages[page].regions = regions
    }
    guard !kept.isEmpty else { return self }
    var seen: Set<Relation> = []
    document.relations = relations.compactMap { relation in
      let mapped = Relation(
        type: relation.type, from: kept[relation.from] ?? relation.from, to: kept[relation.to] ?? relation.to)
      return mapped.from != mapped.to && seen.insert(mapped).inserted ? mapped : nil
    }
    return document
  }

  /// One item right under the other, in one column.
  private static func areNeighbours(_ first: Rect, _ second: Rect, lines: Int) -> Bool {
    let height = first.height / Double(max(1, lines))
    return second.y0 - first.y1 < 2 * height && second.y0 > first.y0
      && first.horizontalOverlap(second) > 0.3 * min(first.width, second.width)
  }
}
