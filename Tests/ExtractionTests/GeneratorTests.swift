import DocumentModel
import Extraction
import Foundation
import Testing

@Suite struct GeneratorTests {
  private let generator = DocumentGenerator(seed: 5)

  @Test func theSameSeedMakesTheSameDocument() {
    let a = generator.document(3), b = DocumentGenerator(seed: 5).document(3)
    #expect(a.document.pages.map(\.words) == b.document.pages.map(\.words))
    #expect(a.tags == b.tags)
    #expect(a.document.pages.map(\.words) != generator.document(4).document.pages.map(\.words))
  }

  @Test func everyKindIsMadeAndEveryWordHasAPlaceForATag() {
    var kinds = Set<String>()
    for index in 0..<150 {
      let made = generator.document(index)
      kinds.insert(made.documentType)
      for (page, tags) in zip(made.document.pages, made.tags) {
        #expect(page.words.count == tags.count)
        #expect(page.words.allSatisfy { $0.bbox.width > 0 && $0.bbox.height > 0 && !$0.text.contains(" ") })
      }
    }
    #expect(kinds == ["invoice", "credit_note", "receipt", "purchase_order", "statement", "ad_order"])
  }

  @Test(arguments: [
    "invoice_number", "invoice_date", "due_date", "customer_number", "order_number", "purchase_order", "delivery_date",
    "subtotal", "total_tax", "invoice_total", "amount_due", "prepaid", "iban", "bic", "payment_terms", "vat_id",
    "tax_number", "customer_heading", "vendor_heading", "line.description", "line.quantity", "line.unit",
    "line.unit_price", "line.tax_rate", "line.amount", "receipt_total", "other_date",
  ]) func everyFieldHasManyNamesInEachLanguage(subject: String) {
    for language in Wording.languages {
      #expect(Set(Wording.shared.all(subject, language)).count >= 15, "\(language)")
    }
  }

  @Test(arguments: ["contract_num", "advertiser", "flight_dates", "flight_from", "flight_to", "gross_amount"])
  func fieldsOfOrdersHaveManyNames(subject: String) {
    #expect(Set(Wording.shared.all(subject, "en")).count >= 15)
  }

  /// The oracle is the document's own facts: the tagged words, read back, are the value.
  @Test func taggedWordsReadBackAsTheValue() {
    var checked = 0
    for index in 0..<200 {
      let made = generator.document(index)
      // Scans are misread on purpose.
      guard made.document.pages.allSatisfy({ $0.words.allSatisfy { $0.confidence == nil } }) else { continue }
      for name in ["invoice_number", "vendor_name", "customer_name", "iban"] {
        guard let value = made.fields[name] else { continue }
        let key = { (text: String) in text.uppercased().filter { $0.isLetter || $0.isNumber } }
        for (page, tags) in zip(made.document.pages, made.tags) {
          var run = ""
          var runs: [String] = []
          for (word, tag) in zip(page.words, tags) where tag?.field == name {
            if tag!.isStart, !run.isEmpty {
              runs.append(run)
              run = ""
            }
            run += key(String(word.text.dropFirst(tag!.skipped)))
          }
          if !run.isEmpty { runs.append(run) }
          for run in runs { #expect(run == key(value.text), "\(made.document.fileName) \(name)") }
          checked += runs.count
        }
      }
    }
    #expect(checked > 300)
  }

  @Test func sumsAddUp() throws {
    for index in 0..<100 {
      let fields = DocumentGenerator(seed: 9, mix: .invoices).document(index).fields
      guard let net = fields["subtotal"]?.number, let tax = fields["total_tax"]?.number,
        let total = fields["invoice_total"]?.number
      else { continue }
      #expect(abs(net + tax - total) < 0.006)
    }
  }
}
