import Foundation

/// `{"id", "target", "start"?, "freq"?, "prediction_length"?, "season_length"?}`: one object, a list, or one a line.
struct JSONSeries {
  let name: String

  init(name: String) {
    self.name = name
  }

  private struct Line: Decodable {
    enum Target: Decodable {
      case one([Double?])
      case many([[Double?]])

      var rows: [[Double]] {
        switch self {
        case .one(let values): [values.map { $0 ?? .nan }]
        case .many(let values): values.map { $0.map { $0 ?? .nan } }
        }
      }

      init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let one = try? value.decode([Double?].self) {
          self = .one(one)
        } else {
          self = .many(try value.decode([[Double?]].self))
        }
      }
    }
    struct ID: Decodable {
      var text: String
      init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let number = try? value.decode(Int.self) { text = "\(number)" } else { text = try value.decode(String.self) }
      }
    }
    var id: ID?
    var target: Target
    var start: String?
    var freq: String?
    var predictionLength: Int?
    var seasonLength: Int?
    var pastCovariates: Target?
    var futureCovariates: Target?
  }

  func read(_ data: Data) throws -> [TimeSeries] {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    if data.first(where: { $0 > 32 }) == UInt8(ascii: "[") {
      return try decode([Line].self, data, decoder, line: nil).enumerated().map {
        try series($1, number: $0 + 1, line: nil)
      }
    }
    if let one = try? decoder.decode(Line.self, from: data) { return [try series(one, number: 1, line: nil)] }
    let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    var result: [TimeSeries] = []
    for (index, line) in lines.enumerated() where line.contains(where: { $0 > 32 }) {
      let value = try decode(Line.self, Data(line), decoder, line: index + 1)
      result.append(try series(value, number: result.count + 1, line: index + 1))
    }
    return result
  }

  private func decode<Value: Decodable>(_ type: Value.Type, _ data: Data, _ decoder: JSONDecoder, line: Int?) throws
    -> Value
  {
    do {
      return try decoder.decode(type, from: data)
    } catch DecodingError.keyNotFound(let key, _) {
      throw SeriesReadError.malformed(name, line: line, reason: "a series needs '\(key.stringValue)'")
    } catch let DecodingError.typeMismatch(_, context), let DecodingError.valueNotFound(_, context) {
      let place = context.codingPath.map(\.stringValue).joined(separator: ".")
      throw SeriesReadError.malformed(
        name, line: line,
        reason: "'\(place.isEmpty ? "series" : place)' is not what it should be (target: numbers or null)")
    } catch {
      throw SeriesReadError.malformed(name, line: line, reason: "is not JSON")
    }
  }

  private func series(_ line: Line, number: Int, line place: Int?) throws -> TimeSeries {
    let rows = line.target.rows
    var isMultivariate = false
    if case .many = line.target { isMultivariate = true }
    guard let length = rows.first?.count, length > 0, rows.allSatisfy({ $0.count == length }) else {
      throw SeriesReadError.malformed(name, line: place, reason: "the target is empty or its variates differ in length")
    }
    let frequency = line.freq.flatMap { Frequency(code: $0) }
    var series = TimeSeries(
      id: line.id?.text ?? "\(number)", target: rows, isMultivariate: isMultivariate, start: line.start,
      frequency: frequency, predictionLength: line.predictionLength)
    if let code = line.freq, frequency == nil {
      series.notes.append("freq '\(code.prefix(20))' is not known and was not used; known are M, W, D, 15min and more")
    }
    series.seasonLength = line.seasonLength.flatMap { (1...100_000).contains($0) ? $0 : nil }
    series.pastCovariates = line.pastCovariates?.rows ?? []
    series.futureCovariates = line.futureCovariates?.rows ?? []
    if let bad = series.pastCovariates.first(where: { $0.count != length }) {
      throw SeriesReadError.malformed(
        name, line: place, reason: "past_covariates has \(bad.count) values, the target has \(length)")
    }
    let needed = length + (line.predictionLength ?? 1)
    if let bad = series.futureCovariates.first(where: { $0.count < needed }) {
      throw SeriesReadError.malformed(
        name, line: place,
        reason:
          "future_covariates has \(bad.count) values; it must cover the target's \(length) and the steps to forecast"
      )
    }
    return series
  }
}
