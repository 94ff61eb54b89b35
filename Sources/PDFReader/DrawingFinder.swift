import DocumentModel

/// Finds drawings made of lines and areas in the small picture of a page that rulings are found in: dark places that no word covers.
enum DrawingFinder {
  /// Cells that parts of one drawing may be apart.
  private static let reach = 2
  private static let leastSide = 24.0
  private static let leastInk = 12
  /// Words cover less than this of a drawing; more is a frame around text or a table.
  private static let mostText = 0.3
  private static let most = 60

  /// - Parameter page: what is to be seen of it, in points.
  /// - Returns: boxes in points.
  static func drawings(_ grid: InkGrid, words: [Rect], images: [Rect], page: Rect) -> [Rect] {
    var ink = grid.darkness.map { $0 > 0 }
    let (width, height, size) = (grid.columns, grid.rows, grid.cell)
    for word in words {
      let (x0, x1) = (max(0, Int((word.x0 - 1) / size)), min(width - 1, Int((word.x1 + 1) / size)))
      let (y0, y1) = (max(0, Int((word.y0 - 1) / size)), min(height - 1, Int((word.y1 + 1) / size)))
      guard x0 <= x1, y0 <= y1 else { continue }
      for y in y0...y1 { for x in x0...x1 { ink[y * width + x] = false } }
    }
    var result: [Rect] = []
    for part in components(&ink, width, height) where part.count >= leastInk && result.count < most {
      let box = Rect(
        x0: Double(part.x0) * size, y0: Double(part.y0) * size, x1: Double(part.x1 + 1) * size,
        y1: Double(part.y1 + 1) * size)
      guard box.width >= leastSide, box.height >= leastSide, box.area < 0.85 * page.area,
        !images.contains(where: { ($0.intersection(box)?.area ?? 0) > 0.8 * box.area }),
        words.reduce(0, { $0 + ($1.intersection(box)?.area ?? 0) }) < mostText * box.area
      else { continue }
      result.append(box.intersection(page) ?? box)
    }
    return result
  }

  private struct Part {
    var x0, y0, x1, y1, count: Int
  }

  /// Cells that hang together, across gaps of up to `reach`; empties the grid.
  private static func components(_ ink: inout [Bool], _ width: Int, _ height: Int) -> [Part] {
    var result: [Part] = []
    var open: [Int] = []
    for start in ink.indices where ink[start] {
      ink[start] = false
      open.append(start)
      var part = Part(x0: start % width, y0: start / width, x1: start % width, y1: start / width, count: 0)
      while let next = open.popLast() {
        let (x, y) = (next % width, next / width)
        part.count += 1
        (part.x0, part.x1) = (min(part.x0, x), max(part.x1, x))
        (part.y0, part.y1) = (min(part.y0, y), max(part.y1, y))
        for ny in max(0, y - reach)...min(height - 1, y + reach) {
          for nx in max(0, x - reach)...min(width - 1, x + reach) where ink[ny * width + nx] {
            ink[ny * width + nx] = false
            open.append(ny * width + nx)
          }
        }
      }
      result.append(part)
    }
    return result
  }
}
