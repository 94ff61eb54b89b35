import DocumentModel
import Foundation
import FoundationXML

/// Reads electronic invoices in Cross Industry Invoice syntax (UN/CEFACT CII): Factur-X and ZUGFeRD 2.x in all profiles
/// from MINIMUM to EXTENDED, XRechnung, and ZUGFeRD 1.0. Element names after EN 16931 and the Factur-X 1.0 schema.
public enum EInvoiceXML {
  private static let names = ["factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml", "order-x.xml", "cii.xml"]
  static let maxBytes = 20 << 20

  /// The invoice among a document's attachments.
  public static func embedded(in document: Document) -> Attachment? {
    document.attachments.first { names.contains($0.name.lowercased()) && $0.data != nil }
      ?? document.attachments.first {
        $0.name.lowercased().hasSuffix(".xml")
          && $0.data.map { String(decoding: $0.prefix(2000), as: UTF8.self).contains("CrossIndustry") } ?? false
      }
  }

  /// - Throws: `ExtractionError.badXML` for anything but a well-formed CII invoice without a DOCTYPE.
  public static func parse(_ xml: [UInt8], fileName: String) throws -> ExtractionResult {
    let root = try XMLTree.parse(xml, fileName: fileName)
    guard ["CrossIndustryInvoice", "CrossIndustryDocument", "SCRDMCCBDACIOMessageStructure"].contains(root.name) else {
      throw ExtractionError.badXML(file: fileName, reason: "its root is '\(root.name)', not a CrossIndustryInvoice")
    }
    return CrossIndustryInvoice(root: root, fileName: fileName).result()
  }
}

/// An element by its local name.
final class XMLTree {
  let name: String
  var attributes: [String: String] = [:]
  var children: [XMLTree] = []
  var text = ""

  init(_ name: String) { self.name = name }

  /// First descendant along a path of local names.
  func first(_ path: String...) -> XMLTree? {
    path.reduce(self as XMLTree?) { node, name in node?.children.first { $0.name == name } }
  }
  func all(_ name: String) -> [XMLTree] { children.filter { $0.name == name } }
  var value: String? {
    let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
    return trimmed.isEmpty ? nil : trimmed
  }
  var number: Double? { value.flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil } }

  static func parse(_ xml: [UInt8], fileName: String) throws -> XMLTree {
    guard xml.count <= EInvoiceXML.maxBytes else {
      throw ExtractionError.badXML(file: fileName, reason: "it is larger than \(EInvoiceXML.maxBytes >> 20) MiB")
    }
    // No invoice has a DOCTYPE; without one there are no entities to expand or to fetch.
    let head = String(decoding: xml, as: UTF8.self)
    guard !head.contains("<!DOCTYPE"), !head.contains("<!ENTITY") else {
      throw ExtractionError.badXML(file: fileName, reason: "it has a DOCTYPE, which invoices have not")
    }
    let parser = XMLParser(data: Data(xml))
    parser.shouldResolveExternalEntities = false
    let builder = Builder()
    parser.delegate = builder
    // FoundationXML says yes to elements that are never closed.
    guard parser.parse(), let root = builder.root, builder.isComplete else {
      throw ExtractionError.badXML(file: fileName, reason: builder.problem ?? "it is not well-formed XML")
    }
    return root
  }

  private final class Builder: NSObject, XMLParserDelegate {
    var root: XMLTree?
    var problem: String?
    private var stack: [XMLTree] = []
    var isComplete: Bool { stack.isEmpty }
    private var count = 0

    func parser(
      _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      let node = XMLTree(String(elementName.split(separator: ":").last ?? ""))
      node.attributes = attributes
      count += 1
      guard stack.count < 64, count < 500_000 else {
        problem = "it is nested too deeply or has too many elements"
        parser.abortParsing()
        return
      }
      if let parent = stack.last { parent.children.append(node) } else { root = node }
      stack.append(node)
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { stack.last?.text += string }

    func parser(_ parser: XMLParser, foundCDATA block: Data) {
      stack.last?.text += String(decoding: block, as: UTF8.self)
    }

    func parser(_ parser: XMLParser, didEndElement elementName: String, namespaceURI: String?, qualifiedName: String?) {
      _ = stack.popLast()
    }
  }
}

/// Maps a CII tree to fields. ZUGFeRD 1.0 has other names for the three main parts.
private struct CrossIndustryInvoice {
  let root: XMLTree
  let fileName: String

  func result() -> ExtractionResult {
    let header = root.first("ExchangedDocument") ?? root.first("HeaderExchangedDocument")
    let trade = root.first("SupplyChainTradeTransaction") ?? root.first("SpecifiedSupplyChainTradeTransaction")
    let agreement =
      trade?.first("ApplicableHeaderTradeAgreement") ?? trade?.first("ApplicableSupplyChainTradeAgreement")
    let settlement =
      trade?.first("ApplicableHeaderTradeSettlement") ?? trade?.first("ApplicableSupplyChainTradeSettlement")
    let sums =
      settlement?.first("SpecifiedTradeSettlementHeaderMonetarySummation")
      ?? settlement?.first("SpecifiedTradeSettlementMonetarySummation")
    var result = ExtractionResult(
      file: fileName, documentType: documentType(header?.first("TypeCode")?.value), source: "embedded-xml")
    var notes: [String] = []
    if let profile = root.first("ExchangedDocumentContext", "GuidelineSpecifiedDocumentContextParameter", "ID")?.value {
      notes.append("profile \(profile)")
    }

    func set(_ name: String, _ text: String?) {
      if let text { result.fields[name] = ExtractedField(value: .string(text), raw: text, confidence: 1) }
    }
    func set(_ name: String, amount node: XMLTree?) {
      if let node, let value = node.number {
        result.fields[name] = ExtractedField(value: .number(value), raw: node.value ?? "", confidence: 1)
      }
    }
    set("invoice_number", header?.first("ID")?.value)
    set("invoice_date", date(header?.first("IssueDateTime")))
    let currency = settlement?.first("InvoiceCurrencyCode")?.value
    set("currency", currency)
    party("vendor", agreement?.first("SellerTradeParty"), set)
    party("customer", agreement?.first("BuyerTradeParty"), set)
    set(
      "purchase_order",
      agreement?.first("BuyerOrderReferencedDocument", "IssuerAssignedID")?.value
        ?? agreement?.first("BuyerOrderReferencedDocument", "ID")?.value)
    let terms = settlement?.all("SpecifiedTradePaymentTerms") ?? []
    set("due_date", terms.compactMap { date($0.first("DueDateDateTime")) }.min())
    set("payment_terms", terms.compactMap { $0.first("Description")?.value }.first)
    for means in settlement?.all("SpecifiedTradeSettlementPaymentMeans") ?? [] where result.fields["iban"] == nil {
      // Some write it in groups of four, as on paper.
      let account = means.first("PayeePartyCreditorFinancialAccount", "IBANID")?.value
      set("iban", account?.filter { !$0.isWhitespace })
      set("bic", means.first("PayeeSpecifiedCreditorFinancialInstitution", "BICID")?.value)
    }
    set("subtotal", amount: sums?.first("TaxBasisTotalAmount") ?? sums?.first("LineTotalAmount"))
    let taxTotals = sums?.all("TaxTotalAmount") ?? []
    set("total_tax", amount: taxTotals.first { $0.attributes["currencyID"] == currency } ?? taxTotals.first)
    set("invoice_total", amount: sums?.first("GrandTotalAmount"))
    set("amount_due", amount: sums?.first("DuePayableAmount"))
    result.taxLines = (settlement?.all("ApplicableTradeTax") ?? []).map(taxLine)
    result.lineItems = (trade?.all("IncludedSupplyChainTradeLineItem") ?? []).compactMap(lineItem)
    if let prepaid = sums?.first("TotalPrepaidAmount")?.number, prepaid != 0 { notes.append("prepaid \(prepaid)") }
    result.notes = notes.isEmpty ? nil : notes
    let exact = Sums(
      lines: sums?.first("LineTotalAmount")?.number, charges: sums?.first("ChargeTotalAmount")?.number ?? 0,
      allowances: sums?.first("AllowanceTotalAmount")?.number ?? 0,
      prepaid: sums?.first("TotalPrepaidAmount")?.number ?? 0,
      rounding: sums?.first("RoundingAmount")?.number ?? 0)
    result.checks = ArithmeticChecks.checks(of: result, sums: exact)
    return result
  }

  private func documentType(_ code: String?) -> String {
    switch code {
    case "381", "261", "396", "532": "credit_note"
    case "220", "221", "231": "order"
    default: "invoice"
    }
  }

  private func party(_ name: String, _ node: XMLTree?, _ set: (String, String?) -> Void) {
    guard let node else { return }
    set("\(name)_name", node.first("Name")?.value)
    let registrations = node.all("SpecifiedTaxRegistration").compactMap { $0.first("ID") }
    set("\(name)_tax_id", (registrations.first { $0.attributes["schemeID"] == "VA" } ?? registrations.first)?.value)
    if let address = node.first("PostalTradeAddress") {
      let street = ["LineOne", "LineTwo", "LineThree"].compactMap { address.first($0)?.value }
      let city = [address.first("PostcodeCode")?.value, address.first("CityName")?.value].compactMap { $0 }.joined(
        separator: " ")
      let parts = street + (city.isEmpty ? [] : [city]) + [address.first("CountryID")?.value].compactMap { $0 }
      set("\(name)_address", parts.isEmpty ? nil : parts.joined(separator: ", "))
    }
  }

  /// Format 102 is CCYYMMDD.
  private func date(_ node: XMLTree?) -> String? {
    guard let text = (node?.first("DateTimeString") ?? node?.first("DateTime"))?.value else { return nil }
    return ValueParsing.date(text)
  }

  private func taxLine(_ node: XMLTree) -> TaxLine {
    var line = TaxLine()
    line.rate = (node.first("RateApplicablePercent") ?? node.first("ApplicablePercent"))?.number
    line.base = node.first("BasisAmount")?.number
    line.amount = node.first("CalculatedAmount")?.number
    line.category = node.first("CategoryCode")?.value
    return line
  }

  private func lineItem(_ node: XMLTree) -> LineItem? {
    let agreement = node.first("SpecifiedLineTradeAgreement") ?? node.first("SpecifiedSupplyChainTradeAgreement")
    let delivery = node.first("SpecifiedLineTradeDelivery") ?? node.first("SpecifiedSupplyChainTradeDelivery")
    let settlement = node.first("SpecifiedLineTradeSettlement") ?? node.first("SpecifiedSupplyChainTradeSettlement")
    var item = LineItem()
    item.description = node.first("SpecifiedTradeProduct", "Name")?.value
    let quantity = delivery?.first("BilledQuantity")
    item.quantity = quantity?.number
    item.unit = quantity?.attributes["unitCode"]
    let price = agreement?.first("NetPriceProductTradePrice") ?? agreement?.first("GrossPriceProductTradePrice")
    if let amount = price?.first("ChargeAmount")?.number {
      // A price may be for 100 pieces.
      item.unitPrice = amount / max(1e-9, price?.first("BasisQuantity")?.number ?? 1)
    }
    let tax = settlement?.first("ApplicableTradeTax")
    item.taxRate = (tax?.first("RateApplicablePercent") ?? tax?.first("ApplicablePercent"))?.number
    let sums =
      settlement?.first("SpecifiedTradeSettlementLineMonetarySummation")
      ?? settlement?.first("SpecifiedTradeSettlementMonetarySummation")
    item.amount = sums?.first("LineTotalAmount")?.number
    return item.description == nil && item.amount == nil && item.quantity == nil ? nil : item
  }
}

/// Sums that only the XML knows.
struct Sums {
  var lines: Double?
  var charges = 0.0
  var allowances = 0.0
  var prepaid = 0.0
  var rounding = 0.0
}
