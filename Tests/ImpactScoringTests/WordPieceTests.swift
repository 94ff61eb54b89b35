import Foundation
import ImpactScoring
import Testing

@Suite struct WordPieceTests {
  private struct Case: Decodable {
    var text: String
    var ids: [Int32]
  }

  /// Ids of the reference tokenizer (Training/impact/make_text_fixture.py). WORDPIECE_CASES names a larger file.
  @Test func idsAreThoseOfTheReference() throws {
    let larger = ProcessInfo.processInfo.environment["WORDPIECE_CASES"].map { URL(fileURLWithPath: $0) }
    let file = larger ?? Fixtures.folder.appendingPathComponent("minilm.json")
    let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
    let tokenizer = try WordPieceTokenizer(file: try ImpactModel.vocabulary())
    #expect(cases.count > 60)
    for one in cases { #expect(tokenizer.ids(one.text) == one.ids, "\(one.text.prefix(80))") }
    for one in cases.prefix(30) where one.ids.count > 5 {
      #expect(tokenizer.ids(one.text, limit: 5) == Array(one.ids.prefix(5)))
    }
  }

  @Test func aVocabularyNeedsItsSpecialTokens() {
    #expect(throws: ImpactModelError.self) { try WordPieceTokenizer(vocabulary: ["[CLS]", "[SEP]", "a"]) }
  }
}
