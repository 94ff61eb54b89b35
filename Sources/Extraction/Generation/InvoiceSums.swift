import Foundation
import Tensor

/// Net, tax, total and what is due.
extension InvoiceComposer {
  mutating func totals(_ y: Double) -> Double {
    var rows: [(label: String, value: [Piece])] = []
    func label(_ subject: String) -> String { style.label(subject, &random) }
    func money(_ value: Double, _ field: String?) -> [Piece] { style.money(value, field) }
    let isExempt = facts.totalTax == 0
    if facts.type == "statement" {
      if random.chance(0.7) {
        rows.append((label("previous_balance"), money(FactNumbers.other(facts.total, &random), nil)))
      }
      if random.chance(0.5) { rows.append((label("prepaid"), money(FactNumbers.other(facts.total, &random), nil))) }
      rows.append((label(random.chance(0.5) ? "amount_due" : "invoice_total"), money(facts.total, "amount_due")))
    } else {
      let saysNet = !isExempt || random.chance(0.4)
      if random.chance(0.1) {
        rows.append((label("discount"), money(-FactNumbers.other(facts.total / 10, &random), nil)))
      }
      if random.chance(0.08) { rows.append((label("shipping"), money(0, nil))) }
      if saysNet, random.chance(0.92) { rows.append((label("subtotal"), money(facts.subtotal, "subtotal"))) }
      if facts.taxes.count > 1 || random.chance(0.12) {
        for tax in facts.taxes {
          let text =
            random.chance(0.5)
            ? "\(label("total_tax")) \(style.rate(tax.rate))" : "\(style.rate(tax.rate)) \(label("total_tax"))"
          rows.append((text, money(tax.amount, facts.taxes.count == 1 ? "total_tax" : "tax.amount")))
        }
        if facts.taxes.count > 1, random.chance(0.4) {
          rows.append((label("total_tax"), money(facts.totalTax, "total_tax")))
        }
      } else if !isExempt || random.chance(0.5) {
        let rate = facts.taxes.first?.rate ?? 0
        let name = style.label("total_tax", &random, colon: false)
        let text = random.pick([
          name, "\(name) \(style.rate(rate))", "\(style.rate(rate)) \(name)", "\(name) (\(style.rate(rate)))",
          "\(name) \(style.rate(rate)) / \(style.number(facts.subtotal))",
        ])
        rows.append((text + (random.chance(0.5) ? ":" : ""), money(facts.totalTax, "total_tax")))
      }
      rows.append((label("invoice_total"), money(facts.total, "invoice_total")))
      if facts.prepaid > 0 {
        rows.append((label("prepaid"), money(random.chance(0.5) ? -facts.prepaid : facts.prepaid, "prepaid")))
        rows.append((label("amount_due"), money(facts.amountDue, "amount_due")))
      } else if random.chance(0.18) {
        rows.append((label("amount_due"), money(facts.amountDue, "amount_due")))
      }
    }
    var y = breaking(y, leading * Double(rows.count + 1))
    if random.chance(0.13), rows.count <= 5 {
      // Side by side.
      let step = (right - left) / Double(rows.count)
      let alignment: PagePen.Alignment = random.pick([.left, .center, .right])
      for (index, row) in rows.enumerated() {
        let x = left + step * (Double(index) + (alignment == .left ? 0 : alignment == .center ? 0.5 : 1))
        pen.write([Piece(row.label)], x: x, y: y, size: size * 0.95, bold: boldLabels, alignment: alignment)
        pen.write(row.value, x: x, y: y + leading, size: size, alignment: alignment)
      }
      y += 2.2 * leading
    } else {
      let edge = random.chance(0.85) ? right : right - random.real(20, 80)
      let x = random.chance(0.15) ? left : left + (right - left) * random.real(0.45, 0.68)
      let rightLabels = random.chance(0.25)
      let isSpread = random.chance(0.1)
      for (index, row) in rows.enumerated() {
        let last = index == rows.count - 1
        let type = last && random.chance(0.3) ? size * 1.2 : size
        if rightLabels {
          pen.write(
            [Piece(row.label)], x: edge - size * 9, y: y, size: type, bold: boldLabels || last, alignment: .right)
        } else {
          pen.write([Piece(row.label)], x: x, y: y, size: type, bold: boldLabels || last)
        }
        // The currency in a column of its own.
        if isSpread, row.value.count == 2, row.value[1].field == nil {
          pen.write([row.value[1]], x: edge - size * 8, y: y, size: type)
          pen.write([row.value[0]], x: edge, y: y, size: type, bold: last, alignment: .right)
        } else {
          pen.write(row.value, x: edge, y: y, size: type, bold: last && random.chance(0.6), alignment: .right)
        }
        y += leading * (last ? 1.2 : 1)
      }
    }
    if !isExempt, facts.type != "statement", random.chance(0.22) { y = taxTable(y + leading) }
    return y
  }

  mutating func taxTable(_ y: Double) -> Double {
    var y = breaking(y, leading * Double(facts.taxes.count + 1))
    let heads = [
      style.label("line.tax_rate", &random, colon: false), style.label("subtotal", &random, colon: false),
      style.label("total_tax", &random, colon: false),
    ]
    let step = random.real(70, 130)
    let xs = [left + 40, left + 40 + step, left + 40 + 2 * step]
    for (head, x) in zip(heads, xs) {
      pen.write([Piece(head)], x: x, y: y, size: size * 0.95, bold: boldLabels, alignment: .right)
    }
    y += leading
    for tax in facts.taxes {
      pen.write([Piece(style.rate(tax.rate), "tax.rate")], x: xs[0], y: y, size: size, alignment: .right)
      pen.write(
        [Piece(style.number(tax.base), facts.taxes.count == 1 ? "subtotal" : "tax.base")], x: xs[1], y: y, size: size,
        alignment: .right)
      pen.write(
        [Piece(style.number(tax.amount), facts.taxes.count == 1 ? "total_tax" : "tax.amount")], x: xs[2], y: y,
        size: size, alignment: .right)
      y += leading
    }
    return y
  }

}
