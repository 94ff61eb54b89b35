import DocumentModel

/// Finds the pictures that captions speak of: what stands between "Figure 3: ..." and the text before it is one figure, with its labels,
/// although it may be made of many small drawings and words.
package struct CaptionedFigures {
  private let page: Page
  private let em: Double
  private let placed: [Rect]

  package init(_ page: Page, em: Double) {
    self.page = page
    self.em = em
    placed = PlacedFigures(page, em: em).regions().map(\.bbox)
  }

  /// Replaces the parts of captioned figures by the figures.
  package func join(_ regions: [Region]) -> [Region] {
    var regions = regions
    var captions = regions.filter { $0.label == .caption && !$0.isFurniture && speaksOfFigure($0) }
    // "Figure 3 shows" is no caption where others have a mark behind their number.
    let marked = captions.filter { Captions.isMarked(page.lines[$0.lines[0]].text) }
    if !marked.isEmpty { captions = marked }
    for caption in captions.sorted(by: { $0.bbox.y0 < $1.bbox.y0 }) {
      let found = parts(of: caption, among: regions, above: true) ?? parts(of: caption, among: regions, above: false)
      guard let found else { continue }
      let boxes = found.boxes
      regions = regions.filter { region in
        guard region.lines.first.map(found.candidates.contains) ?? true else { return true }
        return !boxes.contains { $0.contains(x: region.bbox.midX, y: region.bbox.midY) }
      }
      for box in boxes {
        let free = page.lines.indices.filter { line in
          box.contains(x: page.lines[line].bbox.midX, y: page.lines[line].bbox.midY)
            && !regions.contains { $0.lines.contains(line) }
        }
        regions.append(Region(id: 0, label: .figure, page: page.index, bbox: box, lines: free))
      }
    }
    return regions
  }

  private func speaksOfFigure(_ region: Region) -> Bool {
    region.lines.first.map { Captions.speaksOfFigure(page.lines[$0].text) } ?? false
  }

  /// Parts of the figure on one side of its caption: boxes of figures, and first lines of the regions that may go into them.
  private func parts(of caption: Region, among regions: [Region], above: Bool) -> (boxes: [Rect], candidates: [Int])? {
    // What stands in the way: running text, headings, other captions, tables and furniture.
    let walls = regions.filter { $0.label != .figure && isWall($0) && $0.lines != caption.lines }
    let edge = above ? caption.bbox.y0 : caption.bbox.y1
    var band = column(of: caption, among: walls)
    for wall in walls where wall.bbox.horizontalOverlap(band) > 0.1 * min(band.width, wall.bbox.width) {
      if above, wall.bbox.midY < edge { band.y0 = max(band.y0, wall.bbox.y1) }
      if !above, wall.bbox.midY > edge { band.y1 = min(band.y1, wall.bbox.y0) }
    }
    if above { band.y1 = edge } else { band.y0 = edge }
    guard band.height > 2 * em else { return nil }
    let pictures = page.images.map(\.bbox).filter {
      $0.area < 0.85 * page.width * page.height && $0.midY > band.y0 && $0.midY < band.y1 && $0.midX > band.x0
        && $0.midX < band.x1
    }
    guard pictures.contains(where: { $0.height > 1.5 * em && $0.width > 2 * em }) else { return nil }
    if arePlacedWhole(pictures) { return ([], []) }
    let loose = regions.filter { region in
      !region.lines.isEmpty && !walls.contains { $0.lines == region.lines } && region.lines != caption.lines
        && band.contains(x: region.bbox.midX, y: region.bbox.midY)
    }
    // Words count where they are near a picture; a far one is something else.
    var box = pictures.dropFirst().reduce(pictures[0]) { $0.union($1) }
    var rest = loose
    while let next = rest.firstIndex(where: { near($0.bbox, box) }) {
      box = box.union(rest.remove(at: next).bbox)
    }
    let clipped = Rect(
      x0: max(box.x0, 0), y0: max(box.y0, band.y0 - em), x1: min(box.x1, page.width),
      y1: min(box.y1, band.y1 + 0.5 * em))
    let inside = loose.filter { clipped.contains(x: $0.bbox.midX, y: $0.bbox.midY) }
    return (sideBySide(clipped, pictures + inside.map(\.bbox)), inside.compactMap(\.lines.first))
  }

  /// Pictures that were placed on the page as a whole are figures as they are. Some programs make one picture of many placed pieces, or
  /// of pieces and images.
  private func arePlacedWhole(_ pictures: [Rect]) -> Bool {
    let whole = placed.filter { pictures.contains($0) }
    return !whole.isEmpty && whole.count <= 6
      && pictures.allSatisfy { picture in
        whole.contains { ($0.intersection(picture)?.area ?? 0) > 0.8 * picture.area }
      }
  }

  private func near(_ a: Rect, _ b: Rect) -> Bool {
    max(a.x0, b.x0) - min(a.x1, b.x1) < 2 * em && max(a.y0, b.y0) - min(a.y1, b.y1) < 2 * em
  }

  /// The caption's column: as wide as the text above and below it that it lies within.
  private func column(of caption: Region, among walls: [Region]) -> Rect {
    var band = Rect(x0: caption.bbox.x0, y0: 0, x1: caption.bbox.x1, y1: page.height)
    let column = walls.filter {
      $0.bbox.x0 < caption.bbox.x0 + em && $0.bbox.x1 > caption.bbox.x1 - em && $0.bbox.width < 0.97 * page.width
    }.min { $0.bbox.width < $1.bbox.width }
    if let column {
      (band.x0, band.x1) = (min(band.x0, column.bbox.x0), max(band.x1, column.bbox.x1))
    }
    for image in page.images where image.bbox.horizontalOverlap(band) > 0.5 * min(image.bbox.width, band.width) {
      guard image.bbox.area < 0.85 * page.width * page.height else { continue }
      let clear = !walls.contains {
        $0.bbox.verticalOverlap(image.bbox) > 0.2 * image.bbox.height && $0.bbox.x0 < image.bbox.x1
          && $0.bbox.x1 > image.bbox.x0
      }
      if clear { (band.x0, band.x1) = (min(band.x0, image.bbox.x0), max(band.x1, image.bbox.x1)) }
    }
    return band
  }

  private func isWall(_ region: Region) -> Bool {
    if region.isFurniture { return true }
    // Letters of a drawing are small.
    let isSmall = region.lines.allSatisfy { page.typography(of: page.lines[$0]).size < 0.8 * em }
    switch region.label {
    case .caption: return Captions.startsCaption(page.lines[region.lines.first ?? 0].text)
    case .title, .paperTitle, .abstract, .reference, .footnote:
      return region.bbox.width > 3 * em && (region.label == .footnote || !isSmall)
    case .table: return region.lines.count > 8 && region.table.map { $0.rows > 2 && $0.columns > 1 } ?? false
    case .equation, .figure: return false
    default:
      return !isSmall && region.lines.contains { MathEvidence.isProse(page.lines[$0], page) }
        && region.bbox.width > 10 * em
    }
  }

  /// One box, or several when clear white parts pictures that stand side by side.
  private func sideBySide(_ box: Rect, _ parts: [Rect]) -> [Rect] {
    let sorted = parts.sorted { $0.x0 < $1.x0 }
    var groups: [Rect] = []
    for part in sorted {
      if let last = groups.last, part.x0 - last.x1 < 1.5 * em {
        groups[groups.count - 1] = last.union(part)
      } else {
        groups.append(part)
      }
    }
    guard groups.count > 1, groups.count <= 4,
      groups.allSatisfy({ $0.width > 0.6 * box.width / Double(groups.count) && $0.height > 0.6 * box.height })
    else { return [box] }
    return groups
  }
}
