import Foundation
import MixtureOfExperts
import Tensor

/// Forecasts of users' series with docq's own model.
///
/// Variates are forecast one by one. Beyond the model's horizon it goes on from each of its own quantiles and pools what
/// they lead to.
struct QuantileForecaster: SeriesForecaster {
  let model: QuantileMoE
  let name: String

  var batchSize: Int { 64 }

  /// One variate while it is forecast.
  private struct Course {
    var values: [Double]
    let period: Int
    let steps: Int
    /// Quantiles so far, [steps][levels].
    var quantiles: [[Double]] = []
    /// Continuations by the levels, each as long as `quantiles`.
    var paths: [[Double]] = []
  }

  func forecast(_ series: [TimeSeries], _ request: ForecastRequest) throws -> [Forecast] {
    var results = [Forecast?](repeating: nil, count: series.count)
    var courses: [Course] = [], owners: [(index: Int, range: Range<Int>, notes: [String])] = []
    for (index, one) in series.enumerated() {
      if let reason = one.reasonAgainstModels {
        results[index] = try one.naiveForecast(request, insteadOf: name, reason)
        continue
      }
      let steps = try request.steps(one)
      var notes = one.notes
      if !one.pastCovariates.isEmpty || !one.futureCovariates.isEmpty {
        notes.append("\(name) does not use covariates")
      }
      let most = model.configuration.maxContext
      if one.length > most {
        notes.append("the most recent \(most) of \(one.length) values were used: \(name) sees no more at once")
      }
      let missing = one.target.reduce(0) { $0 + $1.suffix(most).count { !$0.isFinite } }
      if missing > 0 { notes.append("\(missing) missing value(s) counted as not observed") }
      let known = model.configuration.quantileLevels
      if request.quantileLevels.contains(where: { $0 < known[0] - 1e-9 || $0 > known[known.count - 1] + 1e-9 }) {
        notes.append(
          "quantiles beyond \(known[0]) and \(known[known.count - 1]) go on as a normal distribution's tails do")
      }
      let first = courses.count
      courses += one.target.map { values in
        Course(
          values: Array(values.suffix(most).drop { !$0.isFinite }),
          period: SeasonalPeriod.forModel(values.suffix(most), one.frequency), steps: steps)
      }
      owners.append((index, first..<courses.count, notes))
    }
    while true {
      let unfinished = courses.indices.filter { courses[$0].quantiles.count < courses[$0].steps }
      if unfinished.isEmpty { break }
      for start in stride(from: 0, to: unfinished.count, by: batchSize) {
        extend(&courses, Array(unfinished[start..<min(unfinished.count, start + batchSize)]))
      }
    }
    for (index, range, notes) in owners {
      let variates = courses[range].map { course in course.quantiles.prefix(course.steps) }
      results[index] = Forecast(
        id: series[index].id, model: name, quantileLevels: request.quantileLevels,
        quantiles: variates.map { steps in
          steps.map { step in request.quantileLevels.map { Self.quantile(step, model.configuration.quantileLevels, $0) }
          }
        },
        mean: variates.map { steps in steps.map { $0.reduce(0, +) / Double($0.count) } }, notes: notes,
        isMultivariate: series[index].isMultivariate)
      results[index]?.place(after: series[index], periods: courses[range].map(\.period))
    }
    return results.map { $0! }
  }

  /// One more horizon for some of the courses.
  private func extend(_ courses: inout [Course], _ members: [Int]) {
    let configuration = model.configuration, levels = configuration.quantileLevels
    let contexts = members.flatMap { member -> [QuantileFeatures] in
      let course = courses[member]
      let continued = course.paths.isEmpty ? [[]] : course.paths
      return continued.map { path in
        let values = (course.values + path).suffix(configuration.maxContext)
        return QuantileFeatures(Array(values), known: values.count, period: course.period, configuration)
      }
    }
    let found = model.quantiles(contexts)
    var next = 0
    for member in members {
      let isFirst = courses[member].paths.isEmpty
      if isFirst {
        courses[member].quantiles = found[next]
        courses[member].paths = levels.indices.map { level in found[next].map { $0[level] } }
        next += 1
        continue
      }
      let branches = found[next..<next + levels.count]
      next += levels.count
      let pooled = (0..<configuration.horizon).map { step -> [Double] in
        let all = branches.flatMap { $0[step] }.sorted()
        return levels.map { MoiraiForecaster.quantile(all, $0) }
      }
      courses[member].quantiles += pooled
      for level in levels.indices { courses[member].paths[level] += pooled.map { $0[level] } }
    }
  }

  /// Linear between the model's levels; beyond them the tails of a normal distribution through the outermost.
  static func quantile(_ values: [Double], _ levels: [Double], _ level: Double) -> Double {
    if let exact = levels.firstIndex(where: { abs($0 - level) < 1e-9 }) { return values[exact] }
    guard let upper = levels.firstIndex(where: { $0 > level }), upper > 0 else {
      let outer = level < levels[0] ? 0 : levels.count - 1
      let median = quantile(values, levels, 0.5)
      let reach = Normal.standardQuantile(level) / Normal.standardQuantile(levels[outer])
      return reach.isFinite && reach > 0 ? median + (values[outer] - median) * reach : values[outer]
    }
    let share = (level - levels[upper - 1]) / (levels[upper] - levels[upper - 1])
    return values[upper - 1] + share * (values[upper] - values[upper - 1])
  }
}

extension SeasonalPeriod {
  /// The period that the quantile model's base forecasts use.
  static func forModel(_ values: ArraySlice<Double>, _ frequency: Frequency?) -> Int {
    guard let frequency else {
      return mostRepeating(values, Array(Set(calendar + [detect(Array(values), frequency: nil)])))
    }
    let longer = frequency.unit == .day && frequency.multiple == 1 ? [365] : []
    return mostRepeating(values, frequency.seasonalPeriods + longer)
  }
}

extension TimeSeries {
  /// Why no trained model should be used; nil where one can be.
  var reasonAgainstModels: String? {
    let observed = target.map { $0.filter(\.isFinite) }
    if observed.contains(where: { $0.count < 3 }) { return "fewer than 3 observed values" }
    if observed.allSatisfy({ Set($0).count < 2 }) { return "the series is constant" }
    return nil
  }

  /// A baseline's forecast, with a note that says so.
  func naiveForecast(_ request: ForecastRequest, insteadOf model: String, _ reason: String) throws -> Forecast {
    var plain = self
    plain.pastCovariates = []
    plain.futureCovariates = []
    plain.notes.append("\(reason): \(Naive().name) was used instead of \(model)")
    var result = try BaselineForecaster(model: Naive()).forecast([plain], request)[0]
    result.fallback = Naive().name
    return result
  }
}
