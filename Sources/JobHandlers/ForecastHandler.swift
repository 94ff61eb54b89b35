import Forecasting
import Foundation
import JobQueue

/// Forecasts every series of a request.
public struct ForecastHandler: JobHandler {
  public let kinds: [JobKind] = [.forecast]

  public init() {}

  public func run(_ job: Job, context: JobContext) async throws -> JobResult {
    let payload = try decodePayload(ForecastPayload.self, of: job)
    do {
      let series = try SeriesReader().read(payload.series, name: "request")
      // Names only: a request must not choose files.
      let model = try ForecastModels.named(payload.model ?? ForecastModels.standard)
      let request = ForecastRequest(horizon: payload.horizon, quantileLevels: payload.quantileLevels)
      var body = Data()
      for (index, one) in series.enumerated() {
        try context.checkCancelled()
        context.report(
          progress: Double(index) / Double(series.count), stage: "series \(index + 1)/\(series.count)")
        body += try model.forecast([one], request)[0].answerLine()
      }
      return JobResult(contentType: "application/x-ndjson", body: body)
    } catch let error as SeriesReadError {
      throw JobFailure(code: "invalid-input", message: error.description, permanent: true)
    } catch let error as ForecastError {
      throw JobFailure(code: "invalid-input", message: error.description, permanent: true)
    }
  }
}

extension Forecast {
  /// The line of the answer.
  ///
  /// - Throws: `ForecastError.badSeries` when numbers overflowed on the way: JSON has no infinity, and trying again
  ///   would not help.
  public func answerLine() throws -> Data {
    do {
      return try jsonLine()
    } catch is EncodingError {
      throw ForecastError.badSeries(
        id: id, reason: "its numbers are too large to be forecast; divide them by a constant first")
    }
  }
}
