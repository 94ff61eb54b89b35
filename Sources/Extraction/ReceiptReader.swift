import DocumentModel
import Foundation

/// Reads a till receipt by whole lines: names and addresses fill theirs, and recognised text is too uneven for single words.
struct ReceiptReader {
  let decoder: SpanDecoder

  private var document: DocumentTokens { decoder.document }

  /// Name, address and total, as far as the model sees them.
  func complete(_ result: inout ExtractionResult) {
    let name = name()
    if let name {
      // The form of a firm says as much as the model.
      let mean = max(decoder.mean("vendor_name", name.rows), legalForm(name.rows.upperBound - 1) ? 0.7 : 0)
      result.fields["vendor_name"] = field(name.rows, words: name.words, mean)
    }
    if let rows = block("vendor_address", rows: document.rows.indices, most: 6, without: name?.rows) {
      result.fields["address"] = field(rows, words: addressWords(rows), decoder.mean("vendor_address", rows))
    }
    if let total = ReceiptTotal(decoder: decoder).find(besides: result.fields["total"]) {
      result.fields["total"] = total
    }
    roundTotal(&result)
  }

  // MARK: - Lines

  /// The line of the head that is most likely the firm's: the model's, where none names the form of a firm.
  private func name() -> (rows: Range<Int>, words: [Int])? {
    let head = 0..<min(14, document.rows.count)
    let named = head.prefix { row in !document.rows[row].contains { decoder.features.types[$0].flags.contains(.date) } }
      .first { row in legalForm(row) }
    var rows: Range<Int>?
    if let named {
      rows = named..<named + 1
      // A form alone goes on from the line above.
      let letters = document.rows[named].map { document.tokens[$0].text }.joined().filter(\.isLetter).count
      if letters <= 7, named > 0, document.text(document.rows[named - 1]).filter(\.isLetter).count > 3 {
        rows = named - 1..<named + 1
      }
    } else {
      rows = block("vendor_name", rows: head, most: 2, without: nil)
    }
    guard let rows else { return nil }
    let words = nameWords(
      Array(document.rows[rows.lowerBound].lowerBound..<document.rows[rows.upperBound - 1].upperBound))
    return words.isEmpty ? nil : (rows, words)
  }

  /// "SDN BHD", "GmbH": how firms end, also where a letter of it was misread.
  private func legalForm(_ row: Int) -> Bool {
    let words = document.rows[row].map { document.tokens[$0].text }
    guard !words.contains(where: { $0.contains("@") }), words.joined().filter(\.isLetter).count > 4 else {
      return false
    }
    let marks = CharacterSet(charactersIn: ".,;:()'\"")
    return LegalForms.corrected(words).contains {
      LegalForms.receipts.contains($0.uppercased().trimmingCharacters(in: marks))
    }
  }

  /// The lines next to each other that most belong to a field.
  private func block(_ name: String, rows: Range<Int>, most: Int, without: Range<Int>?) -> Range<Int>? {
    let means = document.rows.indices.map { without?.contains($0) == true ? 0 : decoder.mean(name, $0..<$0 + 1) }
    guard let best = rows.max(by: { means[$0] < means[$1] }), means[best] > 0.25 else { return nil }
    var first = best, last = best
    func goesOn(_ row: Int) -> Bool {
      guard rows.contains(row), without?.contains(row) != true,
        document.tokens[document.rows[row].lowerBound].page == document.tokens[document.rows[best].lowerBound].page
      else { return false }
      return means[row] > 0.35 || name == "vendor_address" && means[row] > 0.03 && mayBeAddress(row)
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
    return first..<last + 1
  }

  /// What begins other lines of a receipt's head than those of the address.
  private static let otherWords: Set<String> = [
    "tel", "phone", "fax", "gst", "reg", "co", "roc", "company", "invoice", "tax", "receipt", "date", "bill", "email",
    "www",
    "cash", "cashier", "table", "vat", "ust", "steuernr", "siret", "tva", "telefon", "id", "thank", "welcome",
  ]

  /// True for a line with a number or a comma that names nothing else.
  private func mayBeAddress(_ row: Int) -> Bool {
    let text = document.text(document.rows[row])
    guard text.filter(\.isLetter).count > 3, text.contains(",") || text.contains(where: \.isNumber), !text.contains(":")
    else { return false }
    let words = text.lowercased().split { !$0.isLetter }.map(String.init)
    return !words.contains { Self.otherWords.contains($0) }
  }

  private func field(_ rows: Range<Int>, words: [Int], _ mean: Double) -> ExtractedField? {
    guard let first = words.first else { return nil }
    var texts = words.map { document.tokens[$0].text }
    if document.isRecognised { texts = LegalForms.corrected(texts) }
    let text = texts.joined(separator: " ").trimmingCharacters(in: CharacterSet(charactersIn: " ,;:|·•_~'`\"-"))
    guard text.contains(where: \.isLetter) else { return nil }
    return ExtractedField(
      value: .string(text), raw: words.map { document.tokens[$0].text }.joined(separator: " "),
      confidence: 0.7 * mean, page: document.tokens[first].page + 1,
      bbox: words.map { document.tokens[$0].box }.reduce(document.tokens[first].box) { $0.union($1) })
  }

  // MARK: - Words

  /// A name ends where the number of the firm's registration begins, and begins behind words like "Owned by:".
  private func nameWords(_ all: [Int]) -> [Int] {
    let colon = all.dropLast().lastIndex { document.tokens[$0].text.hasSuffix(":") }
    let words = Array(all[(colon.map { $0 + 1 } ?? 0)...])
    let end =
      words.indices.dropFirst().first { position in
        let text = document.tokens[words[position]].text
        return text.filter(\.isNumber).count >= 5
      } ?? words.count
    return Array(words[..<end])
  }

  /// An address without the numbers of telephones and registrations at its ends.
  private func addressWords(_ rows: Range<Int>) -> [Int] {
    var lines = rows.map { Array(document.rows[$0]) }
    func isWordless(_ line: [Int], _ least: Int) -> Bool {
      let text = line.map { document.tokens[$0].text }.joined(separator: " ")
      let digits = text.filter(\.isNumber).count
      return digits >= least && text.filter(\.isLetter).count <= 3 || digits + text.filter(\.isLetter).count < 3
    }
    // A telephone number below, a registration above.
    while let last = lines.last, isWordless(last, 7) { lines.removeLast() }
    while let first = lines.first, isWordless(first, 4) { lines.removeFirst() }
    var words = lines.flatMap { $0 }
    // Specks at the beginning, a telephone number at the end of the last line.
    while let first = words.first, document.isRecognised, document.tokens[first].text.count == 1,
      document.tokens[first].text.first?.isNumber != true
    {
      words.removeFirst()
    }
    while let last = words.last, document.tokens[last].text.filter(\.isNumber).count >= 7 { words.removeLast() }
    return words
  }

  /// Cash is rounded to five cents where a receipt speaks of rounding: the amount that is paid is the total.
  private func roundTotal(_ result: inout ExtractionResult) {
    guard let total = result.fields["total"], let value = total.value.number,
      document.tokens.contains(where: { $0.folded.contains("round") || $0.folded.hasPrefix("rund") })
    else { return }
    let rounded = (value * 20).rounded() / 20
    guard abs(rounded - value) > 0.004,
      let token = document.tokens.indices.last(where: { index in
        decoder.features.types[index].cents.map { abs(Double($0) / 100 - rounded) < 0.001 } ?? false
      })
    else { return }
    let word = document.tokens[token]
    result.fields["total"] = ExtractedField(
      value: .number(rounded), raw: word.text, confidence: total.confidence, page: word.page + 1, bbox: word.box)
  }
}

/// The total of a receipt: what stands beside a word for it, is paid less the change, and the model takes for it.
struct ReceiptTotal {
  let decoder: SpanDecoder

  private static let totals = [
    "total", "totale", "totaal", "summe", "gesamt", "gesamtbetrag", "betrag", "montant", "importe", "importo", "bedrag",
    "payable", "nett", "amount",
  ]
  /// Lines that name another sum.
  private static let others = [
    "sub", "subtotal", "excl", "excluding", "exclusive", "tax", "gst", "sst", "vat", "qty", "quantity", "item", "items",
    "discount", "saving", "savings", "change", "points", "zwischensumme", "mwst", "tva", "iva", "btw", "service",
    "rounding", "summary", "price",
  ]
  private static let inclusive = ["incl", "inclusive", "including", "inkl", "ttc", "inclus", "incluido"]
  private static let paid = [
    "cash", "paid", "tendered", "tender", "received", "visa", "mastercard", "payment", "bar", "gegeben", "espèces",
    "efectivo", "contanti", "contant", "card",
  ]
  private static let change = ["change", "rückgeld", "zurück", "rendu", "cambio", "resto", "wisselgeld"]

  private struct Line {
    var words: [String]
    var amounts: [Int]
  }

  /// - Parameter known: what model and rules chose; it gives way only to a value that much more speaks for.
  func find(besides known: ExtractedField?) -> ExtractedField? {
    let document = decoder.document
    let lines = document.rows.map { row in
      Line(
        words: row.map { document.tokens[$0].folded }.flatMap { $0.split { !$0.isLetter }.map(String.init) },
        amounts: row.filter { decoder.features.types[$0].cents != nil })
    }
    func says(_ line: Line, _ words: [String]) -> Bool {
      line.words.contains { word in words.contains { Misreading.isAlike(word, $0, recognised: document.isRecognised) } }
    }
    func amount(of line: Int) -> Int? {
      if let last = lines[line].amounts.last { return last }
      // A crooked line: the amount alone in the row above or below.
      for other in [line + 1, line - 1] where lines.indices.contains(other) {
        if lines[other].words.isEmpty, let last = lines[other].amounts.last,
          abs(document.tokens[last].box.midY - document.tokens[document.rows[line].lowerBound].box.midY)
            < 1.2 * document.medianHeight
        {
          return last
        }
      }
      return nil
    }
    func cents(_ token: Int?) -> Int? { token.flatMap { decoder.features.types[$0].cents } }
    var given: [Int] = [], back: [Int] = []
    for line in lines.indices {
      guard let value = cents(amount(of: line)) else { continue }
      if says(lines[line], Self.change) {
        back.append(value)
      } else if says(lines[line], Self.paid) {
        given.append(value)
      }
    }
    let paid = Set(given.flatMap { one in back.map { one - $0 } })
    var scores: [Int: (score: Double, token: Int)] = [:]
    func add(_ token: Int, _ score: Double) {
      guard let value = cents(token), value > 0 else { return }
      if score > scores[value]?.score ?? -.infinity { scores[value] = (score, token) }
    }
    for line in lines.indices {
      let isTotal = says(lines[line], Self.totals)
      let isOther = says(lines[line], Self.others) && !says(lines[line], Self.inclusive)
      for token in lines[line].amounts {
        var score = 2 * decoder.probability(token, "invoice_total")
        if isTotal, !isOther, token == lines[line].amounts.last { score += 1.2 }
        if isOther { score -= 0.8 }
        if paid.contains(cents(token)!) { score += 1 }
        add(token, score)
      }
      if lines[line].amounts.isEmpty, isTotal, !isOther, let token = amount(of: line) {
        add(token, 1.2 + 2 * decoder.probability(token, "invoice_total") + (paid.contains(cents(token)!) ? 1 : 0))
      }
    }
    guard let best = scores.values.max(by: { ($0.score, $1.token) < ($1.score, $0.token) }), best.score >= 0.8 else {
      return nil
    }
    // Thousands may stand apart: "1 234.56".
    var span = [best.token]
    let before = best.token - 1
    if before >= document.cells[document.tokens[best.token].cell].lowerBound, document.tokens[before].text.count <= 3,
      decoder.features.types[before].flags.contains(.integer)
    {
      span.insert(before, at: 0)
    }
    guard var field = decoder.candidate(span, "invoice_total")?.field else { return nil }
    if let known, let value = known.value.number, known.confidence >= 0.6 {
      let own = scores[Int((value * 100).rounded())]?.score
      if value == field.value.number || own.map({ best.score < $0 + 0.5 }) ?? (abs(value) >= 1000) { return nil }
    }
    field.confidence = min(0.97, 0.35 + 0.2 * best.score)
    return field
  }
}
