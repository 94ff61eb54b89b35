import DocumentModel
import Foundation
import Tensor

/// From tags to values: the spans that are valid for a field's type, by how likely they are.
struct SpanDecoder {
  struct Candidate {
    var field: ExtractedField
    /// Calibrated.
    var probability: Double
    /// Mean probability of the span's tokens, as the model says it.
    var score: Double
    var tokens: [Int]
  }

  let configuration: ExtractorConfiguration
  let document: DocumentTokens
  let features: TokenFeatures
  let reading: LearnedExtractor.Reading
  private let places: [String: Int]
  let dates: DateReader
  /// For each page, how much of what the fields ask for is on it, as a share of the best page: a cover has little.
  private var pageEvidence: [Int: Double] = [:]

  init(
    _ configuration: ExtractorConfiguration, _ document: DocumentTokens, _ features: TokenFeatures,
    _ model: LearnedExtractor
  ) {
    self.configuration = configuration
    self.document = document
    self.features = features
    reading = model.read(document, features)
    places = Dictionary(uniqueKeysWithValues: configuration.fields.enumerated().map { ($0.element.name, $0.offset) })
    dates = DateReader(document)
    var best: [Int: [Double]] = [:]
    let heads = configuration.fields.indices.filter { !configuration.fields[$0].name.contains(".") }
    for (index, token) in document.tokens.enumerated() {
      let row = reading.tags.row(index)
      for (position, place) in heads.enumerated() {
        let own = Double(row[1 + 2 * place] + row[2 + 2 * place])
        if own > 0.3 {
          best[token.page, default: [Double](repeating: 0, count: heads.count)][position] = max(
            best[token.page]?[position] ?? 0, own)
        }
      }
    }
    let sums = best.mapValues { $0.reduce(0, +) }
    let most = max(1e-9, sums.values.max() ?? 0)
    pageEvidence = sums.mapValues { $0 / most }
  }

  func has(_ name: String) -> Bool { places[name] != nil }

  /// Chance that a token belongs to a field.
  func probability(_ token: Int, _ name: String) -> Double {
    guard let place = places[name] else { return 0 }
    let row = reading.tags.row(token)
    return Double(row[1 + 2 * place] + row[2 + 2 * place])
  }

  /// Mean chance that the words of lines belong to a field.
  func mean(_ name: String, _ rows: Range<Int>) -> Double {
    let words = document.rows[rows.lowerBound].lowerBound..<document.rows[rows.upperBound - 1].upperBound
    return words.reduce(0) { $0 + probability($1, name) } / Double(max(1, words.count))
  }

  /// True where a value begins rather than goes on.
  func begins(_ token: Int, _ name: String) -> Bool {
    guard let place = places[name] else { return false }
    let row = reading.tags.row(token)
    return row[1 + 2 * place] > row[2 + 2 * place]
  }

  /// The likeliest value; nil where none is likely enough.
  func best(_ name: String, threshold: Double = 0.4) -> Candidate? {
    candidates(name).first { $0.score >= threshold }
  }

  /// Values of a field, the likeliest first, each value once.
  func candidates(_ name: String, least: Double = 0.05) -> [Candidate] {
    guard let place = places[name] else { return [] }
    let type = configuration.fields[place].type
    var found: [String: Candidate] = [:]
    var order: [String] = []
    for span in spans(name, place, least) {
      guard let candidate = candidate(span, name, type, configuration.fields[place].calibration) else { continue }
      let key = candidate.field.value.text
      if let known = found[key] {
        // Seen twice: the clearer place, and a little surer.
        if candidate.score > known.score { found[key] = candidate }
        found[key]!.score = 1 - (1 - max(candidate.score, known.score)) * (1 - 0.3 * min(candidate.score, known.score))
        found[key]!.probability = calibrated(found[key]!.score, configuration.fields[place].calibration)
        found[key]!.field.confidence = found[key]!.probability
      } else {
        found[key] = candidate
        order.append(key)
      }
    }
    return order.compactMap { found[$0] }.sorted { $0.score > $1.score }
  }

  /// Runs of tokens that the model gives to a field.
  private func spans(_ name: String, _ place: Int, _ least: Double) -> [[Int]] {
    if isMultiline(configuration.fields[place].type, name) { return joined(textSpans(name, least), name) }
    var result: [[Int]] = []
    for row in document.rows {
      var run: [Int] = []
      func close() {
        if !run.isEmpty { result.append(run) }
        run = []
      }
      for token in row {
        let own = probability(token, name)
        guard own >= least else {
          close()
          continue
        }
        if let last = run.last {
          let level = run.map { probability($0, name) }.max() ?? own
          let gap = document.tokens[token].box.x0 - document.tokens[last].box.x1
          // A clear step down, a new value or a wide gap ends the run.
          if own < 0.5 * level || own > 2 * level || begins(token, name) && own > 0.3
            || gap > 3.5 * document.medianHeight
          {
            close()
          }
        }
        run.append(token)
      }
      close()
    }
    return result
  }

  /// Texts fill their cells: from the first likely word of a cell to the last one, whatever stands between.
  private func textSpans(_ name: String, _ least: Double) -> [[Int]] {
    document.cells.flatMap { cell -> [[Int]] in
      var pieces: [[Int]] = []
      for token in cell where probability(token, name) >= least {
        if let last = pieces.last?.last {
          // A second value of its own, or words that are far apart and surely nothing in between.
          let isOther = begins(token, name) && probability(token, name) > 0.5 && probability(last, name) > 0.5
          if !isOther, token - last <= 1 + pieces[pieces.count - 1].count {
            pieces[pieces.count - 1] += Array(last + 1...token)
            continue
          }
        }
        pieces.append([token])
      }
      return pieces
    }
  }

  /// How likely a span is: the mean of its words, of a text the mean of the likelier half of them.
  private func level(_ span: [Int], _ name: String, _ type: FieldType) -> Double {
    var chances = span.map { probability($0, name) }
    if isMultiline(type, name) { chances = Array(chances.sorted(by: >).prefix((chances.count + 1) / 2)) }
    return chances.reduce(0, +) / Double(chances.count)
  }

  private func isMultiline(_ type: FieldType, _ name: String) -> Bool { type == .string && !name.hasPrefix("line.") }

  /// Lines below each other that go on with a value.
  private func joined(_ spans: [[Int]], _ name: String) -> [[Int]] {
    var result: [[Int]] = []
    for span in spans {
      let first = document.tokens[span[0]]
      let isLikely = probability(span[0], name) > 0.3 && !begins(span[0], name)
      if isLikely,
        let index = result.lastIndex(where: { other in
          let last = document.tokens[other[other.count - 1]]
          let line = other.filter { document.tokens[$0].row == last.row }
          let box = line.map { document.tokens[$0].box }.reduce(last.box) { $0.union($1) }
          let own = span.map { document.tokens[$0].box }.reduce(first.box) { $0.union($1) }
          return last.page == first.page && last.row < first.row
            && first.box.y0 - last.box.y1 < 1.6 * document.medianHeight
            && own.horizontalOverlap(box) > 0 && probability(other[0], name) > 0.3
        })
      {
        result[index] += span
      } else {
        result.append(span)
      }
    }
    return result
  }

  /// The value that words would have as a field's.
  func candidate(_ span: [Int], _ name: String) -> Candidate? {
    guard let place = places[name] else { return nil }
    return candidate(span, name, configuration.fields[place].type, configuration.fields[place].calibration)
  }

  private func candidate(_ span: [Int], _ name: String, _ type: FieldType, _ calibration: [Double]?) -> Candidate? {
    var used = span
    guard let value = value(&used, type) else { return nil }
    let mean = level(used, name, type)
    // Money has cents; whole numbers are amounts only for want of better ones.
    let shape = type == .amount && used.allSatisfy { features.types[$0].cents == nil } ? 0.5 : 1
    let score = shape * mean * (0.55 + 0.45 * (pageEvidence[document.tokens[used[0]].page] ?? 0))
    if name.hasSuffix("_name"), !isName(used) { return nil }
    var field = ExtractedField(
      value: value, raw: used.map { document.tokens[$0].text }.joined(separator: " "),
      confidence: calibrated(score, calibration),
      page: document.tokens[used[0]].page + 1,
      bbox: used.map { document.tokens[$0].box }.reduce(document.tokens[used[0]].box) { $0.union($1) })
    field.label = label(of: used)
    return Candidate(field: field, probability: field.confidence, score: score, tokens: used)
  }

  /// A name begins with a capital or a digit and is more than "GmbH".
  private func isName(_ span: [Int]) -> Bool {
    guard let first = document.tokens[span[0]].text.first, !first.isLowercase else { return false }
    let text = span.map { document.tokens[$0].text }.joined()
    return text.count > 2 && !span.allSatisfy { features.types[$0].flags.contains(.legalForm) }
  }

  func calibrated(_ score: Double, _ calibration: [Double]?) -> Double {
    let bounded = min(0.9999, max(0.0001, score))
    guard let calibration, calibration.count == 2 else { return bounded }
    return 1 / (1 + exp(-(calibration[0] * log(bounded / (1 - bounded)) + calibration[1])))
  }

  // MARK: - Values

  /// The value of a span by its type; the span becomes what was used.
  func value(_ span: inout [Int], _ type: FieldType) -> ExtractedValue? {
    let texts = span.map { document.tokens[$0].text }
    switch type {
    case .amount, .number:
      // "1 234,56": thousands apart.
      if span.count > 1, let first = texts.firstIndex(where: { $0.contains(where: \.isNumber) }) {
        var digits = texts[first]
        var end = first + 1
        while end < texts.count, texts[end - 1].suffix(3).allSatisfy(\.isNumber) || end == first + 1,
          texts[end].prefix(3).count == 3, texts[end].prefix(3).allSatisfy(\.isNumber),
          texts[end - 1].allSatisfy({ $0.isNumber || "-€$£".contains($0) }),
          texts[end - 1].filter(\.isNumber).count <= 3
        {
          digits += texts[end]
          end += 1
        }
        if end > first + 1, let number = ValueParsing.amount(digits) {
          span = Array(span[first..<end])
          return .number(number)
        }
      }
      guard
        let index = span.indices.max(by: { rank(span[$0], type) < rank(span[$1], type) }), rank(span[index], type) > 0,
        let number = features.types[span[index]].number
      else { return nil }
      // A minus sign may stand by itself.
      if index > 0, texts[index - 1] == "-", number > 0 {
        span = [span[index - 1], span[index]]
        return .number(-number)
      }
      span = [span[index]]
      return .number(number)
    case .date:
      for length in stride(from: min(6, span.count), through: 1, by: -1) {
        for start in 0...(span.count - length) {
          let slice = span[start..<start + length]
          guard slice.contains(where: { features.types[$0].flags.contains(.hasDigit) }) else { continue }
          if length > 1, slice.contains(where: { features.types[$0].flags.contains(.date) }) { continue }
          if let date = dates.date(slice.map { document.tokens[$0].text }.joined(separator: " ")) {
            span = Array(slice)
            return .string(date)
          }
        }
      }
      return nil
    case .iban:
      for length in stride(from: span.count, through: 1, by: -1) {
        for start in 0...(span.count - length) {
          let slice = span[start..<start + length]
          let text = slice.map { document.tokens[$0].text }.joined().uppercased().filter { $0.isLetter || $0.isNumber }
          if ValueParsing.isIBAN(text) {
            span = Array(slice)
            return .string(text)
          }
        }
      }
      return nil
    case .vat:
      for length in stride(from: min(5, span.count), through: 1, by: -1) {
        for start in 0...(span.count - length) {
          let slice = span[start..<start + length]
          let text = slice.map { document.tokens[$0].text }.joined().uppercased().filter { $0.isLetter || $0.isNumber }
          if ValueParsing.isVATNumber(text) {
            span = Array(slice)
            return .string(text)
          }
        }
      }
      span = span.filter { document.tokens[$0].text.contains(where: \.isNumber) }
      guard !span.isEmpty else { return nil }
      let text = span.map { document.tokens[$0].text }.joined().uppercased().filter {
        $0.isLetter || $0.isNumber || $0 == "/" || $0 == "-"
      }
      return text.count >= 5 ? .string(text) : nil
    case .id:
      while let last = span.last, !document.tokens[last].text.contains(where: { $0.isNumber || $0.isLetter }) {
        span.removeLast()
      }
      while let first = span.first, !document.tokens[first].text.contains(where: { $0.isNumber || $0.isLetter }) {
        span.removeFirst()
      }
      guard !span.isEmpty else { return nil }
      let text = span.map { document.tokens[$0].text }.joined(separator: " ").trimmingCharacters(
        in: CharacterSet(charactersIn: " :#.,;()"))
      return text.isEmpty ? nil : .string(text)
    case .email:
      guard let index = span.first(where: { document.tokens[$0].text.contains("@") }) else { return nil }
      span = [index]
      return .string(document.tokens[index].text)
    case .string, .enum, .regex:
      let text = texts.joined(separator: " ").trimmingCharacters(in: CharacterSet(charactersIn: " ,;:|·•"))
      return text.contains(where: { $0.isLetter || $0.isNumber }) ? .string(text) : nil
    }
  }

  private func rank(_ token: Int, _ type: FieldType) -> Int {
    let types = features.types[token]
    guard types.number != nil else { return 0 }
    return types.cents != nil ? 3 : type == .number ? 2 : 1
  }

  // MARK: - Labels

  /// The printed words that name a value: before it in its cell, in the cell to the left, or above.
  func label(of span: [Int]) -> FieldLabel? {
    let first = span[0]
    let cell = document.tokens[first].cell
    func made(_ range: Range<Int>) -> FieldLabel? {
      let text = document.text(range)
      guard text.contains(where: \.isLetter), range.count <= 6 else { return nil }
      return FieldLabel(text: text, bbox: document.box(range))
    }
    let own = document.cells[cell]
    if first > own.lowerBound { return made(own.lowerBound..<first) }
    let row = document.tokens[first].row
    if cell > document.cellsOfRow[row].lowerBound {
      if let label = made(document.cells[cell - 1]), !label.text.contains(where: \.isNumber) { return label }
    }
    let box = document.tokens[first].box
    guard row > 0, document.tokens[document.rows[row - 1].lowerBound].page == document.tokens[first].page else {
      return nil
    }
    for other in document.cellsOfRow[row - 1] where document.cellBoxes[other].horizontalOverlap(box) > 0 {
      if let label = made(document.cells[other]), !label.text.contains(where: \.isNumber) { return label }
    }
    return nil
  }
}

/// Reads dates with the order of day and month that the document itself shows.
struct DateReader {
  let dayFirst: Bool

  init(_ document: DocumentTokens) {
    var dayEvidence = 0, monthEvidence = 0
    for token in document.tokens where token.folded.contains("/") || token.folded.contains("-") {
      let parts = token.text.split(whereSeparator: { $0 == "/" || $0 == "-" })
      guard parts.count == 3, let a = Int(parts[0]), let b = Int(parts[1]), (1...31).contains(a), (1...31).contains(b)
      else { continue }
      if a > 12 { dayEvidence += 1 } else if b > 12 { monthEvidence += 1 }
    }
    if dayEvidence == monthEvidence {
      // Dollars and no other sign: the month comes first.
      let dollars = document.tokens.filter { $0.text.contains("$") }.count
      let others = document.tokens.filter { $0.text.contains("€") || $0.text.contains("£") || $0.text == "EUR" }.count
      dayFirst = dollars <= 2 || others > 0
    } else {
      dayFirst = dayEvidence > monthEvidence
    }
  }

  func date(_ text: String) -> String? { ValueParsing.date(text, dayFirst: dayFirst) }
}
