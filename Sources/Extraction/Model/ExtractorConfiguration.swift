import Foundation
import MixtureOfExperts
import Tensor

/// The shape of a learned extractor and what its outputs are called, as its config.json has it.
public struct ExtractorConfiguration: Codable, Equatable, Sendable {
  static let architecture = "docq-extract-moe"

  /// A field that the model tags.
  public struct Field: Codable, Equatable, Sendable {
    public var name: String
    public var type: FieldType
    /// Turns the logarithm of the odds of a value into calibrated ones: slope and offset (Platt scaling).
    public var calibration: [Double]?
    /// Calibrated confidence below which fewer than 95 of 100 values were right.
    public var reviewBelow: Double?

    public init(_ name: String, _ type: FieldType) { (self.name, self.type) = (name, type) }
  }

  public var architecture = Self.architecture
  /// Rows of the embedding table; see `TokenFeatures`.
  public var tableRows = TokenFeatures.Part.totalRows
  public var encoder: EncoderConfiguration
  /// Tag 0 is none; field f begins with tag 1 + 2f and goes on with 2 + 2f.
  public var fields: [Field]
  public var documentTypes: [String]
  /// Tokens that see each other at most.
  public var windowTokens = 384
  /// The schema that a trained model belongs to, as JSON; absent for the shipped one.
  public var schema: String?

  public init(
    modelSize: Int = 128, layers: Int = 4, heads: Int = 4, feedForwardSize: Int = 192, experts: Int = 4,
    fields: [Field],
    documentTypes: [String]
  ) {
    encoder = EncoderConfiguration(modelSize: modelSize, layers: layers, heads: heads, feedForwardSize: feedForwardSize)
    encoder.experts = experts
    encoder.expertsPerToken = min(2, experts)
    encoder.balanceLoss = 0.01
    encoder.queryKeyNorm = true
    encoder.positions = .rotary2D(base: 100)
    self.fields = fields
    self.documentTypes = documentTypes
  }

  public var tags: Int { 1 + 2 * fields.count }

  /// What the shipped model tags.
  public static let general: [Field] = {
    let types: [(String, FieldType)] = [
      ("invoice_number", .id), ("invoice_date", .date), ("due_date", .date), ("vendor_name", .string),
      ("vendor_address", .string),
      ("vendor_tax_id", .vat), ("customer_name", .string), ("customer_address", .string), ("customer_tax_id", .vat),
      ("subtotal", .amount), ("total_tax", .amount), ("invoice_total", .amount), ("amount_due", .amount),
      ("iban", .iban), ("bic", .id),
      ("purchase_order", .id), ("payment_terms", .string), ("line.description", .string), ("line.quantity", .number),
      ("line.unit", .string),
      ("line.unit_price", .number), ("line.tax_rate", .number), ("line.amount", .amount), ("tax.rate", .number),
      ("tax.base", .amount),
      ("tax.amount", .amount), ("customer_number", .id), ("order_number", .id), ("other_date", .date),
      ("other_id", .id),
      ("tax_number", .id), ("prepaid", .amount), ("contract_num", .id), ("advertiser", .string),
      ("gross_amount", .amount),
      ("flight_from", .date), ("flight_to", .date),
    ]
    return types.map { Field($0.0, $0.1) }
  }()

  public static let documentTypes = ["invoice", "credit_note", "receipt", "purchase_order", "statement", "ad_order"]

  /// - Throws: `CheckpointError.badConfiguration` naming the key.
  public init(_ data: Data) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      self = try decoder.decode(Self.self, from: data)
    } catch DecodingError.keyNotFound(let key, _) {
      throw CheckpointError.badConfiguration("config.json", key: key.stringValue, reason: "is missing")
    } catch {
      throw CheckpointError.malformed("config.json", reason: "it is no JSON object of this architecture")
    }
    func need(_ condition: Bool, _ key: String, _ reason: String) throws {
      guard condition else { throw CheckpointError.badConfiguration("config.json", key: key, reason: reason) }
    }
    try need(architecture == Self.architecture, "architecture", "'\(architecture)' is not \(Self.architecture)")
    try need(
      tableRows == TokenFeatures.Part.totalRows, "table_rows",
      "\(tableRows) is not \(TokenFeatures.Part.totalRows): the model is of another version of docq")
    try need((1...500).contains(fields.count), "fields", "\(fields.count) is not from 1 to 500")
    try need((16...4096).contains(windowTokens), "window_tokens", "\(windowTokens) is not from 16 to 4096")
    try need((1...100).contains(documentTypes.count), "document_types", "must name 1 to 100 kinds")
    try encoder.validate(file: "config.json")
  }

  public func json() throws -> Data {
    let coder = JSONEncoder()
    coder.keyEncodingStrategy = .convertToSnakeCase
    coder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return try coder.encode(self) + Data("\n".utf8)
  }

  /// All arrays of a checkpoint.
  public var parameters: [ParameterSpecification] {
    let size = encoder.modelSize
    return [ParameterSpecification("embedding.weight", [tableRows, size], .normal(0.1), decays: false)]
      + encoder.parameters() + [
        ParameterSpecification("tags.weight", [tags, size], .normal(0.5 / Double(size).squareRoot())),
        ParameterSpecification("tags.bias", [tags], .zeros),
        ParameterSpecification("types.weight", [documentTypes.count, size], .normal(0.5 / Double(size).squareRoot())),
        ParameterSpecification("types.bias", [documentTypes.count], .zeros),
      ]
  }
}
