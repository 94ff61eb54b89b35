import Foundation
import MixtureOfExperts
import Tensor

/// Forecasts of users' series with docq's own model.
///
/// Variates are forecast one by one. Beyond the model's horizon it goes on from each of its own quantiles and pools what
/// they lead to.
struct QuantileForecaster: BatchForecaster {
  let model: QuantileMoE
  let name: String

  var batchSize: Int { 64 }

  /// One variate while it is forecast.
  private struct Course {
    /// In units of `unit`, a power of two that brings them near one: squares of very small and very large numbers are none.
    var values: [Double]
    let unit: Double
    let period: Int
    let steps: Int
    /// Quantiles so far, [steps][levels].
    var quantiles: [[Double]] = []
    /// Continuations by the levels, each as long as `quantiles`.
    var paths: [[Double]] = []
  }

  func forecast(_ series: [TimeSeries], _ request: ForecastRequest) throws -> [Forecast] {
    try forecast(series.map { ForecastItem($0, request) }).map { try $0.get() }
  }

  func forecast(_ items: [ForecastItem]) -> [Result<Forecast, any Error>] {
    var courses: [Course] = []
    /// Which courses belong to an item, or its result.
    let plans = items.map { item -> Result<Plan, any Error> in
      Result {
        if let reason = item.series.reasonAgainstModels(seeing: model.configuration.maxContext) {
          return .done(try item.series.naiveForecast(item.request, insteadOf: name, reason))
        }
        let (own, notes) = try begin(item)
        courses += own
        return .courses(courses.count - own.count..<courses.count, notes: notes)
      }
    }
    while true {
      let unfinished = courses.indices.filter { courses[$0].quantiles.count < courses[$0].steps }
      if unfinished.isEmpty { break }
      for start in stride(from: 0, to: unfinished.count, by: batchSize) {
        extend(&courses, Array(unfinished[start..<min(unfinished.count, start + batchSize)]))
      }
    }
    return zip(items, plans).map { item, plan in
      plan.map { plan in
        switch plan {
        case .done(let forecast): forecast
        case .courses(let range, let notes): summary(item, Array(courses[range]), notes)
        }
      }
    }
  }

  private enum Plan {
    case done(Forecast)
    case courses(Range<Int>, notes: [String])
  }

  /// One course for each variate, and what is to be said about them.
  private func begin(_ item: ForecastItem) throws -> ([Course], [String]) {
    let series = item.series
    let steps = try item.request.steps(series)
    var notes = series.notes
    if !series.pastCovariates.isEmpty || !series.futureCovariates.isEmpty {
      notes.append("\(name) does not use covariates")
    }
    let most = model.configuration.maxContext
    if series.length > most {
      notes.append("the most recent \(most) of \(series.length) values were used: \(name) sees no more at once")
    }
    let missing = series.target.reduce(0) { $0 + $1.suffix(most).count { !$0.isFinite } }
    if missing > 0 { notes.append("\(missing) missing value(s) counted as not observed") }
    let known = model.configuration.quantileLevels
    if item.request.quantileLevels.contains(where: { $0 < known[0] - 1e-9 || $0 > known[known.count - 1] + 1e-9 }) {
      notes.append(
        "quantiles beyond \(known[0]) and \(known[known.count - 1]) go on as a normal distribution's tails do")
    }
    let courses = series.target.map { values -> Course in
      var recent = values.suffix(most).drop { !$0.isFinite }
      // Nothing in what the model sees: the last value there is.
      if recent.isEmpty { recent = [values.last(where: \.isFinite) ?? 0] }
      let largest = recent.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
      let unit = largest > 0 ? largest.binade : 1
      let scaled = recent.map { $0 / unit }
      return Course(
        values: scaled, unit: unit, period: SeasonalPeriod.forModel(scaled[...], series.frequency), steps: steps)
    }
    return (courses, notes)
  }

  private func summary(_ item: ForecastItem, _ courses: [Course], _ notes: [String]) -> Forecast {
    let levels = item.request.quantileLevels, own = model.configuration.quantileLevels
    let variates = courses.map { course in course.quantiles.prefix(course.steps).map { $0.map { $0 * course.unit } } }
    var result = Forecast(
      id: item.series.id, model: name, quantileLevels: levels,
      quantiles: variates.map { $0.map { step in levels.map { Self.quantile(step, own, $0) } } },
      mean: variates.map { $0.map { $0.reduce(0, +) / Double($0.count) } }, notes: notes,
      isMultivariate: item.series.isMultivariate)
    result.place(after: item.series, periods: courses.map(\.period))
    return result
  }

  /// One more horizon for some of the courses.
  private func extend(_ courses: inout [Course], _ members: [Int]) {
    let configuration = model.configuration, levels = configuration.quantileLevels
    let contexts = members.flatMap { member -> [(values: [Double], period: Int)] in
      let course = courses[member]
      let continued = course.paths.isEmpty ? [[]] : course.paths
      return continued.map { (Array((course.values + $0).suffix(configuration.maxContext)), course.period) }
    }
    let found = mirrored(contexts)
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

  /// Quantiles of contexts, averaged with those of the contexts upside down: the model is not symmetric, and the average is
  /// better than either.
  private func mirrored(_ contexts: [(values: [Double], period: Int)]) -> [[[Double]]] {
    let features = [1.0, -1.0].flatMap { sign in
      contexts.map { context in
        QuantileFeatures(
          context.values.map { sign * $0 }, known: context.values.count, period: context.period, model.configuration)
      }
    }
    let found = model.quantiles(features)
    return contexts.indices.map { index in
      zip(found[index], found[contexts.count + index]).map { upright, turned in
        zip(upright, turned.reversed()).map { ($0 - $1) / 2 }
      }
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
  /// - Parameter most: recent values that the model would see.
  func reasonAgainstModels(seeing most: Int = .max) -> String? {
    let observed = target.map { $0.suffix(most).filter(\.isFinite) }
    if observed.allSatisfy({ $0.count < 3 }) {
      return "fewer than 3 observed values" + (length > most ? " among the most recent \(most)" : "")
    }
    let isConstant = observed.allSatisfy { values in
      guard let least = values.min(), let greatest = values.max() else { return true }
      // Differences in the last digits are noise of the arithmetic.
      return greatest - least <= 1e-9 * max(abs(least), abs(greatest))
    }
    return isConstant ? "the series is constant" : nil
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
