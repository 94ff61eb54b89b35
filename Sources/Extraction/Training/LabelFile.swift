import Foundation

/// A draft label beside a document: what was read, how sure it is, and whether a person has looked at it.
public enum LabelFile {
  /// A document's least sure field and those to look at.
  public struct Summary: Codable, Sendable {
    public var file: String
    public var confidence: Double
    public var doubtful: [String]
  }

  public static func url(beside document: URL) -> URL {
    document.deletingPathExtension().appendingPathExtension("json")
  }

  public static func exists(beside document: URL) -> Bool {
    FileManager.default.fileExists(atPath: url(beside: document).path)
  }

  public static func isReviewed(beside document: URL) -> Bool {
    guard let data = FileManager.default.contents(atPath: url(beside: document).path),
      let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
    else { return false }
    return object["reviewed"] as? Bool ?? false
  }

  /// Every field of the schema is written, the least sure first in `review`; null for one that was not found.
  @discardableResult public static func write(
    _ result: ExtractionResult, schema: ExtractionSchema, beside document: URL
  ) throws -> Summary {
    var fields: [String: Any] = [:]
    for name in Set(schema.fields.keys).union(result.fields.keys) {
      guard let field = result.fields[name] else {
        fields[name] = NSNull()
        continue
      }
      var entry: [String: Any] = [
        "value": field.value.number ?? field.value.text, "raw": field.raw,
        "confidence": (field.confidence * 1000).rounded() / 1000,
      ]
      if let page = field.page { entry["page"] = page }
      fields[name] = entry
    }
    let sure = result.fields.sorted { ($0.value.confidence, $0.key) < ($1.value.confidence, $1.key) }
    let missing = schema.fields.keys.filter { result.fields[$0] == nil }.sorted()
    let doubtful = missing + sure.filter { $0.value.confidence < 0.8 }.map(\.key)
    var object: [String: Any] = [
      "file": document.lastPathComponent, "document_type": result.documentType, "reviewed": false, "fields": fields,
      "review": doubtful,
    ]
    if !result.lineItems.isEmpty {
      object["line_items"] = result.lineItems.map { item in
        var cells: [String: Any] = [:]
        cells["description"] = item.description
        cells["quantity"] = item.quantity
        cells["unit_price"] = item.unitPrice
        cells["amount"] = item.amount
        return cells
      }
    }
    let data = try JSONSerialization.data(
      withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    try (data + Data("\n".utf8)).write(to: url(beside: document), options: .atomic)
    let lowest = missing.contains { schema.fields[$0]?.isRequired == true } ? 0 : sure.first?.value.confidence ?? 0
    return Summary(file: document.lastPathComponent, confidence: lowest, doubtful: doubtful)
  }
}
