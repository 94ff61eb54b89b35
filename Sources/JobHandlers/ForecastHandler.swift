import Forecasting
import Foundation
import JobQueue
import Synchronization

/// Forecasts every series of a request; requests for docq's own model share its passes.
public final class ForecastHandler: JobHandler {
  public let kinds: [JobKind] = [.forecast]
  private let library: ModelLibrary?
  private let ingestion: DocumentIngestion
  private let models: Mutex<[String: any SeriesForecaster]> = Mutex([:])
  private let batchers: Mutex<[String: ForecastBatcher]> = Mutex([:])

  /// - Parameter library: models that requests may name besides docq's own.
  public init(library: ModelLibrary? = nil, ingestion: DocumentIngestion = DocumentIngestion()) {
    self.library = library
    self.ingestion = ingestion
  }

  public func run(_ job: Job, context: JobContext) async throws -> JobResult {
    let payload = try decodePayload(ForecastPayload.self, of: job)
    do {
      let (data, name) = try await source(payload, context)
      let series = try SeriesReader().read(data, name: name)
      let model = try model(payload.model ?? ForecastModels.standard)
      let request = ForecastRequest(horizon: payload.horizon, quantileLevels: payload.quantileLevels)
      try ForecastLimits().check(series, request)
      var body = Data()
      for start in stride(from: 0, to: series.count, by: model.batchSize) {
        try context.checkCancelled()
        context.report(progress: Double(start) / Double(series.count), stage: "series \(start + 1)/\(series.count)")
        let part = Array(series[start..<min(series.count, start + model.batchSize)])
        if let model = model as? any BatchForecaster {
          let results = await batcher(for: model).forecast(part.map { ForecastItem($0, request) })
          for result in results { body += try result.get().answerLine() }
        } else {
          for forecast in try model.forecast(part, request) { body += try forecast.answerLine() }
        }
      }
      return JobResult(contentType: "application/x-ndjson", body: body)
    } catch let error as SeriesReadError {
      throw JobFailure(code: "invalid-input", message: error.description, permanent: true)
    } catch let error as ForecastError {
      throw JobFailure(code: "invalid-input", message: error.description, permanent: true)
    }
  }

  /// The series as text, and what messages call them.
  private func source(_ payload: ForecastPayload, _ context: JobContext) async throws -> (data: Data, name: String) {
    guard let table = payload.table else { return (payload.series, "request") }
    let name = table.document.fileName
    let file = try await context.blobs.localFile(table.document.blob)
    let document = try namingFailures(of: name) {
      try ingestion.ingest(
        file, fileName: name, options: DocumentIngestion.Options(password: table.password),
        progress: { context.report(progress: 0, stage: $1) }, isCancelled: { context.isCancelled })
    }
    do {
      return (try TableSeries(document, number: table.number, column: table.column).csv, name)
    } catch let failure as TableSeries.Failure {
      throw JobFailure(code: failure.code, message: failure.description, permanent: true)
    }
  }

  /// Names only: a request must not choose files.
  private func model(_ name: String) throws -> any SeriesForecaster {
    if ForecastModels.names.contains(name) { return try ForecastModels.named(name) }
    return try models.withLock { models in
      if let loaded = models[name] { return loaded }
      guard let folder = library?.folder(name) else { throw ForecastError.unknownModel(name) }
      do {
        let model = try ForecastModels.load(folder.path, precision: .bfloat16)
        models[name] = model
        return model
      } catch {
        throw JobFailure(code: "model-unreadable", message: "model '\(name)': \(error)", permanent: true)
      }
    }
  }

  private func batcher(for model: any BatchForecaster) -> ForecastBatcher {
    batchers.withLock { batchers in
      if let batcher = batchers[model.name] { return batcher }
      let made = ForecastBatcher(model)
      batchers[model.name] = made
      return made
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
