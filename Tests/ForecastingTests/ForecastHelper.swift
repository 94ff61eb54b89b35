import Forecasting

/// One series through a model of the product.
func predict(_ model: String, _ request: ForecastRequest, _ series: TimeSeries) throws -> Forecast {
  try ForecastModels.named(model).forecast([series], request)[0]
}
