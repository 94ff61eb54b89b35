import Foundation

/// Precision, recall and F1 of predictions: exact match after normalisation, amounts to the cent, dates as ISO, everything else
/// without case, accents and punctuation.
public struct ExtractionScore: Sendable {
  public struct Counts: Sendable, Codable {
    public var n = 0
    public var right = 0
    public var wrong = 0
    public var missed = 0

    public var precision: Double { right + wrong > 0 ? Double(right) / Double(right + wrong) : 0 }
    public var recall: Double { right + missed > 0 ? Double(right) / Double(right + missed) : 0 }
    public var f1: Double {
      precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0
    }

    static func + (a: Counts, b: Counts) -> Counts {
      Counts(n: a.n + b.n, right: a.right + b.right, wrong: a.wrong + b.wrong, missed: a.missed + b.missed)
    }
  }

  /// How often values of a band of confidence are right.
  public struct Band: Sendable {
    public var from: Double
    public var count = 0
    public var right = 0
    public var confidence = 0.0
  }

  public private(set) var fields: [String: Counts] = [:]
  public private(set) var rows = Counts()
  public private(set) var cells: [String: Counts] = [:]
  public private(set) var documents = 0
  public private(set) var documentsAllRight = 0
  public private(set) var bands = (0..<10).map { Band(from: Double($0) / 10) }

  public init() {}

  public var micro: Counts { fields.values.reduce(Counts(), +) }
  public var macroF1: Double { fields.isEmpty ? 0 : fields.values.reduce(0) { $0 + $1.f1 } / Double(fields.count) }

  /// Expected calibration error over ten bands.
  public var calibrationError: Double {
    let total = bands.reduce(0) { $0 + $1.count }
    guard total > 0 else { return 0 }
    return bands.reduce(0) { sum, band in
      band.count == 0 ? sum : sum + abs(band.confidence - Double(band.right)) / Double(total)
    }
  }

  private static let lineCells = ["description", "quantity", "unit_price", "amount"]

  static let amounts: Set<String> = [
    "subtotal", "total_tax", "invoice_total", "amount_due", "unit_price", "amount", "quantity", "gross_amount", "total",
    "tax_rate",
  ]
  static let dates: Set<String> = [
    "invoice_date", "due_date", "flight_from", "flight_to", "date", "file_date", "effective_date", "service_start",
    "service_end",
  ]

  /// What is compared.
  public static func normalised(_ name: String, _ value: ExtractedValue?, type: FieldType? = nil) -> String? {
    guard let value else { return nil }
    let isAmount = type.map { $0 == .amount || $0 == .number } ?? amounts.contains(name)
    let isDate = type.map { $0 == .date } ?? dates.contains(name)
    if isAmount || value.number != nil && type == nil {
      guard
        let number = value.number ?? ValueParsing.amount(value.text)
          ?? TokenTypes.amountBehindLetters(value.text.filter { $0 != " " })
      else { return nil }
      return String(format: "%.2f", number + 0)
    }
    if isDate { return ValueParsing.date(value.text) ?? value.text.lowercased() }
    let key = String(decoding: LabelAlignment.key(value.text), as: UTF8.self)
    return key.isEmpty ? nil : key
  }

  public mutating func add(_ truth: LabelledFolder.Entry, _ result: ExtractionResult, schema: ExtractionSchema? = nil) {
    var isRight = true
    for name in Set(truth.fields.keys).union(truth.absent).sorted() {
      let type = schema?.fields[name]?.type
      // Of a list each value counts; the prediction is one value, right when it is one of them.
      let wanted = (truth.fields[name] ?? []).compactMap { Self.normalised(name, $0, type: type) }
      let field = result.fields[name]
      let found = Self.normalised(name, field?.value, type: type)
      var counts = fields[name] ?? Counts()
      if !wanted.isEmpty { counts.n += 1 }
      if let found, wanted.contains(found) {
        counts.right += 1
      } else {
        if found != nil { counts.wrong += 1 }
        if !wanted.isEmpty { counts.missed += 1 }
        if found != nil || !wanted.isEmpty { isRight = false }
      }
      fields[name] = counts
      if let field, let found {
        let band = min(9, max(0, Int(field.confidence * 10)))
        bands[band].count += 1
        bands[band].confidence += field.confidence
        if wanted.contains(found) { bands[band].right += 1 }
      }
    }
    documents += 1
    if isRight { documentsAllRight += 1 }
    if truth.hasLineItems, !truth.lineItems.isEmpty { addRows(truth.lineItems, result.lineItems) }
  }

  private mutating func addRows(_ truth: [[String: ExtractedValue]], _ predicted: [LineItem]) {
    func normalised(_ item: [String: ExtractedValue]) -> [String: String] {
      Dictionary(
        uniqueKeysWithValues: Self.lineCells.compactMap { name in Self.normalised(name, item[name]).map { (name, $0) } }
      )
    }
    let wanted = truth.map(normalised)
    let found = predicted.map { item in
      var cells: [String: ExtractedValue] = [:]
      cells["description"] = item.description.map { .string($0) }
      cells["quantity"] = item.quantity.map { .number($0) }
      cells["unit_price"] = item.unitPrice.map { .number($0) }
      cells["amount"] = item.amount.map { .number($0) }
      return normalised(cells)
    }
    // Greedily the pairs with the most equal cells, then those nearest in order.
    var pairs: [(equal: Int, distance: Int, i: Int, j: Int)] = []
    for (i, a) in wanted.enumerated() {
      for (j, b) in found.enumerated() {
        let equal = a.filter { b[$0.key] == $0.value }.count
        if equal > 0 { pairs.append((equal, abs(i - j), i, j)) }
      }
    }
    pairs.sort { ($0.equal, -$0.distance, $0.i, $0.j) > ($1.equal, -$1.distance, $1.i, $1.j) }
    var match: [Int: Int] = [:], used = Set<Int>()
    for pair in pairs where match[pair.i] == nil && !used.contains(pair.j) {
      match[pair.i] = pair.j
      used.insert(pair.j)
    }
    var right = 0
    for (i, a) in wanted.enumerated() {
      let b = match[i].map { found[$0] } ?? [:]
      if match[i] != nil, a.allSatisfy({ b[$0.key] == $0.value }) { right += 1 }
      for (name, value) in a {
        cells[name, default: Counts()].n += 1
        if b[name] == value {
          cells[name]!.right += 1
        } else {
          cells[name]!.missed += 1
          if b[name] != nil { cells[name]!.wrong += 1 }
        }
      }
    }
    for (j, b) in found.enumerated() where !used.contains(j) {
      for name in b.keys { cells[name, default: Counts()].wrong += 1 }
    }
    rows = rows + Counts(n: wanted.count, right: right, wrong: found.count - right, missed: wanted.count - right)
  }

  /// The table that `docq evaluate extractor` prints.
  public var text: String {
    func line(_ name: String, _ c: Counts) -> String {
      func f(_ value: Double) -> String { String(format: "%.3f", value) }
      return
        "\(name.padding(toLength: max(18, name.count), withPad: " ", startingAt: 0)) n=\(c.n) P=\(f(c.precision)) R=\(f(c.recall)) F1=\(f(c.f1))\n"
    }
    var text = fields.sorted { $0.key < $1.key }.map { line($0.key, $0.value) }.joined()
    text += line("MICRO", micro)
    text += "MACRO              n=\(fields.count) F1=\(String(format: "%.3f", macroF1))\n"
    if rows.n > 0 {
      text += line("LINE_ITEM_ROW", rows)
      for name in Self.lineCells where cells[name] != nil { text += line("li.\(name)", cells[name]!) }
      text += line("LINE_ITEM_CELL", cells.values.reduce(Counts(), +))
    }
    text += "DOCS               n=\(documents) all_fields_right=\(documentsAllRight)\n"
    text += "\nconfidence    values   mean confidence   right\n"
    for band in bands where band.count > 0 {
      text += String(
        format: "%.1f to %.1f    %6d   %15.3f   %.3f\n", band.from, band.from + 0.1, band.count,
        band.confidence / Double(band.count),
        Double(band.right) / Double(band.count))
    }
    text += String(format: "expected calibration error %.3f\n", calibrationError)
    return text
  }
}

extension ExtractionScore {
  /// The figures as one JSON object.
  public func json() throws -> Data {
    func figures(_ counts: Counts) -> [String: Any] {
      ["n": counts.n, "P": counts.precision, "R": counts.recall, "F1": counts.f1]
    }
    var object: [String: Any] = [
      "fields": fields.mapValues(figures), "micro": figures(micro), "macro_f1": macroF1, "documents": documents,
      "documents_all_right": documentsAllRight, "expected_calibration_error": calibrationError,
      "calibration": bands.filter { $0.count > 0 }.map {
        [
          "from": $0.from, "values": $0.count, "confidence": $0.confidence / Double($0.count),
          "right": Double($0.right) / Double($0.count),
        ]
      },
    ]
    if rows.n > 0 {
      object["line_item_row"] = figures(rows)
      object["line_item_cell"] = figures(cells.values.reduce(Counts(), +))
    }
    return try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys]) + Data("\n".utf8)
  }
}
