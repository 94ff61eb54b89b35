import DocumentModel
import Foundation
import Tensor

/// The table of an invoice's rows.
extension InvoiceComposer {
  private struct Column {
    var field: String
    var x0: Double
    var x1: Double
    var alignment: PagePen.Alignment
    var head: [String]
    var isHeadLeft: Bool
  }

  mutating func table(_ y: Double) -> Double {
    let columns = columns()
    var y = breaking(y, leading * 4)
    if random.chance(0.96) { y = head(columns, y) }
    let hasArticleRows = random.chance(0.2)
    let isSpaced = random.chance(0.3)
    let saysCurrency = random.chance(0.25)
    let hasGroups = random.chance(0.06)
    let codesInText = random.chance(0.1)
    let attributesFirst = random.chance(0.25)
    for (index, item) in facts.items.enumerated() {
      let description = columns.first { $0.field == "line.description" }
      // An article's number may stand before its name, in the same column.
      let lines = pen.wrapped(
        (codesInText ? [Piece(item.article)] : []) + [Piece(item.description, "line.description")], size,
        max(60, (description?.x1 ?? 200) - (description?.x0 ?? 0)))
      let before = pen.pages.count
      y = breaking(y, leading * Double(lines.count + (hasArticleRows ? 1 : 0)))
      if pen.pages.count > before, random.chance(0.7) { y = head(columns, y) }
      if hasGroups, random.chance(0.3) {
        pen.write([Piece(random.word("trade", facts.language))], x: left, y: y, size: size, bold: true)
        y += leading
      }
      if hasArticleRows, attributesFirst, description != nil {
        let text =
          random.word("attribute", facts.language) + " " + (random.chance(0.5) ? random.digits(13) : item.article)
        pen.write([Piece(text)], x: description!.x0, y: y, size: size)
        y += leading
      }
      var printed = LineItem()
      // Numbers on the first line of the description or on its last.
      let onLast = lines.count > 1 && random.chance(0.1)
      for (row, line) in lines.enumerated() where description != nil {
        pen.write(line, x: description!.x0, y: y + leading * Double(row), size: size)
      }
      if description != nil { printed.description = item.description }
      let at = y + (onLast ? leading * Double(lines.count - 1) : 0)
      for column in columns where column.field != "line.description" {
        let pieces: [Piece]
        switch column.field {
        case "line_position": pieces = [Piece("\(index + 1)" + (columns[0].head[0].hasSuffix(".") ? "." : ""))]
        case "line_article": pieces = [Piece(item.article)]
        case "line.quantity":
          printed.quantity = item.quantity
          pieces =
            [Piece(style.quantity(item.quantity), "line.quantity")]
            + (columns.contains { $0.field == "line.unit" } || index % 7 == 6 || !saysUnits
              ? [] : [Piece(item.unit, "line.unit")])
        case "line.unit": pieces = [Piece(item.unit, "line.unit")]
        case "line.unit_price":
          printed.unitPrice = item.price
          pieces =
            saysCurrency
            ? style.money(item.price, "line.unit_price") : [Piece(style.price(item.price), "line.unit_price")]
        case "line_discount": pieces = item.discount > 0 ? [Piece(style.rate(item.discount))] : []
        case "line.tax_rate":
          printed.taxRate = item.rate
          pieces = [Piece(style.rate(item.rate), "line.tax_rate")]
        case "line.amount":
          printed.amount = item.amount
          pieces =
            saysCurrency ? style.money(item.amount, "line.amount") : [Piece(style.number(item.amount), "line.amount")]
        case "line_gross": pieces = [Piece(style.number(DocumentFacts.cents(item.amount * (1 + item.rate / 100))))]
        default: pieces = [Piece(style.number(DocumentFacts.cents(item.amount * item.rate / 100)))]
        }
        let x =
          column.alignment == .left ? column.x0 : column.alignment == .right ? column.x1 : (column.x0 + column.x1) / 2
        pen.write(pieces, x: x, y: at, size: size, alignment: column.alignment)
      }
      printedItems.append(printed)
      y += leading * Double(lines.count)
      if hasArticleRows {
        for _ in 0..<random.integer(1...2) {
          let text =
            (random.chance(0.2) ? "" : random.word("attribute", facts.language) + " ")
            + (random.chance(0.2)
              ? random.digits(13) + " (GTIN)"
              : random.chance(0.7) ? random.code(year: facts.date.year) : style.date(facts.other))
          pen.write(
            [Piece(text)], x: (description?.x0 ?? left) + (random.chance(0.3) ? 8 : 0), y: y,
            size: size * random.pick([1, 0.85]))
          y += leading
        }
      }
      if isSpaced { y += leading * 0.5 }
    }
    return y
  }

  private var saysUnits: Bool { facts.customerNumber.count % 2 == 0 }

  private mutating func columns() -> [Column] {
    var fields: [(String, Double)] = []
    // Services are often a text and a sum.
    let isPlain = random.chance(0.08)
    if random.chance(0.5) { fields.append(("line_position", 25)) }
    if random.chance(0.3) { fields.append(("line_article", 62)) }
    let isQuantityFirst = random.chance(0.3)
    let quantity: [(String, Double)] = !isPlain && random.chance(0.93) ? [("line.quantity", 45)] : []
    let unit: [(String, Double)] = random.chance(0.25) ? [("line.unit", 32)] : []
    let description = [("line.description", 0.0)]
    fields += isQuantityFirst ? quantity + unit + description : description + quantity + unit
    if !isPlain, random.chance(0.93) { fields.append(("line.unit_price", 62)) }
    if facts.items.contains(where: { $0.discount > 0 }) { fields.append(("line_discount", 42)) }
    if random.chance(0.35) { fields.append(("line.tax_rate", 42)) }
    if random.chance(0.06) { fields.append(("line_tax", 55)) }
    fields.append(("line.amount", 68))
    if random.chance(0.05) { fields.append(("line_gross", 68)) }
    if random.chance(0.06) {
      // Any order.
      let head = fields.first { $0.0 == "line.description" }!
      var rest = fields.filter { $0.0 != "line.description" }
      rest.shuffle(using: &random)
      rest.insert(head, at: random.integer(0...min(2, rest.count)))
      fields = rest
    }
    let scale = size / 9 * random.real(0.9, 1.15) * pen.stretch
    let fixed = fields.reduce(0) { $0 + $1.1 * scale }
    let room = max(80, right - left - fixed)
    var x = left
    let headLeft = random.chance(0.25), numbersLeft = random.chance(0.08), centred = random.chance(0.1)
    return fields.map { field, width in
      let wide = field == "line.description" ? room : width * scale
      defer { x += wide }
      let isText = ["line.description", "line_article", "line.unit", "line_position"].contains(field)
      let subject = field == "line_gross" ? "invoice_total" : field == "line_tax" ? "total_tax" : field
      var head = style.label(subject, &random, colon: false).split(separator: " ").map(String.init)
      if pen.measure(head.joined(separator: " "), size) < wide - 3 || random.chance(0.3) {
        head = [head.joined(separator: " ")]
      }
      return Column(
        field: field, x0: x + 2, x1: x + wide - 4,
        alignment: isText || numbersLeft ? .left : centred ? .center : .right, head: head, isHeadLeft: headLeft)
    }
  }

  private mutating func head(_ columns: [Column], _ y: Double) -> Double {
    guard columns.count > 1 else { return y }
    let lines = columns.map(\.head.count).max() ?? 1
    for column in columns {
      let alignment = column.isHeadLeft ? .left : column.alignment
      let x = alignment == .left ? column.x0 : alignment == .right ? column.x1 : (column.x0 + column.x1) / 2
      for (row, text) in column.head.enumerated() {
        pen.write(
          [Piece(text)], x: x, y: y + leading * 0.95 * Double(row), size: size, bold: true, alignment: alignment)
      }
    }
    return y + leading * (Double(lines) + 0.3)
  }
}
