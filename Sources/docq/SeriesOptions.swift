import ArgumentParser
import Forecasting
import Foundation
import JobHandlers

/// The series of a command: a file and what its columns are.
struct SeriesOptions: ParsableArguments {
  @Argument(
    help:
      "Series as .csv (wide or long), .jsonl, .jsonl.gz or .json; - for standard input; with --table a PDF or picture.")
  var input: String
  @Option(help: "A table of a PDF or picture as series: its number, counting from 1 in reading order.") var table: Int?
  @Option(help: "With --table: the name of the series, or its number; default: all.") var column: String?
  @Option(help: "CSV: column(s) that name the series of each row, with commas (long format; default: found out).")
  var idColumn: String?
  @Option(help: "CSV: column with the time (default: found out).") var timeColumn: String?
  @Option(help: "CSV: column(s) to forecast, with commas (default: all that are left).") var valueColumn: String?
  @Option(help: "CSV: columns that are known up to the last value, with commas.") var pastCovariates: String?
  @Option(help: "CSV: columns whose rows go on after the last value, with commas.") var futureCovariates: String?
  @Option(help: "CSV: put rows into steps of this length, such as 15min, h, D, B, W, M, Q, Y; needs --aggregate.")
  var resample: String?
  @Option(help: "What becomes of several rows in one step: mean, sum or last.") var aggregate: Resampling.Aggregate?

  func validate() throws {
    guard column == nil || table != nil else { throw ValidationError("--column needs --table") }
    if let resample {
      guard Frequency(code: resample) != nil else {
        throw ValidationError("--resample: '\(resample)' is no step; write for example 15min, h, D, W, M, Q or Y")
      }
      guard aggregate != nil else {
        throw ValidationError("--resample needs --aggregate mean, sum or last: amounts are summed, levels averaged")
      }
    } else if aggregate != nil {
      throw ValidationError("--aggregate needs --resample")
    }
  }

  /// The file's name in messages.
  var name: String { input == "-" ? "standard input" : (input as NSString).lastPathComponent }

  private var layout: SeriesLayout {
    func list(_ text: String?) -> [String] {
      (text ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    var layout = SeriesLayout()
    layout.idColumns = list(idColumn)
    layout.timeColumn = timeColumn
    layout.valueColumns = list(valueColumn)
    layout.pastCovariates = list(pastCovariates)
    layout.futureCovariates = list(futureCovariates)
    if let aggregate, let frequency = resample.flatMap({ Frequency(code: $0) }) {
      layout.resampling = Resampling(frequency, aggregate)
    }
    return layout
  }

  /// Whether anything is said about columns.
  var isPlain: Bool { layout == SeriesLayout() && table == nil }

  /// - Returns: the file and the series in it.
  /// - Throws: `CommandFailure`: unreadable files with status 3, columns that do not exist with status 2.
  func read() throws -> (data: Data, series: [TimeSeries]) {
    let data: Data
    if let table {
      data = try series(ofTable: table)
    } else if input == "-" {
      data = FileHandle.standardInput.readDataToEndOfFile()
    } else {
      guard let bytes = FileManager.default.contents(atPath: input) else {
        throw CommandFailure.unreadable("\(input): no such file, or it cannot be read")
      }
      data = bytes
    }
    do { return (data, try SeriesReader(layout: layout).read(data, name: name)) } catch let error as SeriesReadError {
      if case .noColumn = error { throw CommandFailure.usage(error.description) }
      throw CommandFailure.unreadable(error.description)
    }
  }
}

extension SeriesOptions {
  /// The table as CSV.
  private func series(ofTable number: Int) throws -> Data {
    let file = URL(fileURLWithPath: input)
    guard FileManager.default.fileExists(atPath: input) else {
      throw CommandFailure.unreadable("\(input): no such file, or it cannot be read")
    }
    do {
      let document = try DocumentIngestion().ingest(file, fileName: name)
      return try TableSeries(document, number: number, column: column).csv
    } catch let error as TableSeries.Failure {
      if case .noNumbers = error { throw CommandFailure.unreadable(error.description) }
      throw CommandFailure.usage(error.description)
    } catch { throw CommandFailure(describing: error) }
  }
}

extension Resampling.Aggregate: ExpressibleByArgument {}
