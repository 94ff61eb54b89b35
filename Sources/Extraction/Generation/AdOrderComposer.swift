import DocumentModel
import Foundation
import Tensor

/// Lays out a made-up order or invoice for advertising time: a head of many labels, rows of spots over pages, sums.
struct AdOrderComposer {
  private let facts: DocumentFacts
  private let style: PrintStyle
  private var random: CounterBasedRandom
  private var pen: PagePen
  private let size: Double
  private let leading: Double
  private let left: Double
  private let right: Double
  private let from: (year: Int, month: Int, day: Int)
  private let to: (year: Int, month: Int, day: Int)
  private let advertiser: String
  private var numberWords: [String]
  private var y: Double

  init(_ facts: DocumentFacts, _ random: CounterBasedRandom) {
    self.facts = facts
    self.random = random
    style = PrintStyle(facts, &self.random)
    let wide = self.random.chance(0.5)
    pen = PagePen(width: wide ? 792 : 612, height: wide ? 612 : 792)
    pen.stretch = self.random.real(0.85, 1.1)
    pen.boxHeight = self.random.real(0.95, 1.25)
    size = self.random.pick([6, 7, 7, 8, 8, 9])
    leading = size * self.random.real(1.2, 1.7)
    left = self.random.real(18, 45)
    right = pen.width - self.random.real(18, 45)
    from = DocumentFacts.later(facts.date, by: self.random.integer(1...20))
    to = DocumentFacts.later(from, by: self.random.pick([6, 6, 6, 13, 13, 20, 27, 4, 60]))
    let person = "\(self.random.word("first", "en")) \(self.random.word("last", "en"))"
    var name: String
    switch self.random.integer(0...3) {
    case 0: name = "\(person) \(self.random.word("candidate", "en"))"
    case 1: name = "\(self.random.madeUpName()) \(self.random.word("candidate", "en"))"
    case 2: name = facts.customer.name
    default: name = "\(self.random.word("last", "en")) \(self.random.word("candidate", "en"))"
    }
    if self.random.chance(0.25) { name = name.uppercased() }
    advertiser = name
    numberWords = [self.random.digits(self.random.integer(5...8)) + self.random.pick(["", "", "", "-1", "-2"])]
    if self.random.chance(0.15) {
      numberWords = [self.random.pick(["WOC", "A", "E"]) + self.random.digits(self.random.integer(6...8))]
    }
    y = self.random.real(20, 50)
  }

  mutating func compose() -> TaggedDocument {
    head()
    spots()
    sums()
    let document = Document(fileName: "made.pdf", pageCount: pen.pages.count, pages: pen.pages)
    return TaggedDocument(document: document, tags: pen.tags, documentType: "ad_order")
  }

  private var colon: String { facts.customerNumber.count % 2 == 0 ? ":" : "" }

  private mutating func label(_ subject: String) -> String { random.word(subject, "en") + colon }

  private func range() -> [Piece] {
    let (a, b) = (style.date(from), style.date(to))
    switch facts.number.count % 4 {
    case 0: return [Piece(a, "flight_from"), Piece("-"), Piece(b, "flight_to")]
    case 1: return [Piece(a, "flight_from"), Piece("to"), Piece(b, "flight_to")]
    case 2: return [Piece(a, "flight_from"), Piece("-"), Piece(b, "flight_to")]
    // One word, which the tokenizer divides.
    default: return [Piece(a + "-" + b, "flight_range")]
    }
  }

  private mutating func entries() -> [(String, [Piece])] {
    var list: [(String, [Piece])] = [
      (label("contract_num"), [Piece(numberWords[0], "contract_num")]),
      (
        label("advertiser"),
        [Piece(advertiser, "advertiser")] + (random.chance(0.2) ? [Piece("(\(random.digits(4)))")] : [])
      ),
    ]
    if random.chance(0.7) {
      list.append((label("flight_dates"), range()))
    } else {
      list.append((label("flight_from"), [Piece(style.date(from), "flight_from")]))
      list.append((label("flight_to"), [Piece(style.date(to), "flight_to")]))
    }
    for _ in 0..<random.integer(4...14) {
      let value: String
      switch random.integer(0...6) {
      case 0: value = random.digits(random.integer(3...8))
      case 1: value = style.date(facts.other)
      case 2: value = "\(random.word("first", "en")) \(random.word("last", "en"))"
      case 3:
        value =
          random.madeUpName() + " " + random.word("trade", "en")
          + (random.chance(0.2) ? " (\(random.digits(random.integer(3...6))))" : "")
      case 4:
        value = random.pick([
          "Broadcast", "EOM/EOC", "Cash", "Normal", "National", "Political", "No", "Weekly", "ISSUE",
        ])
      case 5: value = "\(random.pick(["W", "K"]))\(random.madeUpName().prefix(3).uppercased())-TV"
      default: value = random.code(year: facts.date.year)
      }
      list.append((label("other"), [Piece(value)]))
    }
    list.shuffle(using: &random)
    return list
  }

  private mutating func head() {
    let top = y
    let third = left + (right - left) * random.real(0.25, 0.42)
    // Station and agency at the left.
    for text in [facts.vendor.name, facts.vendor.street, facts.vendor.town, facts.vendor.phone] {
      pen.write([Piece(text)], x: left, y: y, size: size)
      y += leading
    }
    y += leading * random.real(0.5, 3)
    if random.chance(0.5) {
      pen.write(
        [Piece(random.pick(["Billing Address:", "And:", "Agency:", "Bill To:", "Billing Agency"]))], x: left, y: y,
        size: size)
      y += leading
    }
    for text in [facts.customer.name, facts.customer.street, facts.customer.town] {
      pen.write([Piece(text)], x: left, y: y, size: size)
      y += leading
    }
    var other = top
    if random.chance(0.6) {
      pen.write(
        [
          Piece(
            random.pick([
              "CONTRACT", "INVOICE", "ORDER", "Order Confirmation", "CONFIRMATION CONTRACT", "Contract Agreement",
              "Broadcast Order",
            ]))
        ], x: (third + right) / 2, y: other, size: size * 1.8, bold: true)
      other += size * 2.6
    }
    let list = entries()
    let columns = random.integer(1...3)
    let step = (right - third) / Double(columns)
    let stacked = random.chance(0.25), isBold = random.chance(0.4)
    let share = random.real(0.36, 0.5)
    let rows = (list.count + columns - 1) / columns
    // Values of some printers stand higher or lower than their labels.
    let lift = random.chance(0.2) ? leading * random.real(-0.5, 0.5) : 0
    for (index, entry) in list.enumerated() {
      let x = third + step * Double(index / rows)
      let line = other + leading * Double(index % rows) * (stacked ? 2.1 : 1)
      pen.write([Piece(entry.0)], x: x, y: line, size: size, bold: isBold)
      if stacked {
        pen.write(entry.1, x: x, y: line + leading, size: size)
      } else {
        pen.write(
          entry.1, x: max(x + step * share, x + pen.measure(entry.0 + "  ", size, bold: isBold)), y: line + lift,
          size: size)
      }
    }
    y = max(y, other + leading * Double(rows) * (stacked ? 2.1 : 1)) + leading * random.real(1, 2)
  }

  private mutating func spots() {
    let count = 1 + Int(pow(random.uniform(), 2) * 30)
    var heads: [String] = []
    for _ in 0..<random.integer(6...12) { heads.append(random.word("column", "en")) }
    let step = (right - left) / Double(heads.count)
    func writeHead(_ pen: inout PagePen, _ y: Double) {
      for (index, text) in heads.enumerated() {
        pen.write([Piece(text)], x: left + step * Double(index), y: y, size: size, bold: true)
      }
    }
    writeHead(&pen, y)
    y += leading * 1.3
    for row in 0..<count {
      if y > pen.height - 60 {
        pen.newPage()
        y = 40
        if random.chance(0.6) {
          pen.write(
            [
              Piece(random.pick(["Contract #", "Order #", "Invoice #", "Order"]) + colon),
              Piece(numberWords[0], "contract_num"), Piece("Page \(pen.pages.count)"),
            ], x: left, y: y, size: size)
          y += leading
        }
        writeHead(&pen, y)
        y += leading * 1.3
      }
      let rate = Double(random.integer(2...400)) * 5
      for (index, head) in heads.enumerated() {
        let text: String
        switch head {
        case "Start Date", "Air Date": text = style.date(from)
        case "End Date": text = style.date(DocumentFacts.later(from, by: 6))
        case "Rate", "Cost": text = "$" + style.number(rate)
        case "Amount", "Total": text = "$" + style.number(rate * Double(random.integer(1...5)))
        case "Description", "Program": text = random.word("program", "en")
        case "Time", "Start/End Time", "Daypart": text = random.pick(["6a-7a", "7:00 AM-8:00 AM", "12p-1p", "8p-11p"])
        case "Line": text = "\(row + 1)"
        case "Length": text = ":30"
        case "Days", "Day": text = random.pick(["M-F", "MTWTF--", "Sa", "M-Su", "W"])
        default: text = "\(random.integer(0...9))"
        }
        pen.write([Piece(text)], x: left + step * Double(index), y: y, size: size)
      }
      y += leading
      if random.chance(0.15) {
        pen.write(
          [
            Piece("Week:"), Piece(style.date(from)), Piece(style.date(DocumentFacts.later(from, by: 6))),
            Piece("MTWTF--"), Piece("$" + style.number(rate)),
          ], x: left + 20, y: y, size: size)
        y += leading
      }
    }
  }

  private mutating func sums() {
    if y > pen.height - 120 {
      pen.newPage()
      y = 50
    }
    y += leading
    let gross = DocumentFacts.cents(Double(random.integer(2...4000)) * 25)
    let mark = random.chance(0.8) ? "$" : ""
    func money(_ value: Double) -> String { mark + style.number(value) }
    var rows: [(String, [Piece])] = [(label("gross_amount"), [Piece(money(gross), "gross_amount")])]
    let commission = DocumentFacts.cents(gross * 0.15)
    if random.chance(0.6) {
      rows.append((label("commission"), [Piece(random.chance(0.5) ? "(\(money(commission)))" : money(commission))]))
    }
    if random.chance(0.6) { rows.append((label("net"), [Piece(money(gross - commission))])) }
    if random.chance(0.3) {
      rows.insert(
        (random.pick(["Total Spots", "Spots", "# of Spots"]) + colon, [Piece("\(random.integer(1...300))")]), at: 0)
    }
    if random.chance(0.25) {
      // By month, with a sum of all.
      let part = DocumentFacts.cents(gross * random.real(0.2, 0.8))
      let month = Wording.shared.all("months", "en")[from.month - 1]
      let lines = [
        ("\(month) \(from.year)", part, nil), ("\(month) II", gross - part, nil),
        (random.pick(["Totals", "Grand Total", "Total"]), gross, "gross_amount" as String?),
      ]
      for (name, value, field) in lines {
        pen.write([Piece(name)], x: left, y: y, size: size)
        pen.write([Piece("\(random.integer(1...90))")], x: left + 130, y: y, size: size)
        pen.write([Piece(money(value), field)], x: left + 230, y: y, size: size, alignment: .right)
        pen.write([Piece(money(DocumentFacts.cents(value * 0.85)))], x: left + 320, y: y, size: size, alignment: .right)
        y += leading
      }
      return
    }
    let x = random.chance(0.6) ? right - random.real(170, 260) : left
    for (name, value) in rows {
      pen.write([Piece(name)], x: x, y: y, size: size, bold: true)
      pen.write(value, x: x + random.real(120, 125), y: y, size: size, alignment: .right)
      y += leading
    }
  }
}
