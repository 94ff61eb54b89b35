import DocumentModel
import Foundation
import Tensor

/// Lays out a made-up till receipt.
struct ReceiptComposer {
  private let facts: DocumentFacts
  private let style: PrintStyle
  private var random: CounterBasedRandom
  private var pen: PagePen
  private let size: Double
  private let leading: Double
  private let left: Double
  private let right: Double
  private var y: Double

  init(_ facts: DocumentFacts, _ random: CounterBasedRandom) {
    self.facts = facts
    self.random = random
    style = PrintStyle(facts, &self.random)
    let width = self.random.real(190, 330)
    pen = PagePen(width: width, height: 1400)
    pen.isMonospaced = self.random.chance(0.6)
    pen.boxHeight = self.random.real(0.8, 1.2)
    size = width / self.random.real(25, 36)
    pen.stretch = pen.isMonospaced ? self.random.real(0.8, 1) : self.random.real(0.9, 1.2)
    leading = size * self.random.real(1.15, 1.6)
    left = self.random.real(6, 24)
    right = width - self.random.real(6, 24)
    y = self.random.real(12, 60)
  }

  private mutating func line(
    _ pieces: [Piece], _ alignment: PagePen.Alignment = .center, bold: Bool = false, scale: Double = 1
  ) {
    let x = alignment == .left ? left : alignment == .right ? right : (left + right) / 2
    for part in pen.wrapped(pieces, size * scale, right - left) {
      pen.write(part, x: x, y: y, size: size * scale, bold: bold, alignment: alignment)
      y += leading * scale
    }
  }

  private mutating func pair(_ label: String, _ value: [Piece], bold: Bool = false) {
    pen.write([Piece(label)], x: left, y: y, size: size, bold: bold)
    pen.write(value, x: right, y: y, size: size, bold: bold, alignment: .right)
    y += leading
  }

  mutating func compose() -> TaggedDocument {
    let place: PagePen.Alignment = random.chance(0.8) ? .center : .left
    let isUpper = random.chance(0.6)
    func cased(_ text: String) -> String { isUpper ? text.uppercased() : text }
    if random.chance(0.15) { line([Piece(random.chance(0.5) ? facts.customer.person : random.madeUpName())], place) }
    line(
      [Piece(cased(facts.vendor.name), "vendor_name")], place, bold: random.chance(0.4),
      scale: random.pick([1, 1, 1.2, 1.4]))
    if random.chance(0.4) {
      line(
        [
          Piece(
            random.pick(["(", "CO. REG NO: ", "ROC NO. ", "Reg. "]) + random.digits(6) + "-"
              + random.pick(["A", "T", "W", "X"]) + ")")
        ], place)
    }
    let town = random.chance(0.4) ? "\(facts.vendor.town), \(random.madeUpName())." : facts.vendor.town
    let address = [
      facts.vendor.street + (random.chance(0.4) ? ", \(random.madeUpName()) \(random.madeUpName())," : ""), town,
    ]
    if random.chance(0.93) {
      for (index, text) in address.enumerated() {
        line([Piece(cased(text), "vendor_address", continues: index > 0)], place)
      }
    }
    if random.chance(0.6) {
      line(
        [Piece(random.word("phone", facts.language) + random.pick([":", " :", ""])), Piece(facts.vendor.phone)], place)
    }
    if random.chance(0.5) {
      line(
        [
          Piece(random.word("vat_id", facts.language) + random.pick([":", " :", ""])),
          Piece(facts.vendor.taxID, "vendor_tax_id"),
        ], place)
    }
    y += leading * random.real(0.3, 1.5)
    if random.chance(0.4) {
      line(
        [
          Piece(
            random.pick([
              "TAX INVOICE", "RECEIPT", "CASH SALES", "INVOICE", "SIMPLIFIED TAX INVOICE", "BON", "QUITTUNG", "TICKET",
              "SCONTRINO", "Kassenbon",
            ]))
        ], .center, bold: true)
    }
    dateAndNumber()
    y += leading * random.real(0.2, 1)
    items()
    sums()
    for _ in 0..<random.integer(0...4) {
      line([
        Piece(
          random.pick([
            "THANK YOU", "Thank you, please come again", "GOODS SOLD ARE NOT RETURNABLE",
            "Vielen Dank für Ihren Einkauf", "Merci de votre visite", "Gracias por su visita", "Grazie e arrivederci",
            "Bedankt en tot ziens", "Exchange within 7 days with receipt", "GST SUMMARY AMOUNT(RM) TAX(RM)",
            "www.shop.com",
          ]))
      ])
    }
    pen.setLastPageHeight(y + random.real(10, 40))
    let document = Document(fileName: "made.pdf", pageCount: 1, pages: pen.pages)
    return TaggedDocument(document: document, tags: pen.tags, documentType: "receipt")
  }

  private mutating func dateAndNumber() {
    let time =
      "\(random.integer(8...21)):\(random.digits(1))\(random.digits(1))"
      + random.pick(["", ":\(random.digits(2))", " PM"])
    var lines: [(String, [Piece])] = []
    let date = [Piece(style.date(facts.date), "invoice_date")]
    switch random.integer(0...3) {
    case 0: lines.append(("", date + [Piece(time)]))
    case 1:
      lines.append(
        (
          random.word("invoice_date", facts.language) + random.pick([":", " :", ""]),
          date + (random.chance(0.5) ? [Piece(time)] : [])
        ))
    case 2: lines.append((random.pick(["Date :", "DATE:", "Date", "Datum:", "Fecha:", "Data:", "DATE"]), date))
    default:
      lines.append((random.pick(["Date/Time", "Invoice Date", "Trans Date:", "Printed Date"]), date + [Piece(time)]))
    }
    if random.chance(0.7) {
      lines.append(
        (
          random.pick(["Receipt #:", "Bill No:", "Invoice No :", "Doc No.", "Bon-Nr.", "Ticket", "INV NO", "Slip"]),
          [Piece(facts.number, "invoice_number")]
        ))
    }
    if random.chance(0.4) {
      lines.append(
        (
          random.pick(["Cashier:", "Kassierer", "Caisse", "Served by", "Staff", "User:"]),
          [Piece(facts.customer.person)]
        ))
    }
    if random.chance(0.25) {
      lines.append((random.pick(["Table", "Tisch", "Till", "Counter", "Member", "POS"]), [Piece(random.digits(3))]))
    }
    if random.chance(0.3) { lines.shuffle(using: &random) }
    let isSpread = random.chance(0.3)
    for (name, value) in lines {
      if isSpread, !name.isEmpty { pair(name, value) } else { line([Piece(name)] + value, .left) }
    }
  }

  private mutating func items() {
    let form = random.integer(0...3)
    if random.chance(0.5) {
      pair(
        random.pick(["Item", "Description", "QTY DESCRIPTION", "Artikel", "Code/Desc"]),
        [Piece(random.pick(["Amount", "AMT(RM)", "EUR", "TOTAL", "Price"]))])
    }
    for item in facts.items.prefix(25) {
      let name = Piece(item.description.uppercased(), "line.description")
      let amount = Piece(style.number(item.amount), "line.amount")
      let quantity = Piece(style.quantity(item.quantity), "line.quantity"),
        price = Piece(style.number(item.price), "line.unit_price")
      switch form {
      case 0:
        line([name], .left)
        pair("", [quantity, Piece(random.pick(["x", "@", "X"])), price, Piece(" "), amount])
      case 1:
        line([Piece(item.article)], .left)
        line([name], .left)
        pair("", [quantity, Piece("*"), price, amount])
      default:
        let shown = String(name.text.prefix(18))
        pen.write([quantity, Piece(shown, "line.description")], x: left, y: y, size: size)
        pen.write([amount], x: right, y: y, size: size, alignment: .right)
        y += leading
      }
    }
  }

  private mutating func sums() {
    func money(_ value: Double, _ field: String?) -> [Piece] { style.money(value, field) }
    y += leading * random.real(0.1, 1)
    let hasTax = facts.totalTax > 0
    if random.chance(0.5) { pair(random.word("subtotal", facts.language), money(facts.subtotal, "subtotal")) }
    if random.chance(0.2) { pair(random.word("discount", facts.language), money(0, nil)) }
    if hasTax, random.chance(0.5) {
      pair(
        random.word("total_tax", facts.language) + " " + style.rate(facts.taxes[0].rate),
        money(facts.totalTax, "total_tax"))
    }
    if random.chance(0.25) {
      pair(random.pick(["Rounding Adj", "Rounding", "Rundung"]), money(Double(random.integer(-4...4)) / 100, nil))
    }
    let scale = random.chance(0.3)
    pair(
      random.word("receipt_total", facts.language) + random.pick(["", ":", " :"]), money(facts.total, "invoice_total"),
      bold: scale)
    if random.chance(0.7) {
      let cash = (facts.total / 10).rounded(.up) * 10
      pair(random.word("receipt_cash", facts.language), money(cash, nil))
      if random.chance(0.7) {
        pair(random.word("receipt_cash", facts.language), money(DocumentFacts.cents(cash - facts.total), nil))
      }
    }
    if hasTax, random.chance(0.3) {
      line(
        [
          Piece(random.pick(["GST Summary", "MwSt", "TVA", "IVA", "SR"])),
          Piece(style.rate(facts.taxes[0].rate), "tax.rate"), Piece(style.number(facts.subtotal), "tax.base"),
          Piece(style.number(facts.totalTax), "tax.amount"),
        ], .left)
    }
  }
}
