import Foundation
import Tensor

/// Parties and where they stand.
extension InvoiceComposer {
  enum Block { case vendor, customer, shipTo, meta, title }

  mutating func header() -> Double {
    let top = random.real(25, 70)
    if random.chance(0.2) {
      // A wordmark is nobody's name.
      let mark = random.chance(0.5) ? random.madeUpName().uppercased() : random.madeUpName()
      pen.write(
        [Piece(mark)], x: random.real(left, right - 100), y: max(4, top - size * 2.4), size: size * random.real(1, 2.4),
        bold: true)
    }
    let middle = left + (right - left) * random.real(0.48, 0.62)
    var leftY = top, rightY = top
    // Which block goes to which column.
    let layout = random.integer(0...9)
    var leftBlocks: [Block], rightBlocks: [Block]
    switch layout {
    case 0, 1:
      leftBlocks = [.customer]
      rightBlocks = [.vendor, .meta]
      leftY += random.real(30, 100)
    case 2:
      leftBlocks = [.vendor, .customer]
      rightBlocks = [.title, .meta]
    case 3:
      leftBlocks = [.vendor, .meta]
      rightBlocks = [.customer]
      rightY += random.real(0, 90)
    case 4:
      leftBlocks = [.vendor, .customer, .shipTo]
      rightBlocks = [.meta]
    case 5:
      leftBlocks = [.title, .meta]
      rightBlocks = [.vendor, .customer]
    case 6:
      leftBlocks = [.vendor]
      rightBlocks = [.customer, .meta]
    case 7:
      leftBlocks = [.customer, .meta]
      rightBlocks = [.vendor]
    case 8:
      leftBlocks = [.title, .vendor]
      rightBlocks = [.meta, .customer]
    default:
      leftBlocks = [.customer]
      rightBlocks = [.meta]
      // The seller stands over the full width or in the foot only.
      if random.chance(0.7) {
        let y = vendor(left, right, top, random.chance(0.5) ? .center : random.chance(0.5) ? .right : .left)
        leftY = y + leading
        rightY = y + leading
      } else {
        leftY += 60
        rightY += 40
      }
    }
    if random.chance(0.12), !leftBlocks.contains(.shipTo) {
      rightBlocks.insert(.shipTo, at: random.integer(0...rightBlocks.count))
    }
    // Meta over the full width below the parties.
    let isStrip = random.chance(0.2)
    let gap = leading * random.real(0.8, 2.5)
    for block in leftBlocks where !(isStrip && block == .meta) {
      leftY = place(block, left, middle - 15, leftY) + gap
    }
    for block in rightBlocks where !(isStrip && block == .meta) {
      rightY = place(block, middle, right, rightY) + gap
    }
    var y = max(leftY, rightY)
    if isStrip { y = metaStrip(y) + gap }
    return y
  }

  mutating func place(_ block: Block, _ x0: Double, _ x1: Double, _ y: Double) -> Double {
    switch block {
    case .vendor: return vendor(x0, x1, y, x0 > pen.width / 2 && random.chance(0.35) ? .right : .left)
    case .customer: return customer(x0, x1, y)
    case .shipTo: return party(facts.shipTo, heading: "ship_heading", role: nil, x0, y)
    case .meta: return meta(x0, x1, y)
    case .title:
      let big = size * random.real(1.3, 2.6)
      pen.write([Piece(title())], x: x0, y: y, size: big, bold: true)
      return y + big * 1.3
    }
  }

  mutating func title() -> String {
    let text = random.word("title_\(facts.type)", facts.language)
    return random.chance(0.2) ? text.uppercased() : text
  }

  mutating func vendor(_ x0: Double, _ x1: Double, _ y: Double, _ alignment: PagePen.Alignment) -> Double {
    var y = y
    let x = alignment == .left ? x0 : alignment == .right ? x1 : (x0 + x1) / 2
    let party = facts.vendor
    if random.chance(0.15) {
      pen.write(
        [Piece(style.label("vendor_heading", &random))], x: x, y: y, size: size, bold: boldLabels, alignment: alignment)
      y += leading
    } else if random.chance(0.15) {
      // A logo's short name or a slogan is not the seller's name.
      pen.write([Piece(random.madeUpName())], x: x, y: y, size: size * 2, bold: true, alignment: alignment)
      y += size * 2.4
    }
    let big = size * random.pick([1, 1, 1.2, 1.6, 2])
    pen.write([Piece(party.name, "vendor_name")], x: x, y: y, size: big, bold: random.chance(0.5), alignment: alignment)
    y += max(leading, big * 1.25)
    if random.chance(0.1) {
      pen.write(
        [Piece(random.word("good", facts.language) + " · " + random.word("good", facts.language))], x: x, y: y,
        size: size, alignment: alignment)
      y += leading
    }
    if random.chance(0.12) {
      pen.write([Piece(party.person)], x: x, y: y, size: size, alignment: alignment)
      y += leading
    }
    if random.chance(0.8) {
      if random.chance(0.2) {
        pen.write(
          [Piece("\(party.street), \(party.town)", "vendor_address")], x: x, y: y, size: size, alignment: alignment)
        y += leading
      } else {
        for (index, line) in [party.street, party.town].enumerated() {
          pen.write([Piece(line, "vendor_address", continues: index > 0)], x: x, y: y, size: size, alignment: alignment)
          y += leading
        }
      }
      if let country = party.country, random.chance(0.5) {
        pen.write([Piece(country)], x: x, y: y, size: size, alignment: alignment)
        y += leading
      }
    }
    var extras: [[Piece]] = []
    if random.chance(0.45) { extras.append([Piece(style.label("phone", &random)), Piece(party.phone)]) }
    if random.chance(0.15) { extras.append([Piece("Fax:"), Piece(random.digits(9))]) }
    if random.chance(0.4) { extras.append([Piece(style.label("email", &random)), Piece(party.email)]) }
    if random.chance(0.3) {
      extras.append([Piece("www." + (party.email.split(separator: "@").last.map(String.init) ?? "web.com"))])
    }
    if random.chance(0.4) {
      extras.append([Piece(style.label("vat_id", &random)), Piece(party.taxID, "vendor_tax_id")])
    }
    if random.chance(0.2) {
      extras.append([Piece(style.label("tax_number", &random)), Piece(facts.taxNumber, "tax_number")])
    }
    if random.chance(0.12) { extras.append([Piece(style.label("iban", &random))] + ibanPieces()) }
    if random.chance(0.12) {
      // A column of everything at the side.
      let more: [[Piece]] = [
        [Piece(random.word("bank", facts.language)), Piece("\(random.madeUpName()) Bank")],
        [Piece(style.label("iban", &random))] + ibanPieces(),
        [Piece(style.label("bic", &random)), Piece(facts.bic, "bic")],
        [Piece(random.word("register", facts.language)), Piece(random.digits(6))],
        [Piece(style.label("contact", &random)), Piece(party.person)],
        [Piece(style.label("other_id", &random)), Piece(random.digits(9))],
        [Piece("Mo-Fr 8-17")],
      ]
      extras += more.filter { _ in random.chance(0.7) }
      extras.shuffle(using: &random)
    }
    for line in extras {
      pen.write(line, x: x, y: y, size: size, alignment: alignment)
      y += leading
    }
    return y
  }

  mutating func ibanPieces() -> [Piece] {
    if random.chance(0.35) { return [Piece(facts.iban, "iban")] }
    var groups = "", count = 0
    for character in facts.iban {
      if count > 0, count % 4 == 0 { groups += " " }
      groups.append(character)
      count += 1
    }
    return [Piece(groups, "iban")]
  }

  mutating func customer(_ x0: Double, _ x1: Double, _ y: Double) -> Double {
    var y = y
    if random.chance(0.35) {
      // The sender's line above the window.
      let mark = random.pick([" · ", ", ", " - ", " | ", " • "])
      pen.write(
        [
          Piece(facts.vendor.name, "vendor_name"), Piece(mark), Piece(facts.vendor.street, "vendor_address"),
          Piece(mark), Piece(facts.vendor.town, "vendor_address", continues: true),
        ],
        x: x0, y: y, size: max(5.5, size * 0.7))
      y += leading * random.real(1, 2)
    }
    return party(facts.customer, heading: random.chance(0.5) ? "customer_heading" : nil, role: "customer", x0, y)
  }

  /// A name on one line or, when it is long, on two.
  mutating func name(_ text: String, _ field: String?, _ x: Double, _ y: Double, _ bold: Bool) -> Double {
    var y = y
    let room = text.count > 18 && random.chance(0.3) ? pen.measure(text, size) * 0.62 : 10_000
    for line in pen.wrapped([Piece(text, field)], size, room) {
      pen.write(line, x: x, y: y, size: size, bold: bold)
      y += leading
    }
    return y
  }

  /// A party's block; of role nil it is nobody's who matters.
  mutating func party(_ party: DocumentFacts.Party, heading: String?, role: String?, _ x: Double, _ y: Double)
    -> Double
  {
    var y = y
    func field(_ name: String) -> String? { role.map { "\($0)_\(name)" } }
    if let heading {
      pen.write([Piece(style.label(heading, &random))], x: x, y: y, size: size, bold: boldLabels)
      y += leading * random.real(1, 1.4)
    }
    if heading != nil, random.chance(0.12) {
      // Labelled lines.
      let indent = x + size * random.real(7, 11)
      let names = [
        "en": ["Name", "Address", "City"], "de": ["Name", "Anschrift", "Ort"], "fr": ["Nom", "Adresse", "Ville"],
        "es": ["Nombre", "Dirección", "Ciudad"], "it": ["Nome", "Indirizzo", "Città"],
        "nl": ["Naam", "Adres", "Plaats"],
      ][facts.language]!
      let values = [
        Piece(party.name, field("name")), Piece(party.street, field("address")),
        Piece(party.town, field("address"), continues: true),
      ]
      for (name, value) in zip(names, values) {
        pen.write([Piece(name + ":")], x: x, y: y, size: size)
        pen.write([value], x: indent, y: y, size: size)
        y += leading
      }
    } else {
      if random.chance(0.08) {
        pen.write(
          [
            Piece(
              facts.language == "de" ? random.pick(["Firma", "Herrn", "An"]) : random.pick(["Attn.", "M/s", "To"]))
          ], x: x, y: y, size: size)
        y += leading
      }
      y = name(party.name, field("name"), x, y, random.chance(0.25))
      if random.chance(0.25) {
        pen.write(
          [Piece(random.pick(["", "z. Hd. ", "Attn. ", "c/o ", "Att. "]) + party.person)], x: x, y: y, size: size)
        y += leading
      }
      for (index, line) in [party.street, party.town].enumerated() {
        pen.write([Piece(line, field("address"), continues: index > 0)], x: x, y: y, size: size)
        y += leading
      }
      if let country = party.country {
        pen.write([Piece(country)], x: x, y: y, size: size)
        y += leading
      }
    }
    if role != nil, random.chance(0.22) {
      pen.write([Piece(style.label("vat_id", &random)), Piece(party.taxID, "customer_tax_id")], x: x, y: y, size: size)
      y += leading
    }
    return y
  }

}
