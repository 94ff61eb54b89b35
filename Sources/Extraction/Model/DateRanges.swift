import Foundation

/// Two dates of a schema that are the ends of one time: "flight_from" and "flight_to", printed as "1/6 - 1/12".
struct DateRanges {
  let decoder: SpanDecoder

  private static let endings = [("from", "to"), ("start", "end"), ("begin", "end"), ("first", "last")]
  private static let between: Set<String> = [
    "-", "–", "—", "to", "thru", "through", "until", "bis", "au", "al", "tot", "/",
  ]

  /// Pairs of date fields by their names.
  static func pairs(_ schema: ExtractionSchema) -> [(first: String, last: String)] {
    schema.fields.keys.sorted().compactMap { name in
      for (first, last) in endings where name.hasSuffix(first) {
        let other = name.dropLast(first.count) + last
        if schema.fields[name]?.type == .date, schema.fields[String(other)]?.type == .date {
          return (name, String(other))
        }
      }
      return nil
    }
  }

  /// Where a printed range is likelier than the two dates by themselves, its ends take their place.
  func complete(_ result: inout ExtractionResult, _ schema: ExtractionSchema) {
    for (first, last) in Self.pairs(schema) {
      let single =
        (decoder.best(first, threshold: 0.25)?.score ?? 0) + (decoder.best(last, threshold: 0.25)?.score ?? 0)
      var best: (score: Double, from: SpanDecoder.Candidate, to: SpanDecoder.Candidate)?
      for (a, b) in ranges() {
        guard let from = decoder.candidate([a], first), let to = decoder.candidate([b], last),
          from.field.value.text <= to.field.value.text
        else { continue }
        let score = from.score + to.score
        if score > best?.score ?? 0 { best = (score, from, to) }
      }
      guard let best, best.score >= 0.3, best.score >= 0.8 * single else { continue }
      (result.fields[first], result.fields[last]) = (best.from.field, best.to.field)
      // One end that is sure speaks for the other.
      let sure = max(best.from.field.confidence, best.to.field.confidence)
      for name in [first, last] { result.fields[name]!.confidence = max(result.fields[name]!.confidence, 0.9 * sure) }
    }
  }

  /// Words that are dates with nothing but a sign or a word like "to" between them.
  private func ranges() -> [(Int, Int)] {
    let document = decoder.document
    func isDate(_ token: Int) -> Bool { decoder.features.types[token].flags.contains(.date) }
    return document.rows.flatMap { row -> [(Int, Int)] in
      row.compactMap { token in
        guard isDate(token) else { return nil }
        for next in token + 1...token + 2 where next < row.upperBound && isDate(next) {
          if next == token + 1 {
            // Glued together in print, or with the sign at an end of one of them.
            let isGlued = document.tokens[next].word == document.tokens[token].word
            guard isGlued || document.tokens[token].text.hasSuffix("-") || document.tokens[next].text.hasPrefix("-")
            else {
              return nil
            }
          } else if !Self.between.contains(document.tokens[token + 1].text.lowercased()) {
            return nil
          }
          return (token, next)
        }
        return nil
      }
    }
  }
}
