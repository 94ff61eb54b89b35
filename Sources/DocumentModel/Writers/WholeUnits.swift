extension Document {
  /// The document with DocGenome's units: the items of a list are one region, so are the paragraphs of an abstract, and the abstract's
  /// heading, which is no section's, is Others. Relations go to the whole.
  func withWholeUnits() -> Document {
    var document = self
    var kept: [Int: Int] = [:]
    for page in pages.indices {
      var regions: [Region] = []
      var marker: ItemMarker?
      for region in pages[page].regions {
        let own = region.label == .list && !region.isFurniture ? ItemMarker(region.text) : nil
        defer { if let own { marker = own } }
        // Displays and further paragraphs of an item stand between it and the next one.
        if let own, let marker, own.follows(marker), let list = regions.lastIndex(where: { $0.label == .list }),
          list < regions.count - 1, list >= regions.count - 7,
          Self.mayBeInside(regions[(list + 1)...], regions[list], region)
        {
          for part in Array(regions[(list + 1)...]) + [region] { regions[list].absorb(part, &kept) }
          regions.removeSubrange((list + 1)...)
          continue
        }
        if region.label == .list || region.label == .abstract, !region.isFurniture, let last = regions.last,
          last.label == region.label, !last.isFurniture,
          Self.areNeighbours(last.bbox, region.bbox, lines: last.lines.count)
        {
          regions[regions.count - 1].absorb(region, &kept)
        } else {
          regions.append(region)
        }
      }
      if regions.contains(where: { $0.label == .abstract }) {
        for index in regions.indices where regions[index].label == .title && regions[index].isNamedAbstract {
          regions[index].label = .others
        }
      }
      document.pages[page].regions = regions
    }
    guard !kept.isEmpty else { return document }
    var seen: Set<Relation> = []
    document.relations = relations.compactMap { relation in
      let mapped = Relation(
        type: relation.type, from: kept[relation.from] ?? relation.from, to: kept[relation.to] ?? relation.to)
      return mapped.from != mapped.to && seen.insert(mapped).inserted ? mapped : nil
    }
    return document
  }

  /// Whether parts lie between two items, in their column, and are what an item may hold.
  private static func mayBeInside(_ parts: ArraySlice<Region>, _ first: Region, _ second: Region) -> Bool {
    parts.allSatisfy { part in
      [.equation, .text, .textEquation, .code].contains(part.label) && !part.isFurniture
        && part.bbox.midY > first.bbox.y0 && part.bbox.midY < second.bbox.y1
        && part.bbox.horizontalOverlap(first.bbox.union(second.bbox)) > 0.5 * part.bbox.width
    }
  }

  /// One item right under the other, in one column.
  private static func areNeighbours(_ first: Rect, _ second: Rect, lines: Int) -> Bool {
    let height = first.height / Double(max(1, lines))
    return second.y0 - first.y1 < 2 * height && second.y0 > first.y0
      && first.horizontalOverlap(second) > 0.3 * min(first.width, second.width)
  }
}

extension Region {
  /// Takes in what follows; `kept` tells what became of its id.
  fileprivate mutating func absorb(_ part: Region, _ kept: inout [Int: Int]) {
    kept[part.id] = id
    bbox = bbox.union(part.bbox)
    lines += part.lines
    text += "\n" + part.text
    continuedBy = part.continuedBy
  }
}

/// The bullet or number in front of an item: "•", "2.", "(iii)", "b)".
private struct ItemMarker {
  /// The marker with its number as "n", and the number; bullets have none.
  private let form: String
  private let numbers: [Int]

  init?(_ text: String) {
    guard let word = text.split(separator: " ", maxSplits: 1).first, word.count <= 6 else { return nil }
    let core = word.drop { $0 == "(" }.prefix { $0.isLetter || $0.isNumber }
    guard !core.isEmpty else {
      guard word.count == 1 else { return nil }
      (form, numbers) = (String(word), [])
      return
    }
    guard word.count > core.count, core.count <= 4 else { return nil }
    form = String(word.replacing(core, with: "n"))
    if let number = Int(core) {
      numbers = [number]
    } else {
      let lower = core.lowercased()
      let romans = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"]
      var found = romans.firstIndex(of: lower).map { [$0 + 1] } ?? []
      if lower.count == 1, let code = lower.utf8.first, code >= 97, code <= 122 { found.append(Int(code) - 96) }
      guard !found.isEmpty else { return nil }
      numbers = found
    }
  }

  /// The next number in the same form, or the same bullet.
  func follows(_ other: ItemMarker) -> Bool {
    form == other.form
      && (numbers.isEmpty && other.numbers.isEmpty || numbers.contains { other.numbers.contains($0 - 1) })
  }
}
