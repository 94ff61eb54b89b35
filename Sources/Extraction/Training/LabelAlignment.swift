import Foundation

/// Finds the words that a label means: every place of the value, then the place that is named as in other documents.
struct LabelAlignment {
  /// A document that has been read and turned into features.
  struct Prepared: Sendable {
    var document: DocumentTokens
    var features: TokenFeatures
    var dates: DateReader

    init(_ document: DocumentTokens) {
      self.document = document
      features = TokenFeatures(document)
      dates = DateReader(document)
    }
  }

  let configuration: ExtractorConfiguration

  /// Spans of tokens that read as a value.
  static func places(_ value: ExtractedValue, _ type: FieldType, _ prepared: Prepared) -> [[Int]] {
    let document = prepared.document, types = prepared.features.types
    switch type {
    case .amount, .number:
      guard
        let wanted = value.number ?? ValueParsing.amount(value.text)
          ?? TokenTypes.amountBehindLetters(value.text.filter { $0 != " " })
      else { return [] }
      var found: [[Int]] = []
      for index in document.tokens.indices {
        if let number = types[index].number, abs(number - wanted) < 0.005 { found.append([index]) }
        // "1 234,56"
        if index + 1 < document.tokens.count, document.tokens[index].row == document.tokens[index + 1].row,
          abs(wanted) >= 1000,
          document.tokens[index].text.filter(\.isNumber).count <= 3, types[index + 1].number != nil,
          let number = ValueParsing.amount(document.tokens[index].text + document.tokens[index + 1].text),
          abs(number - wanted) < 0.005
        {
          found.append([index, index + 1])
        }
      }
      return found
    case .date:
      var found: [[Int]] = []
      for index in document.tokens.indices {
        if types[index].flags.contains(.date) {
          if prepared.dates.date(document.tokens[index].text) == value.text { found.append([index]) }
        } else if types[index].flags.contains(.datePart), index == 0 || !types[index - 1].flags.contains(.datePart) {
          var end = index + 1
          while end < document.tokens.count, document.tokens[end].row == document.tokens[index].row,
            types[end].flags.contains(.datePart) || ["de", "of"].contains(document.tokens[end].folded)
          { end += 1 }
          if prepared.dates.date(document.text(index..<end)) == value.text { found.append(Array(index..<end)) }
        }
      }
      return found
    default:
      return strings(value.text, document)
    }
  }

  static func key(_ text: String) -> [UInt8] {
    text.folding(options: .diacriticInsensitive, locale: nil).uppercased().utf8.filter {
      (48...57).contains($0) || (65...90).contains($0)
    }
  }

  /// Words one behind the other, in a cell, a row, or the cells below each other.
  private static func strings(_ text: String, _ document: DocumentTokens) -> [[Int]] {
    let wanted = key(text)
    guard !wanted.isEmpty else { return [] }
    let keys = document.tokens.map { key($0.text) }
    var found: [[Int]] = []
    func follow(_ token: Int, _ used: Int, _ span: [Int], _ depth: Int) -> [Int]? {
      let own = keys[token]
      guard used + own.count <= wanted.count, wanted[used..<used + own.count].elementsEqual(own), span.count < 60 else {
        return nil
      }
      let span = span + [token], used = used + own.count
      if used == wanted.count { return span }
      let cell = document.cells[document.tokens[token].cell]
      let row = document.rows[document.tokens[token].row]
      if token + 1 < row.upperBound, let rest = follow(token + 1, used, span, depth) { return rest }
      // The end of a line: on with the cell below.
      guard token + 1 == cell.upperBound, depth < 6 else { return nil }
      let next = document.tokens[token].row + 1
      for below in next..<min(next + 2, document.rows.count) {
        for other in document.cellsOfRow[below]
        where document.cellBoxes[other].horizontalOverlap(document.cellBoxes[document.tokens[token].cell]) > 0 {
          if let rest = follow(document.cells[other].lowerBound, used, span, depth + 1) { return rest }
        }
      }
      return nil
    }
    for token in document.tokens.indices where !keys[token].isEmpty && wanted.starts(with: keys[token]) {
      if let span = follow(token, 0, [], 0) { found.append(span) }
    }
    return found
  }

  /// The words that name a place: those before it in its row, or the cell above.
  static func context(_ span: [Int], _ document: DocumentTokens) -> [String] {
    let first = span[0]
    let cell = document.cells[document.tokens[first].cell]
    var result: [String] = []
    let outer = document.cellBefore(document.tokens[first].cell).map { document.cells[$0] } ?? 0..<0
    let before = (Array(outer.suffix(2)) + Array(cell.lowerBound..<first)).suffix(2)
    if !before.isEmpty { result.append("l " + before.map { document.tokens[$0].folded }.joined(separator: " ")) }
    let index = document.tokens[first].row
    if index > 0,
      let above = document.cellsOfRow[index - 1].first(where: {
        document.cellBoxes[$0].horizontalOverlap(document.tokens[first].box) > 0
      })
    {
      result.append("a " + document.tokens[document.cells[above]].suffix(3).map(\.folded).joined(separator: " "))
    }
    return result
  }

  /// How often, over all documents, words name a place of the field's value.
  func votes(_ labels: [(fields: [String: [ExtractedValue]], prepared: Prepared)]) -> [String: [String: Double]] {
    var votes: [String: [String: Double]] = [:]
    for (fields, prepared) in labels {
      for field in configuration.fields {
        var seen = Set<String>()
        for value in fields[field.name] ?? [] {
          let places = Self.places(value, field.type, prepared)
          for place in places {
            for context in Self.context(place, prepared.document) where seen.insert(context).inserted {
              votes[field.name, default: [:]][context, default: 0] += 1 / Double(places.count).squareRoot()
            }
          }
        }
      }
    }
    return votes
  }

  /// Tags and weights of a document's tokens. Places of a value that are not the chosen one weigh nothing.
  /// - Parameters:
  ///   - certainty: weight of the tagged tokens of each field; 1 for labels by people.
  ///   - doubtful: fields whose candidates weigh nothing where they are not tagged.
  func tags(
    _ fields: [String: [ExtractedValue]], _ prepared: Prepared, votes: [String: [String: Double]],
    certainty: [String: Double] = [:], doubtful: Set<String> = [], lineItems: [[String: ExtractedValue]] = []
  ) -> (tags: [Int32], weights: [Float]) {
    var tags = [Int32](repeating: 0, count: prepared.document.tokens.count)
    var weights = [Float](repeating: 1, count: tags.count)
    for (index, field) in configuration.fields.enumerated() where !field.name.hasPrefix("line.") {
      if doubtful.contains(field.name) {
        for token in tags.indices where tags[token] == 0 && Self.isCandidate(token, field.type, prepared) {
          weights[token] = 0
        }
      }
      for value in fields[field.name] ?? [] {
        let places = Self.places(value, field.type, prepared).filter { $0.allSatisfy { tags[$0] == 0 } }
        guard !places.isEmpty else { continue }
        let known = votes[field.name] ?? [:]
        let scores = places.map { place in Self.context(place, prepared.document).map { known[$0] ?? 0 }.max() ?? 0 }
        let most = scores.max() ?? 0
        let isId = field.type == .id || field.type == .iban || field.type == .vat
        for (place, score) in zip(places, scores) {
          let isChosen = isId || score >= 0.6 * most
          for (position, token) in place.enumerated() {
            if isChosen {
              tags[token] = Int32(position == 0 ? 1 + 2 * index : 2 + 2 * index)
              weights[token] = Float(certainty[field.name] ?? 1)
            } else {
              weights[token] = 0
            }
          }
        }
      }
    }
    tagRows(lineItems, prepared, &tags, &weights)
    return (tags, weights)
  }

  static func isCandidate(_ token: Int, _ type: FieldType, _ prepared: Prepared) -> Bool {
    let types = prepared.features.types[token]
    switch type {
    case .amount: return types.cents != nil
    case .number: return types.number != nil
    case .date: return types.flags.contains(.date) || types.flags.contains(.datePart)
    case .iban: return types.flags.contains(.iban) || types.flags.contains(.ibanPart)
    case .vat: return types.flags.contains(.vat)
    case .email: return types.flags.contains(.email)
    case .id: return types.flags.contains(.hasDigit) && !types.flags.contains(.date) && types.cents == nil
    case .string, .enum, .regex: return types.flags.contains(.capitalised)
    }
  }

  /// Rows: the amount of each item in order, then its other cells in the same row of the page.
  private func tagRows(
    _ items: [[String: ExtractedValue]], _ prepared: Prepared, _ tags: inout [Int32], _ weights: inout [Float]
  ) {
    guard !items.isEmpty else { return }
    let document = prepared.document
    var from = 0
    for item in items {
      guard let anchor = item["amount"] ?? item["unit_price"],
        let row = (from..<document.rows.count).first(where: { row in
          document.rows[row].contains { token in
            anchor.number.map { abs((prepared.features.types[token].number ?? .infinity) - $0) < 0.005 } ?? false
          }
        })
      else { continue }
      for (index, field) in configuration.fields.enumerated() where field.name.hasPrefix("line.") {
        guard let value = item[String(field.name.dropFirst(5))] else { continue }
        let near =
          row > 0
          ? document.rows[max(0, row - 2)].lowerBound..<document.rows[min(document.rows.count - 1, row + 4)].upperBound
          : document.rows[row]
        let places = Self.places(value, field.type, prepared).filter { place in
          field.type == .string ? near.contains(place[0]) : document.rows[row].contains(place[0])
        }
        // The amount is the last number of its row.
        guard let place = field.name == "line.amount" ? places.last : places.first, place.allSatisfy({ tags[$0] == 0 })
        else { continue }
        for (position, token) in place.enumerated() {
          tags[token] = Int32(position == 0 ? 1 + 2 * index : 2 + 2 * index)
        }
      }
      from = row + 1
    }
  }
}
