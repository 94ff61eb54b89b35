import Foundation
import ImpactScoring
import Testing

enum Fixtures {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures/articles")
}

private func read(_ text: String) throws -> ArticleReadResult {
  try ArticleReader().read(Data(text.utf8), name: "papers")
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

  @Test(arguments: ["", "{\"articles\": "]) func listsWithABadEntryAreReadWithoutIt(opening: String) throws {
    let list = "[{\"title\": \"A\"}, 7, {\"abstract\": \"x\"}, {\"title\": \"B\", \"abstract\": null}]"
    let result = try read(opening + list + (opening.isEmpty ? "" : "}"))
    #expect(result.articles.map(\.title) == ["A", "B"] && result.problems.count == 2)
  }

  @Test func risIsUnderstood() throws {
    let result = try read(
      """
      TY  - JOUR
      TI  - A title that
        goes on
      AB  - We show.
      DO  - 10.1/x
      ER  - 

      TY  - JOUR
      AU  - Nobody
      ER  - 
      """)
    #expect(result.articles == [Article(id: "10.1/x", title: "A title that goes on", abstract: "We show.")])
    #expect(result.problems == ["papers line 8: the record has no title"])
  }

  @Test func atomListingsAreUnderstood() throws {
    let feed = """
      <?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>arXiv</title>
      <entry><id>http://arxiv.org/abs/2408.03934v1</id><title>From Words
        to Worth</title><author><name>A</name></author><summary>We &lt;3 impact.</summary></entry>
      <entry><id>x</id><summary>no title</summary></entry></feed>
      """
    let result = try read(feed)
    #expect(
      result.articles == [Article(id: "2408.03934v1", title: "From Words to Worth", abstract: "We <3 impact.")])
    #expect(result.problems == ["papers: entry 2 has no title"])
    // Cut off in the second entry: the first is there.
    #expect(try read(String(feed.prefix(260))).articles.count == 1)
  }

  @Test func xmlWithDeclarationsIsRefused() {
    let bomb = "<!DOCTYPE f [<!ENTITY a \"aaaa\">]><feed><entry><title>&a;</title></entry></feed>"
    #expect(throws: ArticleReadError.unknownFormat("papers")) { try read(bomb) }
  }

  @Test func linesInAnotherEncodingAreReadAndNamed() throws {
    var data = Data("id,title\n1,Größe\n".utf8)
    data += Data([0x32, 0x2C, 0x4D, 0xFC, 0x6C, 0x6C, 0x65, 0x72, 0x92, 0x73, 0x0A])
    let result = try ArticleReader().read(data, name: "papers")
    #expect(result.articles.map(\.title) == ["Größe", "Müller’s"])
    #expect(result.problems == ["papers: 1 line(s) are not UTF-8 and were read as Windows-1252: 3"])
    let wide = try #require("id,title\n1,Größe\n".data(using: .utf16))
    #expect(try ArticleReader().read(wide, name: "papers").articles.map(\.title) == ["Größe"])
  }

  @Test func equalIdsAreTold() throws {
    let result = try read("id,title\na,One\na,Two\n")
    #expect(result.articles.map(\.id) == ["a", "a#2"] && result.problems.count == 1)
  }

  @Test func anEntryThatIsNotClosedDoesNotTakeTheRest() throws {
    let result = try read("@article{a, title = {One\n@article{b, title = {Two}}\n")
    #expect(result.articles.map(\.title) == ["Two"] && result.problems.count == 1)
  }
}
