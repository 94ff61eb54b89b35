import Foundation

/// The axes of one panel: values upwards, the steps of a series to the right.
struct SeriesFrame {
  let x: Double
  let y: Double
  let width: Double
  let height: Double
  /// Steps that are shown; beyond the series' length are those to come.
  let steps: Range<Int>
  private let low: Double
  private let high: Double
  private let ticks: [Double]

  /// - Parameter values: all that must fit in; what is not finite is left out.
  init(x: Double, y: Double, width: Double, height: Double, steps: Range<Int>, values: [Double]) {
    (self.x, self.y, self.width, self.height, self.steps) = (x, y, width, height, steps)
    let finite = values.filter(\.isFinite)
    var (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
    if high - low < 1e-12 * max(1, abs(high)) {
      (low, high) = (low - max(1, abs(low) / 10), high + max(1, abs(high) / 10))
    }
    ticks = Self.ticks(low, high)
    self.low = min(low, ticks[0])
    self.high = max(high, ticks[ticks.count - 1])
  }

  func across(_ step: Int) -> Double { x + width * Double(step - steps.lowerBound) / Double(max(1, steps.count - 1)) }
  func up(_ value: Double) -> Double { y + height * (high - max(low, min(high, value))) / (high - low) }

  func points(_ values: some Collection<Double>, from step: Int) -> [(x: Double, y: Double)] {
    values.enumerated().map { (across(step + $0), $1.isFinite ? up($1) : .nan) }
  }

  /// Grid, values on the left, times or step numbers below.
  func draw(into drawing: inout Drawing, _ series: TimeSeries) {
    for tick in ticks {
      drawing.line(x, up(tick), x + width, up(tick), Palette.grid)
      drawing.text(x - 8, up(tick) + 4, label(tick), anchor: .end, size: 11)
    }
    for (step, text) in Self.marks(series, steps) {
      let place = across(step)
      drawing.line(place, y + height, place, y + height + 4, Palette.muted)
      let anchor = place < x + 24 ? Drawing.Anchor.start : place > x + width - 24 ? .end : .middle
      drawing.text(place, y + height + 17, text, anchor: anchor, size: 11)
    }
    drawing.line(x, y + height, x + width, y + height, Palette.muted)
  }

  private func label(_ value: Double) -> String {
    let step = ticks[1] - ticks[0], most = ticks.map(abs).max() ?? 0
    if most >= 1e15 || (step < 1e-4 && step > 0) { return String(format: "%.3g", value) }
    for (limit, size, unit) in [(1e9, 1e9, "bn"), (1e6, 1e6, "M"), (1e4, 1e3, "k")]
    where most >= limit && step >= size / 1e3 {
      return String(format: "%.10g", (value / size * 1000).rounded() / 1000) + (value == 0 ? "" : " " + unit)
    }
    // As many decimals as the step has.
    let decimals =
      (0...6).first { abs((step * pow(10, Double($0))).rounded() - step * pow(10, Double($0))) < 1e-6 } ?? 6
    return String(format: "%.\(decimals)f", value)
  }

  /// Four to eight round numbers that cover the range.
  static func ticks(_ low: Double, _ high: Double) -> [Double] {
    let rough = (high - low) / 5
    let magnitude = pow(10, floor(log10(rough)))
    let step = magnitude * ([1, 2, 2.5, 5, 10].first { $0 * magnitude >= rough } ?? 10)
    // Too close together for doubles: the ends will do.
    guard step.isFinite, step > 0, abs(low) / step < 1e15, abs(high) / step < 1e15 else { return [low, high] }
    let first = Int((low / step).rounded(.down)), last = Int((high / step).rounded(.up))
    return (first...max(first + 1, last)).map { Double($0) * step }
  }

  /// At most nine steps with their names: where a year, month, day or hour begins, else round step numbers.
  static func marks(_ series: TimeSeries, _ steps: Range<Int>) -> [(step: Int, text: String)] {
    guard let frequency = series.frequency, let start = series.start.flatMap({ CalendarTime.parse($0) }) else {
      let size = ticks(Double(steps.lowerBound), Double(max(steps.lowerBound + 4, steps.upperBound)))
      return size.filter { $0 == $0.rounded() && steps.contains(Int($0)) }.map { (Int($0), "\(Int($0))") }
    }
    let shown = (steps.lowerBound - 1)..<steps.upperBound
    let times = shown.map { (step: Int) -> Double in frequency.time(step, after: start) }
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    func date(_ time: Double) -> (year: Int, month: Int, day: Int) { CalendarTime.date(CalendarTime.day(time)) }
    func day(_ time: Double) -> String { "\(date(time).day) \(names[date(time).month - 1])" }
    func clock(_ time: Double, _ size: Double) -> String {
      let rest = Int(time - Double(CalendarTime.day(time)) * 86400)
      return rest == 0
        ? day(time) : String(format: size < 60 ? "%02d:%02d:%02d" : "%02d:%02d", rest / 3600, rest / 60 % 60, rest % 60)
    }
    var kinds: [MarkKind] = [1.0, 10, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600].map { size in
      MarkKind(key: { Int(($0 / size).rounded(.down)) }, text: { clock($0, size) })
    }
    kinds += [1, 2].map { days in MarkKind(key: { CalendarTime.day($0) / days }, text: day) }
    // Weeks from Monday on.
    kinds.append(MarkKind(key: { Int((Double(CalendarTime.day($0) + 3) / 7).rounded(.down)) }, text: day))
    kinds += [1, 3, 6].map { months in
      MarkKind(
        key: { CalendarTime.month($0) / months }, text: { "\(names[date($0).month - 1]) \(date($0).year)" })
    }
    kinds += [1, 2, 5, 10, 20, 50, 100, 500].map { years in
      MarkKind(key: { date($0).year / years }, text: { "\(date($0).year)" })
    }
    for kind in kinds {
      let keys = times.map(kind.key)
      let found = keys.indices.dropFirst().filter { keys[$0] != keys[$0 - 1] }
      if found.count <= 9 { return found.map { (shown.lowerBound + $0, kind.text(times[$0])) } }
    }
    return []
  }
}

/// A kind of mark on the time axis: a mark stands where the key changes.
private struct MarkKind {
  let key: (Double) -> Int
  let text: (Double) -> String
}
