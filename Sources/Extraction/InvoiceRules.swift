import DocumentModel
import Foundation

/// What is special about invoices: parties, tax ids, amounts that have to add up, rows.
struct InvoiceRules {
  let page: PageRows
  let currency: String?

  func complete(_ result: inout ExtractionResult, candidates: (String) -> [RuleBasedExtractor.Candidate]) {
    if let currency {
      result.fields["currency"] = ExtractedField(value: .string(currency), raw: currency, confidence: 0.85)
    }
    result.documentType = documentType()
    chooseAmounts(&result, candidates)
    heading(&result)
    dates(&result)
    parties(&result)
    taxIDs(&result)
    LabelledParties(page: page).complete(&result)
    if result.fields["iban"] == nil { result.fields["iban"] = anywhere(FieldSchema(type: .iban)) }
    if result.text("bic").map({ !isBIC($0) }) ?? true { result.fields["bic"] = bicAnywhere() }
    if result.text("purchase_order") == result.text("invoice_number") { result.fields["purchase_order"] = nil }
    result.lineItems = LineItemRules(page: page).items()
    if result.fields["amount_due"] == nil, var due = result.fields["invoice_total"] {
      due.confidence *= 0.9
      result.fields["amount_due"] = due
    }
  }

  private func documentType() -> String {
    let head = page.rows.prefix(40).map { $0.text.lowercased() }.joined(separator: " ")
    let isCredit = ["gutschrift", "credit note", "avoir ", "rechnungskorrektur", "stornorechnung"].contains {
      head.contains($0)
    }
    return isCredit ? "credit_note" : "invoice"
  }

  // MARK: - Amounts

  /// Of the best candidates for net, tax and total, the triple that adds up; else the best of each.
  private func chooseAmounts(_ result: inout ExtractionResult, _ candidates: (String) -> [RuleBasedExtractor.Candidate])
  {
    func best(_ name: String) -> [RuleBasedExtractor.Candidate] {
      var seen = Set<String>()
      return candidates(name).sorted { $0.score > $1.score }.filter { seen.insert($0.field.value.text).inserted }
        .prefix(8).map { $0 }
    }
    let nets = best("subtotal"), taxes = best("total_tax")
    var totals = best("invoice_total")
    totals += best("amount_due").map { RuleBasedExtractor.Candidate(field: $0.field, score: $0.score - 0.4) }
    // The largest amount of the lower half is a total more often than not.
    let amounts = page.rows.flatMap { row in
      row.words.compactMap { word in
        ValueParsing.looksLikeMoney(word.text) ? ValueParsing.amount(word.text).map { ($0, word) } : nil
      }
    }
    if let largest = amounts.max(by: { $0.0 < $1.0 }), !totals.contains(where: { $0.field.value.number == largest.0 }) {
      totals.append(RuleBasedExtractor.Candidate(field: field(.number(largest.0), largest.1, 0.45), score: 0.5))
    }
    var chosen: (score: Double, net: ExtractedField?, tax: ExtractedField?, total: ExtractedField)?
    for total in totals {
      guard let t = total.field.value.number else { continue }
      for net in nets {
        guard let n = net.field.value.number, abs(n) <= abs(t) + 0.005 else { continue }
        for tax in taxes {
          guard let x = tax.field.value.number, abs(n + x - t) < 0.015 else { continue }
          let score = total.score + net.score + tax.score + 2
          if score > chosen?.score ?? 0 { chosen = (score, net.field, tax.field, total.field) }
        }
        // The tax may stand without a phrase that is known: any amount that is the difference.
        let difference = t - n
        if abs(difference) > 0.005, let word = amounts.last(where: { abs($0.0 - difference) < 0.006 }) {
          let score = total.score + net.score + 1.6
          if score > chosen?.score ?? 0 {
            chosen = (score, net.field, field(.number(word.0), word.1, 0.6), total.field)
          }
        }
      }
      for tax in taxes {
        guard let x = tax.field.value.number, abs(x) > 0.005, abs(x) < abs(t) / 2,
          let word = amounts.last(where: { abs($0.0 - (t - x)) < 0.006 })
        else { continue }
        let score = total.score + tax.score + 1.6
        if score > chosen?.score ?? 0 { chosen = (score, field(.number(word.0), word.1, 0.6), tax.field, total.field) }
      }
    }
    if let chosen {
      for (name, value) in [("subtotal", chosen.net), ("total_tax", chosen.tax), ("invoice_total", chosen.total)] {
        result.fields[name] = value.map { field in
          var sure = field
          sure.confidence = 0.92
          return sure
        }
      }
    } else {
      result.fields["invoice_total"] = totals.max { $0.score < $1.score }?.field
      if let net = result.number("subtotal"), let total = result.number("invoice_total"), abs(net) > abs(total) + 0.01 {
        result.fields["subtotal"] = nil
      }
      if let tax = result.number("total_tax"), let total = result.number("invoice_total"), abs(tax) >= abs(total) {
        result.fields["total_tax"] = nil
      }
    }
  }

  // MARK: - Dates and ids

  /// "Rechnung Nr. 4711 vom 5.3.2020", "Invoice No. 4711 dated 5 March 2020".
  private func heading(_ result: inout ExtractionResult) {
    let number =
      /(?i)(?:rechnung|invoice|facture|gutschrift|credit note|avoir|korrektur)\w*(?:\s*\([^)]{0,30}\))?\s*[:\-]?\s*(?:nr|no|number|nummer|n°|nº|num)\b\.?\s*:?\s*(\S*\d\S*)(.{0,60})/
    for row in page.rows.prefix(60) {
      guard let match = row.text.firstMatch(of: number) else { continue }
      let id = String(match.1).trimmingCharacters(in: CharacterSet(charactersIn: ":,;."))
      guard id.count >= 2, ValueParsing.date(id) == nil, let word = row.words.first(where: { $0.text.contains(id) })
      else { continue }
      result.fields["invoice_number"] = field(.string(id), word, 0.85)
      let rest = String(match.2)
      if rest.firstMatch(of: /(?i)\b(?:vom|dated|du|of|date|van|del)\b/) != nil, let date = ValueParsing.date(rest) {
        let place = row.words.first { ValueParsing.date($0.text) == date } ?? word
        result.fields["invoice_date"] = field(.string(date), place, 0.85)
      }
      return
    }
  }

  /// "zahlbar innerhalb 30 Tagen bis 04.04.2020".
  private func dueInSentence() -> ExtractedField? {
    for row in page.rows {
      let text = row.text
      guard text.firstMatch(of: /(?i)zahlbar|fällig|netto|payable|payment|due|échéance|paiement|zahlung/) != nil,
        let match = text.firstMatch(of: /(?i)\b(?:bis zum|bis|by|before|avant le|until|am|le)\s+(\S+(?:\s\S+){0,2})/),
        let date = ValueParsing.date(String(match.1)),
        let word = row.words.first(where: { ValueParsing.date($0.text) == date }) ?? row.words.first
      else { continue }
      return field(.string(date), word, 0.65)
    }
    return nil
  }

  private func bicAnywhere() -> ExtractedField? {
    for row in page.rows where row.text.firstMatch(of: /(?i)\b(?:bic|swift)\b/) != nil {
      for word in row.words {
        let text = word.text.split(separator: ":").last.map(String.init) ?? word.text
        if isBIC(text.trimmingCharacters(in: .punctuationCharacters)) {
          return field(.string(text.trimmingCharacters(in: .punctuationCharacters)), word, 0.8)
        }
      }
    }
    return nil
  }

  private func dates(_ result: inout ExtractionResult) {
    if result.fields["due_date"] == nil { result.fields["due_date"] = dueInSentence() }
    if let due = result.text("due_date"), let issued = result.text("invoice_date"), due < issued {
      result.fields["due_date"] = nil
    }
    guard result.fields["invoice_date"] == nil else { return }
    result.fields["invoice_date"] = anywhere(FieldSchema(type: .date))
  }

  /// The seller's is named first or stands in the foot; a customer's is announced as such.
  private func taxIDs(_ result: inout ExtractionResult) {
    let extractor = RuleBasedExtractor()
    var found: [(field: ExtractedField, row: PageRows.Row)] = []
    for row in page.rows {
      guard let hit = extractor.value(FieldSchema(type: .vat), row.words, near: nil) else { continue }
      // An IBAN begins with a country as well.
      if row.words.contains(where: { ValueParsing.isIBAN($0.text) }) || row.text.lowercased().contains("iban") {
        continue
      }
      if !found.contains(where: { $0.field.value == hit.value }) { found.append((hit, row)) }
    }
    let isCustomers = { (row: PageRows.Row) in
      ["ihre ust", "kunden", "ihre mwst", "votre", "your vat", "customer", "client", "käufer"].contains {
        row.text.lowercased().contains($0)
      }
    }
    result.fields["vendor_tax_id"] = (found.first { !isCustomers($0.row) } ?? found.first)?.field
    result.fields["customer_tax_id"] =
      found.first { isCustomers($0.row) && $0.field.value != result.fields["vendor_tax_id"]?.value }?.field
    if result.fields["vendor_tax_id"] == nil {
      let number = FieldSchema(
        type: .id,
        keyPhrases: ["steuernummer", "steuer-nr.", "steuernr.", "st.-nr.", "st-nr.", "tax number", "tax id", "n° tva"])
      result.fields["vendor_tax_id"] = extractor.candidates(number, page).max { $0.score < $1.score }?.field
    }
  }

  private func isBIC(_ text: String) -> Bool {
    (text.count == 8 || text.count == 11) && text.allSatisfy { $0.isUppercase || $0.isNumber }
      && text.prefix(6).allSatisfy { $0.isLetter && $0.isUppercase } && text.dropFirst(8).count != 1
  }

  private func anywhere(_ schema: FieldSchema) -> ExtractedField? {
    for row in page.rows {
      if let hit = RuleBasedExtractor().value(schema, row.words, near: nil) {
        var weak = hit
        weak.confidence = 0.55
        return weak
      }
    }
    return nil
  }

  private func field(_ value: ExtractedValue, _ word: PlacedWord, _ confidence: Double) -> ExtractedField {
    ExtractedField(value: value, raw: word.text, confidence: confidence, page: word.page + 1, bbox: word.box)
  }

  // MARK: - Parties

  private static let legalForms = [
    "gmbh", "ag", "kg", "ohg", "gbr", "ug", "e.k.", "e.v.", "ltd", "ltd.", "limited", "inc", "inc.", "llc", "sarl",
    "s.a.r.l.", "sas", "sa", "s.a.",
    "eurl", "bv", "b.v.", "nv", "n.v.", "spa", "s.p.a.", "srl", "s.r.l.", "plc", "corp.", "co.", "mbh", "se",
    "stiftung", "verlag", "werke",
  ]

  /// The customer is the address block in the window on the left; the vendor is the other company of the head, or the foot.
  private func parties(_ result: inout ExtractionResult) {
    let first = page.rows.filter { $0.page == 0 }
    guard let bottom = first.map(\.box.y1).max() else { return }
    let cells = first.flatMap(\.cells)
    let right = cells.map(\.box.x1).max() ?? 600
    // A postcode and a town close an address.
    let towns = cells.filter { isTown($0.text) && $0.box.y0 < 0.5 * bottom }
    let blocks = towns.map { town -> [PageRows.Cell] in
      let above = cells.filter { cell in
        cell.box.y1 <= town.box.midY && town.box.y0 - cell.box.y1 < 6 * town.box.height
          && abs(cell.box.x0 - town.box.x0) < 6
      }.sorted { $0.box.y0 > $1.box.y0 }
      var block = [town]
      for cell in above {
        guard block.last!.box.y0 - cell.box.y1 < 1.4 * cell.box.height, block.count < 6 else { break }
        block.append(cell)
      }
      return block.reversed()
    }.filter { $0.count >= 2 }
    let customer = blocks.filter { $0[0].box.x0 < 0.5 * right }.min { $0[0].box.y0 < $1[0].box.y0 }
    if let customer {
      set(&result, "customer", customer)
    }
    let customerName = result.text("customer_name")
    // One small line above the window is the sender's.
    let sender = cells.first { cell in
      guard let customer else { return false }
      return cell.box.y1 <= customer[0].box.y0 + 1 && customer[0].box.y0 - cell.box.y1 < 45
        && abs(cell.box.x0 - customer[0].box.x0) < 12
        && cell.text.contains(where: \.isNumber) && cell.words.count > 4
    }
    if let sender {
      let name =
        sender.text.split(whereSeparator: { "•|·,;–".contains($0) }).first.map {
          $0.trimmingCharacters(in: .whitespaces)
        } ?? ""
      if name.count > 2 {
        result.fields["vendor_name"] = ExtractedField(
          value: .string(name), raw: name, confidence: 0.75, page: 1, bbox: sender.box)
        return
      }
    }
    if let block = blocks.first(where: { $0[0].text != customerName && $0[0].box.x0 != customer?[0].box.x0 }) {
      set(&result, "vendor", block)
      if hasLegalForm(block[0].text) { return }
    }
    let companies = cells.filter { hasLegalForm($0.text) && $0.text != customerName && $0.words.count <= 8 }
    if let company = companies.first {
      let name =
        company.text.split(whereSeparator: { "•|·;".contains($0) }).first.map {
          $0.trimmingCharacters(in: .whitespaces)
        } ?? company.text
      result.fields["vendor_name"] = ExtractedField(
        value: .string(name), raw: company.text, confidence: 0.6, page: company.page + 1, bbox: company.box)
    }
  }

  private func set(_ result: inout ExtractionResult, _ party: String, _ block: [PageRows.Cell]) {
    let labels = [
      "firma", "herrn", "frau", "an", "bill to", "bill to:", "rechnung an", "rechnungsempfänger", "kunde", "kunde:",
      "herr", "facturé à", "client", "käufer", "rechnungsempfänger:",
    ]
    let lines = block.filter { !labels.contains($0.text.lowercased()) }
    guard let name = lines.first, lines.count > 1 else { return }
    result.fields["\(party)_name"] = ExtractedField(
      value: .string(name.text), raw: name.text, confidence: 0.7, page: name.page + 1, bbox: name.box)
    let rest = lines.dropFirst()
    let text = rest.map(\.text).joined(separator: ", ")
    let box = rest.dropFirst().reduce(rest.first!.box) { $0.union($1.box) }
    result.fields["\(party)_address"] = ExtractedField(
      value: .string(text), raw: text, confidence: 0.65, page: name.page + 1, bbox: box)
  }

  private func isTown(_ text: String) -> Bool {
    guard text.count < 60 else { return false }
    return text.firstMatch(of: /^(?:[A-Z]{1,2}[-– ])?\d{4,5}\s+\p{Lu}/) != nil
      || text.firstMatch(of: /\b[A-Z]{1,2}\d{1,2}[A-Z]?\s\d[A-Z]{2}\b/) != nil
      || text.firstMatch(of: /,\s[A-Z]{2}\s\d{5}\b/) != nil || text.firstMatch(of: /^\d{4}\s?[A-Z]{2}\s+\p{Lu}/) != nil
  }

  private func hasLegalForm(_ text: String) -> Bool {
    let words = text.lowercased().split(separator: " ").map(String.init)
    return words.dropFirst().contains {
      Self.legalForms.contains($0.trimmingCharacters(in: CharacterSet(charactersIn: ",;|")))
    }
  }
}
