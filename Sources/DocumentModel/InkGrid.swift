/// How dark a page is, square by square.
public struct InkGrid: Hashable, Sendable {
  /// Side of a square, in points.
  public let cell: Double
  public let columns: Int
  public let rows: Int
  /// Share of the dark pixels in each square, 255 for all of them, row by row.
  public let darkness: [UInt8]

  /// - Returns: nil when the counts do not agree.
  public init?(cell: Double, columns: Int, rows: Int, darkness: [UInt8]) {
    guard cell > 0, columns > 0, rows > 0, columns < 1 << 15, rows < 1 << 15, darkness.count == columns * rows else {
      return nil
    }
    (self.cell, self.columns, self.rows, self.darkness) = (cell, columns, rows, darkness)
  }

  /// The grid of the page after clockwise quarter turns.
  public func turned(by quarterTurns: Int) -> InkGrid? {
    let turns = ((quarterTurns % 4) + 4) % 4
    guard turns != 0 else { return self }
    let (width, height) = turns == 2 ? (columns, rows) : (rows, columns)
    var turned = [UInt8](repeating: 0, count: darkness.count)
    for row in 0..<rows {
      for column in 0..<columns {
        let (x, y) =
          switch turns {
          case 1: (rows - 1 - row, column)
          case 2: (columns - 1 - column, rows - 1 - row)
          default: (row, columns - 1 - column)
          }
        turned[y * width + x] = darkness[row * columns + column]
      }
    }
    return InkGrid(cell: cell, columns: width, rows: height, darkness: turned)
  }
}
