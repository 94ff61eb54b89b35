import DocumentModel
import Foundation

/// Reads fields by key phrases, types and geometry. The baseline of the learned extractor, and one of its labellers.
public struct RuleBasedExtractor: Sendable {
  private let schema: ExtractionSchema

  public init(schema: ExtractionSchema = .invoice) { self.schema = schema }

  public func extract(_ document: Document) -> ExtractionResult {
    var result = ExtractionResult(file: document.fileName, documentType: schema.documentType, source: "rules")
    let page = PageRows(document)
    guard !page.rows.isEmpty else {
      result.notes = ["the document has no text: it may be a scan, which needs text recognition first"]
      result.needsReview = schema.fields.filter(\.value.isRequired).keys.sorted()
      return result
    }
    let currency = self.currency(page)
    for (name, field) in schema.fields.sorted(by: { $0.key < $1.key }) where !field.keyPhrases.isEmpty {
      result.fields[name] = candidates(field, page).max { $0.score < $1.score }?.field
    }
    if schema.isBuiltIn, schema.documentType == "invoice" {
      InvoiceRules(page: page, currency: currency).complete(
        &result,
        candidates: { name in
          self.schema.fields[name].map { self.candidates($0, page) } ?? []
        })
    } else if schema.isBuiltIn {
      receipt(page, &result)
    } else {
      result.notes = ["read by rules from key phrases and types; no model was trained for this schema"]
    }
    result.checks = ArithmeticChecks.checks(of: result)
    result.needsReview =
      schema.fields.filter { $0.value.isRequired && result.fields[$0.key] == nil }.keys.sorted()
      + result.fields.filter { $0.value.confidence < 0.6 }.keys.sorted()
    return result
  }

  // MARK: - Candidates

  struct Candidate {
    var field: ExtractedField
    var score: Double
  }

  /// Values of the right type to the right of a key phrase, in the same cell behind it, or below it.
  func candidates(_ field: FieldSchema, _ page: PageRows) -> [Candidate] {
    var found: [Candidate] = []
    let phrases = field.keyPhrases.enumerated().map {
      (rank: $0.offset, words: $0.element.split(separator: " ").map { PlacedWord.key(String($0)) })
    }
    for (index, row) in page.rows.enumerated() {
      let words = row.words
      for (rank, phrase) in phrases {
        for start in words.indices where matches(words, start, phrase, page.isRecognised) {
          let end = start + phrase.count
          let base =
            1 - 0.35 * Double(rank) / Double(max(1, phrases.count)) + 0.12 * Double(min(3, phrase.count - 1))
            + 0.02 * Double(min(12, phrase.joined().count))
          // A phrase in the middle of running text is weaker than one that begins a cell.
          let isCellStart = start == 0 || words[start].box.x0 - words[start - 1].box.x1 > 0.8 * words[start].box.height
          let strength = base - (isCellStart ? 0 : 0.25)
          if let hit = value(field, Array(words[end...].prefix(field.type == .string ? 30 : 8)), near: words[end - 1]) {
            found.append(Candidate(field: hit, score: strength + 0.2 + lateBonus(field, index, page)))
          } else if let below = cellBelow(page, index, words[start].box.union(words[end - 1].box)),
            let hit = value(field, below, near: nil)
          {
            found.append(Candidate(field: hit, score: strength + lateBonus(field, index, page)))
          }
        }
      }
    }
    return found.map { candidate in
      var result = candidate
      result.field.confidence = min(0.95, max(0.3, 0.45 + 0.3 * (candidate.score - 0.6)))
      return result
    }
  }

  /// Totals stand low on the page, after the rows they add up.
  private func lateBonus(_ field: FieldSchema, _ row: Int, _ page: PageRows) -> Double {
    field.type == .amount ? 0.15 * Double(row) / Double(page.rows.count) : -0.1 * Double(row) / Double(page.rows.count)
  }

  static func folded(_ text: String) -> String {
    text.lowercased().trimmingCharacters(in: CharacterSet(charactersIn: ":()[]*,;"))
  }

  private func matches(_ words: [PlacedWord], _ start: Int, _ phrase: [String], _ isRecognised: Bool) -> Bool {
    guard start + phrase.count <= words.count else { return false }
    return zip(words[start...], phrase).allSatisfy { Misreading.isAlike($0.key, $1, recognised: isRecognised) }
  }

  private func cellBelow(_ page: PageRows, _ index: Int, _ key: Rect) -> [PlacedWord]? {
    for row in page.rows[(index + 1)...].prefix(3) {
      guard row.page == page.rows[index].page, row.box.y0 - key.y1 < 2.5 * key.height else { return nil }
      if let cell = row.cells.first(where: {
        $0.box.horizontalOverlap(key) > 0.3 * min($0.box.width, key.width) || abs($0.box.x0 - key.x0) < 4
          || abs($0.box.x1 - key.x1) < 4
      }) {
        return cell.words
      }
    }
    return nil
  }

  /// The first value of the field's type among words.
  func value(_ field: FieldSchema, _ words: [PlacedWord], near key: PlacedWord?) -> ExtractedField? {
    guard !words.isEmpty else { return nil }
    func made(_ value: ExtractedValue, _ used: ArraySlice<PlacedWord>) -> ExtractedField {
      let box = used.dropFirst().reduce(used.first!.box) { $0.union($1.box) }
      return ExtractedField(
        value: value, raw: used.map(\.text).joined(separator: " "), confidence: 0.5, page: used.first!.page + 1,
        bbox: box)
    }
    switch field.type {
    case .amount, .number:
      // The last column of a row of totals is its amount; rates in percent are none.
      var best: ExtractedField?
      for (index, word) in words.enumerated() {
        let next = index + 1 < words.count ? words[index + 1].text : ""
        guard !word.text.contains("%"), next != "%", field.type == .number || ValueParsing.looksLikeMoney(word.text),
          let number = ValueParsing.amount(word.text)
        else { continue }
        // "1 234,56": thousands apart.
        if index > 0, words[index - 1].text.allSatisfy(\.isNumber), words[index - 1].text.count <= 3,
          word.text.prefix(while: \.isNumber).count == 3,
          word.box.x0 - words[index - 1].box.x1 < 0.35 * word.box.height,
          let joined = ValueParsing.amount(words[index - 1].text + word.text)
        {
          best = made(.number(joined), words[(index - 1)...index])
        } else {
          best = made(.number(number), words[index...index])
        }
      }
      return best
    case .date:
      for start in 0..<min(5, words.count) {
        for length in 1...min(4, words.count - start) {
          let slice = words[start..<(start + length)]
          let text = slice.map(\.text).joined(separator: " ")
          if let date = ValueParsing.date(text), slice.last!.text.contains(where: \.isNumber) || length > 1 {
            return made(.string(date), slice)
          }
        }
      }
      return nil
    case .iban:
      for start in words.indices {
        for length in 1...min(9, words.count - start) {
          let text = words[start..<(start + length)].map(\.text).joined()
          if text.count >= 15, ValueParsing.isIBAN(text) {
            return made(.string(text.uppercased()), words[start..<(start + length)])
          }
        }
      }
      return nil
    case .vat:
      for start in words.indices {
        for length in 1...min(4, words.count - start)
        where ValueParsing.isVATNumber(words[start..<(start + length)].map(\.text).joined()) {
          let slice = words[start..<(start + length)]
          return made(.string(slice.map(\.text).joined().uppercased().filter { $0.isLetter || $0.isNumber }), slice)
        }
      }
      return nil
    case .id:
      guard
        let index = words.prefix(4).firstIndex(where: { word in
          let text = word.text.trimmingCharacters(in: CharacterSet(charactersIn: ":#.,;()"))
          return text.contains(where: \.isNumber) && text.count >= 3 && ValueParsing.date(text) == nil
            && !ValueParsing.looksLikeMoney(text)
            || text.count >= 8 && text.allSatisfy { $0.isUppercase || $0.isNumber }
        })
      else { return nil }
      if let key, words[0].box.x0 - key.box.x1 > 260 { return nil }
      let text = words[index].text.trimmingCharacters(in: CharacterSet(charactersIn: ":#,;()."))
      return made(.string(text), words[index...index])
    case .email:
      guard let index = words.firstIndex(where: { $0.text.contains("@") && $0.text.contains(".") }) else { return nil }
      return made(.string(words[index].text), words[index...index])
    case .enum:
      let text = words.map(\.text).joined(separator: " ").lowercased()
      guard let match = field.values.first(where: { text.contains($0.lowercased()) }) else { return nil }
      return made(.string(match), words[...])
    case .regex:
      guard let pattern = field.pattern, let regex = try? Regex(pattern),
        let match = words.map(\.text).joined(separator: " ").firstMatch(of: regex)
      else { return nil }
      return made(.string(String(match.0 as Substring? ?? "")), words[...])
    case .string:
      var used = words[...]
      // Up to the next wide gap.
      if let gap = words.indices.dropFirst().first(where: {
        words[$0].box.x0 - words[$0 - 1].box.x1 > 1.2 * words[$0].box.height
      }) {
        used = words[..<gap]
      }
      if let key, used.first!.box.x0 - key.box.x1 > 200 { return nil }
      let text = used.map(\.text).joined(separator: " ").trimmingCharacters(in: CharacterSet(charactersIn: ": "))
      return text.isEmpty ? nil : made(.string(text), used)
    }
  }

  // MARK: - Documents as a whole

  func currency(_ page: PageRows) -> String? {
    var counts: [String: Int] = [:]
    for row in page.rows {
      for word in row.words {
        if word.text.contains("€") { counts["EUR", default: 0] += 1 }
        if word.text.contains("$") { counts["USD", default: 0] += 1 }
        if word.text.contains("£") { counts["GBP", default: 0] += 1 }
        let code = word.text.filter(\.isLetter)
        if ["EURO", "Euro"].contains(code) { counts["EUR", default: 0] += 1 }
        if ValueParsing.currencies.contains(code) { counts[code, default: 0] += 2 }
      }
    }
    return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
  }

  private func receipt(_ page: PageRows, _ result: inout ExtractionResult) {
    guard let first = page.rows.first(where: { $0.text.filter(\.isLetter).count > 3 }) else { return }
    result.fields["vendor_name"] = ExtractedField(
      value: .string(first.text), raw: first.text, confidence: 0.5, page: first.page + 1, bbox: first.box)
    if result.fields["date"] == nil {
      for row in page.rows {
        if let hit = value(FieldSchema(type: .date), row.words, near: nil) {
          result.fields["date"] = hit
          break
        }
      }
    }
  }
}
