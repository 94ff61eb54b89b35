import Foundation

public enum SeriesReadError: Error, Equatable, Sendable, CustomStringConvertible {
  case empty(String)
  case malformed(String, line: Int?, reason: String)
  case notANumber(String, line: Int, column: String, text: String)
  case allMissing(String, id: String)
  case tooLarge(String, reason: String)

  public var description: String {
    switch self {
    case .empty(let name): "\(name): there is no series in it"
    case .malformed(let name, let line, let reason): "\(name)\(line.map { " line \($0)" } ?? ""): \(reason)"
    case .notANumber(let name, let line, let column, let text):
      "\(name) line \(line), column '\(column)': '\(text.prefix(40))' is not a number"
    case .allMissing(let name, let id): "\(name): series '\(id)' has no observed value"
    case .tooLarge(let name, let reason): "\(name): \(reason)"
    }
  }
}

/// Reads series from CSV, JSON, JSON Lines, and gzip of these.
public struct SeriesReader: Sendable {
  public var maxSeries = 100_000
  public var maxPoints = 5_000_000
  public var maxBytes = 512 << 20

  public init() {}

  public func read(file: URL) throws -> [TimeSeries] {
    let name = file.lastPathComponent
    guard let data = try? Data(contentsOf: file, options: .mappedIfSafe) else {
      throw SeriesReadError.malformed(name, line: nil, reason: "cannot be read")
    }
    return try read(data, name: name)
  }

  /// Reads all series of `data`; `name` stands in error messages.
  public func read(_ data: Data, name: String) throws -> [TimeSeries] {
    var data = data
    if data.starts(with: [0x1F, 0x8B]) {
      data = try Gzip.decompress(data, limit: maxBytes, name: name)
    }
    guard data.count <= maxBytes else {
      throw SeriesReadError.tooLarge(name, reason: "larger than \(maxBytes >> 20) MiB")
    }
    if data.starts(with: [0xEF, 0xBB, 0xBF]) { data = data.dropFirst(3) }
    guard let first = data.first(where: { $0 > 32 }) else { throw SeriesReadError.empty(name) }
    guard !data.prefix(4096).contains(0) else {
      throw SeriesReadError.malformed(name, line: nil, reason: "is binary data, not CSV or JSON")
    }
    let isJSON = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    let series = try isJSON ? JSONSeries(name: name).read(data) : CSVSeries(name: name).read(data)
    guard !series.isEmpty else { throw SeriesReadError.empty(name) }
    guard series.count <= maxSeries else {
      throw SeriesReadError.tooLarge(name, reason: "\(series.count) series; at most \(maxSeries)")
    }
    for one in series {
      for variate in one.target {
        guard variate.contains(where: \.isFinite) else { throw SeriesReadError.allMissing(name, id: one.id) }
        guard variate.count <= maxPoints else {
          throw SeriesReadError.tooLarge(
            name, reason: "series '\(one.id)' has \(variate.count) values; at most \(maxPoints)")
        }
      }
    }
    return series
  }
}

/// `{"id", "target", "start"?, "freq"?, "prediction_length"?}`: one object, a list, or one a line.
private struct JSONSeries {
  let name: String

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

/// First column time, each other column a series. Separator, decimal sign and header are found out.
private struct CSVSeries {
  let name: String

  func read(_ data: Data) throws -> [TimeSeries] {
    guard let text = String(data: data, encoding: .utf8) ?? String(data: data, encoding: .isoLatin1) else {
      throw SeriesReadError.malformed(name, line: nil, reason: "is neither UTF-8 nor Latin-1 text")
    }
    let separator = self.separator(of: text)
    let rows = parse(text, separator).enumerated().filter { !($1.count == 1 && $1[0].isEmpty) }
    guard let head = rows.first?.element else { throw SeriesReadError.empty(name) }
    guard head.count > 1 else {
      throw SeriesReadError.malformed(
        name, line: 1, reason: "has one column only; the first is the time, the others are series")
    }
    let hasHeader = head.dropFirst().contains { !$0.isEmpty && number($0, separator) == nil && !isMissing($0) }
    let columns = hasHeader ? head : head.indices.map { "column \($0 + 1)" }
    let body = hasHeader ? Array(rows.dropFirst()) : rows
    guard !body.isEmpty else { throw SeriesReadError.empty(name) }
    var values = [[Double]](repeating: [], count: head.count - 1)
    for (line, cells) in body {
      guard cells.count == head.count else {
        throw SeriesReadError.malformed(
          name, line: line + 1, reason: "has \(cells.count) column(s) where the first line has \(head.count)")
      }
      for index in 1..<cells.count {
        if isMissing(cells[index]) {
          values[index - 1].append(.nan)
        } else if let value = number(cells[index], separator) {
          values[index - 1].append(value)
        } else {
          throw SeriesReadError.notANumber(name, line: line + 1, column: columns[index], text: cells[index])
        }
      }
    }
    let times = TimeAxis(body.map { $0.element[0] })
    if let duplicate = times.duplicate {
      throw SeriesReadError.malformed(
        name, line: body[duplicate].offset + 1, reason: "the time '\(body[duplicate].element[0])' stands there twice")
    }
    return zip(columns.dropFirst(), values).map { column, target in
      var series = TimeSeries(
        id: column, target: [times.regular(target)], start: body.first?.element[0], frequency: times.frequency)
      if times.gaps > 0 { series.notes = ["\(times.gaps) missing time step(s) counted as missing values"] }
      return series
    }
  }

  private func separator(of text: String) -> Character {
    let line = text.prefix { !$0.isNewline }
    return [";", "\t", ","].first { line.contains($0) } ?? ","
  }

  /// RFC 4180: quoted cells may hold separators, quotes and line breaks.
  private func parse(_ text: String, _ separator: Character) -> [[String]] {
    var rows: [[String]] = [], row: [String] = [], cell = "", quoted = false, previousQuote = false
    for character in text {
      if quoted {
        if character == "\"" {
          quoted = false
          previousQuote = true
        } else {
          cell.append(character)
        }
        continue
      }
      switch character {
      case "\"":
        if previousQuote { cell.append("\"") }
        quoted = true
      case separator:
        row.append(cell.trimmingCharacters(in: .whitespaces))
        cell = ""
      case "\n", "\r\n", "\r":
        rows.append(row + [cell.trimmingCharacters(in: .whitespaces)])
        (row, cell) = ([], "")
      default: cell.append(character)
      }
      previousQuote = false
    }
    if !cell.isEmpty || !row.isEmpty { rows.append(row + [cell.trimmingCharacters(in: .whitespaces)]) }
    return rows
  }

  private func isMissing(_ text: String) -> Bool {
    ["", "na", "nan", "null", "none", "n/a", "-"].contains(text.lowercased())
  }

  /// A decimal comma counts where the separator is not a comma.
  private func number(_ text: String, _ separator: Character) -> Double? {
    guard text.utf8.first.map({ ($0 >= 48 && $0 <= 57) || $0 == 45 || $0 == 43 || $0 == 46 }) ?? false else {
      return nil
    }
    if let value = Double(text) { return value.isFinite ? value : nil }
    guard separator != ",", text.contains(",") else { return nil }
    return Double(text.replacingOccurrences(of: ".", with: "").replacingOccurrences(of: ",", with: "."))
  }
}

/// Times of the rows: finds the step and where steps are missing.
struct TimeAxis {
  var frequency: Frequency?
  /// Steps that no row stands for.
  private(set) var gaps = 0
  /// Index of a row whose time stood there before.
  private(set) var duplicate: Int?
  private var positions: [Int]?

  init(_ texts: [String]) {
    let dates = texts.map { Self.seconds($0) }
    guard texts.count > 2, dates.allSatisfy({ $0 != nil }) else { return }
    let times = dates.map { $0! }
    let steps = zip(times.dropFirst(), times).map { $0 - $1 }
    if let index = steps.firstIndex(of: 0) { duplicate = index + 1 }
    guard steps.allSatisfy({ $0 > 0 }) else { return }
    let usual = steps.sorted()[steps.count / 2]
    frequency = Self.frequency(of: usual, steps)
    guard let step = frequency?.seconds, frequency?.unit != .businessDay else { return }
    let places = times.map { ($0 - times[0]) / step }
    guard places.allSatisfy({ abs($0 - $0.rounded()) < 0.05 }) else { return }
    let indices = places.map { Int($0.rounded()) }
    let missing = indices[indices.count - 1] + 1 - indices.count
    guard missing > 0, missing < 10 * indices.count else { return }
    gaps = missing
    positions = indices
  }

  /// The values with NaN where a step is missing.
  func regular(_ values: [Double]) -> [Double] {
    guard let positions, let last = positions.last else { return values }
    var result = [Double](repeating: .nan, count: last + 1)
    for (place, value) in zip(positions, values) { result[place] = value }
    return result
  }

  private static func frequency(of step: Double, _ steps: [Double]) -> Frequency? {
    switch step / 86400 {
    case 350...380: return Frequency(.year)
    case 88...93: return Frequency(.quarter)
    case 27...32: return Frequency(.month)
    case 7: return Frequency(.week)
    case 1:
      let weekends = steps.filter { $0 == 3 * 86400 }.count
      return weekends > steps.count / 8 ? Frequency(.businessDay) : Frequency(.day)
    case 0..<1:
      if step.truncatingRemainder(dividingBy: 3600) == 0 { return Frequency(.hour, multiple: Int(step / 3600)) }
      if step.truncatingRemainder(dividingBy: 60) == 0 { return Frequency(.minute, multiple: Int(step / 60)) }
      return Frequency(.second, multiple: max(1, Int(step)))
    default: return nil
    }
  }

  /// Seconds since 1970 of an ISO 8601 date, a date and time, a month ("1949-01"), a year, or dd.mm.yyyy; in UTC.
  static func seconds(_ text: String) -> Double? {
    var numbers: [Int] = [], digits = ""
    for character in text + " " {
      if character.isASCII, character.isNumber {
        digits.append(character)
        guard digits.count <= 4 else { return nil }
      } else if !digits.isEmpty {
        numbers.append(Int(digits)!)
        digits = ""
      }
    }
    guard let first = numbers.first, text.first?.isNumber == true else { return nil }
    var parts = numbers
    if first < 1000 {
      guard text.contains("."), numbers.count >= 3, numbers[2] >= 1000 else { return nil }
      parts = [numbers[2], numbers[1], numbers[0]] + numbers.dropFirst(3)
    }
    guard (1000...3000).contains(parts[0]) else { return nil }
    let part = { (index: Int, absent: Int) in index < parts.count ? parts[index] : absent }
    let (month, day) = (part(1, 1), part(2, 1))
    guard (1...12).contains(month), (1...31).contains(day), part(3, 0) < 25, part(4, 0) < 60, part(5, 0) < 61 else {
      return nil
    }
    return Double(daysSince1970(parts[0], month, day)) * 86400
      + Double(part(3, 0) * 3600 + part(4, 0) * 60 + part(5, 0))
  }

  /// Days of the Gregorian calendar, counted in years that start in March.
  private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = y / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468
  }
}
