import DocumentModel

/// Derives DocGenome's six relations from order, classes and text, as far as rules can tell.
enum RelationFinder {
  static func relations(of document: Document) -> [Relation] {
    let regions = document.regions.filter { !$0.isFurniture }
    var result: [Relation] = []
    var path: [Region] = []
    var previous: Region?
    for region in regions {
      if let next = region.continuedBy { result.append(Relation(type: .identical, from: region.id, to: next)) }
      if region.label == .title {
        let level = region.headingLevel ?? 1
        if let sibling = path.last(where: { ($0.headingLevel ?? 1) == level }) {
          result.append(Relation(type: .peer, from: sibling.id, to: region.id))
        }
        path.removeAll { ($0.headingLevel ?? 1) >= level }
        if let parent = path.last { result.append(Relation(type: .sub, from: parent.id, to: region.id)) }
        path.append(region)
        previous = nil
        continue
      }
      if let parent = path.last { result.append(Relation(type: .sub, from: parent.id, to: region.id)) }
      if isText(region) {
        if let previous { result.append(Relation(type: .adj, from: previous.id, to: region.id)) }
        previous = region
      }
    }
    return result + captions(document) + citations(regions)
  }

  private static func isText(_ region: Region) -> Bool {
    [.text, .textEquation, .equation, .list, .code, .algorithm].contains(region.label)
  }

  /// A caption and the figure or table nearest to it on its page.
  private static func captions(_ document: Document) -> [Relation] {
    document.pages.flatMap { page in
      page.regions.filter { $0.label == .caption }.compactMap { caption -> Relation? in
        let isTable = caption.text.lowercased().hasPrefix("tab")
        let floats = page.regions.filter {
          isTable ? $0.label == .table : [.figure, .algorithm, .code].contains($0.label)
        }
        let nearest = floats.min { distance($0.bbox, caption.bbox) < distance($1.bbox, caption.bbox) }
        guard let nearest, distance(nearest.bbox, caption.bbox) < 60 else { return nil }
        return Relation(type: .implicitCite, from: caption.id, to: nearest.id)
      }
    }
  }

  private static func distance(_ a: Rect, _ b: Rect) -> Double {
    max(0, max(a.y0, b.y0) - min(a.y1, b.y1)) + max(0, max(a.x0, b.x0) - min(a.x1, b.x1))
  }

  /// "Figure 2" in the text points to the caption that begins so.
  private static func citations(_ regions: [Region]) -> [Relation] {
    var targets: [String: Int] = [:]
    for caption in regions where caption.label == .caption {
      if let key = key(caption.text) { targets[key] = caption.id }
    }
    guard !targets.isEmpty else { return [] }
    var result: Set<Relation> = []
    for region in regions where isText(region) || region.label == .abstract {
      let words = region.text.split(separator: " ")
      for (word, next) in zip(words, words.dropFirst()) {
        if let key = key("\(word) \(next)"), let target = targets[key], target != region.id {
          result.insert(Relation(type: .explicitCite, from: region.id, to: target))
        }
      }
    }
    return result.sorted { ($0.from, $0.to) < ($1.from, $1.to) }
  }

  private static func key(_ text: String) -> String? {
    let words = text.split(separator: " ", maxSplits: 2)
    guard words.count > 1 else { return nil }
    let name = words[0].lowercased().drop { !$0.isLetter }
    guard name.hasPrefix("fig") || name.hasPrefix("tab") else { return nil }
    let number = words[1].prefix { $0.isNumber }
    return number.isEmpty ? nil : "\(name.prefix(3))\(number)"
  }
}
