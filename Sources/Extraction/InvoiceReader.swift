import DocumentModel
import Foundation

/// Reads an invoice or a receipt with the learned model and the rules together: the model chooses among the words, the rules fill
/// what it leaves out, and amounts have to add up.
struct InvoiceReader {
  let model: LearnedExtractor
  let schema: ExtractionSchema

  /// What the fields of the receipt schema are called by the model.
  private static let receiptNames = [
    "vendor_name": "vendor_name", "date": "invoice_date", "address": "vendor_address", "total": "invoice_total",
  ]
  private static let invoiceNames = [
    "invoice_number", "invoice_date", "due_date", "vendor_name", "vendor_address", "vendor_tax_id", "customer_name",
    "customer_address",
    "customer_tax_id", "iban", "bic", "purchase_order", "payment_terms",
  ]

  /// For every field what the model and the rules propose, for looking into their differences.
  func proposals(_ document: Document) -> [String: Any] {
    let rules = RuleBasedExtractor(schema: schema).extract(document)
    let tokens = DocumentTokens(document)
    guard !tokens.tokens.isEmpty else { return ["file": document.fileName] }
    let decoder = SpanDecoder(model.configuration, tokens, TokenFeatures(tokens), model)
    var fields: [String: Any] = [:]
    for name in Self.invoiceNames + ["subtotal", "total_tax", "invoice_total", "amount_due"] {
      var entry: [String: Any] = [:]
      entry["model"] = decoder.candidates(name).prefix(4).map {
        ["value": $0.field.value.number ?? $0.field.value.text as Any, "score": $0.score]
      }
      if let rule = rules.fields[name] {
        entry["rule"] = ["value": rule.value.number ?? rule.value.text as Any, "score": rule.confidence]
      }
      fields[name] = entry
    }
    return ["file": document.fileName, "fields": fields]
  }

  func extract(_ document: Document) -> ExtractionResult {
    let rules = RuleBasedExtractor(schema: schema).extract(document)
    let tokens = DocumentTokens(document)
    guard !tokens.tokens.isEmpty else { return rules }
    let decoder = SpanDecoder(model.configuration, tokens, TokenFeatures(tokens), model)
    var result = ExtractionResult(file: document.fileName, documentType: schema.documentType, source: "model")
    if schema.documentType == "receipt" {
      for (name, own) in Self.receiptNames { result.fields[name] = choose(own, decoder, rules.fields[name]) }
      ReceiptReader(decoder: decoder).complete(&result)
    } else {
      result.documentType = documentType(decoder, rules)
      for name in Self.invoiceNames { result.fields[name] = choose(name, decoder, rules.fields[name]) }
      if result.fields["vendor_tax_id"] == nil { result.fields["vendor_tax_id"] = decoder.best("tax_number")?.field }
      AmountChooser(decoder: decoder, rules: rules).choose(&result)
      result.fields["currency"] = rules.fields["currency"]
      tidy(&result)
      result.lineItems = lineItems(LineItemDecoder(decoder).items(), rules.lineItems, result)
      result.taxLines = TaxLineDecoder(decoder).lines()
    }
    result.checks = ArithmeticChecks.checks(of: result)
    result.needsReview =
      schema.fields.filter { $0.value.isRequired && result.fields[$0.key] == nil }.keys.sorted()
      + result.fields.filter { $0.value.confidence < model.reviewThreshold($0.key) }.keys.sorted()
    return result
  }

  /// Invoices that the model takes for orders are invoices to somebody who asks for invoices.
  private func documentType(_ decoder: SpanDecoder, _ rules: ExtractionResult) -> String {
    let type = decoder.reading.documentType
    if rules.documentType == "credit_note" || type == "ad_order" || type == "receipt" { return rules.documentType }
    return decoder.reading.typeProbability > 0.8 ? type : rules.documentType
  }

  /// Of the model's values and the rules' the one that most speaks for.
  private func choose(_ name: String, _ decoder: SpanDecoder, _ rule: ExtractedField?) -> ExtractedField? {
    let candidates = Array(decoder.candidates(name).prefix(5))
    let key = rule.flatMap { ExtractionScore.normalised(name, $0.value) }
    func isRules(_ candidate: SpanDecoder.Candidate) -> Bool {
      key != nil && ExtractionScore.normalised(name, candidate.field.value) == key
    }
    let rival = candidates.filter { !isRules($0) }.map(\.score).max() ?? 0
    var best: (field: ExtractedField, weight: Double)?
    for candidate in candidates {
      var weight = Blend.weight(candidate.score)
      var field = candidate.field
      if let rule, isRules(candidate) {
        weight += Blend.bonus(rule.confidence)
        field.confidence = Blend.confidence(rule: rule.confidence, model: candidate.score, rival: rival)
      } else {
        field.confidence = Blend.confidence(rule: nil, model: candidate.score, rival: rule == nil ? 0 : 1)
      }
      if weight > best?.weight ?? Blend.least { best = (field, weight) }
    }
    if let rule, !candidates.contains(where: isRules) {
      let weight = Blend.weight(0) + Blend.bonus(rule.confidence)
      if weight > best?.weight ?? Blend.least {
        var field = rule
        field.confidence = Blend.confidence(rule: rule.confidence, model: 0, rival: rival)
        best = (field, weight)
      }
    }
    return best?.field
  }

  private func tidy(_ result: inout ExtractionResult) {
    if let due = result.text("due_date"), let issued = result.text("invoice_date"), due < issued {
      result.fields["due_date"] = nil
    }
    if result.text("purchase_order") == result.text("invoice_number") { result.fields["purchase_order"] = nil }
    if let vendor = result.text("vendor_tax_id"), vendor == result.text("customer_tax_id") {
      result.fields["customer_tax_id"] = nil
    }
    if let vendor = result.text("vendor_name"), vendor.lowercased() == result.text("customer_name")?.lowercased() {
      let isVendor = result.fields["vendor_name"]!.confidence >= result.fields["customer_name"]!.confidence
      result.fields[isVendor ? "customer_name" : "vendor_name"] = nil
    }
  }

  /// The model's rows where they are more consistent than the rules': they add up, and quantity times price is the amount.
  private func lineItems(_ own: [LineItem], _ rules: [LineItem], _ result: ExtractionResult) -> [LineItem] {
    func quality(_ items: [LineItem]) -> Double {
      guard !items.isEmpty else { return -1 }
      let sum = items.reduce(0) { $0 + ($1.amount ?? 0) }
      let addsUp = ["subtotal", "invoice_total"].contains { name in
        result.number(name).map { abs(abs($0) - abs(sum)) < 0.01 + 0.005 * Double(items.count) } ?? false
      }
      let consistent = items.filter { item in
        guard let quantity = item.quantity, let price = item.unitPrice, let amount = item.amount else { return false }
        return abs(quantity * price - amount) <= 0.01 + 0.005 * abs(quantity)
      }
      return (addsUp ? 2 : 0) + Double(consistent.count) / Double(items.count)
    }
    return quality(own) > quality(rules) + 0.05 ? own : rules
  }
}

/// How much the model and the rules count where they differ, and how sure their agreement is.
///
/// The model's odds count half: it learned from made-up documents, and on real ones it is too sure of itself. The steps below are
/// the shares of right values on the development set that the model card names; they hold as far as it is like your documents.
/// What the rules do not have at all is taken for surer than there: made-up documents, where it is nearly always right, count too.
enum Blend {
  /// Values that have less speak for them are left out.
  static let least = -0.3

  static func weight(_ score: Double) -> Double {
    let bounded = min(0.97, max(0.03, score))
    return 0.5 * log(bounded / (1 - bounded))
  }

  /// What a value of the rules gains by the strength of their evidence (a phrase before the value counts 0.8, a type alone 0.5).
  static func bonus(_ confidence: Double) -> Double {
    confidence >= 0.7 ? 4 : confidence >= 0.6 ? 2 : confidence >= 0.5 ? 0.8 : 0
  }

  /// - Parameters:
  ///   - rule: confidence of the rules in this value; nil where it is not theirs.
  ///   - model: the model's score for it.
  ///   - rival: the model's score for the best other value.
  static func confidence(rule: Double?, model: Double, rival: Double) -> Double {
    guard let rule else { return rival > 0 ? 0.8 * model : 0.92 * model }
    if model >= 0.15 {
      if rule >= 0.7 { return 0.98 }
      return rule >= 0.5 ? (rival > 0.6 ? 0.66 : 0.97) : 0.4
    }
    return rule >= 0.7 ? 0.9 : 0.45
  }
}

/// Net, tax, total and what is due: among the likely ones, those that add up.
struct AmountChooser {
  let decoder: SpanDecoder
  let rules: ExtractionResult

  private typealias Option = (field: ExtractedField?, chance: Double)

  func choose(_ result: inout ExtractionResult) {
    let nets = options("subtotal"), taxes = options("total_tax"), totals = options("invoice_total")
    var best: (score: Double, net: Option, tax: Option, total: Option)?
    for total in totals {
      for net in nets {
        for tax in taxes {
          var score = log(total.chance) + log(net.chance) + log(tax.chance)
          if let t = total.field?.value.number {
            if let n = net.field?.value.number, let x = tax.field?.value.number {
              let fits = abs(n + x - t) < 0.015
              score += fits ? 3 : -2.5
            } else if let n = net.field?.value.number, abs(n) > abs(t) + 0.01 {
              score -= 3
            } else if let x = tax.field?.value.number, abs(x) >= abs(t), abs(t) > 0 {
              score -= 3
            }
          }
          if score > best?.score ?? -.infinity { best = (score, net, tax, total) }
        }
      }
    }
    guard let best else { return }
    let triple = [best.net, best.tax, best.total].compactMap { $0.field?.value.number }
    let fits = triple.count == 3 && abs(triple[0] + triple[1] - triple[2]) < 0.015
    for (name, option) in [("subtotal", best.net), ("total_tax", best.tax), ("invoice_total", best.total)] {
      result.fields[name] = option.field.map { field in
        var sure = field
        if fits { sure.confidence = max(field.confidence, 1 - (1 - field.confidence) * 0.3) }
        return sure
      }
    }
    let due = decoder.best("amount_due", threshold: 0.4)?.field
    result.fields["amount_due"] = due
    if due == nil, var total = result.fields["invoice_total"] {
      // Nothing was paid before, as far as the page says.
      total.confidence *= 0.9
      result.fields["amount_due"] = total
    } else if result.fields["invoice_total"] == nil {
      result.fields["invoice_total"] = due
    }
  }

  /// The likeliest values, that of the rules among them, and none.
  private func options(_ name: String) -> [Option] {
    let candidates = Array(decoder.candidates(name, least: 0.03).prefix(6))
    var list: [Option] = candidates.map { ($0.field, max(0.01, $0.score)) }
    if let rule = rules.fields[name] {
      if let index = list.firstIndex(where: {
        abs(($0.field?.value.number ?? .infinity) - (rule.value.number ?? 0)) < 0.005
      }) {
        list[index].chance = 1 - (1 - list[index].chance) * 0.7
      } else {
        var weak = rule
        weak.confidence = min(0.5, rule.confidence * 0.6)
        list.append((weak, rule.confidence > 0.9 ? 0.25 : 0.08))
      }
    }
    list.append((nil, max(0.02, 1 - (list.map(\.chance).max() ?? 0))))
    return list
  }
}

/// Rows of a table of taxes.
struct TaxLineDecoder {
  private let decoder: SpanDecoder
  init(_ decoder: SpanDecoder) { self.decoder = decoder }

  func lines() -> [TaxLine] {
    guard decoder.has("tax.amount") else { return [] }
    return decoder.document.rows.compactMap { row in
      func number(_ name: String) -> Double? {
        row.filter { decoder.probability($0, name) > 0.5 }.compactMap { decoder.features.types[$0].number }.first
      }
      guard let amount = number("tax.amount") else { return nil }
      var line = TaxLine()
      (line.rate, line.base, line.amount) = (number("tax.rate"), number("tax.base"), amount)
      return line
    }
  }
}
