import DocumentModel
import Foundation

/// A table of a document as time series: periods down the first column or along the header, numbers beside or below.
public struct TableSeries: Sendable {
  public enum Failure: Error, Equatable, CustomStringConvertible {
    case noTable(file: String, number: Int, count: Int)
    case noNumbers(file: String, number: Int)
    case noColumn(file: String, name: String, names: [String])

    /// A stable word for programs.
    public var code: String {
      switch self {
      case .noTable: "no_table"
      case .noNumbers: "no_numbers"
      case .noColumn: "no_column"
      }
    }

    public var description: String {
      switch self {
      case .noTable(let file, let number, let count):
        count == 0
          ? "\(file) has no table that was found"
          : "\(file) has no table \(number): there are \(count). See them with: docq ingest \(file) --format csv"
      case .noNumbers(let file, let number):
        "table \(number) of \(file) has no row or column of three or more numbers to forecast"
      case .noColumn(let file, let name, let names):
        "the table of \(file) has no series '\(name)'; it has \(names.joined(separator: ", "))"
      }
    }
  }

  /// Name and values, oldest first; nil where the table has no number.
  public var series: [(name: String, values: [Double?])]
  /// ISO dates where the periods could be read, else 1, 2, ...
  public var times: [String]

  /// - Parameters:
  ///   - number: counting from 1 in reading order.
  ///   - column: name of one series, as the table's header or first column has it; nil for all.
  public init(_ document: Document, number: Int, column: String?) throws {
    let tables = document.tables
    guard number >= 1, number <= tables.count else {
      throw Failure.noTable(file: document.fileName, number: number, count: tables.count)
    }
    let table = tables[number - 1].table
    let down = Self.read(Self.lines(table), headerRows: table.headerRows)
    let along = Self.read(Self.transposed(Self.lines(table)), headerRows: 1)
    // Periods decide; without any, numbers run down the columns.
    let best = along.periods > down.periods ? along : down
    series = best.series
    times = best.times
    guard !series.isEmpty else { throw Failure.noNumbers(file: document.fileName, number: number) }
    if let column {
      let key = column.lowercased()
      let found =
        series.filter { $0.name.lowercased() == key }
        + series.filter { $0.name.lowercased() != key && $0.name.lowercased().contains(key) }
      guard let one = found.first ?? Int(column).flatMap({ series.indices.contains($0 - 1) ? series[$0 - 1] : nil })
      else { throw Failure.noColumn(file: document.fileName, name: column, names: series.map(\.name)) }
      series = [one]
    }
  }

  /// What the series readers take: the time first, then a column for each series.
  public var csv: Data {
    func quoted(_ text: String) -> String { "\"" + text.replacing("\"", with: "\"\"") + "\"" }
    var lines = [(["time"] + series.map { quoted($0.name) }).joined(separator: ",")]
    for (index, time) in times.enumerated() {
      lines.append(([time] + series.map { $0.values[index].map { "\($0)" } ?? "" }).joined(separator: ","))
    }
    return Data((lines.joined(separator: "\n") + "\n").utf8)
  }

  // MARK: - Reading the grid

  private struct Field {
    var text = ""
    var value: Double?
  }

  /// Every place of the grid, with spans filled.
  private static func lines(_ table: Table) -> [[Field]] {
    var grid = [[Field]](repeating: Array(repeating: Field(), count: table.columns), count: table.rows)
    for cell in table.cells {
      for row in cell.row..<min(table.rows, cell.row + cell.rowSpan) {
        for column in cell.column..<min(table.columns, cell.column + cell.columnSpan) {
          grid[row][column] = Field(text: cell.text, value: cell.value)
        }
      }
    }
    return grid
  }

  private static func transposed(_ grid: [[Field]]) -> [[Field]] {
    guard let first = grid.first else { return [] }
    return first.indices.map { column in grid.map { $0[column] } }
  }

  private static func read(_ grid: [[Field]], headerRows: Int) -> (
    series: [(name: String, values: [Double?])], times: [String], periods: Int
  ) {
    let header = min(max(1, headerRows), max(0, grid.count - 1))
    var body = Array(grid.dropFirst(header))
    guard let width = grid.first?.count, width > 1, !body.isEmpty else { return ([], [], 0) }
    let periods = body.map { Period($0[0].text) }
    let known = periods.compactMap { $0 }
    var times = (1...body.count).map(String.init)
    let hasPeriods = known.count >= 3 && known.count * 10 >= body.count * 6
    if hasPeriods {
      // Sums and notes below the periods are left out; the oldest comes first.
      let pairs = zip(body, periods).compactMap { row, period in period.map { (row, $0) } }
      let sorted = pairs.sorted { $0.1.iso < $1.1.iso }
      body = sorted.map(\.0)
      times = sorted.map(\.1.iso)
    }
    var result: [(name: String, values: [Double?])] = []
    for column in (hasPeriods ? 1 : 0)..<width {
      let values = body.map(\.[column].value)
      guard values.filter({ $0 != nil }).count >= max(3, body.count / 2) else { continue }
      var names: [String] = []
      for row in grid.prefix(header) where !row[column].text.isEmpty && names.last != row[column].text {
        names.append(row[column].text)
      }
      result.append((names.isEmpty ? "column \(column + 1)" : names.joined(separator: " "), values))
    }
    return (result, times, hasPeriods ? known.count : 0)
  }
}

/// A year, quarter, month or day as tables name them.
private struct Period {
  var iso: String

  private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

  init?(_ text: String) {
    let folded = text.lowercased().trimmingCharacters(in: .whitespaces)
    guard folded.count <= 20 else { return nil }
    let parts = folded.split(whereSeparator: { " /.-,'".contains($0) }).map(String.init)
    func year(_ part: String) -> Int? {
      guard part.count == 4, let value = Int(part), (1700...2199).contains(value) else { return nil }
      return value
    }
    func day(_ y: Int, _ m: Int, _ d: Int) -> String? {
      (1...12).contains(m) && (1...31).contains(d) ? String(format: "%04d-%02d-%02d", y, m, d) : nil
    }
    var found: String?
    if parts.count == 1, let y = year(parts[0]) {
      found = day(y, 1, 1)
    } else if parts.count == 1, parts[0].count == 6, let at = parts[0].firstIndex(of: "q"),
      let y = year(String(parts[0][..<at])), let q = Int(parts[0][parts[0].index(after: at)...]), (1...4).contains(q)
    {
      found = day(y, 3 * q - 2, 1)
    } else if parts.count == 2 {
      for (first, second) in [(parts[0], parts[1]), (parts[1], parts[0])] {
        guard let y = year(first) else { continue }
        if second.hasPrefix("q"), let q = Int(second.dropFirst()), (1...4).contains(q) {
          found = day(y, 3 * q - 2, 1)
        } else if let m = Self.months.firstIndex(where: { second.hasPrefix($0) }) {
          found = day(y, m + 1, 1)
        } else if second.count <= 2, let m = Int(second) {
          found = day(y, m, 1)
        }
      }
    } else if parts.count == 3 {
      if let y = year(parts[0]), let m = Int(parts[1]), let d = Int(parts[2]) {
        found = day(y, m, d)
      } else if let y = year(parts[2]), let d = Int(parts[0]) {
        // The day stands first on most of the world's pages.
        if let m = Int(parts[1]) {
          found = m > 12 ? day(y, d, m) : day(y, m, d)
        } else if let m = Self.months.firstIndex(where: { parts[1].hasPrefix($0) }) {
          found = day(y, m + 1, d)
        }
      }
    }
    guard let found else { return nil }
    iso = found
  }
}
