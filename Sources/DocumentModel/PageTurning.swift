/// Pages whose text runs up or down the sheet, as wide tables are printed: analysis turns them, results are turned back.
extension Page {
  /// Clockwise quarter turns (0 to 3) after which most of the text runs from left to right.
  public var quarterTurnsToUpright: Int {
    let long = words.filter { $0.text.count >= 3 }
    let vertical = long.filter { $0.bbox.height > 1.3 * $0.bbox.width }
    guard vertical.count > 4, vertical.count * 2 > long.count else { return 0 }
    // In the order of the file, the next word of a line stands above or below.
    var up = 0, down = 0
    for (word, next) in zip(vertical, vertical.dropFirst())
    where word.bbox.horizontalOverlap(next.bbox) > 0.7 * word.bbox.width {
      if next.bbox.y1 <= word.bbox.y0 + 1 { up += 1 } else if next.bbox.y0 >= word.bbox.y1 - 1 { down += 1 }
    }
    return down > up ? 3 : 1
  }

  /// The page after clockwise quarter turns, with everything on it.
  public func turned(by quarterTurns: Int) -> Page {
    let turns = ((quarterTurns % 4) + 4) % 4
    guard turns != 0 else { return self }
    var page = self
    func turn(_ box: inout Rect) { box = box.turned(by: turns, width: width, height: height) }
    if turns != 2 { (page.width, page.height) = (height, width) }
    for index in page.words.indices { turn(&page.words[index].bbox) }
    for index in page.glyphs.indices { turn(&page.glyphs[index].bbox) }
    for index in page.bars.indices { turn(&page.bars[index]) }
    for index in page.images.indices { turn(&page.images[index].bbox) }
    for index in page.rulings.indices { turn(&page.rulings[index].bbox) }
    for index in page.links.indices { turn(&page.links[index].bbox) }
    page.ink = ink?.turned(by: turns)
    for index in page.lines.indices { turn(&page.lines[index].bbox) }
    for index in page.regions.indices {
      turn(&page.regions[index].bbox)
      for cell in (page.regions[index].table?.cells ?? []).indices {
        turn(&page.regions[index].table!.cells[cell].bbox)
      }
    }
    return page
  }
}

extension Rect {
  /// The rectangle after clockwise quarter turns of the page that it lies on, whose size before is given.
  public func turned(by quarterTurns: Int, width: Double, height: Double) -> Rect {
    switch ((quarterTurns % 4) + 4) % 4 {
    case 1: Rect(x0: height - y1, y0: x0, x1: height - y0, y1: x1)
    case 2: Rect(x0: width - x1, y0: height - y1, x1: width - x0, y1: height - y0)
    case 3: Rect(x0: y0, y0: width - x1, x1: y1, y1: width - x0)
    default: self
    }
  }
}
