import Foundation
import ImpactScoring
import Tensor
import Testing

@Suite struct TextEncoderTests {
  private struct Case: Decodable {
    var text: String
    var embedding: [Double]?
  }

  /// sentence-transformers' embeddings (Training/impact/make_text_fixture.py). The shipped weights have 8 bits, are
  /// multiplied as such or as BF16 and keep 12,000 of 30,522 pieces: hence no equality.
  @Test func embeddingsAreThoseOfMiniLM() throws {
    let data = try Data(contentsOf: Fixtures.folder.appendingPathComponent("minilm.json"))
    let cases = try JSONDecoder().decode([Case].self, from: data).filter { $0.embedding != nil }
    #expect(cases.count >= 16)
    let found = try ImpactModel.shipped().embeddings(cases.map(\.text), progress: { _ in })
    var sum = 0.0
    for (index, one) in cases.enumerated() {
      let truth = try #require(one.embedding)
      #expect(found.rowSize == truth.count)
      let cosine = truth.indices.reduce(0) { $0 + truth[$1] * Double(found.row(index)[$1]) }
      sum += cosine
      #expect(cosine > 0.95, "\(one.text.prefix(60)): \(cosine)")
    }
    #expect(sum / Double(cases.count) > 0.99)
  }

  @Test func aTextHasTheSameEmbeddingAloneAndAmongOthers() throws {
    let model = try ImpactModel.shipped()
    let texts = ["short", String(repeating: "a longer text about networks. ", count: 30), "", "深層学習"]
    let all = try model.embeddings(texts, progress: { _ in })
    for (index, text) in texts.enumerated() {
      let one = try model.embeddings([text], progress: { _ in })
      for place in 0..<all.rowSize { #expect(abs(one.row(0)[place] - all.row(index)[place]) < 2e-2) }
      let length = (0..<all.rowSize).reduce(0) { $0 + all.row(index)[$1] * all.row(index)[$1] }
      #expect(abs(length - 1) < 1e-4)
    }
  }

  @Test func textsBeyondTheLimitAreCut() throws {
    let model = try ImpactModel.shipped()
    let long = String(repeating: "word ", count: 100_000)
    #expect(try model.embeddings([long], progress: { _ in }).buffer.allSatisfy { $0.isFinite })
  }

  @Test func aPaperOfTheTrainingSetIsMostLikeItself() throws {
    let model = try ImpactModel.shipped()
    // A paper of NAID's final release.
    let title = "Finger Multimodal Feature Fusion and Recognition Based on Channel Spatial Attention"
    let abstract =
      "Due to the instability and limitations of unimodal biometric systems, multimodal systems have attracted"
    let similar = try model.similar([Article(id: "1", title: title, abstract: abstract)], count: 3)[0]
    #expect(similar.first?.title == title && similar.count == 3)
    #expect(similar.allSatisfy { (-1...1.001).contains($0.similarity) && (0...1).contains($0.tncsiSP) })
  }

  @Test func theModelFitsIn25Megabytes() throws {
    let folder = try ImpactModel.vocabulary().deletingLastPathComponent()
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: [.fileSizeKey])
    let bytes = try files.reduce(0) { $0 + (try $1.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0) }
    #expect(bytes <= 25_000_000 && bytes > 1_000_000)
  }
}

@Suite struct FieldTrainingTests {
  /// A field in which one word decides.
  private func field(_ count: Int) -> (articles: [Article], targets: [Double]) {
    var random = CounterBasedRandom(seed: 5)
    var articles: [Article] = [], targets: [Double] = []
    for index in 0..<count {
      let isLucky = index % 2 == 0
      articles.append(
        Article(
          id: "\(index)", title: "Study \(index)",
          abstract: "We look at \(isLucky ? "basalt columns" : "sandy loam") in region \(index % 7)."))
      targets.append((isLucky ? 0.7 : 0.3) + 0.1 * random.uniform())
    }
    return (articles, targets)
  }

  @Test func aFieldIsLearnedAndTheResultLoads() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("docq-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let (articles, targets) = field(80)
    let report = try FieldTraining().run(
      articles, targets: targets, base: try ImpactModel.shipped(), name: "soil", folder: folder)
    #expect(report.penalty != nil && report.spearman > 0.7 && report.mae < report.maeBefore)
    let model = try ImpactModel.named(folder.path)
    let scores = model.score([
      Article(id: "a", title: "Study", abstract: "We look at basalt columns in region 3."),
      Article(id: "b", title: "Study", abstract: "We look at sandy loam in region 3."),
    ])
    #expect(scores[0].score > scores[1].score + 0.2)
    #expect(model.referenceSet.contains("soil"))
  }

  @Test func tooFewPapersAreRefused() throws {
    let (articles, targets) = field(10)
    #expect(throws: FieldTrainingError.tooFew(10, needed: 50)) {
      try FieldTraining().run(
        articles, targets: targets, base: try ImpactModel.shipped(), name: "x",
        folder: URL(fileURLWithPath: "/nonexistent"))
    }
  }

  @Test func targetsMayBeComputedFromCitations() throws {
    var text = "id,title,abstract,topic,date,citations\n"
    for index in 0..<30 { text += "\(index),Title \(index),Text,soil,2024-0\(index % 3 + 1)-10,\(index)\n" }
    let labelled = try LabelledArticles(Data(text.utf8), name: "t")
    #expect(labelled.articles.count == 30 && labelled.targets[0] == 0)
    #expect(labelled.targets[29] > labelled.targets[15])
    let direct = try LabelledArticles(Data("title,target\nA,0.5\nB,7\n".utf8), name: "t")
    #expect(direct.targets == [0.5] && direct.problems.count == 1)
  }
}
