import DocumentModel
import Foundation
import JobHandlers
import Testing

/// Tables of a report as series; the truth is the source of the report.
@Suite struct TableSeriesTests {
  private func report() throws -> Document {
    try ingestion.ingest(fixtures.appendingPathComponent("pdf/monthly-report.pdf"), fileName: "monthly-report.pdf")
  }

  /// Rows such as "January 2023 & 1,420 & 310.0 \\".
  private func truth() throws -> [(month: String, heat: Double, power: Double)] {
    let source = try String(contentsOf: fixtures.appendingPathComponent("pdf/monthly-report.tex"), encoding: .utf8)
    return source.split(separator: "\n").compactMap { line in
      let cells = line.replacing("\\\\", with: "").split(separator: "&").map {
        $0.trimmingCharacters(in: .whitespaces).replacing(",", with: "")
      }
      guard cells.count == 3, let heat = Double(cells[1]), let power = Double(cells[2]) else { return nil }
      return (cells[0], heat, power)
    }
  }

  @Test func monthsDownTheFirstColumnAreTimes() throws {
    let series = try TableSeries(report(), number: 2, column: nil)
    let truth = try truth()
    #expect(truth.count == 36)
    #expect(series.series.map(\.name) == ["Heat", "Power"])
    #expect(series.series[0].values == truth.map(\.heat))
    #expect(series.series[1].values == truth.map(\.power))
    #expect(series.times.first == "2023-01-01" && series.times.last == "2025-12-01" && series.times.count == 36)
  }

  @Test func oneColumnIsChosenByNameOrNumber() throws {
    let document = try report()
    #expect(try TableSeries(document, number: 2, column: "power").series.map(\.name) == ["Power"])
    #expect(try TableSeries(document, number: 2, column: "1").series.map(\.name) == ["Heat"])
    #expect(throws: TableSeries.Failure.noColumn(file: "monthly-report.pdf", name: "gas", names: ["Heat", "Power"])) {
      try TableSeries(document, number: 2, column: "gas")
    }
  }

  @Test func tablesWithoutNumbersAndTablesThatAreNotThereAreNamed() throws {
    let document = try report()
    #expect(throws: TableSeries.Failure.noNumbers(file: "monthly-report.pdf", number: 1)) {
      try TableSeries(document, number: 1, column: nil)
    }
    #expect(throws: TableSeries.Failure.noTable(file: "monthly-report.pdf", number: 3, count: 2)) {
      try TableSeries(document, number: 3, column: nil)
    }
  }
}
