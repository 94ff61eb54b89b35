import DocumentModel
import Extraction
import Foundation
import Testing

/// A page of cells set at given places.
private func page(_ cells: [(String, Double, Double)]) -> Document {
  var page = Page(index: 0, width: 595, height: 842)
  page.styles = [TextStyle(font: "Body", size: 10)]
  for (text, left, y) in cells {
    var x = left
    for word in text.split(separator: " ") {
      let width = Double(word.count) * 5
      page.words.append(Word(text: String(word), bbox: Rect(x0: x, y0: y, x1: x + width, y1: y + 10), style: 0))
      x += width + 3
    }
  }
  return Document(fileName: "invoice.pdf", pageCount: 1, pages: [page])
}

private let english = page([
  ("Brightside Supplies Ltd", 50, 40), ("12 Mill Lane", 50, 52), ("London SW1A 1AA", 50, 64),
  ("Bill to", 320, 110), ("Northern Cafe", 320, 124), ("9 High Street", 320, 136), ("Leeds LS1 4AB", 320, 148),
  ("Invoice No: INV-2044", 50, 200), ("Invoice date: 14/03/2024", 50, 214), ("Due date: 13/04/2024", 50, 228),
  ("Description", 50, 280), ("Quantity", 250, 280), ("Unit price", 340, 280), ("Amount", 450, 280),
  ("Coffee beans", 50, 296), ("4", 250, 296), ("12.50", 340, 296), ("50.00", 450, 296),
  ("Paper cups", 50, 312), ("100", 250, 312), ("0.25", 340, 312), ("25.00", 450, 312),
  ("Subtotal", 340, 350), ("75.00", 450, 350), ("VAT 20 %", 340, 364), ("15.00", 450, 364),
  ("Total", 340, 378), ("£90.00", 450, 378), ("IBAN: GB29 NWBK 6016 1331 9268 19", 50, 420),
])

@Suite struct RuleBasedExtractorTests {
  @Test func anEnglishInvoiceIsRead() {
    let result = RuleBasedExtractor().extract(english)
    func text(_ name: String) -> String? { result.fields[name]?.value.text }
    #expect(text("invoice_number") == "INV-2044")
    #expect(text("invoice_date") == "2024-03-14")
    #expect(text("due_date") == "2024-04-13")
    #expect(result.fields["subtotal"]?.value.number == 75)
    #expect(result.fields["total_tax"]?.value.number == 15)
    #expect(result.fields["invoice_total"]?.value.number == 90)
    #expect(text("currency") == "GBP")
    #expect(text("iban") == "GB29NWBK60161331926819")
    #expect(text("customer_name") == "Northern Cafe")
    #expect(result.checks.filter { !$0.ok }.isEmpty)
  }

  @Test func everyBoxHoldsItsRawText() throws {
    let result = RuleBasedExtractor().extract(english)
    let words = english.pages[0].words
    for (name, field) in result.fields where name != "currency" {
      let box = try #require(field.bbox)
      let inside = words.filter { box.contains(x: $0.bbox.midX, y: $0.bbox.midY) }.map(\.text).joined(separator: " ")
      // Lines of an address are joined by commas.
      for part in field.raw.split(whereSeparator: { " ,".contains($0) }) {
        #expect(inside.contains(part), "\(name): \(field.raw)")
      }
    }
  }

  @Test func rowsOfTheTableAreLineItems() {
    let items = RuleBasedExtractor().extract(english).lineItems
    #expect(items.map(\.description) == ["Coffee beans", "Paper cups"])
    #expect(items.map(\.quantity) == [4, 100])
    #expect(items.map(\.unitPrice) == [12.5, 0.25])
    #expect(items.map(\.amount) == [50, 25])
  }

  @Test func whatIsSaidAboutAnItemIsNotItsName() {
    let result = RuleBasedExtractor().extract(
      page([
        ("Bezeichnung", 50, 100), ("Menge", 250, 100), ("Preis", 350, 100), ("Betrag", 450, 100),
        ("Trennblätter A4", 50, 120), ("20", 250, 120), ("9,90", 350, 120), ("198,00", 450, 120),
        ("farbig sortiert", 50, 132), ("Art-Nr-Lieferant: TB100A4", 50, 144), ("4012345001235 (GTIN)", 50, 156),
        ("Joghurt", 50, 170), ("50", 250, 170), ("5,50", 350, 170), ("275,00", 450, 170),
      ]))
    #expect(result.lineItems.map(\.description) == ["Trennblätter A4 farbig sortiert", "Joghurt"])
  }

  @Test func aGermanSentenceGivesNumberAndDate() {
    let result = RuleBasedExtractor().extract(
      page([("Rechnung Nr. 471102 vom 05.03.2020", 50, 100), ("Gesamtbetrag", 300, 300), ("1.234,56 €", 450, 300)]))
    #expect(result.fields["invoice_number"]?.value.text == "471102")
    #expect(result.fields["invoice_date"]?.value.text == "2020-03-05")
    #expect(result.fields["invoice_total"]?.value.number == 1234.56)
  }

  @Test func wrongSumsAreFlaggedAndNotMended() {
    var broken = english
    let index = broken.pages[0].words.firstIndex { $0.text == "£90.00" }!
    broken.pages[0].words[index].text = "£91.00"
    let result = RuleBasedExtractor().extract(broken)
    #expect(result.fields["invoice_total"]?.value.number == 91)
    #expect(result.checks.contains { $0.rule == "total" && !$0.ok })
  }

  @Test func aPageWithoutTextSaysSo() {
    let result = RuleBasedExtractor().extract(page([]))
    #expect(result.fields.isEmpty && result.notes?.first?.contains("no text") == true)
  }

  @Test func ownSchemasWorkFromKeyPhrases() throws {
    let json = Data(
      "{\"document_type\": \"order\", \"fields\": {\"order\": {\"type\": \"id\", \"key_phrases\": [\"Order ID\"]}, \"when\": {\"type\": \"date\", \"key_phrases\": [\"Flight date\"]}}}"
        .utf8)
    let schema = try ExtractionSchema(json: json, name: "my.json")
    let result = RuleBasedExtractor(schema: schema).extract(
      page([("Order ID 77-X1", 50, 50), ("Flight date March 3, 2024", 50, 70)]))
    #expect(result.fields["order"]?.value.text == "77-X1" && result.fields["when"]?.value.text == "2024-03-03")
    #expect(result.notes?.first?.contains("rules") == true)
    #expect(throws: ExtractionError.self) {
      try ExtractionSchema(json: Data("{\"fields\": {\"x\": \"colour\"}}".utf8), name: "bad.json")
    }
  }
}

@Suite struct ValueParsingTests {
  @Test(arguments: [
    ("1.234,56", 1234.56), ("1,234.56", 1234.56), ("1 234,56 €", 1234.56), ("1'234.50", 1234.5), ("12,5", 12.5),
    ("(3.00)", -3),
    ("5,00-", -5), ("-7.67", -7.67), ("1.000", 1000), ("0.125", 0.125), ("€ 9.99", 9.99), ("1,234,567", 1_234_567),
  ]) func amounts(text: String, value: Double) { #expect(ValueParsing.amount(text) == value) }

  @Test(arguments: ["", "abc", "12a", "1,2,3.4.5x"]) func noAmounts(text: String) {
    #expect(ValueParsing.amount(text) == nil)
  }

  @Test(arguments: [
    ("05.03.2020", "2020-03-05"), ("2020-03-05", "2020-03-05"), ("3 mars 2021", "2021-03-03"),
    ("5. März 2020", "2020-03-05"),
    ("March 5, 2020", "2020-03-05"), ("20200305", "2020-03-05"), ("12/31/2020", "2020-12-31"), ("1.2.21", "2021-02-01"),
  ]) func dates(text: String, iso: String) { #expect(ValueParsing.date(text) == iso) }

  @Test func checkDigits() {
    #expect(ValueParsing.isIBAN("DE89 3704 0044 0532 0130 00"))
    #expect(!ValueParsing.isIBAN("DE89 3704 0044 0532 0130 01"))
    #expect(
      ValueParsing.isVATNumber("DE123456789") && !ValueParsing.isVATNumber("DE12345")
        && !ValueParsing.isVATNumber("hello"))
  }
}

@Suite struct EInvoiceXMLTests {
  private func parse(_ text: String) throws -> ExtractionResult {
    try EInvoiceXML.parse(Array(text.utf8), fileName: "a.pdf")
  }

  private let minimum = """
    <rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100" xmlns:ram="r" xmlns:udt="u">
    <rsm:ExchangedDocument><ram:ID>F-1</ram:ID><ram:TypeCode>381</ram:TypeCode>
    <ram:IssueDateTime><udt:DateTimeString format="102">20240314</udt:DateTimeString></ram:IssueDateTime></rsm:ExchangedDocument>
    <rsm:SupplyChainTradeTransaction><ram:ApplicableHeaderTradeAgreement>
    <ram:SellerTradeParty><ram:Name>Acme SARL</ram:Name><ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">FR12345678901</ram:ID></ram:SpecifiedTaxRegistration></ram:SellerTradeParty>
    </ram:ApplicableHeaderTradeAgreement><ram:ApplicableHeaderTradeSettlement><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
    <ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:TaxBasisTotalAmount>100.00</ram:TaxBasisTotalAmount>
    <ram:TaxTotalAmount currencyID="EUR">20.00</ram:TaxTotalAmount><ram:GrandTotalAmount>120.00</ram:GrandTotalAmount>
    <ram:DuePayableAmount>120.00</ram:DuePayableAmount></ram:SpecifiedTradeSettlementHeaderMonetarySummation>
    </ram:ApplicableHeaderTradeSettlement></rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>
    """

  @Test func theMinimumProfileIsReadWhateverThePrefix() throws {
    let result = try parse(minimum)
    #expect(result.documentType == "credit_note" && result.source == "embedded-xml")
    #expect(result.fields["invoice_date"]?.value.text == "2024-03-14")
    #expect(result.fields["invoice_total"]?.value.number == 120)
    #expect(result.fields["vendor_tax_id"]?.value.text == "FR12345678901")
    #expect(!result.checks.contains { !$0.ok })
    let other = try parse(
      minimum.replacing("rsm:", with: "x:").replacing("ram:", with: "y:").replacing(":rsm", with: ":x").replacing(
        ":ram", with: ":y"))
    #expect(other.fields["vendor_name"]?.value.text == "Acme SARL")
  }

  @Test(arguments: [
    "<!DOCTYPE a [<!ENTITY b \"c\">]><CrossIndustryInvoice>&b;</CrossIndustryInvoice>", "<html/>",
    "<CrossIndustryInvoice>", "", "no xml",
    String(repeating: "<a>", count: 5000),
  ]) func hostileXMLIsRefused(text: String) {
    #expect(throws: ExtractionError.self) { try parse(text) }
  }

  @Test func wrongSumsFailACheck() throws {
    let result = try parse(minimum.replacing("120.00</ram:Grand", with: "125.00</ram:Grand"))
    #expect(result.checks.contains { $0.rule == "total" && !$0.ok })
  }

  @Test func resultsHaveTheAgreedKeys() throws {
    let data = try ExtractionFormat.jsonl.encode([try parse(minimum)])
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(
      Set(object.keys).isSuperset(of: [
        "file", "document_type", "source", "fields", "line_items", "checks", "tax_lines", "needs_review",
      ]))
    let csv = String(
      decoding: try ExtractionFormat.csv.encode([try parse(minimum.replacing("Acme SARL", with: "=cmd()"))]),
      as: UTF8.self)
    #expect(csv.contains("'=cmd()"))
  }
}
