import Foundation

/// Quantiles and mean of the values to come.
public struct Forecast: Sendable {
  public var id: String
  public var model: String
  /// Ascending, in (0, 1).
  public var quantileLevels: [Double]
  /// [variates][steps][levels], not decreasing over the levels.
  public var quantiles: [[[Double]]]
  /// [variates][steps].
  public var mean: [[Double]]
  /// Fall-backs and repairs, in words.
  public var notes: [String]
  public var isMultivariate: Bool
  /// [samples][variates][steps], where the model draws paths and they were asked for.
  public var paths: [[[Double]]] = []
  /// Time of the first step, where the series has times.
  public var start: String?
  public var frequency: Frequency?
  /// Seasonal period in steps that was used for each variate; empty where the model needs none.
  public var periods: [Int] = []
  /// The baseline that was used instead of the model, if one was.
  public var fallback: String?
  /// Of each variate, where they were asked for.
  public var anomalies: [AnomalyReport] = []
  /// Where it was asked for.
  public var experts: ExpertReport?

  /// - Parameters:
  ///   - quantiles: [variates][steps][levels], not decreasing over the levels.
  ///   - mean: [variates][steps].
  public init(
    id: String, model: String, quantileLevels: [Double], quantiles: [[[Double]]], mean: [[Double]],
    notes: [String] = [],
    isMultivariate: Bool = false, paths: [[[Double]]] = []
  ) {
    (self.id, self.model, self.quantileLevels) = (id, model, quantileLevels)
    (self.quantiles, self.mean, self.notes) = (quantiles, mean, notes)
    (self.isMultivariate, self.paths) = (isMultivariate, paths)
  }

  /// The same with some of its levels only; levels that it does not have are left out.
  public func keeping(_ levels: [Double]) -> Forecast {
    guard levels != quantileLevels else { return self }
    let kept = quantileLevels.indices.filter { levels.contains(quantileLevels[$0]) }
    var result = self
    result.quantileLevels = kept.map { quantileLevels[$0] }
    result.quantiles = quantiles.map { $0.map { step in kept.map { step[$0] } } }
    return result
  }

  /// One line of JSON: `{"id", "model", "quantile_levels", "quantiles", "mean"}`, with `start`, `freq`, `period`, `notes`,
  /// `paths`, `anomalies` and `experts` when there are some.
  public func jsonLine() throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let line = Line(
      id: id, model: model, quantileLevels: quantileLevels,
      quantiles: isMultivariate ? .many(quantiles) : .one(quantiles[0]),
      mean: isMultivariate ? .many(mean) : .one(mean[0]), notes: notes.isEmpty ? nil : notes,
      paths: paths.isEmpty ? nil : isMultivariate ? .many(paths) : .one(paths.map { $0[0] }), start: start,
      freq: frequency?.code, period: periods.isEmpty ? nil : isMultivariate ? .many(periods) : .one(periods[0]),
      fallback: fallback, anomalies: anomalies.isEmpty ? nil : isMultivariate ? .many(anomalies) : .one(anomalies[0]),
      experts: experts)
    return try encoder.encode(line) + Data("\n".utf8)
  }

  private struct Line: Encodable {
    var id: String
    var model: String
    var quantileLevels: [Double]
    var quantiles: Variates<[[Double]]>
    var mean: Variates<[Double]>
    var notes: [String]?
    var paths: Paths?
    var start: String?
    var freq: String?
    var period: Variates<Int>?
    var fallback: String?
    var anomalies: Variates<AnomalyReport>?
    var experts: ExpertReport?
  }

  private enum Paths: Encodable {
    case one([[Double]])
    case many([[[Double]]])

    func encode(to encoder: any Encoder) throws {
      switch self {
      case .one(let value): try value.encode(to: encoder)
      case .many(let values): try values.encode(to: encoder)
      }
    }
  }

  private enum Variates<Value: Encodable>: Encodable {
    case one(Value)
    case many([Value])

    func encode(to encoder: any Encoder) throws {
      switch self {
      case .one(let value): try value.encode(to: encoder)
      case .many(let values): try values.encode(to: encoder)
      }
    }
  }
}

public enum ForecastError: Error, Equatable, Sendable, CustomStringConvertible {
  case unknownModel(String)
  case badHorizon(id: String, Int)
  case badLevels(String)
  case badSeries(id: String, reason: String)
  case badSamples(Int)
  case tooManySeries(Int, most: Int)
  case hasNoExperts(String)

  public var description: String {
    switch self {
    case .unknownModel(let name):
      "there is no model '\(name)'; there are \(ForecastModels.names.joined(separator: ", ")), or give a model's folder"
    case .badHorizon(let id, let horizon):
      "series '\(id)': cannot forecast \(horizon) steps; between 1 and \(ForecastRequest.maxHorizon)"
    case .badLevels(let text): "quantiles: \(text) is not between 0 and 1"
    case .badSeries(let id, let reason): "series '\(id)': \(reason)"
    case .badSamples(let samples): "samples: \(samples) is not between 1 and \(ForecastRequest.maxSamples)"
    case .tooManySeries(let count, let most): "\(count) series at once; at most \(most): send them in several requests"
    case .hasNoExperts(let model):
      "\(model) has no experts; give the folder of a mixture-of-experts checkpoint as the model"
    }
  }
}

/// A model of one variate. Input is finite, without gaps, and has at least one value.
public protocol Forecaster: Sendable {
  var name: String { get }
  /// - Parameters:
  ///   - values: the context, oldest first.
  ///   - period: the seasonal period in steps; 1 for none.
  /// - Returns: the predictive distribution of each of `horizon` steps; nil when the context is too short for the model.
  func predict(_ values: [Double], period: Int, horizon: Int) -> [Normal]?
}

/// A predictive distribution by mean and standard deviation.
public struct Normal: Sendable, Equatable {
  public var mean: Double
  public var deviation: Double

  public func quantile(_ level: Double) -> Double { mean + deviation * Self.standardQuantile(level) }

  /// Quantile of the standard normal distribution: Acklam's rational approximation, relative error below 1.2e-9.
  public static func standardQuantile(_ p: Double) -> Double {
    let a = [
      -3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02, 1.383577518672690e+02,
      -3.066479806614716e+01, 2.506628277459239e+00,
    ]
    let b = [
      -5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
      -1.328068155288572e+01,
    ]
    let c = [
      -7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00, -2.549732539343734e+00,
      4.374664141464968e+00, 2.938163982698783e+00,
    ]
    let d = [7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00]
    func polynomial(_ coefficients: [Double], _ x: Double) -> Double { coefficients.reduce(0) { $0 * x + $1 } }
    if p <= 0 { return -.infinity }
    if p >= 1 { return .infinity }
    if p < 0.02425 || p > 1 - 0.02425 {
      let q = (-2 * log(min(p, 1 - p))).squareRoot()
      let tail = polynomial(c, q) / (polynomial(d, q) * q + 1)
      return p < 0.5 ? tail : -tail
    }
    let q = p - 0.5
    let r = q * q
    return polynomial(a, r) * q / (polynomial(b, r) * r + 1)
  }
}
