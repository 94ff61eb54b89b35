import Foundation

/// Reads a till receipt by whole lines: names and addresses fill theirs, and recognised text is too uneven for single words.
struct ReceiptReader {
  let decoder: SpanDecoder

  /// Name, address and total, as far as the model sees them.
  func complete(_ result: inout ExtractionResult) {
    if let name = block("vendor_name", rows: 0..<min(14, decoder.document.rows.count), most: 2) {
      result.fields["vendor_name"] = name
    }
    if let address = block("vendor_address", rows: decoder.document.rows.indices, most: 6) {
      result.fields["address"] = address
    }
    roundTotal(&result)
  }

  /// The lines next to each other that most belong to a field.
  private func block(_ name: String, rows: Range<Int>, most: Int) -> ExtractedField? {
    let document = decoder.document
    let means = document.rows.map { row in
      row.reduce(0) { $0 + decoder.probability($1, name) } / Double(max(1, row.count))
    }
    guard let best = rows.max(by: { means[$0] < means[$1] }), means[best] > 0.25 else { return nil }
    var first = best, last = best
    func goesOn(_ row: Int) -> Bool {
      rows.contains(row) && means[row] > 0.35
        && document.tokens[document.rows[row].lowerBound].page == document.tokens[document.rows[best].lowerBound].page
    }
    while last - first + 1 < most, goesOn(last + 1),
      name == "vendor_address" || !decoder.begins(document.rows[last + 1].lowerBound, name)
    {
      last += 1
    }
    while last - first + 1 < most, goesOn(first - 1),
      name == "vendor_address" || !decoder.begins(document.rows[first].lowerBound, name)
    {
      first -= 1
    }
    let range = document.rows[first].lowerBound..<document.rows[last].upperBound
    let text = document.text(range).trimmingCharacters(in: CharacterSet(charactersIn: " ,;:|·•"))
    guard text.contains(where: \.isLetter) else { return nil }
    let mean = means[first...last].reduce(0, +) / Double(last - first + 1)
    return ExtractedField(
      value: .string(text), raw: document.text(range), confidence: 0.7 * mean,
      page: document.tokens[range.lowerBound].page + 1,
      bbox: document.box(range))
  }

  /// Cash is rounded to five cents where a receipt speaks of rounding: the amount that is paid is the total.
  private func roundTotal(_ result: inout ExtractionResult) {
    guard let total = result.fields["total"], let value = total.value.number,
      decoder.document.tokens.contains(where: { $0.folded.contains("round") || $0.folded.hasPrefix("rund") })
    else { return }
    let rounded = (value * 20).rounded() / 20
    guard abs(rounded - value) > 0.004,
      let token = decoder.document.tokens.indices.last(where: { index in
        decoder.features.types[index].cents.map { abs(Double($0) / 100 - rounded) < 0.001 } ?? false
      })
    else { return }
    let word = decoder.document.tokens[token]
    result.fields["total"] = ExtractedField(
      value: .number(rounded), raw: word.text, confidence: total.confidence, page: word.page + 1, bbox: word.box)
  }
}
