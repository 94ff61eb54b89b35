import Foundation
import Tensor

/// Number, dates and references, and their labels.
extension InvoiceComposer {
  mutating func entries() -> [(label: String, value: [Piece])] {
    var list: [(String, [Piece])] = []
    func add(_ subject: String, _ value: [Piece]) { list.append((style.label(subject, &random), value)) }
    let isOrder = facts.type == "purchase_order"
    if !numberPlaced, random.chance(0.93) {
      if isOrder {
        add("purchase_order", [Piece(facts.purchaseOrder, "purchase_order")])
      } else {
        add("invoice_number", [Piece(facts.number, "invoice_number")])
      }
      numberPlaced = true
    }
    if !datePlaced, random.chance(0.95) {
      add(
        random.chance(0.1) && facts.type != "invoice" ? "delivery_date" : "invoice_date",
        [Piece(style.date(facts.date), "invoice_date")])
      datePlaced = true
    }
    if random.chance(0.42) {
      add("due_date", [Piece(style.date(facts.due), "due_date")])
      duePlaced = true
    }
    if random.chance(0.5) { add("customer_number", [Piece(facts.customerNumber, "customer_number")]) }
    if random.chance(0.35), !isOrder { add("purchase_order", [Piece(facts.purchaseOrder, "purchase_order")]) }
    if random.chance(0.35) { add("order_number", [Piece(facts.order, "order_number")]) }
    if random.chance(0.3) { add("delivery_date", [Piece(style.date(facts.other), "other_date")]) }
    for _ in 0..<random.pick([0, 0, 0, 1, 1, 2, 4]) {
      add("other_id", [Piece(random.code(year: facts.date.year), "other_id")])
    }
    if random.chance(0.25) {
      let from = style.date(facts.other)
      let to = style.date(DocumentFacts.later(facts.other, by: random.integer(0...30)))
      add(
        "other_date",
        random.chance(0.5)
          ? [Piece(from, "other_date")] : [Piece(from, "other_date"), Piece("-"), Piece(to, "other_date")])
    }
    if random.chance(0.15) { add("delivery_note", [Piece(random.code(year: facts.date.year), "other_id")]) }
    if random.chance(0.25) { add("contact", [Piece(facts.vendor.person)]) }
    if random.chance(0.15) { add("phone", [Piece(facts.vendor.phone)]) }
    if random.chance(0.2) { add("page", [Piece("1" + random.pick(["", "/1", " / 2"]))]) }
    if random.chance(0.08) { add("vat_id", [Piece(facts.customer.taxID, "customer_tax_id")]) }
    if random.chance(0.12) {
      add("payment_terms", [Piece(sentence("nodue").map(\.text).joined(separator: " "), "payment_terms")])
    }
    if random.chance(0.12) { add("amount_due", style.money(facts.amountDue, "amount_due")) }
    if random.chance(0.3) { list.shuffle(using: &random) }
    return list
  }

  mutating func meta(_ x0: Double, _ x1: Double, _ y: Double) -> Double {
    var y = y
    let list = entries()
    let bold = boldLabels
    switch random.integer(0...5) {
    case 0:
      // Label above value, one or two beside each other.
      let columns = random.integer(1...2)
      let step = (x1 - x0) / Double(columns)
      for start in stride(from: 0, to: list.count, by: columns) {
        for (index, entry) in list[start..<min(list.count, start + columns)].enumerated() {
          let x = x0 + step * Double(index)
          pen.write([Piece(entry.label)], x: x, y: y, size: size * 0.9, bold: bold)
          pen.write(entry.value, x: x, y: y + leading, size: size)
        }
        y += leading * random.real(2, 2.6)
      }
    case 1:
      // The value right behind the label.
      for entry in list {
        pen.write([Piece(entry.label)] + entry.value, x: x0, y: y, size: size)
        y += leading
      }
    case 2:
      // Labels and values both to the right.
      let column = x1 - (x1 - x0) * random.real(0.35, 0.5)
      for entry in list {
        pen.write([Piece(entry.label)], x: column - 6, y: y, size: size, bold: bold, alignment: .right)
        pen.write(entry.value, x: x1, y: y, size: size, alignment: .right)
        y += leading
      }
    default:
      let column =
        x0 + max((x1 - x0) * random.real(0.35, 0.55), list.map { pen.measure($0.label, size, bold: bold) }.max() ?? 0)
        + 4
      let isRight = random.chance(0.3)
      for entry in list {
        pen.write([Piece(entry.label)], x: x0, y: y, size: size, bold: bold)
        pen.write(
          entry.value, x: isRight ? max(x1, column + 60) : column, y: y, size: size, alignment: isRight ? .right : .left
        )
        y += leading
      }
    }
    return y
  }

  /// Labels in one row, values in the next.
  mutating func metaStrip(_ y: Double) -> Double {
    let list = Array(entries().prefix(random.integer(3...6)))
    let step = (right - left) / Double(max(1, list.count))
    let alignment: PagePen.Alignment = random.chance(0.3) ? .center : .left
    for (index, entry) in list.enumerated() {
      let x = left + step * (Double(index) + (alignment == .center ? 0.5 : 0))
      pen.write([Piece(entry.label)], x: x, y: y, size: size * 0.9, bold: boldLabels, alignment: alignment)
      pen.write(entry.value, x: x, y: y + leading * 1.1, size: size, alignment: alignment)
    }
    return y + leading * 2.3
  }

}
