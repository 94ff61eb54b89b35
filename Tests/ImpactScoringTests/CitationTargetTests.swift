import Foundation
import ImpactScoring
import Testing

@Suite struct CitationTargetTests {
  /// The definition, word for word: a loop over all pairs.
  private func naive(_ papers: [CitedPaper], _ index: Int, topic: Int?, days: Int?) -> (n: Int, score: Double) {
    let paper = papers[index]
    let group = papers.filter { other in
      (topic.map { other.topic.prefix($0) == paper.topic.prefix($0) } ?? true)
        && (days.map { abs(other.day - paper.day) <= $0 } ?? true)
    }.map(\.citations)
    let loc = group.min()!, scale = group.reduce(0, +) / Double(group.count) - loc
    return (group.count, scale > 0 ? 1 - exp(-(paper.citations - loc) / scale) : 0)
  }

  private var papers: [CitedPaper] {
    (0..<300).map { index in
      CitedPaper(
        id: "\(index)", topic: ["ai", index % 3 == 0 ? "vision" : "text"], day: 18_000 + (index * 7919) % 900,
        citations: Double((index * index * 31) % 97))
    }
  }

  @Test func theTargetsAreThoseOfTheDefinition() {
    for (index, found) in CitationTarget().compute(papers).enumerated() {
      let whole = naive(papers, index, topic: 2, days: nil)
      #expect(found.topicFit.n == whole.n && abs(found.tncsi - whole.score) < 1e-12)
      let period = naive(papers, index, topic: 2, days: 183)
      guard period.n >= 20 else { continue }
      #expect(found.periodFit.n == period.n && abs(found.tncsiSP - period.score) < 1e-12)
      #expect(found.flags.isEmpty && found.windowDays == 183 && found.topic.hasPrefix("ai/"))
    }
  }

  @Test func smallGroupsAreWidenedAndSaySo() throws {
    var table = papers
    table.append(CitedPaper(id: "rare", topic: ["ai", "soil"], day: 18_450, citations: 50))
    table.append(CitedPaper(id: "early", topic: ["ai", "text"], day: 17_000, citations: 50))
    let targets = CitationTarget().compute(table)
    let rare = try #require(targets.first { $0.id == "rare" })
    #expect(rare.topic == "ai" && rare.windowDays == 183)
    #expect(
      rare.flags == ["TNCSI: topic widened to ai", "TNCSI_SP: topic widened to ai"])
    let early = try #require(targets.first { $0.id == "early" })
    #expect(early.windowDays > 366 && early.periodFit.n >= 20)
    #expect(early.flags.contains("TNCSI_SP: window widened to \(early.windowDays) days"))
  }

  @Test func tooSmallATableIsFlagged() {
    let target = CitationTarget().compute([CitedPaper(id: "a", topic: ["x"], day: 0, citations: 3)])[0]
    #expect(target.tncsiSP == 0 && target.flags.contains { $0.contains("only 1 papers") })
  }

  @Test func badRowsAreNamed() throws {
    let text = """
      id,topic,date,citations
      a,ai/vision,2024-05-31,12
      b,ai,2024-05,x
      c,,2024,3
      d,ai,May 2024,3
      e,ai,2024-02,3
      """
    let table = try CitationTable(Data(text.utf8), name: "t")
    #expect(table.papers.map(\.id) == ["a", "e"] && table.problems.count == 3)
    #expect(table.papers[0] == CitedPaper(id: "a", topic: ["ai", "vision"], day: 19_874, citations: 12))
    #expect(throws: ArticleReadError.self) { try CitationTable(Data("a,b\n1,2\n".utf8), name: "t") }
  }
}
