import DocumentModel

/// Grids for the table regions that the model found.
enum TableRegions {
  /// The grid that the lines of one region make, nil where no columns are to be seen in it.
  static func table(of lines: [Int], on page: Page) -> Table? {
    let boxes = lines.map { page.lines[$0].bbox }
    guard var box = boxes.first else { return nil }
    for other in boxes.dropFirst() { box = box.union(other) }
    // Rules stand a little outside the text.
    let reach = Rect(x0: box.x0 - 8, y0: box.y0 - 8, x1: box.x1 + 8, y1: box.y1 + 8)
    for ruling in page.rulings where reach.contains(x: ruling.bbox.midX, y: ruling.bbox.midY) {
      box = box.union(ruling.bbox)
    }
    return TableFinder.table(in: box, lines: lines, on: page)?.table
  }
}
