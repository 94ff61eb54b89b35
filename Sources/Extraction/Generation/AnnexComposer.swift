import Foundation
import Tensor

/// What stands on invoices besides the invoice: terms, explanations, other tables; and invoices shown as a sheet of data.
extension InvoiceComposer {
  /// Running text in one or two columns.
  mutating func prosePage() {
    let type = size * random.real(0.7, 1.15)
    let step = type * 1.35
    var y = random.real(40, 90)
    if random.chance(0.8) {
      pen.write([Piece(random.word("section", facts.language))], x: left, y: y, size: type * 1.5, bold: true)
      y += step * 2
    }
    let columns = random.pick([1, 1, 1, 2])
    let width = (right - left) / Double(columns) - (columns > 1 ? 12 : 0)
    let end = random.real(0.4, 1) * bottom
    for column in 0..<columns {
      var line = y
      while line < end {
        var pieces: [Piece] = []
        for _ in 0..<random.integer(1...4) {
          pieces += random.chance(0.85) ? [Piece(random.word("prose", facts.language))] : sentence("note")
          if random.chance(0.12) { pieces.append(Piece(random.madeUpName())) }
          if random.chance(0.06) { pieces.append(Piece(style.date(facts.other))) }
          if random.chance(0.05) { pieces.append(Piece(style.number(FactNumbers.other(facts.total, &random)))) }
        }
        if random.chance(0.2) { pieces.insert(Piece("§ \(random.integer(1...20))"), at: 0) }
        for words in pen.wrapped(pieces.map { Piece($0.text) }, type, width) {
          pen.write(words, x: left + (width + 24) * Double(column), y: line, size: type)
          line += step
        }
        line += step * random.pick([0, 0.5, 1])
      }
    }
  }

  /// A cover: a title over several lines, a name or two, and data about the document itself.
  mutating func coverSheet() {
    var y = random.real(30, 220)
    let center = random.chance(0.4)
    let x = center ? pen.width / 2 : left
    let alignment: PagePen.Alignment = center ? .center : .left
    for _ in 0..<random.integer(1...5) {
      let big = size * random.real(1, 2.6)
      var words = random.word("prose", facts.language).split(separator: " ").map(String.init)
      words.shuffle(using: &random)
      var text = words.prefix(random.integer(1...4)).joined(separator: random.chance(0.15) ? "-" : " ")
      if random.chance(0.5) { text = text.capitalized }
      pen.write([Piece(text)], x: x, y: y, size: big, bold: random.chance(0.5), alignment: alignment)
      y += big * random.real(1.2, 2.4)
    }
    if random.chance(0.4) {
      pen.write(
        [Piece(random.madeUpName().uppercased())], x: random.real(left, right - 60), y: random.real(15, 60),
        size: size * 1.5, bold: true)
    }
    for _ in 0..<random.integer(0...7) where y < bottom - leading {
      let label = style.label(random.pick(["other_id", "other_date", "section", "contact", "page"]), &random)
      let value: String
      switch random.integer(0...4) {
      case 0: value = style.date(facts.other)
      case 1: value = "\(random.integer(1...4)).\(random.integer(0...9))"
      case 2: value = random.word("trade", facts.language)
      case 3: value = random.code(year: facts.date.year)
      default: value = random.madeUpName().uppercased() + random.digits(random.integer(2...5))
      }
      pen.write([Piece(label)], x: x, y: y, size: size, alignment: alignment)
      if center {
        y += leading
        pen.write([Piece(value)], x: x, y: y, size: size, alignment: alignment)
      } else {
        pen.write([Piece(value)], x: x + random.real(110, 112), y: y, size: size)
      }
      y += leading
    }
    if random.chance(0.3) {
      pen.write([Piece(style.date(facts.other))], x: right, y: bottom, size: size, alignment: .right)
    }
  }

  /// A table of something else: hours, deliveries, readings.
  mutating func annexTable() {
    var y = random.real(40, 90)
    pen.write(
      [Piece(random.word("section", facts.language)), Piece(facts.number)], x: left, y: y, size: size * 1.3, bold: true)
    y += leading * 2
    let columns = random.integer(3...6)
    let step = (right - left) / Double(columns)
    let kinds = (0..<columns).map { _ in random.integer(0...4) }
    for column in 0..<columns {
      pen.write(
        [
          Piece(
            random.word(
              random.pick(["contact", "delivery_date", "line_article", "line.unit", "other_id"]), facts.language))
        ], x: left + step * Double(column), y: y, size: size, bold: true)
    }
    y += leading
    for _ in 0..<random.integer(3...25) where y < bottom {
      for column in 0..<columns {
        let text: String
        switch kinds[column] {
        case 0: text = style.date(facts.other)
        case 1: text = random.word("first", facts.language)
        case 2: text = style.number(Double(random.integer(1...40)) / 4)
        case 3: text = random.code(year: facts.date.year)
        default: text = random.word("detail", facts.language)
        }
        pen.write([Piece(text)], x: left + step * Double(column), y: y, size: size)
      }
      y += leading
    }
  }

  /// Surcharges and rebates that are no rows of the table of goods.
  mutating func allowances(_ y: Double) -> Double {
    var y = breaking(y, leading * 4)
    if random.chance(0.5) {
      pen.write([Piece(random.word("section", facts.language))], x: left, y: y, size: size, bold: true)
      y += leading
    }
    let middle = left + (right - left) * random.real(0.5, 0.75)
    for _ in 0..<random.integer(1...4) {
      let amount = FactNumbers.other(facts.total / 20, &random)
      pen.write(
        [Piece(random.word("allowance", facts.language))]
          + (random.chance(0.4) ? [Piece(style.rate(Double(random.integer(1...20))))] : []), x: left, y: y, size: size)
      if random.chance(0.5) {
        pen.write(
          [Piece(style.number(FactNumbers.other(facts.total, &random)))], x: middle, y: y, size: size, alignment: .right
        )
      }
      pen.write(style.money(random.chance(0.5) ? -amount : amount, nil), x: right, y: y, size: size, alignment: .right)
      y += leading
    }
    return y
  }

  /// The head as a sheet of data: sections of names and values, as programs show electronic invoices.
  mutating func sheet() -> Double {
    var y = random.real(30, 60)
    let two = random.chance(0.6)
    let half = left + (right - left) * 0.52
    let places = [left, two ? half : left]
    let width = random.real(95, 150)
    let (size, leading, language) = (self.size, self.leading, facts.language)
    let dates = (style.date(facts.other), style.date(facts.date))
    func section(_ pen: inout PagePen, _ title: String, _ rows: [(String, [Piece])], _ x: Double, _ y: Double) -> Double
    {
      var y = y
      pen.write([Piece(title)], x: x, y: y, size: size * 1.1, bold: true)
      y += leading * 1.3
      for (name, value) in rows {
        pen.write([Piece(name)], x: x, y: y, size: size)
        pen.write(value, x: x + width, y: y, size: size)
        y += leading
      }
      return y + leading
    }
    func rows(_ party: DocumentFacts.Party, _ role: String, _ random: inout CounterBasedRandom) -> [(String, [Piece])] {
      let names = Wording.shared.all("party_lines", language)
      let mark = random.pick([":", ":", ""])
      let town = party.town.split(separator: " ", maxSplits: 1).map(String.init)
      var list: [(String, [Piece])] = [
        (names[0], [Piece(party.name, "\(role)_name")]), (names[1], [Piece(party.street, "\(role)_address")]),
        (names[2], [Piece(town[0], "\(role)_address", continues: true)]),
        (names[3], [Piece(town.count > 1 ? town[1] : town[0], "\(role)_address", continues: true)]),
        (names[4], [Piece(random.pick(["DE", "FR", "GB", "AT", "NL"]))]),
      ]
      if random.chance(0.5) { list.append((names[5], [Piece(party.person)])) }
      if random.chance(0.5) { list.append((names[6], [Piece(party.phone)])) }
      if random.chance(0.5) { list.append((names[7], [Piece(party.email)])) }
      if random.chance(0.7) { list.append((names[8], [Piece(party.taxID, "\(role)_tax_id")])) }
      // What a party calls its number may read as the document's own number does; the section tells them apart.
      for _ in 0..<random.integer(0...3) {
        let generic = [
          "Nr.", "No.", "ID", "GLN", "Number", "Nummer", "Numéro", "Código", "Codice", "Ref.", "Globale Nummer",
          "Reference", "Registration",
        ]
        let name = random.pick([
          names[9], random.pick(generic), random.pick(Wording.shared.all("invoice_number", language)),
        ])
        let value = random.pick([
          random.digits(random.integer(4...13)), "\(random.pick(["GE", "KR", "L", ""]))\(random.digits(7))",
          "\(random.digits(13)) (GLN)",
        ])
        list.insert((name, [Piece(value)]), at: random.integer(0...list.count))
      }
      if random.chance(0.2) {
        list.append(
          (random.pick(Wording.shared.all("other_date", language)), [Piece(dates.0), Piece("-"), Piece(dates.1)]))
      }
      return list.map { ($0.0 + mark, $0.1) }
    }
    let vendorTitle = random.word("vendor_heading", facts.language),
      customerTitle = random.word("customer_heading", facts.language)
    let vendorRows = rows(facts.vendor, "vendor", &random), customerRows = rows(facts.customer, "customer", &random)
    let customerFirst = random.chance(0.5)
    let first = section(
      &pen, customerFirst ? customerTitle : vendorTitle, customerFirst ? customerRows : vendorRows, places[0], y)
    let second = section(
      &pen, customerFirst ? vendorTitle : customerTitle, customerFirst ? vendorRows : customerRows, places[1],
      two ? y : first)
    y = max(first, second)
    let list = entries()
    let split = two ? (list.count + 1) / 2 : list.count
    let a = section(
      &pen, random.word("section", facts.language), Array(list.prefix(split)).map { ($0.label, $0.value) }, places[0], y
    )
    guard split < list.count else { return a }
    let b = section(
      &pen, random.word("section", facts.language), Array(list.dropFirst(split)).map { ($0.label, $0.value) },
      places[1], y)
    return max(a, b)
  }
}
