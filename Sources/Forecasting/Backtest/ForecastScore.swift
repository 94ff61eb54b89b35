/// How good forecasts were on values that were held out.
///
/// MASE is the mean over windows of mean |y - median| / mean |x(t) - x(t - season)| over the window's history. WQL is twice
/// the pinball loss, averaged over the levels 0.1 to 0.9, summed over all values, and divided by the sum of |y|. sMAPE is
/// the mean of 2 |y - median| / (|y| + |median|). Coverage is the share of values within the central interval, borders
/// included. Missing values are left out everywhere.
public struct ForecastScore: Sendable, Equatable {
  /// Levels that forecasts must have.
  static let levels = [0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9]
  /// Which of them the WQL is made of.
  private static let scored = levels.indices.filter { levels[$0] != 0.25 && levels[$0] != 0.75 }
  private static let (low80, low50, median, high50, high80) = (0, 2, 5, 8, 10)

  /// Windows with any value.
  public private(set) var windows = 0
  private var scaledErrors = 0.0
  private var scaledWindows = 0
  private var pinball = 0.0
  private var size = 0.0
  private var percentages = 0.0
  private var within50 = 0
  private var within80 = 0
  /// Values that were compared.
  public private(set) var values = 0

  init() {}

  /// nil where no history had any change to compare with.
  public var mase: Double? { scaledWindows > 0 ? scaledErrors / Double(scaledWindows) : nil }
  /// nil where all values are zero.
  public var wql: Double? { size > 0 ? pinball / size : nil }
  /// From 0 to 2.
  public var smape: Double? { share(percentages) }
  public var coverage50: Double? { share(Double(within50)) }
  public var coverage80: Double? { share(Double(within80)) }

  private func share(_ sum: Double) -> Double? { values > 0 ? sum / Double(values) : nil }

  /// Adds a window.
  /// - Parameters:
  ///   - quantiles: [steps][`levels`].
  ///   - season: lag of the seasonal naive error; 1 where the history has no two seasons.
  mutating func add(history: ArraySlice<Double>, actual: ArraySlice<Double>, quantiles: [[Double]], season: Int) {
    var error = 0.0, count = 0
    for (value, step) in zip(actual, quantiles) where value.isFinite {
      let difference = abs(value - step[Self.median])
      error += difference
      count += 1
      let loss = Self.scored.reduce(0) { sum, index in
        let (level, miss) = (Self.levels[index], value - step[index])
        return sum + max(level * miss, (level - 1) * miss)
      }
      pinball += 2 * loss / Double(Self.scored.count)
      size += abs(value)
      if difference > 0 { percentages += 2 * difference / (abs(value) + abs(step[Self.median])) }
      if step[Self.low50] <= value, value <= step[Self.high50] { within50 += 1 }
      if step[Self.low80] <= value, value <= step[Self.high80] { within80 += 1 }
    }
    guard count > 0 else { return }
    windows += 1
    values += count
    let lag = history.count > 2 * season ? season : 1
    let naive = SeasonalPeriod.repetitionError(Array(history), period: lag, from: lag)
    guard naive.isFinite, naive > 0 else { return }
    scaledErrors += error / Double(count) / naive
    scaledWindows += 1
  }
}
