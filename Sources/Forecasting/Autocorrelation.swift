/// Correlations of a series with itself some steps before. What was not observed is left out.
struct Autocorrelation {
  /// Differences to the mean, 0 where nothing was observed.
  private let deviations: [Double]
  private let total: Double
  /// Sums of the squared correlations at lags 1, 1...2, and so on, as far as Bartlett's test looks.
  private let squares: [Double]

  private static let longestTested = 60

  init(_ values: [Double]) {
    let observed = values.filter(\.isFinite)
    let mean = observed.reduce(0, +) / Double(max(1, observed.count))
    let deviations = values.map { $0.isFinite ? $0 - mean : 0 }
    let total = deviations.reduce(0) { $0 + $1 * $1 }
    self.deviations = deviations
    self.total = total
    var squares = [0.0]
    for lag in 1..<Self.longestTested {
      let correlation = Self.correlation(deviations, total, lag)
      squares.append(squares[lag - 1] + correlation * correlation)
    }
    self.squares = squares
  }

  /// 0 where the series is constant or the lag longer than it.
  subscript(lag: Int) -> Double { Self.correlation(deviations, total, lag) }

  private static func correlation(_ deviations: [Double], _ total: Double, _ lag: Int) -> Double {
    guard total > 1e-12, lag < deviations.count else { return 0 }
    let product = deviations.withUnsafeBufferPointer { deviations in
      // Several sums at a time: one would wait for itself.
      var lanes = SIMD4<Double>()
      var index = lag
      while index + 4 <= deviations.count {
        for lane in 0..<4 { lanes[lane] += deviations[index + lane] * deviations[index + lane - lag] }
        index += 4
      }
      var sum = lanes.sum()
      while index < deviations.count {
        sum += deviations[index] * deviations[index - lag]
        index += 1
      }
      return sum
    }
    return product / total
  }

  /// Bartlett's test at 90 %, as the theta method uses it before it removes a season.
  func isSignificant(_ correlation: Double, lag: Int) -> Bool {
    let before = max(2, min(lag, Self.longestTested)) - 1
    return correlation > 1.645 * ((1 + 2 * squares[before]) / Double(deviations.count)).squareRoot()
  }
}
