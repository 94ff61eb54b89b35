import DocumentModel
import Foundation

/// What the image of a page shows around its lines, as numbers from 0 to 1: for each line a patch as wide as the line with what stands
/// above and below it, and one of the whole width of the page. Patches of neighbouring lines overlap, as those of T2T-ViT do (Yuan et
/// al., arXiv 2101.11986).
package struct LinePatches {
  /// Squares of the patch around a line, and of that across the page.
  private static let columns = 8, rows = 9, wideRows = 8
  /// Numbers of a line: all ink around it, ink that belongs to no word around it, and across the page.
  package static let count = columns * rows * 2 + columns * wideRows

  private let all: SummedArea
  private let wordless: SummedArea
  private let page: Page
  private let em: Double

  /// - Returns: nil for pages without an image.
  package init?(_ page: Page, em: Double) {
    guard let ink = page.ink else { return nil }
    self.page = page
    self.em = em
    all = SummedArea(ink)
    wordless = SummedArea(ink, without: page.words.map(\.bbox))
  }

  /// Adds the patches of a line.
  package func append(_ line: Rect, to values: inout [Float]) {
    let x0 = line.x0 - em, width = (line.width + 2 * em) / Double(Self.columns)
    let height = 1.5 * em, top = line.midY - height * Double(Self.rows) / 2
    for source in [all, wordless] {
      for row in 0..<Self.rows {
        for column in 0..<Self.columns {
          values.append(source.share(x0 + Double(column) * width, top + Double(row) * height, width, height))
        }
      }
    }
    let wide = page.width / Double(Self.columns), high = 6 * em, first = line.midY - high * Double(Self.wideRows) / 2
    for row in 0..<Self.wideRows {
      for column in 0..<Self.columns {
        values.append(wordless.share(Double(column) * wide, first + Double(row) * high, wide, high))
      }
    }
  }
}

/// Sums over rectangles of a grid, each from four numbers (Crow 1984).
private struct SummedArea {
  private let cell: Double
  private let columns: Int
  private let rows: Int
  /// (columns + 1) x (rows + 1).
  private var sums: [Int32]

  /// - Parameter covered: squares under these boxes count as white.
  init(_ ink: InkGrid, without covered: [Rect] = []) {
    (cell, columns, rows) = (ink.cell, ink.columns, ink.rows)
    var darkness = ink.darkness
    for box in covered {
      let (x0, x1) = (max(0, Int((box.x0 - 1) / cell)), min(columns - 1, Int((box.x1 + 1) / cell)))
      let (y0, y1) = (max(0, Int((box.y0 - 1) / cell)), min(rows - 1, Int((box.y1 + 1) / cell)))
      guard x0 <= x1, y0 <= y1 else { continue }
      for y in y0...y1 { for x in x0...x1 { darkness[y * columns + x] = 0 } }
    }
    sums = [Int32](repeating: 0, count: (columns + 1) * (rows + 1))
    for y in 0..<rows {
      var sum: Int32 = 0
      for x in 0..<columns {
        sum += Int32(darkness[y * columns + x])
        sums[(y + 1) * (columns + 1) + x + 1] = sums[y * (columns + 1) + x + 1] + sum
      }
    }
  }

  /// The root of the mean darkness of a rectangle, so that thin lines are seen; 0 outside of the page.
  func share(_ x: Double, _ y: Double, _ width: Double, _ height: Double) -> Float {
    // A rectangle between two squares takes the one that it lies in.
    let x0 = Int((x / cell).rounded(.down)), x1 = max(x0 + 1, Int(((x + width) / cell).rounded()))
    let y0 = Int((y / cell).rounded(.down)), y1 = max(y0 + 1, Int(((y + height) / cell).rounded()))
    let (left, right) = (min(columns, max(0, x0)), min(columns, max(0, x1)))
    let (top, bottom) = (min(rows, max(0, y0)), min(rows, max(0, y1)))
    guard left < right, top < bottom else { return 0 }
    let stride = columns + 1
    let sum =
      sums[bottom * stride + right] - sums[top * stride + right] - sums[bottom * stride + left]
      + sums[top * stride + left]
    return (Float(sum) / Float(255 * (right - left) * (bottom - top))).squareRoot()
  }
}
