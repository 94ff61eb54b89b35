import Foundation

/// Parties in sections with a heading ("Seller", "Käufer") and labelled lines ("Name: ...", "VAT ID: ...") below.
struct LabelledParties {
  let page: PageRows

  private static let headings: [String: [String]] = [
    "vendor": [
      "verkäufer", "seller", "vendeur", "lieferant", "rechnungssteller", "supplier", "fournisseur", "vendor",
      "leistungserbringer", "from", "absender", "émetteur",
    ],
    "customer": [
      "käufer", "buyer", "acheteur", "kunde", "rechnungsempfänger", "leistungsempfänger", "customer", "client",
      "bill to", "invoice to", "rechnungsadresse", "facturé à", "käufer/leistungsempfänger", "billed to", "sold to",
      "destinataire", "auftraggeber",
    ],
  ]

  func complete(_ result: inout ExtractionResult) {
    for (index, row) in page.rows.enumerated() {
      for cell in row.cells {
        let text = cell.text.lowercased().trimmingCharacters(in: CharacterSet(charactersIn: ": "))
        guard let party = Self.headings.first(where: { $0.value.contains(text) })?.key else { continue }
        read(party, below: index, cell, &result)
      }
    }
  }

  private func read(_ party: String, below index: Int, _ heading: PageRows.Cell, _ result: inout ExtractionResult) {
    var name: PageRows.Cell?
    var address: [PageRows.Cell] = []
    var inAddress = false
    let size = heading.box.height
    // Labels stand under the heading; their values next to them.
    var last = heading.box
    for row in page.rows[(index + 1)...].prefix(14) {
      guard row.page == heading.page, row.box.y0 - last.y1 < 3.5 * size else { break }
      let cells = row.cells.filter { $0.box.x0 > heading.box.x0 - 15 }
      guard let first = cells.first else { continue }
      last = row.box
      let label = first.text.lowercased().trimmingCharacters(in: CharacterSet(charactersIn: ": "))
      if Self.headings.values.contains(where: { $0.contains(label) }) { break }
      let value = cells.count > 1 ? cells[1] : nil
      switch label {
      case "name", "firma", "company", "nom", "firmenname", "unternehmen": name = name ?? value
      case "anschrift", "adresse", "address", "straße":
        inAddress = true
        if let value { address.append(value) }
      case let text where text.contains("ust") || text.contains("vat") || text.contains("tva"):
        inAddress = false
        if let value { taxID(party, value, &result) }
      default:
        if first.text.hasSuffix(":") {
          inAddress = false
        } else if inAddress, cells.count == 1 {
          address.append(first)
        } else if name == nil, cells.count == 1, first.words.count <= 8, abs(first.box.x0 - heading.box.x0) < 6,
          address.isEmpty
        {
          // No labels: the name stands right under the heading.
          name = first
          inAddress = true
        }
      }
    }
    if let name {
      result.fields["\(party)_name"] = field(name.text, name, 0.8)
    }
    if let first = address.first {
      result.fields["\(party)_address"] = field(address.map(\.text).joined(separator: ", "), first, 0.7)
    }
  }

  private func taxID(_ party: String, _ cell: PageRows.Cell, _ result: inout ExtractionResult) {
    let compact = cell.text.uppercased().filter { $0.isLetter || $0.isNumber }
    guard compact.count >= 8, compact.prefix(2).allSatisfy(\.isLetter) else { return }
    let other = party == "vendor" ? "customer" : "vendor"
    result.fields["\(party)_tax_id"] = field(compact, cell, 0.85)
    if party == "customer", result.text("\(other)_tax_id") == compact { result.fields["\(other)_tax_id"] = nil }
  }

  private func field(_ text: String, _ cell: PageRows.Cell, _ confidence: Double) -> ExtractedField {
    ExtractedField(value: .string(text), raw: cell.text, confidence: confidence, page: cell.page + 1, bbox: cell.box)
  }
}
