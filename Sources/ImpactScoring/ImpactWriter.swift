import Foundation

/// Formats for scores.
public enum ImpactFormat: String, CaseIterable, Sendable {
  case csv, jsonl, table, html

  /// - Parameters:
  ///   - articles: what was scored, by id; for the HTML report, which shows the texts.
  ///   - referenceSet: what the percentiles refer to.
  public func encode(
    _ scores: [ImpactScore], articles: [String: Article] = [:], referenceSet: String = ""
  ) throws -> Data {
    switch self {
    case .csv:
      let lines = scores.map { score in
        DelimitedText.line([
          score.id, score.title, Self.number(score.score), Self.number(score.low), Self.number(score.high),
          "\(Int(score.percentile))", score.rank.map(String.init) ?? "", score.notes?.joined(separator: "; ") ?? "",
        ])
      }
      return Data(("id,title,score,low,high,percentile,rank,notes\n" + lines.joined()).utf8)
    case .jsonl:
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return try scores.reduce(into: Data()) { $0 += try encoder.encode($1) + Data("\n".utf8) }
    case .table:
      let rows = scores.map { score in
        let band = "\(Self.number(score.low))–\(Self.number(score.high))"
        let percentile = Self.padded("\(Int(score.percentile))", 4)
        let rank = Self.padded(score.rank.map(String.init) ?? "", 5)
        return "\(rank)  \(Self.number(score.score))  \(band)  \(percentile)  \(score.title.prefix(80))\n"
      }
      let note = referenceSet.isEmpty ? "" : "\nPCT: percentile in \(referenceSet)\n"
      return Data(
        ("RANK   SCORE  80 % BAND    PCT   TITLE\n" + rows.joined() + note + ImpactModel.limitations + "\n").utf8)
    case .html: return Data(ImpactReportPage(scores: scores, articles: articles, referenceSet: referenceSet).html.utf8)
    }
  }

  static func number(_ value: Double) -> String { String(format: "%.3f", value) }

  private static func padded(_ text: String, _ width: Int) -> String {
    text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0)
  }
}

/// Scores as one HTML page without scripts or outside parts.
struct ImpactReportPage {
  var scores: [ImpactScore]
  var articles: [String: Article]
  var referenceSet: String

  var html: String {
    """
    <!DOCTYPE html>
    <html lang="en"><head><meta charset="utf-8"><title>Predicted citation impact</title>
    <style>
    body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
    article{border-top:1px solid #ccc;padding:1rem 0}h2{font-size:1.1rem;margin:0}.limits{background:#fff4d6;padding:.6rem 1rem}
    .scale{position:relative;height:.7rem;background:#eee;border-radius:.35rem;margin:.5rem 0;max-width:30rem}
    .band{position:absolute;top:0;bottom:0;background:#9cc3e6;border-radius:.35rem}
    .point{position:absolute;top:-.2rem;bottom:-.2rem;width:3px;background:#123}
    .up{background:rgba(46,139,87,var(--s))}.down{background:rgba(205,92,60,var(--s))}small{color:#555}
    </style></head><body>
    <h1>Predicted citation impact</h1>
    <p class="limits">\(Self.escaped(ImpactModel.limitations))</p>
    <p><small>Score: predicted TNCSI_SP from 0 to 1; bar: its 80 % band. Percentile: share of \
    \(Self.escaped(referenceSet)) that scores lower. Marked phrases: <span class="up" style="--s:.5">green</span> raised \
    the score, <span class="down" style="--s:.5">red</span> lowered it, measured by leaving each out.</small></p>
    \(scores.map(section).joined(separator: "\n"))
    </body></html>

    """
  }

  private func section(_ score: ImpactScore) -> String {
    let texts = articles[score.id].map(ImpactModel.scoredText)
    let phrases = score.phrases ?? []
    let strongest = phrases.map { abs($0.contribution) }.max() ?? 1
    func marked(_ text: String, _ part: PhraseContribution.Part) -> String {
      let characters = Array(text)
      var html = "", at = 0
      for phrase in phrases.filter({ $0.part == part }).sorted(by: { $0.start < $1.start })
      where phrase.start >= at && phrase.end <= characters.count {
        html += Self.escaped(String(characters[at..<phrase.start]))
        let strength = String(format: "%.2f", 0.1 + 0.6 * abs(phrase.contribution) / max(strongest, 1e-9))
        let sign = phrase.contribution >= 0 ? "up" : "down"
        let title = String(format: "%+.4f", phrase.contribution)
        html += "<span class=\"\(sign)\" style=\"--s:\(strength)\" title=\"\(title)\">"
        html += Self.escaped(String(characters[phrase.start..<phrase.end])) + "</span>"
        at = phrase.end
      }
      return html + Self.escaped(String(characters[at...]))
    }
    func percent(_ value: Double) -> String { String(format: "%.1f%%", 100 * value) }
    var html = "<article><h2>\(score.rank.map { "\($0). " } ?? "")\(marked(texts?.title ?? score.title, .title))</h2>"
    html += "<small>\(Self.escaped(score.id))</small>"
    html += "<div class=\"scale\"><div class=\"band\" style=\"left:\(percent(score.low));"
    html += "width:\(percent(score.high - score.low))\"></div>"
    html += "<div class=\"point\" style=\"left:\(percent(score.score))\"></div></div>"
    html += "<p>\(ImpactFormat.number(score.score)) (\(ImpactFormat.number(score.low)) to "
    html += "\(ImpactFormat.number(score.high))), percentile \(Int(score.percentile))</p>"
    for note in score.notes ?? [] { html += "<p><small>\(Self.escaped(note))</small></p>" }
    if !phrases.isEmpty, let texts { html += "<p>\(marked(texts.abstract, .abstract))</p>" }
    if let similar = score.similar, !similar.isEmpty {
      let items = similar.map {
        "<li>\(Self.escaped($0.title)) <small>(similarity \(String(format: "%.2f", $0.similarity)), "
          + "TNCSI_SP \(String(format: "%.2f", $0.tncsiSP)))</small></li>"
      }
      html += "<p>Similar papers of the training set:</p><ul>\(items.joined())</ul>"
    }
    return html + "</article>"
  }

  private static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
      .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
  }
}
