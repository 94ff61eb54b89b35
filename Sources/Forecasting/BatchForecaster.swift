/// A series and what is asked of it.
public struct ForecastItem: Sendable {
  public var series: TimeSeries
  public var request: ForecastRequest

  public init(_ series: TimeSeries, _ request: ForecastRequest) {
    self.series = series
    self.request = request
  }
}

/// A model that forecasts items of different requests in one pass.
public protocol BatchForecaster: SeriesForecaster {
  /// - Returns: a forecast or the reason against it for each item, in their order; one bad item fails alone.
  func forecast(_ items: [ForecastItem]) -> [Result<Forecast, any Error>]
}
