import DocumentModel

/// Pictures on the page: images joined where they touch.
enum FigureFinder {
  static func figures(on page: Page, around regions: [Region]) -> [Region] {
    let pageArea = max(1, page.width * page.height)
    var boxes = page.images.map(\.bbox).filter { box in
      // Lines and dots made of images are no figures; a picture of the whole page is a background or a scan.
      box.width > 20 && box.height > 20 && box.area < 0.85 * pageArea
    }
    var merged = true
    while merged && boxes.count < 500 {
      merged = false
      outer: for first in boxes.indices {
        for second in boxes.indices where second > first {
          if belongTogether(boxes[first], boxes[second]) {
            boxes[first] = boxes[first].union(boxes[second])
            boxes.remove(at: second)
            merged = true
            break outer
          }
        }
      }
    }
    let drawings = page.images.filter { $0.kind == .drawing }.map(\.bbox)
    return boxes.filter { box in
      // A frame around text or around a table is no picture.
      let limit = drawings.contains(box) ? 0.25 : 0.6
      let covered = regions.reduce(0) { $0 + ($1.bbox.intersection(box)?.area ?? 0) }
      return covered < limit * box.area
    }.map { Region(id: 0, label: .figure, page: page.index, bbox: $0) }
  }

  /// Pieces of one picture overlap, or lie edge to edge like tiles. Shadows that reach into a neighbour do neither.
  private static func belongTogether(_ a: Rect, _ b: Rect) -> Bool {
    let dx = max(a.x0, b.x0) - min(a.x1, b.x1), dy = max(a.y0, b.y0) - min(a.y1, b.y1)
    guard dx < 3, dy < 3 else { return false }
    if dx < -3, dy < -3 { return dx * dy > 0.15 * min(a.area, b.area) }
    return a.horizontalOverlap(b) > 0.6 * min(a.width, b.width) || a.verticalOverlap(b) > 0.6 * min(a.height, b.height)
  }
}
