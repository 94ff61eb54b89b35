import Foundation

public enum FieldType: String, Codable, Sendable {
  case string, date, amount, number, id, iban, vat, email, `enum`, regex
}

/// What to look for in one field.
public struct FieldSchema: Sendable {
  public var type: FieldType
  public var keyPhrases: [String]
  public var isRequired: Bool
  public var values: [String]
  public var pattern: String?
  /// Values as they may look, for people; those of an enum are its values.
  public var examples: [String] = []

  public init(
    type: FieldType, keyPhrases: [String] = [], isRequired: Bool = false, values: [String] = [], pattern: String? = nil
  ) {
    self.type = type
    self.keyPhrases = keyPhrases
    self.isRequired = isRequired
    self.values = values
    self.pattern = pattern
  }
}

/// The fields of a kind of document.
public struct ExtractionSchema: Sendable {
  public var documentType: String
  public var fields: [String: FieldSchema]
  /// Cells of the rows, by name: description, quantity, unit, unit_price, tax_rate, amount.
  public var lineItem: [String: FieldSchema] = [:]
  public var isBuiltIn: Bool
  /// The JSON that it was read from.
  public private(set) var source: String?

  /// "invoice", "receipt", or the path of a schema file.
  public static func named(_ name: String) throws -> ExtractionSchema {
    switch name {
    case "invoice": return .invoice
    case "receipt": return .receipt
    default:
      guard name.hasSuffix(".json"), let data = FileManager.default.contents(atPath: name) else {
        throw ExtractionError.badSchema(name, reason: "there is no such schema; use invoice, receipt or a .json file")
      }
      return try ExtractionSchema(json: data, name: name)
    }
  }

  /// `{"document_type", "fields": {NAME: type or {"type", "key_phrases", "examples", "required", "values", "pattern"}},
  /// "line_item": {CELL: type or the like}}`.
  public init(json: Data, name: String) throws {
    func fail(_ reason: String) -> ExtractionError { .badSchema(name, reason: reason) }
    guard let object = try? JSONSerialization.jsonObject(with: json) as? [String: Any] else {
      throw fail("is not a JSON object")
    }
    guard let list = object["fields"] as? [String: Any], !list.isEmpty else {
      throw fail("'fields' is missing or empty")
    }
    documentType = object["document_type"] as? String ?? "custom"
    isBuiltIn = false
    source = String(decoding: json, as: UTF8.self)
    fields = [:]
    for (key, value) in list { fields[key] = try Self.field(key, value, "fields", fail) }
    if let rows = object["line_item"] {
      guard let rows = rows as? [String: Any] else { throw fail("'line_item' must be an object") }
      let known = ["description", "quantity", "unit", "unit_price", "tax_rate", "amount"]
      for (key, value) in (rows["fields"] as? [String: Any]) ?? rows {
        guard known.contains(key) else {
          throw fail("'line_item.\(key)': rows have \(known.joined(separator: ", "))")
        }
        lineItem[key] = try Self.field(key, value, "line_item", fail)
      }
    }
  }

  private static func field(
    _ key: String, _ value: Any, _ part: String, _ fail: (String) -> ExtractionError
  ) throws -> FieldSchema {
    let description = value as? [String: Any] ?? ["type": value]
    guard let text = description["type"] as? String, let type = FieldType(rawValue: text) else {
      throw fail(
        "'\(part).\(key)': its type must be one of string, date, amount, number, id, iban, vat, email, enum, regex")
    }
    func texts(_ name: String) throws -> [String]? {
      guard let value = description[name] else { return nil }
      guard let list = value as? [String] else { throw fail("'\(part).\(key).\(name)' must be a list of texts") }
      return list
    }
    var field = FieldSchema(type: type)
    field.keyPhrases = try texts("key_phrases") ?? [key.replacing("_", with: " ")]
    field.isRequired = description["required"] as? Bool ?? false
    field.examples = try texts("examples") ?? []
    field.values = try texts("values") ?? texts("enum") ?? (type == .enum ? field.examples : [])
    field.pattern = description["pattern"] as? String
    if type == .enum, field.values.isEmpty { throw fail("'\(part).\(key).values' must list what the field can be") }
    if type == .regex {
      guard let pattern = field.pattern, (try? Regex(pattern)) != nil else {
        throw fail("'\(part).\(key).pattern' is not a regular expression")
      }
    }
    return field
  }

  private init(_ documentType: String, _ fields: [String: FieldSchema]) {
    self.documentType = documentType
    self.fields = fields
    isBuiltIn = true
  }

  public static let invoice = ExtractionSchema(
    "invoice",
    [
      "invoice_number": FieldSchema(
        type: .id,
        keyPhrases: [
          "rechnungsnummer", "rechnungsnr.", "rechnungs-nr.", "rechnung nr.", "rechnung nr", "rechnung-nr.",
          "rechnungs-nummer", "re-nr.", "beleg-nr.",
          "belegnummer", "belegnr.", "invoice number", "invoice no.", "invoice no", "invoice #", "invoice nr",
          "invoice id", "facture n°", "facture no",
          "numéro de facture", "n° de facture", "n° facture", "facture numéro", "gutschriftnummer", "gutschrift nr.",
          "credit note no.", "factuurnummer", "fattura n.",
          "rechnung", "invoice", "facture", "rechnungskorrektur", "rechnungskorrektur nr.", "gutschrift", "avoir n°",
        ], isRequired: true),
      "invoice_date": FieldSchema(
        type: .date,
        keyPhrases: [
          "rechnungsdatum", "rechnungs-datum", "invoice date", "date of invoice", "date de facture",
          "date de la facture", "date d'émission", "belegdatum",
          "issue date", "date facture", "ausstellungsdatum", "factuurdatum", "data fattura", "datum", "date", "vom",
          "gutschriftsdatum",
        ], isRequired: true),
      "due_date": FieldSchema(
        type: .date,
        keyPhrases: [
          "fälligkeitsdatum", "fällig am", "fälligkeit", "zahlbar bis", "zahlbar bis zum", "due date", "payment due",
          "date d'échéance", "échéance", "zahlungsziel", "zu zahlen bis",
          "fällig", "vervaldatum", "pay by", "ohne abzug bis",
        ]),
      "invoice_total": FieldSchema(
        type: .amount,
        keyPhrases: [
          "gesamtbetrag", "rechnungsbetrag", "bruttobetrag", "gesamtsumme", "endbetrag", "bruttosumme", "gesamt brutto",
          "brutto", "summe brutto", "rechnungssumme",
          "invoice total", "total amount", "grand total", "total ttc", "montant ttc", "montant total ttc",
          "total incl. vat", "total gross", "gross amount", "gesamt", "total", "summe", "net à payer", "totaal",
          "gesamtbetrag brutto", "total eur", "amount including vat",
        ], isRequired: true),
      "subtotal": FieldSchema(
        type: .amount,
        keyPhrases: [
          "nettobetrag", "summe netto", "gesamt netto", "netto", "nettosumme", "warenwert", "zwischensumme",
          "gesamtbetrag netto", "nettogesamtbetrag", "subtotal", "sub-total", "net amount", "total net",
          "total ht", "montant ht", "montant total ht", "total hors taxe", "net total", "steuerbasisbetrag",
          "rechnungsbetrag netto", "netto-betrag", "summe nettobetrag", "total excl. vat", "amount excluding vat",
          "gesamtsumme netto",
        ]),
      "total_tax": FieldSchema(
        type: .amount,
        keyPhrases: [
          "mehrwertsteuer", "umsatzsteuer", "mwst.", "mwst", "ust.", "ust", "steuerbetrag", "zzgl. mwst", "zzgl. ust",
          "vat", "total tax", "tax", "total vat", "tva", "montant tva", "total tva", "sales tax", "btw", "iva",
          "steuergesamtbetrag", "summe umsatzsteuer", "gesamtbetrag steuer", "vat amount", "tax amount", "gst",
        ]),
      "amount_due": FieldSchema(
        type: .amount,
        keyPhrases: [
          "zahlbetrag", "zu zahlen", "zu zahlender betrag", "fälliger betrag", "offener betrag", "amount due",
          "balance due", "net à payer", "montant dû", "reste à payer", "total due", "zahlungsbetrag", "te betalen",
          "fälliger zahlbetrag", "amount payable",
        ]),
      "iban": FieldSchema(type: .iban, keyPhrases: ["iban"]),
      "bic": FieldSchema(type: .id, keyPhrases: ["bic", "swift", "bic/swift", "swift/bic", "bic-code", "swift code"]),
      "purchase_order": FieldSchema(
        type: .id,
        keyPhrases: [
          "bestellnummer", "bestell-nr.", "ihre bestellung", "bestellung nr.", "purchase order", "po number",
          "p.o. number", "order number", "order no.", "votre commande", "n° de commande", "auftragsnummer kunde",
          "your order",
        ]),
      "payment_terms": FieldSchema(
        type: .string,
        keyPhrases: [
          "zahlungsbedingungen", "zahlungsbedingung", "payment terms", "terms of payment", "conditions de paiement",
          "zahlungskonditionen", "terms",
        ]),
    ])

  public static let receipt = ExtractionSchema(
    "receipt",
    [
      "date": FieldSchema(type: .date, keyPhrases: ["date", "datum", "invoice date"]),
      "total": FieldSchema(
        type: .amount,
        keyPhrases: [
          "grand total", "total amount", "total incl. gst", "total (incl. gst)", "net total", "amount due",
          "rounded total", "total rounding", "total", "gesamt", "summe", "betrag", "montant",
        ]),
      "vendor_name": FieldSchema(type: .string),
      "address": FieldSchema(type: .string),
    ])
}
