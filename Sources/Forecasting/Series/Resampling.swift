import Foundation

/// Puts irregular rows into regular steps.
public struct Resampling: Sendable, Equatable {
  /// What becomes of several values in one step.
  public enum Aggregate: String, CaseIterable, Sendable { case mean, sum, last }

  public var frequency: Frequency
  public var aggregate: Aggregate

  public init(_ frequency: Frequency, _ aggregate: Aggregate) {
    (self.frequency, self.aggregate) = (frequency, aggregate)
  }

  /// Number of the step in which a time lies. Weeks begin on Monday, hours and minutes at midnight, months on the first;
  /// a weekend belongs to the Monday after it where steps are working days.
  static func bin(_ time: Double, _ frequency: Frequency) -> Int {
    let multiple = Double(frequency.multiple)
    if let months = frequency.months { return Int((Double(CalendarTime.month(time)) / Double(months)).rounded(.down)) }
    switch frequency.unit {
    case .businessDay: return Int((Double(CalendarTime.businessDay(time)) / multiple).rounded(.down))
    // Day 4 of 1970 was a Monday.
    case .week: return Int(((time - 4 * 86400) / (7 * 86400 * multiple)).rounded(.down))
    default: return Int((time / (frequency.seconds ?? 1)).rounded(.down))
    }
  }

  /// Time at which a step begins.
  static func start(ofBin bin: Int, _ frequency: Frequency) -> Double {
    if let months = frequency.months {
      let month = bin * months
      return Double(CalendarTime.days(month / 12, month % 12 + 1, 1)) * 86400
    }
    switch frequency.unit {
    case .businessDay:
      let number = bin * frequency.multiple
      let week = Int((Double(number) / 5).rounded(.down))
      return Double(week * 7 - 3 + number - week * 5) * 86400
    case .week: return Double(bin) * 7 * 86400 * Double(frequency.multiple) + 4 * 86400
    default: return Double(bin) * (frequency.seconds ?? 1)
    }
  }

  /// Rows in steps.
  struct Steps {
    /// Step of each row, from 0.
    let places: [Int]
    /// Rows in the order of time.
    let order: [Int]
    let count: Int
    let start: Double
    let filled: Int
    let resampling: Resampling

    /// One value a step; NaN where no value was observed.
    func values(_ rows: [Double]) -> [Double] {
      var result = [Double](repeating: .nan, count: count)
      var counts = [Double](repeating: 0, count: count)
      for row in order where rows[row].isFinite {
        let place = places[row]
        switch resampling.aggregate {
        case .mean, .sum: result[place] = (counts[place] > 0 ? result[place] : 0) + rows[row]
        case .last: result[place] = rows[row]
        }
        counts[place] += 1
      }
      if resampling.aggregate == .mean {
        for place in 0..<count where counts[place] > 0 { result[place] /= counts[place] }
      }
      return result
    }

    var notes: [String] {
      var text =
        "\(places.count) rows became \(count) steps of one \(resampling.frequency.words) (\(resampling.aggregate.rawValue))"
      if filled < count { text += "; \(count - filled) without a row count as missing" }
      guard resampling.aggregate == .sum, count > 2 else { return [text] }
      var rows = [Int](repeating: 0, count: count)
      for place in places { rows[place] += 1 }
      let usual = rows.sorted()[count / 2]
      let ends = [("first", rows[0]), ("last", rows[count - 1])].filter { $0.1 * 4 < usual * 3 }
      return [text]
        + ends.map { "the \($0.0) step holds \($0.1) rows where \(usual) are usual: its sum may not be complete" }
    }
  }

  /// - Returns: nil where more than half of the steps would have no row.
  func steps(_ times: [Double]) -> Steps? {
    let bins = times.map { Self.bin($0, frequency) }
    guard let first = bins.min(), let last = bins.max() else { return nil }
    let filled = Set(bins).count
    let count = last - first + 1
    guard filled * 2 >= count else { return nil }
    return Steps(
      places: bins.map { $0 - first }, order: times.indices.sorted { (times[$0], $0) < (times[$1], $1) }, count: count,
      start: Self.start(ofBin: first, frequency), filled: filled, resampling: self)
  }
}
