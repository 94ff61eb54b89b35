import Foundation

/// The regular axis that the times of a file's rows lie on.
///
/// The step is the usual one between neighbours: a calendar step (month, quarter, year), a working day, or a fixed time.
/// Steps without a row become missing values. Times that lie a little off the axis are moved to it; times that lie
/// anywhere are refused.
struct TimeAxis {
  /// Share of the steps that must have a row.
  static let leastFilled = 0.5
  /// Distance from the axis in steps that counts as jitter.
  static let jitter = 0.3

  let frequency: Frequency?
  /// Time of the first step; nil where times are plain numbers.
  let start: Double?
  /// Step of each row, in the order of the rows.
  let places: [Int]
  let count: Int
  let notes: [String]

  enum Problem: Error {
    case duplicate(row: Int)
    case irregular(String)
  }

  /// - Parameters:
  ///   - times: of each row, in any order, at least one.
  ///   - isCalendar: seconds since 1970; else plain numbers.
  /// - Throws: `Problem`.
  init(_ times: [Double], isCalendar: Bool) throws {
    let order = times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
    let sorted = order.map { times[$0] }
    let steps = zip(sorted.dropFirst(), sorted).map { $0 - $1 }
    if let twice = steps.firstIndex(of: 0) { throw Problem.duplicate(row: order[twice + 1]) }
    var notes: [String] = []
    if order != Array(times.indices) { notes.append("the rows were sorted by time") }
    var fit: Fit?
    if !steps.isEmpty {
      let usual = steps.sorted()[(steps.count - 1) / 2]
      fit = isCalendar ? Fit.calendar(sorted, steps, usual) : Fit.fixed(sorted, step: usual)
      guard let fit else { throw Problem.irregular(Self.description(sorted, steps, usual, isCalendar)) }
      let length = fit.places[fit.places.count - 1] + 1
      let step = fit.frequency?.words ?? (isCalendar ? Self.words(usual) : Self.short(usual))
      guard Double(sorted.count) >= Self.leastFilled * Double(length) || length <= 12 else {
        throw Problem.irregular(
          "only \(sorted.count) of the \(length) steps of one \(step) between its first and last time have a row")
      }
      if length > sorted.count {
        notes.append("\(length - sorted.count) missing time step(s) counted as missing values")
      }
      if fit.jitter > 0.02 {
        notes.append(
          "times up to \(Int((fit.jitter * 100).rounded(.up))) % of a step beside the regular steps of one \(step) were moved to them"
        )
      }
    }
    var places = [Int](repeating: 0, count: times.count)
    for (row, place) in zip(order, fit?.places ?? [0]) { places[row] = place }
    frequency = fit?.frequency
    start = isCalendar ? fit.map { Self.onTheHour($0) } ?? sorted[0] : nil
    self.places = places
    count = (fit?.places.last ?? 0) + 1
    self.notes = notes
  }

  /// Rows in their order, where times are not understood.
  init(rows: Int) {
    (frequency, start, places, count, notes) = (nil, nil, Array(0..<rows), rows, [])
  }

  /// The values with NaN where no row stands.
  func spread(_ values: [Double]) -> [Double] {
    var result = [Double](repeating: .nan, count: count)
    for (place, value) in zip(places, values) { result[place] = value }
    return result
  }

  // MARK: - Steps

  /// Ascending places of sorted times, all different.
  private struct Fit {
    var frequency: Frequency?
    var places: [Int]
    var start: Double
    /// Largest distance from the axis, in steps.
    var jitter = 0.0

    static func calendar(_ times: [Double], _ steps: [Double], _ usual: Double) -> Fit? {
      let days = usual / 86400
      for months in [1, 2, 3, 4, 6, 12] + (2...10).map({ $0 * 12 }) {
        let range = Double(months) * 30.4 - 3...Double(months) * 30.5 + (months < 12 ? 2 : 1)
        guard range.contains(days) else { continue }
        let numbers = times.map { CalendarTime.month($0) }
        let places = numbers.map { ($0 - numbers[0]) / months }
        if numbers.allSatisfy({ ($0 - numbers[0]) % months == 0 }), isAscending(places) {
          let frequency =
            months % 12 == 0
            ? Frequency(.year, multiple: months / 12)
            : months == 3 ? Frequency(.quarter) : Frequency(.month, multiple: months)
          return Fit(frequency: frequency, places: places, start: times[0])
        }
      }
      if days == 1, let fit = businessDays(times, steps) { return fit }
      let nice = niceSteps.min { abs($0 - usual) < abs($1 - usual) } ?? usual
      if abs(nice - usual) <= 0.05 * nice, var fit = fixed(times, step: nice) {
        fit.frequency = Frequency(seconds: nice)
        return fit
      }
      guard var fit = fixed(times, step: usual) else { return nil }
      fit.frequency = Frequency(seconds: usual)
      return fit
    }

    /// Days without any weekend over at least one.
    private static func businessDays(_ times: [Double], _ steps: [Double]) -> Fit? {
      guard steps.contains(3 * 86400), steps.count(where: { $0 == 3 * 86400 }) * 8 > steps.count,
        times.allSatisfy({ CalendarTime.weekday(CalendarTime.day($0)) < 5 })
      else { return nil }
      let numbers = times.map { CalendarTime.businessDay($0) }
      let places = numbers.map { $0 - numbers[0] }
      return isAscending(places) ? Fit(frequency: Frequency(.businessDay), places: places, start: times[0]) : nil
    }

    static func fixed(_ times: [Double], step: Double) -> Fit? {
      guard step > 0, (times[times.count - 1] - times[0]) / step < 1e8 else { return nil }
      let offsets = times.map { time -> Double in
        let place = (time - times[0]) / step
        return place - place.rounded()
      }
      // The first time may be off as well: the axis goes through the middle one.
      let middle = offsets.sorted()[offsets.count / 2]
      let exact = times.map { ($0 - times[0]) / step - middle }
      let first = exact[0].rounded()
      let places = exact.map { Int($0.rounded() - first) }
      let jitter = exact.reduce(0) { max($0, abs($1 - $1.rounded())) }
      guard isAscending(places), jitter <= TimeAxis.jitter else { return nil }
      return Fit(
        places: places, start: jitter > 1e-6 ? times[0] + (middle + first) * step : times[0], jitter: jitter)
    }

    private static func isAscending(_ places: [Int]) -> Bool { zip(places, places.dropFirst()).allSatisfy { $0 < $1 } }

    private static let niceSteps: [Double] =
      [1, 2, 5, 10, 15, 20, 30].flatMap { [$0, 60 * $0] } + [1, 2, 3, 4, 6, 8, 12].map { 3600 * $0 }
      + [1, 2, 3, 4, 5, 6, 7, 14, 21, 28].map { 86400 * $0 }
  }

  /// A jittered axis begins at a whole multiple of its step where that is near, as clocks do.
  private static func onTheHour(_ fit: Fit) -> Double {
    guard fit.jitter > 1e-6, let step = fit.frequency?.seconds else { return fit.start }
    let whole = (fit.start / step).rounded() * step
    return abs(whole - fit.start) < 0.1 * step ? whole : fit.start.rounded()
  }

  // MARK: - Words

  private static func description(_ times: [Double], _ steps: [Double], _ usual: Double, _ isCalendar: Bool) -> String {
    let words = isCalendar ? Self.words : Self.short
    let near = steps.count { abs($0 - usual) <= 0.1 * usual }
    return """
      its times are irregular: \(words(steps.min() ?? 0)) to \(words(steps.max() ?? 0)) between rows, and only \
      \(near * 100 / steps.count) % of the steps are near the usual \(words(usual))
      """
  }

  /// A duration as people say it.
  static func words(_ seconds: Double) -> String {
    for (unit, size) in [("day", 86400.0), ("hour", 3600), ("minute", 60)] where seconds >= size {
      let value = (seconds / size * 10).rounded() / 10
      return "\(short(value)) \(unit)\(value == 1 ? "" : "s")"
    }
    return "\(short((seconds * 10).rounded() / 10)) seconds"
  }

  private static func short(_ value: Double) -> String { String(format: "%.10g", value) }

  /// The finest step for resampling in which nearly every step has a row.
  static func advice(_ times: [Double]) -> String? {
    guard let low = times.min(), let high = times.max() else { return nil }
    return ["15min", "h", "D", "W", "M", "Q", "Y"].first { code in
      guard let frequency = Frequency(code: code), (high - low) / (frequency.seconds ?? 86400) < 1e7 else {
        return false
      }
      let filled = Set(times.map { Resampling.bin($0, frequency) })
      guard let first = filled.min(), let last = filled.max(), last > first else { return false }
      return filled.count * 10 >= (last - first + 1) * 9
    }
  }
}

extension Frequency {
  /// The largest unit that divides a fixed step; nil for steps below a second.
  init?(seconds: Double) {
    guard seconds >= 1, seconds == seconds.rounded(), seconds < 1e9 else { return nil }
    let units: [(Unit, Double)] = [(.week, 604_800), (.day, 86400), (.hour, 3600), (.minute, 60), (.second, 1)]
    let (unit, size) = units.first(where: { seconds.truncatingRemainder(dividingBy: $0.1) == 0 })!
    self.init(unit, multiple: Int(seconds / size))
  }
}
