import Foundation

public enum SeriesReadError: Error, Equatable, Sendable, CustomStringConvertible {
  case empty(String)
  case malformed(String, line: Int?, reason: String)
  case notANumber(String, line: Int, column: String, text: String)
  case allMissing(String, id: String)
  case tooLarge(String, reason: String)
  case noColumn(String, column: String, among: [String])

  public var description: String {
    switch self {
    case .empty(let name): "\(name): there is no series in it"
    case .malformed(let name, let line, let reason): "\(name)\(line.map { " line \($0)" } ?? ""): \(reason)"
    case .notANumber(let name, let line, let column, let text):
      "\(name) line \(line), column '\(column)': '\(text.prefix(40))' is not a number"
    case .allMissing(let name, let id): "\(name): series '\(id)' has no observed value"
    case .tooLarge(let name, let reason): "\(name): \(reason)"
    case .noColumn(let name, let column, let among):
      "\(name) has no column '\(column)'; its columns are \(among.prefix(20).map { "'\($0)'" }.joined(separator: ", "))"
    }
  }
}

/// What the columns of a CSV file are. What is not said is found out.
public struct SeriesLayout: Sendable, Equatable {
  /// Columns that name the series of a row (long format); more than one are joined by "/".
  public var idColumns: [String] = []
  public var timeColumn: String?
  /// Columns with what is to be forecast.
  public var valueColumns: [String] = []
  /// Columns that are known up to the target's last value.
  public var pastCovariates: [String] = []
  /// Columns that are known beyond it: their rows go on after the target's last value.
  public var futureCovariates: [String] = []
  /// Steps to put the rows in, whatever their times are.
  public var resampling: Resampling?

  public init() {}
}

/// Reads series from CSV, JSON, JSON Lines, and gzip of these.
public struct SeriesReader: Sendable {
  public var maxSeries = 100_000
  public var maxPoints = 1_000_000
  public var maxVariates = 1000
  public var maxBytes = 512 << 20
  public var layout: SeriesLayout

  public init(layout: SeriesLayout = SeriesLayout()) {
    self.layout = layout
  }

  public func read(file: URL) throws -> [TimeSeries] {
    let name = file.lastPathComponent
    guard let data = try? Data(contentsOf: file, options: .mappedIfSafe) else {
      throw SeriesReadError.malformed(name, line: nil, reason: "cannot be read")
    }
    return try read(data, name: name)
  }

  /// Reads all series of `data`; `name` stands in error messages.
  public func read(_ data: Data, name: String) throws -> [TimeSeries] {
    var data = data
    if data.starts(with: [0x1F, 0x8B]) {
      data = try Gzip.decompress(data, limit: maxBytes, name: name)
    }
    guard data.count <= maxBytes else {
      throw SeriesReadError.tooLarge(name, reason: "larger than \(maxBytes >> 20) MiB")
    }
    if data.starts(with: [0xEF, 0xBB, 0xBF]) { data = data.dropFirst(3) }
    guard let first = data.first(where: { $0 > 32 }) else { throw SeriesReadError.empty(name) }
    guard !data.prefix(4096).contains(0) else {
      throw SeriesReadError.malformed(name, line: nil, reason: "is binary data, not CSV or JSON")
    }
    let isJSON = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    guard !isJSON || layout == SeriesLayout() else {
      throw SeriesReadError.malformed(
        name, line: nil,
        reason: "is JSON: columns and resampling can be chosen for CSV only; JSON has its covariates in every series")
    }
    let series = try isJSON ? JSONSeries(name: name).read(data) : CSVSeries(name: name, layout: layout).read(data)
    guard !series.isEmpty else { throw SeriesReadError.empty(name) }
    guard series.count <= maxSeries else {
      throw SeriesReadError.tooLarge(name, reason: "\(series.count) series; at most \(maxSeries)")
    }
    for one in series {
      guard one.target.count + one.pastCovariates.count + one.futureCovariates.count <= maxVariates else {
        throw SeriesReadError.tooLarge(
          name, reason: "series '\(one.id)' has more than \(maxVariates) variates and covariates")
      }
      for variate in one.target {
        guard variate.contains(where: \.isFinite) else { throw SeriesReadError.allMissing(name, id: one.id) }
        guard variate.count <= maxPoints else {
          throw SeriesReadError.tooLarge(
            name, reason: "series '\(one.id)' has \(variate.count) values; at most \(maxPoints)")
        }
      }
    }
    return series
  }
}
