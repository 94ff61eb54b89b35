import DocumentModel

/// Grids for the table regions that the model found.
enum TableRegions {
  /// The grid that the lines of one region make, nil where no columns are to be seen in it.
  static func table(of lines: [Int], on page: Page) -> Table? {
    TableFinder.tables(on: page, among: lines).max { $0.lines.count < $1.lines.count }?.table
  }
}
