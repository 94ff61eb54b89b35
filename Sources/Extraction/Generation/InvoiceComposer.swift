import DocumentModel
import Foundation
import Tensor

/// Lays out a made-up invoice, order or statement: a tree of blocks, each in one of several forms.
struct InvoiceComposer {
  let facts: DocumentFacts
  let style: PrintStyle
  var random: CounterBasedRandom
  var pen: PagePen
  let size: Double
  let leading: Double
  let left: Double
  let right: Double
  let bottom: Double
  var numberPlaced = false
  var datePlaced = false
  var duePlaced = false
  var printedItems: [LineItem] = []
  /// Words such as "Subtotal" take this type.
  let boldLabels: Bool

  init(_ facts: DocumentFacts, _ random: CounterBasedRandom) {
    self.facts = facts
    self.random = random
    style = PrintStyle(facts, &self.random)
    let letter = facts.currency == "USD"
    pen = PagePen(width: letter ? 612 : 595, height: letter ? 792 : 842)
    pen.stretch = self.random.real(0.86, 1.12)
    pen.isMonospaced = self.random.chance(0.05)
    pen.boxHeight = self.random.real(0.95, 1.3)
    pen.unevenness = self.random.pick([0, 0, 0, 0.4, 0.8, 1.4])
    size = self.random.pick([7, 8, 8, 9, 9, 9, 10, 10, 11])
    leading = size * self.random.real(1.18, 1.55)
    left = self.random.real(28, 75)
    right = pen.width - self.random.real(28, 70)
    bottom = pen.height - self.random.real(70, 120)
    boldLabels = self.random.chance(0.4)
  }

  mutating func compose() -> TaggedDocument {
    if random.chance(0.12) {
      if random.chance(0.3) { prosePage() } else { coverSheet() }
      pen.newPage()
    }
    var y = random.chance(0.12) ? sheet() : header()
    y = titleAndIntro(y)
    let hasTable = facts.type != "statement" || random.chance(0.8)
    // Some show the sums first and the rows behind.
    let sumsFirst = random.chance(0.05)
    if sumsFirst { y = totals(y) + leading * 2 }
    if hasTable { y = table(y) }
    if random.chance(0.12) { y = allowances(y + leading) }
    if !sumsFirst { y = totals(y + leading) }
    y = closing(y + leading)
    footer()
    if random.chance(0.14) {
      for _ in 0..<random.integer(1...2) {
        pen.newPage()
        let kind = random.uniform()
        if kind < 0.55 { prosePage() } else if kind < 0.8 { annexTable() } else { coverSheet() }
      }
    }
    var document = Document(fileName: "made.pdf", pageCount: pen.pages.count, pages: pen.pages)
    document.pages = pen.pages
    return TaggedDocument(document: document, tags: pen.tags, documentType: facts.type, lineItems: printedItems)
  }

  mutating func titleAndIntro(_ y: Double) -> Double {
    var y = y
    let big = size * random.real(1, 1.9)
    if !numberPlaced || random.chance(0.12), facts.type == "invoice" {
      let pieces = sentence("heading")
      pen.write(pieces, x: left, y: y, size: big, bold: random.chance(0.7))
      if pieces.contains(where: { $0.field == "invoice_date" }) { datePlaced = true }
      numberPlaced = true
      y += big * 1.6
    } else if random.chance(0.5) {
      pen.write([Piece(title())], x: left, y: y, size: big, bold: true)
      y += big * 1.6
    }
    if !datePlaced {
      // "Berlin, 3. März 2024".
      let text = Piece((facts.vendor.town.split(separator: " ").last.map(String.init) ?? "") + ",")
      pen.write(
        [text, Piece(style.date(facts.date), "invoice_date")], x: right, y: y - leading, size: size, alignment: .right)
      datePlaced = true
      y += leading * 0.3
    }
    for _ in 0..<random.pick([0, 0, 1, 2, 3]) { y = paragraph(sentence("intro"), y) }
    return y + leading * random.real(0.5, 2)
  }

  mutating func sentence(_ subject: String) -> [Piece] {
    var pieces: [Piece] = []
    for word in random.word(subject, facts.language).split(separator: " ") {
      guard let open = word.firstIndex(of: "{"), let close = word.firstIndex(of: "}") else {
        pieces.append(Piece(String(word)))
        continue
      }
      let before = String(word[..<open]), after = String(word[word.index(after: close)...])
      let name = String(word[word.index(after: open)..<close])
      var value: [Piece]
      switch name {
      case "invoice_number": value = [Piece(facts.number, "invoice_number")]
      case "invoice_date": value = [Piece(style.date(facts.date), "invoice_date")]
      case "due_date":
        value = [Piece(style.date(facts.due), "due_date")]
        duePlaced = true
      case "other_date": value = [Piece(style.date(facts.other), "other_date")]
      case "amount_due": value = style.money(facts.amountDue, "amount_due")
      case "purchase_order": value = [Piece(facts.purchaseOrder, "purchase_order")]
      case "days": value = [Piece("\(facts.days)")]
      case "rate": value = [Piece("\(random.integer(5...12))")]
      case "currency": value = [Piece(facts.currency)]
      case "phone": value = [Piece(facts.vendor.phone)]
      default: value = [Piece(random.code(year: facts.date.year))]
      }
      if !before.isEmpty { value[0].text = before + value[0].text }
      if !after.isEmpty { value[value.count - 1].text += after }
      pieces += value
    }
    return pieces
  }

  mutating func paragraph(_ pieces: [Piece], _ y: Double) -> Double {
    var y = breaking(y, leading)
    for line in pen.wrapped(pieces, size, right - left) {
      pen.write(line, x: left, y: y, size: size)
      y += leading
    }
    return y
  }

  /// A new page where there is no room left.
  mutating func breaking(_ y: Double, _ needed: Double) -> Double {
    guard y + needed > bottom else { return y }
    footer()
    pen.newPage()
    var top = random.real(40, 80)
    if random.chance(0.4) {
      pen.write([Piece(title()), Piece(facts.number, "invoice_number")], x: left, y: top, size: size)
      pen.write(
        [Piece(style.label("page", &random)), Piece("\(pen.pages.count)")], x: right, y: top, size: size,
        alignment: .right)
      top += leading * 2
    }
    return top
  }

  mutating func closing(_ y: Double) -> Double {
    var y = y
    if facts.type != "purchase_order" {
      if !duePlaced, random.chance(0.5) {
        y = paragraph(sentence("due"), y)
      } else if random.chance(0.4) {
        y = paragraph([Piece(sentence("nodue").map(\.text).joined(separator: " "), "payment_terms")], y)
      }
      if random.chance(0.35) { y = bankDetails(y) }
    }
    for _ in 0..<random.pick([0, 0, 1, 2, 3]) { y = paragraph(sentence("note"), y) }
    return y
  }

  mutating func bankDetails(_ y: Double) -> Double {
    var y = breaking(y, leading * 4)
    var lines: [(String, [Piece])] = [
      (style.label("iban", &random), ibanPieces()), (style.label("bic", &random), [Piece(facts.bic, "bic")]),
    ]
    if random.chance(0.5) {
      lines.insert((style.label("bank", &random), [Piece("\(random.madeUpName()) Bank")]), at: 0)
    }
    if random.chance(0.25) { lines.append((style.label("sort_code", &random), [Piece(random.digits(8))])) }
    if random.chance(0.3) {
      pen.write(lines.flatMap { [Piece($0.0)] + $0.1 }, x: left, y: y, size: size)
      return y + leading
    }
    for (name, value) in lines {
      pen.write([Piece(name)], x: left, y: y, size: size)
      pen.write(value, x: left + size * 9, y: y, size: size)
      y += leading
    }
    return y
  }

  /// Registration data at the foot of a page.
  mutating func footer() {
    guard random.chance(0.6) else { return }
    let small = max(5.5, size * random.real(0.65, 0.85))
    let step = small * 1.3
    var y = bottom + random.real(14, 26)
    let party = facts.vendor
    let parts: [[Piece]] = [
      [Piece(party.name, "vendor_name")], [Piece(party.street, "vendor_address")],
      [Piece(party.town, "vendor_address", continues: true)],
      [Piece(random.pick(["Tel.", "T", "Tel:"])), Piece(party.phone)], [Piece(party.email)],
      [Piece(random.word("register", facts.language)), Piece(random.digits(5))],
      [Piece(random.word("vat_id", facts.language) + random.pick(["", ":"])), Piece(party.taxID, "vendor_tax_id")],
      [
        Piece(random.word("tax_number", facts.language) + random.pick(["", ":"])), Piece(facts.taxNumber, "tax_number"),
      ],
      [Piece(random.word("bank", facts.language)), Piece("\(random.madeUpName()) Bank")],
      [Piece(random.word("iban", facts.language) + random.pick(["", ":"]))] + ibanPieces(),
      [Piece(random.word("bic", facts.language) + random.pick(["", ":"])), Piece(facts.bic, "bic")],
    ].filter { _ in random.chance(0.75) }
    guard !parts.isEmpty else { return }
    if random.chance(0.65) {
      let columns = random.integer(2...4)
      let rows = (parts.count + columns - 1) / columns
      for (index, part) in parts.enumerated() {
        pen.write(
          part, x: left + (right - left) / Double(columns) * Double(index / rows), y: y + step * Double(index % rows),
          size: small)
      }
    } else {
      let mark = random.pick(["·", "|", "-", "•", ","])
      for start in stride(from: 0, to: parts.count, by: 4) {
        let line = Array(parts[start..<min(parts.count, start + 4)].joined(separator: [Piece(mark)]))
        pen.write(line, x: (left + right) / 2, y: y, size: small, alignment: .center)
        y += step
      }
    }
  }
}

/// Amounts that belong to something else.
enum FactNumbers {
  static func other(_ near: Double, _ random: inout CounterBasedRandom) -> Double {
    DocumentFacts.cents(abs(near) * random.real(0.2, 1.6) + 0.01)
  }
}
