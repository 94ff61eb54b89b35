/// The last value goes on; the deviation grows as a random walk's does.
public struct Naive: Forecaster {
  public let name = "naive"

  public init() {}

  public func predict(_ values: [Double], period: Int, horizon: Int) -> [Normal]? {
    guard let last = values.last else { return nil }
    let deviation = rootMeanSquare(zip(values.dropFirst(), values).map { $0 - $1 })
    return (1...horizon).map { Normal(mean: last, deviation: deviation * Double($0).squareRoot()) }
  }
}

/// The last season repeats; the deviation grows with each further season.
public struct SeasonalNaive: Forecaster {
  public let name = "seasonal-naive"

  public init() {}

  public func predict(_ values: [Double], period: Int, horizon: Int) -> [Normal]? {
    guard period > 1 else { return Naive().predict(values, period: 1, horizon: horizon) }
    guard values.count >= period else { return nil }
    let season = Array(values.suffix(period))
    let deviation = rootMeanSquare(zip(values.dropFirst(period), values).map { $0 - $1 })
    return (0..<horizon).map { step in
      Normal(mean: season[step % period], deviation: deviation * Double(step / period + 1).squareRoot())
    }
  }
}

func rootMeanSquare(_ values: [Double]) -> Double {
  guard !values.isEmpty else { return 0 }
  return (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
}
