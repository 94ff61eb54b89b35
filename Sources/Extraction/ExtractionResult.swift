import DocumentModel
import Foundation

/// A value as text or as a number.
public enum ExtractedValue: Codable, Sendable, Hashable {
  case string(String)
  case number(Double)

  public var number: Double? { if case .number(let value) = self { value } else { nil } }
  public var text: String {
    switch self {
    case .string(let text): text
    case .number(let value): value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else {
      self = .string(try container.decode(String.self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .string(let text): try container.encode(text)
    case .number(let value): try container.encode(value)
    }
  }
}

/// The printed words that name a value ("Invoice no.:").
public struct FieldLabel: Codable, Sendable, Hashable {
  public var text: String
  /// In points from the top left of the value's page.
  public var bbox: Rect
}

/// One field as read.
public struct ExtractedField: Codable, Sendable {
  /// Normalised: ISO 8601 dates, JSON numbers, ISO 4217 currencies.
  public var value: ExtractedValue
  /// As it stands on the page or in the XML.
  public var raw: String
  /// In [0, 1]; rules use fixed steps that say how strong the evidence was.
  public var confidence: Double
  /// Counting from 1; absent when the value is not on a page.
  public var page: Int?
  /// In points from the top left of the page.
  public var bbox: Rect?
  /// Absent where no label is printed.
  public var label: FieldLabel?

  public init(value: ExtractedValue, raw: String, confidence: Double, page: Int? = nil, bbox: Rect? = nil) {
    self.value = value
    self.raw = raw
    self.confidence = confidence
    self.page = page
    self.bbox = bbox
  }
}

/// One row of an invoice.
public struct LineItem: Codable, Sendable {
  public var description: String?
  public var quantity: Double?
  public var unit: String?
  public var unitPrice: Double?
  public var taxRate: Double?
  public var amount: Double?
  public var page: Int?
  public var bbox: Rect?

  public init() {}

  private enum CodingKeys: String, CodingKey {
    case description, quantity, unit, amount, page, bbox
    case unitPrice = "unit_price"
    case taxRate = "tax_rate"
  }
}

/// Tax of one rate.
public struct TaxLine: Codable, Sendable {
  public var rate: Double?
  public var base: Double?
  public var amount: Double?
  public var category: String?

  public init() {}
}

/// A rule about the values and whether it holds. Checks flag; they never change a value.
public struct ExtractionCheck: Codable, Sendable {
  public var rule: String
  public var ok: Bool
  public var detail: String

  public init(rule: String, ok: Bool, detail: String) {
    self.rule = rule
    self.ok = ok
    self.detail = detail
  }
}

/// What was read of one document.
public struct ExtractionResult: Codable, Sendable {
  public var file: String
  public var documentType: String
  /// "embedded-xml", "rules" or "model".
  public var source: String
  public var fields: [String: ExtractedField]
  public var lineItems: [LineItem]
  public var taxLines: [TaxLine]
  public var checks: [ExtractionCheck]
  /// Fields that a person should look at.
  public var needsReview: [String]
  public var notes: [String]?

  public init(file: String, documentType: String, source: String) {
    self.file = file
    self.documentType = documentType
    self.source = source
    fields = [:]
    lineItems = []
    taxLines = []
    checks = []
    needsReview = []
  }

  private enum CodingKeys: String, CodingKey {
    case file, source, fields, checks, notes
    case documentType = "document_type"
    case lineItems = "line_items"
    case taxLines = "tax_lines"
    case needsReview = "needs_review"
  }

  func number(_ name: String) -> Double? { fields[name]?.value.number }
  func text(_ name: String) -> String? { fields[name]?.value.text }
}

public enum ExtractionError: Error, Equatable, Sendable, CustomStringConvertible {
  case badXML(file: String, reason: String)
  case badSchema(String, reason: String)
  /// A label file that cannot be used; the field where it is one field's fault.
  case badLabel(file: String, field: String?, reason: String)
  case cannotTrain(String)

  public var description: String {
    switch self {
    case .badXML(let file, let reason): "\(file): the embedded invoice cannot be read: \(reason)"
    case .badSchema(let name, let reason): "schema \(name): \(reason)"
    case .badLabel(let file, let field?, let reason): "\(file), field '\(field)': \(reason)"
    case .badLabel(let file, nil, let reason): "\(file): \(reason)"
    case .cannotTrain(let reason): reason
    }
  }
}

/// Formats for results.
public enum ExtractionFormat: String, CaseIterable, Sendable {
  case json, jsonl, csv, table

  /// One result as an object, several as a list (JSON), or one line each.
  public func encode(_ results: [ExtractionResult]) throws -> Data {
    let encoder = JSONEncoder()
    switch self {
    case .json:
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      let data = results.count == 1 ? try encoder.encode(results[0]) : try encoder.encode(results)
      return data + Data("\n".utf8)
    case .jsonl:
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return try results.reduce(into: Data()) { $0 += try encoder.encode($1) + Data("\n".utf8) }
    case .csv: return Data(csv(results).utf8)
    case .table: return Data(results.map(table).joined(separator: "\n").utf8)
    }
  }

  private func csv(_ results: [ExtractionResult]) -> String {
    let names = Set(results.flatMap(\.fields.keys)).sorted()
    let rows = results.map { result -> [String] in
      let failed = result.checks.filter { !$0.ok }.map(\.rule).joined(separator: "; ")
      let values = names.map { result.fields[$0]?.value.text ?? "" }
      return [result.file, result.documentType, result.source] + values + ["\(result.lineItems.count)", failed]
    }
    let header = ["file", "document_type", "source"] + names + ["line_items", "failed_checks"]
    return ([header] + rows).map { $0.map(cell).joined(separator: ",") + "\n" }.joined()
  }

  private func cell(_ text: String) -> String {
    // A spreadsheet would run a cell that begins like a formula.
    let isFormula = text.first.map { "=+-@\t\r".contains($0) } ?? false
    let safe = isFormula && Double(text) == nil ? "'" + text : text
    return safe.contains { ",\"\n\r".contains($0) } ? "\"" + safe.replacing("\"", with: "\"\"") + "\"" : safe
  }

  private func table(_ result: ExtractionResult) -> String {
    let origin = result.source == "embedded-xml" ? "the embedded XML" : "the page"
    var lines = ["\(result.file): \(result.documentType), from \(origin)"]
    let width = result.fields.keys.map(\.count).max() ?? 0
    for (name, field) in result.fields.sorted(by: { $0.key < $1.key }) {
      let place = field.page.map { "page \($0)" } ?? ""
      lines.append("  \(name.padding(toLength: width, withPad: " ", startingAt: 0))  \(field.value.text)  \(place)")
    }
    for item in result.lineItems {
      let amounts = [item.quantity, item.unitPrice, item.amount].map { $0.map { "\($0)" } ?? "-" }
      let name = (item.description ?? "").replacing("\n", with: " ")
      lines.append("  - \(name)  \(amounts.joined(separator: " | "))")
    }
    for check in result.checks { lines.append("  \(check.ok ? "ok    " : "FAILED") \(check.rule): \(check.detail)") }
    return lines.joined(separator: "\n") + "\n"
  }
}
