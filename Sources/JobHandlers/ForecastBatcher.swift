import Forecasting
import Foundation

/// Dynamic batching: while one pass of the model runs, the requests of other jobs gather, and the next pass takes them
/// together. Nobody waits for a batch to fill.
actor ForecastBatcher {
  private struct Waiting {
    var items: [ForecastItem]
    var answer: CheckedContinuation<[Result<Forecast, any Error>], Never>
  }

  private let model: any BatchForecaster
  private let queue = DispatchQueue(label: "docq.forecast", qos: .userInitiated)
  private var waiting: [Waiting] = []
  private var isRunning = false

  init(_ model: any BatchForecaster) { self.model = model }

  /// Forecasts or reasons against them, in the items' order.
  /// - Parameter items: at most the model's `batchSize`, so that long requests let others in between.
  func forecast(_ items: [ForecastItem]) async -> [Result<Forecast, any Error>] {
    await withCheckedContinuation { answer in
      waiting.append(Waiting(items: items, answer: answer))
      guard !isRunning else { return }
      isRunning = true
      Task { await run() }
    }
  }

  private func run() async {
    while !waiting.isEmpty {
      var batch: [Waiting] = [], count = 0
      while let next = waiting.first, batch.isEmpty || count + next.items.count <= model.batchSize {
        batch.append(waiting.removeFirst())
        count += next.items.count
      }
      let items = batch.flatMap(\.items)
      let results = await withCheckedContinuation { done in
        // The pass blocks for milliseconds and uses all cores: not on a thread that others need.
        queue.async { [model] in done.resume(returning: model.forecast(items)) }
      }
      var start = 0
      for one in batch {
        one.answer.resume(returning: Array(results[start..<start + one.items.count]))
        start += one.items.count
      }
    }
    isRunning = false
  }
}
