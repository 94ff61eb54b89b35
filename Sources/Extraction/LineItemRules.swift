import DocumentModel
import Foundation

/// Rows of an invoice, from the table's header and what stands below its columns.
struct LineItemRules {
  let page: PageRows

  private enum Column: CaseIterable {
    case description, quantity, unitPrice, amount, taxRate
    var phrases: [String] {
      switch self {
      case .description:
        [
          "bezeichnung", "beschreibung", "artikel", "leistung", "description", "désignation", "item",
          "artikelbezeichnung", "produkt", "text", "product", "service",
        ]
      case .quantity:
        [
          "menge", "anzahl", "quantity", "qty", "quantité", "qté", "qty.", "anz.", "stk", "stück", "hours", "units",
          "aantal",
        ]
      case .unitPrice:
        [
          "einzelpreis", "e-preis", "preis", "unit price", "price", "prix", "p.u.", "pu", "ep", "stückpreis",
          "preis/einheit", "einzel", "rate", "prijs", "einzelpreis/€", "nettopreis", "unit",
        ]
      case .amount:
        [
          "gesamtpreis", "gesamt", "betrag", "amount", "total", "montant", "gp", "summe", "nettobetrag", "line",
          "gesamtbetrag", "netto", "bedrag", "positionsbetrag",
        ]
      case .taxRate:
        ["ust", "mwst", "vat", "tva", "ust.", "mwst.", "steuer", "tax", "ust%", "mwst%", "st-satz", "ust-satz", "btw"]
      }
    }
  }

  func items() -> [LineItem] {
    for (index, row) in page.rows.enumerated() {
      let columns = header(row)
      guard columns[.amount] != nil || columns[.unitPrice] != nil,
        columns[.quantity] != nil || columns[.description] != nil, columns.count >= 3
      else { continue }
      let items = rows(below: index, columns)
      if !items.isEmpty { return items }
    }
    return []
  }

  private func header(_ row: PageRows.Row) -> [Column: Rect] {
    var result: [Column: Rect] = [:]
    for cell in row.cells {
      let words = cell.words.map { RuleBasedExtractor.folded($0.text) }
      let text = words.joined(separator: " ")
      guard words.count <= 4 else { continue }
      for column in Column.allCases where column.phrases.contains(where: { text == $0 || words.contains($0) }) {
        if column == .unitPrice, text.contains("gesamt") || text.contains("total") { continue }
        if result[column] == nil || column == .amount {
          result[column] = cell.box
          break
        }
      }
    }
    return result
  }

  private func rows(below header: Int, _ columns: [Column: Rect]) -> [LineItem] {
    var items: [LineItem] = []
    let stops = [
      "summe", "gesamt", "total", "zwischensumme", "netto", "subtotal", "nettobetrag", "gesamtbetrag",
      "rechnungsbetrag", "mwst", "sous-total", "warenwert", "umsatzsteuer", "übertrag", "zzgl.",
    ]
    var attributesBegan = false
    for row in page.rows[(header + 1)...] {
      let first = RuleBasedExtractor.folded(row.words[0].text)
      if !items.isEmpty, stops.contains(where: { first.hasPrefix($0) }) { break }
      var item = LineItem()
      for cell in row.cells {
        guard let column = column(of: cell, columns) else { continue }
        let number = number(in: cell)
        switch column {
        case .description:
          if let name = item.description, Self.isAttribute(cell.text) || Self.isAttribute(name) {
            if Self.isAttribute(name) { item.description = cell.text }
          } else {
            item.description = (item.description.map { $0 + " " } ?? "") + cell.text
          }
        case .quantity: item.quantity = item.quantity ?? number
        case .unitPrice: item.unitPrice = item.unitPrice ?? number
        case .amount: item.amount = number ?? item.amount
        case .taxRate: item.taxRate = item.taxRate ?? number
        }
      }
      if item.amount != nil, item.quantity != nil || item.unitPrice != nil || item.description != nil {
        repair(&item, row)
        item.page = row.page + 1
        item.bbox = row.box
        items.append(item)
        attributesBegan = false
      } else if let last = items.indices.last, let more = item.description, item.amount == nil,
        items[last].description?.count ?? 0 < 400
      {
        attributesBegan = attributesBegan || Self.isAttribute(more)
        if attributesBegan { continue }
        items[last].description = (items[last].description.map { $0 + " " } ?? "") + more
      }
      if items.count >= 2000 { break }
    }
    return items
  }

  /// "Article number: 4711", "• Origin: DE", "4012345001235 (GTIN)": said about the item, not its name.
  private static func isAttribute(_ text: String) -> Bool {
    if text.hasPrefix("•") { return true }
    let words = text.split(separator: " ")
    guard let first = words.first else { return false }
    // A name may hold a colon, a label ends with one after a few words.
    if words.prefix(4).contains(where: { $0.hasSuffix(":") || $0.hasPrefix(":") }) {
      return first.first?.isLetter == true
    }
    return words.count <= 2 && first.allSatisfy(\.isNumber) && first.count >= 8
  }

  /// The column whose header is nearest to the cell, by left edge, right edge or middle.
  private func column(of cell: PageRows.Cell, _ columns: [Column: Rect]) -> Column? {
    let box = cell.box
    let scored = columns.map { column, head -> (Column, Double) in
      let overlap = head.horizontalOverlap(box) > 0 ? -20.0 : 0
      return (column, min(abs(head.x0 - box.x0), abs(head.x1 - box.x1), abs(head.midX - box.midX)) + overlap)
    }
    guard let best = scored.min(by: { $0.1 < $1.1 }) else { return nil }
    if best.0 != .description, number(in: cell) == nil {
      return columns[.description] != nil && box.midX < (columns[.amount]?.x0 ?? 1e9) ? .description : nil
    }
    return best.1 < 60 ? best.0 : nil
  }

  private func number(in cell: PageRows.Cell) -> Double? {
    for word in cell.words { if let value = ValueParsing.amount(word.text) { return value } }
    return nil
  }

  /// When the columns do not multiply out, numbers of the row that do take their place.
  private func repair(_ item: inout LineItem, _ row: PageRows.Row) {
    guard let amount = item.amount else { return }
    if let quantity = item.quantity, let price = item.unitPrice, abs(quantity * price - amount) < 0.02 { return }
    let numbers = row.words.compactMap { ValueParsing.amount($0.text) }
    for (index, quantity) in numbers.enumerated() where quantity != 0 {
      for price in numbers[(index + 1)...]
      where abs(quantity * price - amount) < 0.006 && price != amount
        || abs(quantity - 1) < 1e-9 && price == amount && numbers.filter({ $0 == amount }).count > 1
      {
        item.quantity = quantity
        item.unitPrice = price
        return
      }
    }
  }
}
