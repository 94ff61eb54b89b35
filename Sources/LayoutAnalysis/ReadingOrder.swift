import DocumentModel

/// Puts regions in reading order by recursive cuts along white space (XY-cut, Nagy and Seth 1984).
///
/// Horizontal strips that share a gutter are taken together, so that columns are read one after the other and titles,
/// figures and tables across both columns separate what is above from what is below.
enum ReadingOrder {
  static func sorted(_ regions: [Region]) -> [Region] {
    order(regions, depth: 0)
  }

  private static func order(_ regions: [Region], depth: Int) -> [Region] {
    guard regions.count > 1, depth < 40 else { return regions }
    if let (left, right) = splitAtGutter(regions) {
      return order(left, depth: depth + 1) + order(right, depth: depth + 1)
    }
    let strips = horizontalStrips(regions)
    guard strips.count > 1 else {
      return regions.sorted { ($0.bbox.y0, $0.bbox.x0) < ($1.bbox.y0, $1.bbox.x0) }
    }
    var groups: [[Region]] = []
    for strip in strips {
      if let last = groups.last, splitAtGutter(last + strip) != nil, hasGutter(last) || hasGutter(strip) {
        groups[groups.count - 1] = last + strip
      } else {
        groups.append(strip)
      }
    }
    if groups.count == 1 { return strips.flatMap { order($0, depth: depth + 1) } }
    return groups.flatMap { order($0, depth: depth + 1) }
  }

  private static func hasGutter(_ regions: [Region]) -> Bool { splitAtGutter(regions) != nil }

  /// Left and right of the widest vertical white band that no region crosses.
  private static func splitAtGutter(_ regions: [Region]) -> ([Region], [Region])? {
    guard regions.count > 1 else { return nil }
    let pictures = regions.filter { $0.label == .figure }, others = regions.filter { $0.label != .figure }
    let byLeft = (others.isEmpty ? regions : others).map(\.bbox).sorted { $0.x0 < $1.x0 }
    var end = byLeft[0].x1
    var best: (width: Double, x: Double)?
    for box in byLeft.dropFirst() {
      let width = box.x0 - end
      if width > 5, width > best?.width ?? 0, !pictures.contains(where: { spans($0.bbox, end, box.x0) }) {
        best = (width, box.x0)
      }
      end = max(end, box.x1)
    }
    guard let cut = best.map({ $0.x - $0.width / 2 }) else { return nil }
    let left = regions.filter { $0.bbox.midX < cut }, right = regions.filter { $0.bbox.midX >= cut }
    guard !left.isEmpty, !right.isEmpty else { return nil }
    // Side by side: a number behind a formula or a label left of its text is no column.
    let leftBox = left.dropFirst().reduce(left[0].bbox) { $0.union($1.bbox) }
    let rightBox = right.dropFirst().reduce(right[0].bbox) { $0.union($1.bbox) }
    guard leftBox.verticalOverlap(rightBox) > 0 else { return nil }
    return (left, right)
  }

  /// True when a picture stands on both sides of a gutter; its margins and shadows may reach into the other column.
  private static func spans(_ picture: Rect, _ x0: Double, _ x1: Double) -> Bool {
    min(x0 - picture.x0, picture.x1 - x1) > 0.25 * picture.width
  }

  /// Groups that no horizontal white line divides, from top to bottom.
  private static func horizontalStrips(_ regions: [Region]) -> [[Region]] {
    var strips: [[Region]] = []
    var end = -Double.infinity
    for region in regions.sorted(by: { $0.bbox.y0 < $1.bbox.y0 }) {
      // Descenders of one line touch ascenders of the next.
      let slack = 0.2 * min(12, region.bbox.height)
      if region.bbox.y0 + slack >= end || strips.isEmpty {
        strips.append([region])
      } else {
        strips[strips.count - 1].append(region)
      }
      end = max(end, region.bbox.y1)
    }
    return strips
  }
}
