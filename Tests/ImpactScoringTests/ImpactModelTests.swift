import Foundation
import ImpactScoring
import Testing

private let fixtures = Fixtures.folder

@Suite struct ImpactModelTests {
  private struct Reference: Decodable {
    var title, abstract: String
    var score: Double
  }

  @Test func scoresEqualTheTrainingCodes() throws {
    let data = try Data(contentsOf: fixtures.appendingPathComponent("linear_reference.json"))
    let model = try ImpactModel.named("docq-impact-linear-1")
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

  @Test func aPhraseAddsWhatTheScoreLosesWithoutIt() throws {
    let model = try ImpactModel.named("docq-impact-linear-1")
    let article = Article(
      id: "1", title: "A large benchmark", abstract: "We present a benchmark of language models, which is new.")
    let parts = model.explain(article, count: 1000)
    #expect(parts.map(\.phrase).sorted() == ["benchmark", "language models", "large benchmark", "new", "present"])
    let whole = model.score(article).score
    for part in parts {
      var without = article
      let text = part.part == .title ? article.title : article.abstract
      let rest = String(text.prefix(part.start) + text.dropFirst(part.end))
      #expect(String(text.prefix(part.end).dropFirst(part.start)) == part.phrase)
      if part.part == .title { without.title = rest } else { without.abstract = rest }
      #expect(abs(whole - model.score(without).score - part.contribution) < 1e-3, "\(part.phrase)")
    }
    #expect(zip(parts, parts.dropFirst()).allSatisfy { abs($0.contribution) >= abs($1.contribution) })
  }

  @Test func theShippedModelIsExplainedAsWell() throws {
    let model = try ImpactModel.shipped()
    let article = Article(
      id: "1", title: "Sparse experts for long documents",
      abstract: String(
        repeating: "We train a mixture of experts on long documents. It beats dense models of the same cost on six "
          + "benchmarks, and we release code and weights. ", count: 2))
    let parts = model.explain(article, count: 5)
    #expect(parts.count == 5 && parts[0].contribution != 0)
    let part = parts[0]
    var without = article
    func rest(_ text: String) -> String { String(text.prefix(part.start) + text.dropFirst(part.end)) }
    if part.part == .title { without.title = rest(article.title) } else { without.abstract = rest(article.abstract) }
    #expect(abs(model.score(article).score - model.score(without).score - part.contribution) < 5e-3)
  }

  @Test func termsOfTheLinearPartAddUp() throws {
    let model = try ImpactModel.named("docq-impact-linear-1")
    let article = Article(id: "1", title: "A large benchmark", abstract: "A benchmark of language models.")
    let none = model.score(Article(id: "2", title: "", abstract: "")).score
    let sum = model.linearTerms(article, count: 1000).reduce(0) { $0 + $1.contribution }
    #expect(abs(model.score(article).score - none - sum) < 1e-6)
  }

  @Test func aListScoresAsItsArticlesDo() throws {
    let model = try ImpactModel.shipped()
    let articles = (1...7).map {
      Article(
        id: "\($0)", title: "Title \($0)", abstract: String(repeating: "deep networks for vision ", count: 9 * $0))
    }
    for (one, all) in zip(articles.map { model.score($0) }, model.score(articles)) {
      #expect(one.id == all.id && abs(one.score - all.score) < 2e-3)
    }
  }

  @Test func equalScoresShareARank() {
    let scores = [0.2, 0.5, 0.5, 0.1].enumerated().map {
      ImpactScore(id: "\($0.offset)", title: "", score: $0.element, low: 0, high: 1, percentile: 0)
    }
    #expect(ImpactScore.ranked(scores).map(\.rank) == [3, 1, 1, 4])
  }

  @Test func oddTextsAreScoredWithANote() throws {
    let model = try ImpactModel.shipped()
    #expect(model.score(Article(id: "1", title: "T", abstract: "")).notes?.first?.contains("no abstract") == true)
    let long = String(repeating: "word ", count: 100_000)
    #expect(model.score(Article(id: "1", title: "T", abstract: long)).score.isFinite)
    let russian = "Исследование нейронных сетей для анализа текста на русском языке"
    let german = String(repeating: "Wir zeigen ein neues Verfahren und werten es auf vielen Daten aus. ", count: 3)
    #expect(
      model.score(Article(id: "1", title: "Netze", abstract: german)).notes?.contains { $0.contains("English") } == true
    )
    #expect(
      model.score(Article(id: "1", title: russian, abstract: "")).notes?.contains { $0.contains("English") } == true)
  }

  @Test func markUpDoesNotChangeTheScore() throws {
    let model = try ImpactModel.shipped()
    let plain = Article(
      id: "1", title: "Fast & sparse nets", abstract: "We show that nets are fast by 50% on all data.")
    let marked = Article(
      id: "1", title: "<b>Fast</b> &amp; sparse <i>nets</i>",
      abstract: "We show that \\emph{nets} are\n<p>fast</p> by 50\\% \\cite{a,b} on \\textbf{all} data.")
    #expect(abs(model.score(plain).score - model.score(marked).score) < 1e-6)
  }

  @Test func damagedModelsAreRefused() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    #expect(throws: ImpactModelError.missing("config.json")) { try ImpactModel(directory: folder) }
    try Data("{}".utf8).write(to: folder.appendingPathComponent("config.json"))
    #expect(throws: ImpactModelError.self) { try ImpactModel(directory: folder) }
  }
}

@Suite struct ImpactWriterTests {
  private func score(_ id: String) -> ImpactScore {
    ImpactScore(id: id, title: "a,b <i>", score: 0.5, low: 0.1, high: 0.9, percentile: 50)
  }

  @Test func spreadsheetFormulasAreDefused() throws {
    let text = String(decoding: try ImpactFormat.csv.encode([score("=1+1")]), as: UTF8.self)
    #expect(
      text == "id,title,score,low,high,percentile,rank,notes\n'=1+1,\"a,b <i>\",0.500,0.100,0.900,50,,\n")
  }

  @Test func everyReportForPeopleStatesTheLimits() throws {
    for format in [ImpactFormat.table, .html] {
      let text = String(decoding: try format.encode([score("x")], referenceSet: "some set"), as: UTF8.self)
      #expect(text.contains("no basis for decisions about people") && text.contains("some set"))
    }
  }

  @Test func aPageShowsTheMarkedPhrasesAndNoMarkUpOfTheArticle() throws {
    var one = score("x")
    let article = Article(id: "x", title: "Nets & <script>alert(1)</script>", abstract: "Fast nets win.")
    one.phrases = [
      PhraseContribution(phrase: "Fast nets", part: .abstract, start: 0, end: 9, contribution: -0.02)
    ]
    let page = String(decoding: try ImpactFormat.html.encode([one], articles: ["x": article]), as: UTF8.self)
    #expect(page.contains("title=\"-0.0200\">Fast nets</span> win."))
    #expect(!page.contains("<script"))
  }
}
