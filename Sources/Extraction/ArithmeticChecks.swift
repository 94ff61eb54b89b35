import Foundation

/// Rules that amounts, dates and ids of an invoice obey. Tolerance: half a cent for each amount that is added.
enum ArithmeticChecks {
  static func checks(of result: ExtractionResult, sums: Sums? = nil) -> [ExtractionCheck] {
    var checks: [ExtractionCheck] = []
    func compare(_ rule: String, _ left: Double, _ right: Double, tolerance: Double, _ what: String) {
      let ok = abs(left - right) <= tolerance + 1e-9
      let detail = "\(what): \(money(left)) \(ok ? "equals" : "is not") \(money(right)) (tolerance \(money(tolerance)))"
      checks.append(ExtractionCheck(rule: rule, ok: ok, detail: detail))
    }
    let items = result.lineItems.compactMap(\.amount)
    if items.count == result.lineItems.count, !items.isEmpty {
      let sum = items.reduce(0, +)
      if let lines = sums?.lines {
        compare(
          "lines-sum", sum, lines, tolerance: 0.005 * Double(items.count) + 0.01, "sum of the lines and line total")
      } else if let subtotal = result.number("subtotal") {
        compare(
          "lines-sum", sum, subtotal, tolerance: 0.005 * Double(items.count) + 0.01, "sum of the lines and subtotal")
      }
    }
    for (index, item) in result.lineItems.enumerated() {
      guard let quantity = item.quantity, let price = item.unitPrice, let amount = item.amount else { continue }
      // Rebates on a line make its amount smaller than price x quantity: only the page's own sum is judged here.
      if abs(quantity * price - amount) > 0.01 + 0.005 * abs(quantity) {
        checks.append(
          ExtractionCheck(
            rule: "line-\(index + 1)-product", ok: false,
            detail:
              "line \(index + 1): \(quantity) x \(money(price)) is \(money(quantity * price)), not \(money(amount))"))
      }
    }
    for tax in result.taxLines {
      guard let base = tax.base, let rate = tax.rate, let amount = tax.amount else { continue }
      compare(
        "tax-\(trimmed(rate))", base * rate / 100, amount, tolerance: 0.011,
        "\(trimmed(rate)) % of \(money(base)) and its tax")
    }
    if let net = result.number("subtotal"), let total = result.number("invoice_total") {
      compare("total", net + (result.number("total_tax") ?? 0), total, tolerance: 0.015, "subtotal plus tax and total")
    }
    if let due = result.number("amount_due"), let total = result.number("invoice_total"), let sums {
      compare(
        "amount-due", total - sums.prepaid + sums.rounding, due, tolerance: 0.015, "total less prepaid and amount due")
    }
    if let issued = result.text("invoice_date"), let due = result.text("due_date") {
      checks.append(
        ExtractionCheck(
          rule: "due-date", ok: due >= issued,
          detail: "due \(due) \(due >= issued ? "is not" : "is") before the invoice of \(issued)"))
    }
    if let currency = result.text("currency") {
      let known = ValueParsing.currencies.contains(currency)
      checks.append(
        ExtractionCheck(
          rule: "currency", ok: known, detail: "\(currency) is \(known ? "" : "not ")a currency of ISO 4217 known here")
      )
    }
    if let iban = result.text("iban") {
      let ok = ValueParsing.isIBAN(iban)
      checks.append(
        ExtractionCheck(rule: "iban", ok: ok, detail: "the check digits of \(iban) are \(ok ? "right" : "wrong")"))
    }
    for name in ["vendor_tax_id", "customer_tax_id"] {
      if let id = result.text(name), id.prefix(2).allSatisfy(\.isLetter) {
        let ok = ValueParsing.isVATNumber(id)
        checks.append(
          ExtractionCheck(
            rule: name.replacing("_", with: "-"), ok: ok,
            detail: "\(id) \(ok ? "has" : "has not") the shape of a VAT number"))
      }
    }
    return checks
  }

  private static func money(_ value: Double) -> String { String(format: "%.2f", value) }
  private static func trimmed(_ value: Double) -> String { value == value.rounded() ? "\(Int(value))" : "\(value)" }
}
