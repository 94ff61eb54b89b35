import Foundation
import ImpactScoring
import Testing

private let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appendingPathComponent("Fixtures/articles")

private func read(_ text: String) throws -> ArticleReadResult {
  try ArticleReader().read(Data(text.utf8), name: "papers")
}

@Suite struct ImpactModelTests {
  private struct Reference: Decodable {
    var title, abstract: String
    var score: Double
  }

  @Test func scoresEqualTheTrainingCodes() throws {
    let data = try Data(contentsOf: fixtures.appendingPathComponent("linear_reference.json"))
    let model = try ImpactModel.shipped()
    for row in try JSONDecoder().decode([Reference].self, from: data) where !row.abstract.contains("<") {
      let score = model.score(Article(id: "x", title: row.title, abstract: row.abstract)).score
      #expect(abs(score - row.score) < 1e-4, "\(row.title)")
    }
  }

  @Test func theBandHoldsTheScore() throws {
    let score = try ImpactModel.shipped().score(
      Article(id: "1", title: "Deep learning for soil", abstract: "We study soil."))
    #expect(0 <= score.low && score.low <= score.score && score.score <= score.high && score.high <= 1)
    #expect((0...100).contains(score.percentile))
  }

  @Test func phrasesExplainTheScore() throws {
    let model = try ImpactModel.shipped()
    let article = Article(id: "1", title: "A large benchmark", abstract: "A benchmark of language models.")
    let parts = model.explain(article, count: 1000)
    #expect(parts.contains { $0.phrase == "language models" })
    let empty = model.score(Article(id: "2", title: "zzqx", abstract: "")).score
    #expect(abs(model.score(article).score - empty - parts.reduce(0) { $0 + $1.contribution }) < 0.3)
  }

  @Test func oddTextsAreScoredWithANote() throws {
    let model = try ImpactModel.shipped()
    #expect(model.score(Article(id: "1", title: "T", abstract: "")).notes?.first?.contains("no abstract") == true)
    let long = String(repeating: "word ", count: 100_000)
    #expect(model.score(Article(id: "1", title: "T", abstract: long)).score.isFinite)
    let russian = "Исследование нейронных сетей для анализа текста на русском языке"
    #expect(
      model.score(Article(id: "1", title: russian, abstract: "")).notes?.contains { $0.contains("English") } == true)
  }

  @Test func damagedModelsAreRefused() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    #expect(throws: ImpactModelError.missing("config.json")) { try ImpactModel(directory: folder) }
    try Data("{}".utf8).write(to: folder.appendingPathComponent("config.json"))
    #expect(throws: ImpactModelError.self) { try ImpactModel(directory: folder) }
  }
}

@Suite struct ArticleReaderTests {
  @Test func csvColumnsMayStandInAnyOrder() throws {
    let result = try read("abstract,ID,Title\n\"We show, that\nit works\",a1,\"A \"\"quoted\"\" title\"\n,,\n")
    #expect(result.articles == [Article(id: "a1", title: "A \"quoted\" title", abstract: "We show, that\nit works")])
    #expect(result.problems.count == 1)
  }

  @Test func bibTeXIsUnderstood() throws {
    let result = try read(
      """
      @string{venue = "Journal"}
      @article{muller2020, title = {The {BERT} model of M{\\"u}ller}, abstract = "Nested {braces} here", journal = venue}
      @misc{none, year = 2020}
      """)
    #expect(
      result.articles == [Article(id: "muller2020", title: "The BERT model of Müller", abstract: "Nested braces here")])
    #expect(result.problems == ["papers: the entry 'none' has no title"])
  }

  @Test func badRowsAreNamedAndTheRestIsRead() throws {
    let result = try read("{\"title\": \"A\", \"abstract\": \"x\"}\nnot json\n{\"id\": 5, \"title\": \"B\"}\n")
    #expect(result.articles.map(\.title) == ["A", "B"] && result.articles[1].id == "5")
    #expect(result.problems == ["papers line 2: is not an object with a 'title'"])
  }

  @Test(arguments: ["", "a,b\n1,2\n", "just text"]) func uselessFilesAreRefused(text: String) {
    #expect(throws: ArticleReadError.self) { try read(text) }
  }

  @Test func spreadsheetFormulasAreDefused() throws {
    let score = ImpactScore(id: "=1+1", title: "a,b", score: 0.5, low: 0.1, high: 0.9, percentile: 50)
    let text = String(decoding: try ImpactFormat.csv.encode([score]), as: UTF8.self)
    #expect(text == "id,title,score\n'=1+1,\"a,b\",0.500\n")
  }
}
