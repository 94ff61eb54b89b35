import Foundation
import MixtureOfExperts
import Tensor

/// Forecasts of user's series with a Moirai-MoE checkpoint: quantiles of sample paths.
///
/// Missing values count as not observed for the scale; what stands in their place is the mean of what came before them,
/// as in the reference's data pipeline (GluonTS).
struct MoiraiForecaster: SeriesForecaster {
  let model: MoiraiMoE
  let name: String

  init(_ model: MoiraiMoE, name: String) {
    self.model = model
    self.name = name
  }

  var batchSize: Int { 32 }

  func forecast(_ series: [TimeSeries], _ request: ForecastRequest) throws -> [Forecast] {
    var results = [Forecast?](repeating: nil, count: series.count)
    var inputs: [(index: Int, input: MoiraiInput, notes: [String])] = []
    for (index, one) in series.enumerated() {
      if let reason = one.reasonAgainstModels() {
        results[index] = try one.naiveForecast(request, insteadOf: name, reason)
      } else {
        var notes = one.notes
        inputs.append((index, try input(one, request, &notes), notes))
      }
    }
    for start in stride(from: 0, to: inputs.count, by: batchSize) {
      let batch = inputs[start..<min(inputs.count, start + batchSize)]
      let paths = model.samplePaths(batch.map(\.input), samples: request.samples, decoding: request.decoding)
      for (paths, one) in zip(paths, batch) {
        results[one.index] = summary(series[one.index], paths, request, one.notes)
        results[one.index]?.place(after: series[one.index])
      }
    }
    return results.map { $0! }
  }

  func input(
    _ series: TimeSeries, _ request: ForecastRequest, _ notes: inout [String]
  ) throws -> MoiraiInput {
    let steps = try request.steps(series), patch = model.configuration.patchSize
    let continuing = series.target.count + series.futureCovariates.count
    let all = continuing + series.pastCovariates.count
    let horizonPatches = (steps + patch - 1) / patch
    let room = (model.configuration.maxTokens - continuing * horizonPatches) / all
    guard room >= 1 else {
      throw ForecastError.badSeries(
        id: series.id,
        reason: """
          \(all) variates and covariates with \(steps) steps to forecast do not fit into the \
          \(model.configuration.maxTokens) patches of \(patch) values that \(name) sees at once
          """)
    }
    if let short = series.futureCovariates.first(where: { $0.count < series.length + steps }) {
      throw ForecastError.badSeries(
        id: series.id,
        reason: "future_covariates has \(short.count) values; \(series.length) + \(steps) are needed")
    }
    let context = min(series.length, room * patch)
    if context < series.length {
      notes.append("the most recent \(context) of \(series.length) values were used: \(name) sees no more at once")
    }
    let missing = series.target.reduce(0) { $0 + $1.suffix(context).count { !$0.isFinite } }
    if missing > 0 { notes.append("\(missing) missing value(s) counted as not observed") }
    let start = series.length - context
    return MoiraiInput(
      targets: series.target.map { Self.variate($0[start...]) },
      futureCovariates: series.futureCovariates.map { Self.variate($0[start..<series.length + steps]) },
      pastCovariates: series.pastCovariates.map { Self.variate($0[start...]) }, horizon: steps,
      seed: Self.seed(request.seed, series.id))
  }

  /// Missing values become the mean of those before them, leading ones the first observed.
  static func variate(_ values: ArraySlice<Double>) -> MoiraiInput.Variate {
    var last = values.first(where: \.isFinite) ?? 0
    var sum = 0.0, count = 0.0
    let filled = values.map { value -> Float in
      defer {
        sum += last
        count += 1
      }
      if value.isFinite {
        last = value
        return Float(value)
      }
      return Float(count > 0 ? sum / count : last)
    }
    return MoiraiInput.Variate(values: filled, observed: values.map(\.isFinite))
  }

  /// A series keeps its paths wherever it stands in a request (FNV-1a of its id).
  static func seed(_ seed: UInt64, _ id: String) -> UInt64 {
    id.utf8.reduce(seed ^ 0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  private func summary(
    _ series: TimeSeries, _ paths: [[[Double]]], _ request: ForecastRequest, _ notes: [String]
  ) -> Forecast {
    let steps = paths[0][0].count
    var quantiles: [[[Double]]] = [], means: [[Double]] = []
    for target in series.target.indices {
      let sorted = (0..<steps).map { step in paths.map { $0[target][step] }.sorted() }
      quantiles.append(sorted.map { values in request.quantileLevels.map { Self.quantile(values, $0) } })
      means.append(sorted.map { $0.reduce(0, +) / Double($0.count) })
    }
    return Forecast(
      id: series.id, model: name, quantileLevels: request.quantileLevels, quantiles: quantiles, mean: means,
      notes: notes, isMultivariate: series.isMultivariate, paths: request.keepsPaths ? paths : [])
  }

  /// Linear interpolation between order statistics.
  static func quantile(_ sorted: [Double], _ level: Double) -> Double {
    let place = level * Double(sorted.count - 1)
    let low = Int(place)
    let high = min(low + 1, sorted.count - 1)
    return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
  }
}
