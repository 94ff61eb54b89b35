import DocumentModel
import Foundation

/// Documents and what people say is in them: truth.jsonl, or one JSON file beside each document as `docq label` writes them.
public struct LabelledFolder: Sendable {
  public struct Entry: Sendable {
    public var file: URL
    /// Values by field; several where the label lists several.
    public var fields: [String: [ExtractedValue]]
    /// Fields that a person says are not on the page.
    public var absent: Set<String>
    public var lineItems: [[String: ExtractedValue]]
    public var hasLineItems: Bool
    /// The label as it was written, for scoring.
    public var isReviewed: Bool
  }

  public let entries: [Entry]

  private static let documentTypes: Set<String> = ["pdf", "png", "jpg", "jpeg", "tif", "tiff"]

  /// Documents of a folder, or of its pdf/ and img/.
  public static func documents(in folder: URL) -> [URL] {
    ["", "pdf", "img"].flatMap { part -> [URL] in
      let place = part.isEmpty ? folder : folder.appendingPathComponent(part)
      let names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
      return names.sorted().map { place.appendingPathComponent($0) }
        .filter { documentTypes.contains($0.pathExtension.lowercased()) }
    }
  }

  /// - Parameter schema: fields and types that the labels must be of; nil takes any.
  /// - Throws: `ExtractionError.badLabel` naming the file and the field.
  public init(_ folder: URL, schema: ExtractionSchema? = nil) throws {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isDirectory), isDirectory.boolValue else {
      throw ExtractionError.badLabel(file: folder.path, field: nil, reason: "there is no such folder")
    }
    let documents = Self.documents(in: folder)
    let byName = Dictionary(documents.map { ($0.lastPathComponent, $0) }, uniquingKeysWith: { first, _ in first })
    var entries: [Entry] = []
    let truth = folder.appendingPathComponent("truth.jsonl")
    if let data = FileManager.default.contents(atPath: truth.path) {
      for (index, line) in String(decoding: data, as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false
      ).enumerated()
      where line.contains(where: { !$0.isWhitespace }) {
        let place = "truth.jsonl, line \(index + 1)"
        let object = try Self.object(Data(line.utf8), place)
        guard let name = object["file"] as? String else {
          throw ExtractionError.badLabel(file: place, field: "file", reason: "is missing")
        }
        guard let file = byName[(name as NSString).lastPathComponent] else {
          throw ExtractionError.badLabel(
            file: place, field: "file", reason: "there is no document '\(name)' in the folder, its pdf/ or img/")
        }
        entries.append(try Self.entry(file, object, place, schema))
      }
    }
    let known = Set(entries.map(\.file))
    for file in documents where !known.contains(file) {
      let label = file.deletingPathExtension().appendingPathExtension("json")
      guard let data = FileManager.default.contents(atPath: label.path) else { continue }
      entries.append(try Self.entry(file, Self.object(data, label.lastPathComponent), label.lastPathComponent, schema))
    }
    guard !entries.isEmpty else {
      throw ExtractionError.badLabel(
        file: folder.path, field: nil,
        reason: "it has neither a truth.jsonl nor JSON files beside its documents; `docq label` writes them")
    }
    self.entries = entries
  }

  fileprivate static func object(_ data: Data, _ place: String) throws -> [String: Any] {
    guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw ExtractionError.badLabel(file: place, field: nil, reason: "is no JSON object")
    }
    return object
  }

  fileprivate static func entry(_ file: URL, _ object: [String: Any], _ place: String, _ schema: ExtractionSchema?)
    throws
    -> Entry
  {
    guard let list = object["fields"] as? [String: Any] else {
      throw ExtractionError.badLabel(file: place, field: "fields", reason: "is missing or no object")
    }
    var entry = Entry(
      file: file, fields: [:], absent: [], lineItems: [], hasLineItems: false,
      isReviewed: object["reviewed"] as? Bool ?? true)
    for (name, value) in list {
      if let schema, schema.fields[name] == nil {
        throw ExtractionError.badLabel(
          file: place, field: name,
          reason: "is not in the schema, which has \(schema.fields.keys.sorted().joined(separator: ", "))")
      }
      let inner = (value as? [String: Any]).map { $0["value"] ?? NSNull() } ?? value
      if inner is NSNull || (inner as? String)?.isEmpty == true {
        entry.absent.insert(name)
        continue
      }
      let values = inner as? [Any] ?? [inner]
      entry.fields[name] = try values.map { try Self.value($0, name, schema?.fields[name]?.type, place) }
    }
    if let rows = object["line_items"] as? [[String: Any]] {
      entry.hasLineItems = true
      for (index, row) in rows.enumerated() {
        var cells: [String: ExtractedValue] = [:]
        for (name, value) in row
        where ["description", "quantity", "unit", "unit_price", "tax_rate", "amount"].contains(name)
          || schema?.lineItem[name] != nil
        {
          if value is NSNull { continue }
          cells[name] = try Self.value(value, "line_items[\(index)].\(name)", schema?.lineItem[name]?.type, place)
        }
        entry.lineItems.append(cells)
      }
    } else if object["line_items"] != nil, !(object["line_items"] is NSNull) {
      throw ExtractionError.badLabel(file: place, field: "line_items", reason: "must be a list of objects")
    }
    return entry
  }

  private static func value(_ value: Any, _ name: String, _ type: FieldType?, _ place: String) throws -> ExtractedValue
  {
    func fail(_ reason: String) -> ExtractionError { .badLabel(file: place, field: name, reason: reason) }
    switch type {
    case .amount, .number:
      if let number = value as? NSNumber { return .number(number.doubleValue) }
      guard let text = value as? String,
        let number = ValueParsing.amount(text) ?? TokenTypes.amountBehindLetters(text.filter { $0 != " " })
      else {
        throw fail("'\(value)' is not a number")
      }
      return .number(number)
    case .date:
      guard let text = value as? String, let date = ValueParsing.date(text) else {
        throw fail("'\(value)' is not a date; write 2024-03-31")
      }
      return .string(date)
    default:
      if let text = value as? String { return .string(text) }
      if let number = value as? NSNumber {
        return type == nil ? .number(number.doubleValue) : .string(number.stringValue)
      }
      throw fail("'\(value)' is neither a text nor a number")
    }
  }
}

extension LabelledFolder.Entry {
  /// A label by itself.
  /// - Throws: `ExtractionError.badLabel` naming the document and the field.
  public init(_ json: Data, of file: URL, named name: String, schema: ExtractionSchema) throws {
    self = try LabelledFolder.entry(file, LabelledFolder.object(json, name), name, schema)
  }
}

extension TaggedDocument {
  /// What is printed, as a label.
  public func label(for schema: ExtractionSchema) -> LabelledFolder.Entry {
    let names =
      schema.documentType == "receipt"
      ? ["vendor_name": "vendor_name", "date": "invoice_date", "total": "invoice_total"]
      : Dictionary(uniqueKeysWithValues: fields.keys.map { ($0, $0) })
    var entry = LabelledFolder.Entry(
      file: URL(fileURLWithPath: document.fileName), fields: [:], absent: [], lineItems: [], hasLineItems: true,
      isReviewed: true)
    for (name, own) in names { if let value = fields[own] { entry.fields[name] = [value] } }
    entry.lineItems = lineItems.map { item in
      var cells: [String: ExtractedValue] = [:]
      cells["description"] = item.description.map { .string($0) }
      cells["quantity"] = item.quantity.map { .number($0) }
      cells["unit_price"] = item.unitPrice.map { .number($0) }
      cells["amount"] = item.amount.map { .number($0) }
      return cells
    }
    return entry
  }
}
