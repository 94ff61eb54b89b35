/// What each column of a CSV file is, and which rows belong together.
struct CSVColumns {
  struct Group {
    /// nil in wide format.
    let id: String?
    /// Numbers of its rows.
    let rows: [Int]
  }

  let names: [String]
  /// Without the header.
  let rows: [DelimitedText.Row]
  private(set) var time: Int?
  private(set) var values: [Int] = []
  private(set) var pastCovariates: [Int] = []
  private(set) var futureCovariates: [Int] = []
  private(set) var groups: [Group] = []
  private(set) var notes: [String] = []

  private static let timeNames: Set = [
    "time", "date", "datetime", "timestamp", "ds", "day", "week", "month", "quarter", "year", "period", "datum", "zeit",
  ]
  private static let idNames: Set = [
    "id", "unique_id", "item_id", "series_id", "series", "item", "store", "sku", "product", "sensor", "meter", "site",
    "region", "station", "device", "customer",
  ]
  private static let valueNames: Set = ["y", "value", "target", "values"]

  /// - Throws: `SeriesReadError` where the file has no columns of that name, or none to forecast.
  init(_ table: DelimitedText, name: String, layout: SeriesLayout) throws {
    guard let head = table.rows.first else { throw SeriesReadError.empty(name) }
    guard head.cells.count > 1 else {
      throw SeriesReadError.malformed(
        name, line: 1, reason: "has one column only; the first is the time, the others are series")
    }
    let sample = table.rows.dropFirst().prefix(400).map(\.cells)
    let below = head.cells.indices.map { column in
      Kind(sample.compactMap { column < $0.count ? $0[column] : nil }, table)
    }
    let first = head.cells.map { Kind([$0], table) }
    let hasHeader =
      first.allSatisfy { $0 == .text || $0 == .empty } && first.contains(.text)
      || zip(first, below).contains { $0 == .text && ($1 == .number || $1 == .time) }
    let names = hasHeader ? head.cells : head.cells.indices.map { "column \($0 + 1)" }
    let kinds = hasHeader ? below : zip(first, below).map { $1 == .empty ? $0 : $1 }
    self.names = names
    let rows = hasHeader ? Array(table.rows.dropFirst()) : table.rows
    self.rows = rows
    func find(_ column: String) throws -> Int {
      if let exact = names.firstIndex(of: column) { return exact }
      if let similar = names.firstIndex(where: { $0.lowercased() == column.lowercased() }) { return similar }
      throw SeriesReadError.noColumn(name, column: column, among: names)
    }
    let asked = try layout.idColumns.map(find)
    pastCovariates = try layout.pastCovariates.map(find)
    futureCovariates = try layout.futureCovariates.map(find)
    var taken = Set(asked + pastCovariates + futureCovariates)
    values = try layout.valueColumns.map(find)
    taken.formUnion(values)
    let free = names.indices.filter { !taken.contains($0) }
    time =
      try layout.timeColumn.map(find)
      ?? free.first { Self.timeNames.contains(names[$0].lowercased()) && kinds[$0] != .text } ?? free.first {
        kinds[$0] == .time
      }
      ?? (free.contains(0) ? 0 : nil)
    guard let time else {
      throw SeriesReadError.malformed(name, line: nil, reason: "has no column left for the time; see --time-column")
    }
    guard !taken.contains(time) else {
      throw SeriesReadError.malformed(
        name, line: nil, reason: "the column '\(names[time])' is named for the time and for something else")
    }
    taken.insert(time)
    let ids =
      asked.isEmpty ? Self.findIDs(names.indices.filter { !taken.contains($0) }, names, kinds, rows, time) : asked
    taken.formUnion(ids)
    if values.isEmpty {
      let others = names.indices.filter { !taken.contains($0) }
      let numeric = others.filter { kinds[$0] != .text }
      let named = ids.isEmpty ? nil : numeric.first { Self.valueNames.contains(names[$0].lowercased()) }
      values = named.map { [$0] } ?? numeric
      let unused = others.filter { !values.contains($0) }.map { "'\(names[$0])'" }
      if !unused.isEmpty {
        notes.append(
          "not used: \(unused.joined(separator: ", ")) (name columns with --value-column, --past-covariates, --future-covariates)"
        )
      }
    }
    guard !values.isEmpty else {
      throw SeriesReadError.malformed(
        name, line: nil, reason: "has no column left to forecast beside time, names and covariates; see --value-column")
    }
    guard !ids.isEmpty else {
      groups = [Group(id: nil, rows: Array(rows.indices))]
      return
    }
    var members: [String: [Int]] = [:], order: [String] = []
    for (index, row) in rows.enumerated() {
      // Rows that are too short are refused later, by their line.
      let id = ids.map { $0 < row.cells.count ? row.cells[$0] : "" }.joined(separator: "/")
      if members[id] == nil { order.append(id) }
      members[id, default: []].append(index)
    }
    groups = order.map { Group(id: $0, rows: members[$0]!) }
  }

  /// The columns of words that are called as names are, and as many others as it takes until no time stands twice under
  /// one name. Columns of numbers count where they are called as names are.
  private static func findIDs(
    _ free: [Int], _ names: [String], _ kinds: [Kind], _ rows: [DelimitedText.Row], _ time: Int
  ) -> [Int] {
    func isCalledSo(_ column: Int) -> Bool { idNames.contains(names[column].lowercased()) }
    func distinct(_ columns: [Int]) -> Int {
      Set(rows.map { row in columns.map { $0 < row.cells.count ? row.cells[$0] : "" } }).count
    }
    let words = free.filter { kinds[$0] == .text }
    var chosen = words.filter(isCalledSo)
    // A single column of one word is the name of the only series.
    if chosen.isEmpty, words.count == 1, distinct(words) == 1 { chosen = words }
    var found = distinct(chosen + [time])
    let numbers = free.count > 1 ? free.filter { kinds[$0] == .number && isCalledSo($0) } : []
    for column in words.filter({ !chosen.contains($0) }) + numbers where found < rows.count {
      let more = distinct(chosen + [column, time])
      // A word for each row is a remark, not a name.
      guard more > found, distinct([column]) <= max(1, rows.count / 2) else { continue }
      (chosen, found) = (chosen + [column], more)
    }
    return chosen.sorted()
  }

  /// What the cells of a column look like.
  private enum Kind {
    case empty, number, time, text

    init(_ cells: [String], _ table: DelimitedText) {
      let known = cells.filter { !DelimitedText.isMissing($0) }
      if known.isEmpty {
        self = .empty
      } else if known.contains(where: { table.number($0) != nil }) {
        self = .number
      } else {
        self =
          known.count { CalendarTime.parse($0) != nil || CalendarTime.parse($0, order: .dayFirst) != nil } * 2
            > known.count ? .time : .text
      }
    }
  }
}
