import Foundation

/// Formats for scores.
public enum ImpactFormat: String, CaseIterable, Sendable {
  case csv, jsonl, table

  public func encode(_ scores: [ImpactScore]) throws -> Data {
    switch self {
    case .csv:
      let lines = scores.map { DelimitedText.line([$0.id, $0.title, Self.number($0.score)]) }
      return Data(("id,title,score\n" + lines.joined()).utf8)
    case .jsonl:
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return try scores.reduce(into: Data()) { $0 += try encoder.encode($1) + Data("\n".utf8) }
    case .table:
      let rows = scores.map { score in
        let band = "\(Self.number(score.low))–\(Self.number(score.high))"
        return
          "\(Self.number(score.score))  \(band)  \(String(Int(score.percentile)).padding(toLength: 4, withPad: " ", startingAt: 0))  \(score.title.prefix(80))\n"
      }
      return Data(("SCORE  80 % BAND    PCT   TITLE\n" + rows.joined()).utf8)
    }
  }

  private static func number(_ value: Double) -> String { String(format: "%.3f", value) }
}
