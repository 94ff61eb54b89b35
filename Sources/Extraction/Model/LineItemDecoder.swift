import Foundation

/// Groups tagged words into the rows of an invoice.
struct LineItemDecoder {
  private let decoder: SpanDecoder
  private let least = 0.4

  init(_ decoder: SpanDecoder) { self.decoder = decoder }

  private struct Draft {
    var item = LineItem()
    var description: [String] = []
    var tokens: [Int] = []
    var numbers: [Double] = []
  }

  func items() -> [LineItem] {
    guard decoder.has("line.amount") || decoder.has("line.description") else { return [] }
    let document = decoder.document
    var drafts: [Draft] = []
    var sums = 0
    for row in document.rows {
      // Sums close the table; what follows them is no goods.
      let isSum = row.contains { token in
        decoder.features.types[token].cents != nil
          && ["subtotal", "total_tax", "invoice_total", "tax.amount", "amount_due"].contains {
            decoder.probability(token, $0) > 0.5
          }
      }
      if isSum {
        if drafts.contains(where: { $0.item.amount != nil }) { sums += 1 }
        continue
      }
      // The head of a document may name a sum before the table begins; two sums after rows are its end.
      if sums >= 2 { break }
      let words = row.filter { decoder.probability($0, "line.description") > least }
      func number(_ name: String) -> (value: Double, token: Int)? {
        let tokens = row.filter { decoder.probability($0, name) > least && decoder.features.types[$0].number != nil }
        guard let token = tokens.max(by: { decoder.probability($0, name) < decoder.probability($1, name) }) else {
          return nil
        }
        var span = tokens.filter { abs($0 - token) <= 2 }
        if case .number(let value)? = decoder.value(&span, name == "line.amount" ? .amount : .number) {
          return (value, token)
        }
        return nil
      }
      let amount = number("line.amount"), quantity = number("line.quantity"), price = number("line.unit_price")
      guard !words.isEmpty || amount != nil || quantity != nil || price != nil else { continue }
      let starts = words.contains { decoder.begins($0, "line.description") }
      let last = drafts.last
      let isNew: Bool
      if let last {
        isNew =
          amount != nil && last.item.amount != nil || starts && (last.item.amount != nil || !last.description.isEmpty)
          || quantity != nil && last.item.quantity != nil && (price != nil || amount != nil)
      } else {
        isNew = true
      }
      if isNew { drafts.append(Draft()) }
      let index = drafts.count - 1
      if !words.isEmpty {
        // Words in between that the model left out belong to the name, if they stand close.
        drafts[index].description.append(words.map { document.tokens[$0].text }.joined(separator: " "))
      }
      drafts[index].item.amount = drafts[index].item.amount ?? amount?.value
      drafts[index].item.quantity = drafts[index].item.quantity ?? quantity?.value
      drafts[index].item.unitPrice = drafts[index].item.unitPrice ?? price?.value
      drafts[index].item.taxRate = drafts[index].item.taxRate ?? number("line.tax_rate")?.value
      if drafts[index].item.unit == nil {
        let unit = row.filter { decoder.probability($0, "line.unit") > 0.5 }.map { document.tokens[$0].text }
        if !unit.isEmpty { drafts[index].item.unit = unit.joined(separator: " ") }
      }
      drafts[index].tokens += words + [amount?.token, quantity?.token, price?.token].compactMap { $0 }
      if amount != nil || price != nil { drafts[index].numbers += row.compactMap { decoder.features.types[$0].number } }
    }
    let named = drafts.filter { !$0.description.isEmpty && $0.item.amount != nil }.count
    return drafts.compactMap { draft in
      // Where rows have names, numbers without one are something else.
      if draft.description.isEmpty, named > 0, draft.item.quantity == nil || draft.item.unitPrice == nil { return nil }
      var item = draft.item
      guard item.amount != nil || item.unitPrice != nil && item.quantity != nil, !draft.tokens.isEmpty else {
        return nil
      }
      if !draft.description.isEmpty { item.description = draft.description.joined(separator: " ") }
      repair(&item, draft.numbers)
      let page = document.tokens[draft.tokens[0]].page
      item.page = page + 1
      let boxes = draft.tokens.filter { document.tokens[$0].page == page }.map { document.tokens[$0].box }
      item.bbox = boxes.dropFirst().reduce(boxes[0]) { $0.union($1) }
      return item
    }
  }

  /// When the columns do not multiply out, numbers of the row that do take their place: "1,000" may be one or a thousand.
  private func repair(_ item: inout LineItem, _ numbers: [Double]) {
    guard let amount = item.amount else { return }
    func fits(_ quantity: Double, _ price: Double) -> Bool {
      abs(quantity * price - amount) < 0.006 + 0.00001 * abs(amount)
    }
    if let quantity = item.quantity, let price = item.unitPrice {
      if abs(quantity * price - amount) < 0.02 { return }
      for (q, p) in [(0.001, 1), (1, 0.001), (0.001, 0.001)] where fits(quantity * q, price * p) {
        (item.quantity, item.unitPrice) = (quantity * q, price * p)
        return
      }
    }
    for (index, quantity) in numbers.enumerated() where quantity != 0 {
      for price in numbers[(index + 1)...] where price != amount && fits(quantity, price) {
        if item.quantity == nil || item.unitPrice == nil || item.quantity == quantity || item.unitPrice == price {
          item.quantity = quantity
          item.unitPrice = price
          return
        }
      }
    }
  }
}
