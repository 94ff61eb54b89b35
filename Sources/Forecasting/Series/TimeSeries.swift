import Foundation

/// A series to forecast: one or several variates on one time axis.
public struct TimeSeries: Sendable {
  public var id: String
  /// [variates][time]; NaN where nothing was observed.
  public var target: [[Double]]
  /// True when the input gave a list of lists: the answer then has the variate dimension, too.
  public var isMultivariate: Bool
  /// [covariates][time]: known for the context only.
  public var pastCovariates: [[Double]] = []
  /// [covariates][time]: known for the context and at least the steps to forecast.
  public var futureCovariates: [[Double]] = []
  /// Time of the first value as the input wrote it.
  public var start: String?
  public var frequency: Frequency?
  public var predictionLength: Int?
  /// The seasonal lag of its MASE in a backtest, where the input says it.
  public var seasonLength: Int?
  /// What was done to the input, in words ("3 missing days filled in as missing values").
  public var notes: [String] = []

  /// Values of each variate.
  public var length: Int { target.first?.count ?? 0 }

  public init(
    id: String, target: [[Double]], isMultivariate: Bool = false, start: String? = nil, frequency: Frequency? = nil,
    predictionLength: Int? = nil
  ) {
    self.id = id
    self.target = target
    self.isMultivariate = isMultivariate
    self.start = start
    self.frequency = frequency
    self.predictionLength = predictionLength
  }
}

extension TimeSeries {
  /// Time of a value as ISO 8601, of one after the last as well; nil where the series has no times.
  public func time(_ index: Int) -> String? {
    guard let seconds = seconds(index), let frequency else { return nil }
    let isDaily = ![.hour, .minute, .second].contains(frequency.unit)
    return CalendarTime.text(seconds, showsTime: !isDaily || seconds != Double(CalendarTime.day(seconds)) * 86400)
  }

  /// Seconds since 1970 of a value.
  func seconds(_ index: Int) -> Double? {
    guard let start, let frequency, let first = CalendarTime.parse(start) else { return nil }
    return frequency.time(index, after: first)
  }

  /// The series as a line of JSON that `SeriesReader` reads; its notes are not in it.
  public func jsonLine() throws -> Data {
    func rows(_ values: [[Double]]) -> [[Double?]] { values.map { $0.map { $0.isFinite ? $0 : nil } } }
    struct Line: Encodable {
      var id: String
      var target: Either
      var start: String?
      var freq: String?
      var predictionLength: Int?
      var seasonLength: Int?
      var pastCovariates: [[Double?]]?
      var futureCovariates: [[Double?]]?
    }
    enum Either: Encodable {
      case one([Double?])
      case many([[Double?]])

      func encode(to encoder: any Encoder) throws {
        switch self {
        case .one(let values): try values.encode(to: encoder)
        case .many(let values): try values.encode(to: encoder)
        }
      }
    }
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let line = Line(
      id: id, target: isMultivariate ? .many(rows(target)) : .one(rows(target)[0]), start: start, freq: frequency?.code,
      predictionLength: predictionLength, seasonLength: seasonLength,
      pastCovariates: pastCovariates.isEmpty ? nil : rows(pastCovariates),
      futureCovariates: futureCovariates.isEmpty ? nil : rows(futureCovariates))
    return try encoder.encode(line) + Data("\n".utf8)
  }

  /// What was known when only the first `end` values were: the same series, cut off there.
  /// - Parameter horizon: steps for which future covariates are kept.
  func truncated(to end: Int, horizon: Int) -> TimeSeries {
    var result = self
    result.target = target.map { Array($0.prefix(end)) }
    result.pastCovariates = pastCovariates.map { Array($0.prefix(end)) }
    result.futureCovariates = futureCovariates.map { Array($0.prefix(end + horizon)) }
    result.predictionLength = horizon
    return result
  }
}

/// The step between two values, read from codes such as "M", "W-SUN", "15min" (as pandas writes them).
public struct Frequency: Sendable, Hashable {
  public enum Unit: String, Sendable { case year, quarter, month, week, day, businessDay, hour, minute, second }

  public var unit: Unit
  public var multiple: Int

  public init(_ unit: Unit, multiple: Int = 1) {
    self.unit = unit
    self.multiple = max(1, multiple)
  }

  /// nil for a code that is not known.
  public init?(code: String) {
    let digits = code.prefix { $0.isNumber }
    let name = code.dropFirst(digits.count).prefix { $0 != "-" }
    guard digits.count < 7 else { return nil }
    let units: [String: Unit] = [
      "Y": .year, "A": .year, "YE": .year, "YS": .year, "AS": .year, "YEAR": .year, "Q": .quarter, "QS": .quarter,
      "QE": .quarter, "M": .month, "MS": .month, "ME": .month, "W": .week, "D": .day, "B": .businessDay, "H": .hour,
      "T": .minute, "MIN": .minute, "S": .second,
    ]
    guard let unit = units[name.uppercased()] else { return nil }
    self.init(unit, multiple: Int(digits) ?? 1)
  }

  /// Seconds of a step of fixed length; nil for months and longer.
  public var seconds: Double? {
    switch unit {
    case .second: Double(multiple)
    case .minute: 60 * Double(multiple)
    case .hour: 3600 * Double(multiple)
    case .day, .businessDay: 86400 * Double(multiple)
    case .week: 7 * 86400 * Double(multiple)
    case .year, .quarter, .month: nil
    }
  }

  /// Seasonal periods in steps that a calendar suggests, the most usual first.
  public var seasonalPeriods: [Int] {
    switch unit {
    case .year: return []
    case .quarter: return multiple == 1 ? [4] : []
    case .month: return 12 % multiple == 0 && multiple < 12 ? [12 / multiple] : []
    case .week: return multiple == 1 ? [52] : []
    case .businessDay: return [5]
    case .day: return multiple == 1 ? [7] : []
    case .hour, .minute, .second:
      // Where a day has too many steps to look at, the hour takes its place.
      let step = seconds ?? 1
      let spans: [Double] = step * 2000 >= 86400 ? [86400, 7 * 86400] : [3600]
      return spans.compactMap { span -> Int? in
        let steps = span / step
        return steps >= 2 && steps <= 2000 && steps == steps.rounded() ? Int(steps) : nil
      }
    }
  }
}
