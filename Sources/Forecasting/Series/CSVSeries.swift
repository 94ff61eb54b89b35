import Foundation

/// Series of a CSV file, wide (a time column, every other column a series) or long (a column names the series of each row).
struct CSVSeries {
  let name: String
  let layout: SeriesLayout

  func read(_ data: Data) throws -> [TimeSeries] {
    guard let text = String(data: data, encoding: .utf8) ?? String(data: data, encoding: .isoLatin1) else {
      throw SeriesReadError.malformed(name, line: nil, reason: "is neither UTF-8 nor Latin-1 text")
    }
    let table = DelimitedText(Data(text.utf8))
    let columns = try CSVColumns(table, name: name, layout: layout)
    guard !columns.rows.isEmpty else { throw SeriesReadError.empty(name) }
    let used = columns.values + columns.pastCovariates + columns.futureCovariates
    let width = columns.names.count
    for row in columns.rows where row.cells.count != width {
      throw SeriesReadError.malformed(
        name, line: row.line, reason: "has \(row.cells.count) column(s) where the first line has \(width)")
    }
    var numbers: [Int: [Double]] = [:]
    for column in used where numbers[column] == nil {
      numbers[column] = try columns.rows.map { row in
        let text = row.cells[column]
        if DelimitedText.isMissing(text) { return .nan }
        guard let value = table.number(text) else {
          throw SeriesReadError.notANumber(name, line: row.line, column: columns.names[column], text: text)
        }
        return value
      }
    }
    let times = try RowTimes(columns, table, name: name, isAsked: layout.timeColumn != nil)
    return try columns.groups.flatMap { try series($0, columns, numbers, times) }
  }

  /// The series of a group of rows: one for each value column.
  private func series(
    _ group: CSVColumns.Group, _ columns: CSVColumns, _ numbers: [Int: [Double]], _ times: RowTimes
  ) throws -> [TimeSeries] {
    let axis = try axis(group, columns, times)
    func values(_ column: Int) -> [Double] { axis.spread(group.rows.map { numbers[column]![$0] }) }
    let targets = columns.values.map(values)
    let future = columns.futureCovariates.map(values)
    let past = columns.pastCovariates.map(values)
    // Where rows go on with future covariates, the series end with the last row that has a target.
    let length =
      future.isEmpty
      ? axis.count : (targets.compactMap { $0.lastIndex(where: \.isFinite) }.max() ?? axis.count - 1) + 1
    return zip(columns.values, targets).map { column, target in
      let id =
        group.id.map { columns.values.count > 1 ? "\($0)/\(columns.names[column])" : $0 } ?? columns.names[column]
      var series = TimeSeries(
        id: id, target: [Array(target.prefix(length))],
        start: axis.start
          ?? columns.time.map { column in
            columns.rows[group.rows[0]].cells[column]
          }, frequency: axis.frequency,
        predictionLength: axis.count > length ? axis.count - length : nil)
      series.pastCovariates = past.map { Array($0.prefix(length)) }
      series.futureCovariates = future
      series.notes = axis.notes + columns.notes
      return series
    }
  }

  /// A group's regular axis.
  private struct Axis {
    let frequency: Frequency?
    let start: String?
    let count: Int
    let notes: [String]
    let spread: ([Double]) -> [Double]
  }

  private func axis(_ group: CSVColumns.Group, _ columns: CSVColumns, _ times: RowTimes) throws -> Axis {
    guard let all = times.values else {
      guard layout.resampling == nil else {
        throw SeriesReadError.malformed(
          name, line: nil, reason: "cannot be resampled: the times of its rows are not understood; see --time-column")
      }
      let plain = TimeAxis(rows: group.rows.count)
      return Axis(
        frequency: nil, start: nil, count: plain.count, notes: times.notes, spread: { plain.spread($0) })
    }
    let own = group.rows.map { all[$0] }
    let place = group.id.map { "series '\($0)': " } ?? ""
    if let resampling = layout.resampling {
      guard times.isCalendar else {
        throw SeriesReadError.malformed(name, line: nil, reason: "cannot be resampled: its times are plain numbers")
      }
      guard let steps = resampling.steps(own) else {
        throw SeriesReadError.malformed(
          name, line: nil,
          reason: """
            \(place)more than half of the steps of one \(resampling.frequency.words) would have no row; resample to \
            \(TimeAxis.advice(own) ?? "longer steps")
            """)
      }
      return Axis(
        frequency: resampling.frequency,
        start: Self.text(steps.start, resampling.frequency, steps: steps.count), count: steps.count,
        notes: times.notes + steps.notes, spread: { steps.values($0) })
    }
    do {
      let axis = try TimeAxis(own, isCalendar: times.isCalendar)
      return Axis(
        frequency: axis.frequency,
        start: axis.start.map { Self.text($0, axis.frequency, steps: axis.count) },
        count: axis.count, notes: times.notes + axis.notes, spread: { axis.spread($0) })
    } catch TimeAxis.Problem.duplicate(let row) {
      let text = columns.time.map { columns.rows[group.rows[row]].cells[$0] } ?? ""
      var reason = "\(place)the time '\(text)' stands there twice; "
      reason +=
        group.id == nil && columns.names.count > 2
        ? "if a column names the series of each row, say which: --id-column NAME; else "
        : ""
      reason +=
        times.isCalendar
        ? "bring its rows together: --resample \(TimeAxis.advice(own) ?? "D") --aggregate mean|sum|last"
        : "number the steps 1, 2, 3, ..."
      throw SeriesReadError.malformed(name, line: columns.rows[group.rows[row]].line, reason: reason)
    } catch TimeAxis.Problem.irregular(let found) {
      let remedy =
        times.isCalendar
        ? "; put them into regular steps: --resample \(TimeAxis.advice(own) ?? "D") --aggregate mean|sum|last"
        : "; number the steps 1, 2, 3, ... or write dates"
      throw SeriesReadError.malformed(name, line: nil, reason: place + found + remedy)
    }
  }

  private static func text(_ start: Double, _ frequency: Frequency?, steps: Int) -> String {
    let isDaily = frequency.map { ![.hour, .minute, .second].contains($0.unit) } ?? false
    let isMidnight = start == Double(CalendarTime.day(start)) * 86400
    return CalendarTime.text(start, showsTime: !(isDaily && isMidnight))
  }
}

/// The times of all rows of a file.
private struct RowTimes {
  /// nil where they are words: the rows then count in their order.
  private(set) var values: [Double]?
  /// Seconds since 1970; else plain numbers.
  private(set) var isCalendar = true
  private(set) var notes: [String] = []

  init(_ columns: CSVColumns, _ table: DelimitedText, name: String, isAsked: Bool) throws {
    guard let column = columns.time else { return }
    let texts = columns.rows.map { $0.cells[column] }
    var best: (values: [Double?], found: Int, order: CalendarTime.Order)?
    for order in CalendarTime.Order.allCases {
      let parsed = texts.map { CalendarTime.parse($0, order: order) }
      let found = parsed.count { $0 != nil }
      // Where both orders can be read, that which takes less time from first to last row is meant.
      let isBetter =
        best.map {
          found > $0.found || found == $0.found && found == texts.count && Self.span(parsed) < Self.span($0.values)
        }
        ?? true
      if isBetter { best = (parsed, found, order) }
      if order == .monthFirst, !texts.contains(where: { $0.contains("/") || $0.contains("-") }) { break }
    }
    guard let best else { return }
    if best.found == texts.count {
      values = best.values.map { $0! }
      // The year stands last: what comes first is a choice.
      if let slash = texts.first(where: { $0.prefix(3).contains("/") }) {
        notes.append(
          "dates such as \(slash) were read as \(best.order == .dayFirst ? "day/month/year" : "month/day/year")")
      }
      return
    }
    let numbers = texts.map { table.number($0) }
    if numbers.allSatisfy({ $0 != nil }) {
      (values, isCalendar) = (numbers.map { $0! }, false)
      return
    }
    let known = max(best.found, numbers.count { $0 != nil })
    if known * 2 >= texts.count || isAsked {
      let isNumbers = known > best.found
      let row = texts.indices.first { isNumbers ? numbers[$0] == nil : best.values[$0] == nil }!
      throw SeriesReadError.malformed(
        name, line: columns.rows[row].line,
        reason: """
          '\(texts[row].prefix(40))' is no time that is understood; write 2024-05-31, 2024-05-31 13:00, 2024-05, 2024-Q2, \
          31.05.2024 or plain numbers
          """)
    }
    notes.append("the times in column '\(columns.names[column])' are not understood: rows count in their order")
  }

  private static func span(_ times: [Double?]) -> Double {
    let known = times.compactMap { $0 }
    return (known.max() ?? 0) - (known.min() ?? 0)
  }
}
