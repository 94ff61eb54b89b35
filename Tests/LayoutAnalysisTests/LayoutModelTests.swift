import DocumentModel
import Foundation
import LayoutAnalysis
import Tensor
import Testing

/// A page of words set by hand.
struct Page10Point {
  var page: Page

  init(index: Int = 0) {
    page = Page(index: index, width: 600, height: 800)
    page.styles = [
      TextStyle(font: "Body", size: 10), TextStyle(font: "Bold", size: 14, bold: true),
      TextStyle(font: "Title", size: 20, bold: true), TextStyle(font: "Mono", size: 9, monospaced: true),
    ]
  }

  mutating func line(_ text: String, x: Double, y: Double, style: Int = 0) {
    let size = page.styles[style].size
    var x = x
    for word in text.split(separator: " ") {
      let width = Double(word.count) * size * 0.5
      page.words.append(Word(text: String(word), bbox: Rect(x0: x, y0: y, x1: x + width, y1: y + size), style: style))
      x += width + size * 0.3
    }
  }
}

private let filler =
  "some ordinary words that fill a whole line of running text rather well so that it reaches the edge"

/// A chapter with a heading, two paragraphs and code on each page, as a document and as labels.
private func sample(pages: Int) -> (document: Document, blocks: [LabelledBlock]) {
  var all: [Page] = [], blocks: [LabelledBlock] = []
  func block(_ page: Int, _ y0: Double, _ y1: Double, _ label: RegionClass, level: Int? = nil) {
    blocks.append(
      LabelledBlock(
        page: page, bbox: Rect(x0: 45, y0: y0 - 1, x1: 560, y1: y1 + 1), category: label.rawValue, level: level,
        unit: blocks.count))
  }
  for index in 0..<pages {
    var set = Page10Point(index: index)
    var y = 60.0 + Double(index % 7) * 9
    set.line("\(index + 1)", x: 300, y: 775)
    set.line("Heading of page \(index)", x: 50, y: y, style: 1)
    block(index, y, y + 14, .title, level: 1)
    y += 26
    for _ in 0..<2 {
      let top = y
      for row in 0..<3 + index % 3 {
        set.line(row == 2 + index % 3 ? "and its last line ends here." : filler, x: 50, y: y)
        y += 12
      }
      block(index, top, y - 2, .text)
      y += 8
    }
    let top = y
    for row in 0..<4 {
      set.line("let value\(row) = call(\(row))", x: 60, y: y, style: 3)
      y += 11
    }
    block(index, top, y - 2, .code)
    all.append(set.page)
  }
  return (Document(fileName: "s.pdf", pageCount: pages, pages: all), blocks)
}

@Suite struct LayoutModelTests {
  @Test func labelledPagesSurviveTheirFile() throws {
    let (document, blocks) = sample(pages: 3)
    let pages = LabelledPage.pages(of: document, blocks: blocks)
    #expect(pages.count == 3)
    let data = LabelledPage.encoded(pages)
    let again = try #require(LabelledPage.decoded(data))
    #expect(LabelledPage.encoded(again) == data)
    #expect(LabelledPage.decoded(data.dropLast(5)) == nil)
  }

  @Test func aModelLearnsWhatLinesAre() throws {
    let (document, blocks) = sample(pages: 12)
    let pages = LabelledPage.pages(of: document, blocks: blocks)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("layout-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    var options = LayoutTraining.Options()
    (options.steps, options.warmUp, options.linesPerStep, options.averageKeep) = (60, 5, 300, 0.8)
    let training = try LayoutTraining(
      LayoutConfiguration(modelSize: 32, layers: 1, heads: 2, feedForwardSize: 32, experts: 2),
      training: pages, heldOut: pages, directory: folder, options)
    try training.run { _ in }
    #expect(training.validate().lineF1 > 0.95)

    // The serving model, from the written file, says what the trained one says.
    var read = document
    LearnedLayout(try LayoutModel(folder)).analyze(&read)
    let labels = read.pages[1].regions.filter { !$0.isFurniture }.map(\.label)
    #expect(labels.first == .title)
    withKnownIssue("a model trained for 60 steps does not always part paragraphs", isIntermittent: true) {
      #expect(labels == [.title, .text, .text, .code])
    }
    #expect(read.pages[1].regions.filter(\.isFurniture).map(\.text) == ["2"])
  }

  @Test func aModelOfAnotherVersionIsRefused() throws {
    let config = try LayoutConfiguration().json()
    let text = String(decoding: config, as: UTF8.self)
    let other = text.replacing(/"feature_count" : \d+/, with: "\"feature_count\" : 3")
    #expect(throws: CheckpointError.self) { try LayoutConfiguration(Data(other.utf8)) }
    #expect(throws: CheckpointError.self) { try LayoutChoice("/no/such/folder") }
  }
}

/// What follows from the shipped model, on pages set by hand.
@Suite struct LearnedLayoutTests {
  private func analysed(_ pages: [Page], outline: [OutlineEntry] = []) -> Document {
    var document = Document(fileName: "t.pdf", pageCount: pages.count, pages: pages)
    document.outline = outline
    LayoutChoice.model.analyze(&document)
    return document
  }

  /// Chapters with a number on a line of its own, sections and text.
  private func manual() -> [Page] {
    (0..<4).map { index in
      var set = Page10Point(index: index)
      set.line("The Manual of Things", x: 250, y: 30)
      var y = 80.0
      if index % 2 == 0 {
        set.line("Chapter \(index / 2 + 1)", x: 50, y: y, style: 1)
        set.line(index == 0 ? "Getting started" : "Going further", x: 50, y: y + 30, style: 2)
        y += 80
      }
      set.line("\(index / 2 + 1).\(index % 2 + 1) A section of it", x: 50, y: y, style: 1)
      y += 26
      for paragraph in 0..<3 {
        for row in 0..<4 {
          set.line(row == 3 ? "and this is how paragraph \(paragraph) of page \(index) ends." : filler, x: 50, y: y)
          y += 12
        }
        y += 8
      }
      set.line("\(index + 1)", x: 300, y: 775)
      return set.page
    }
  }

  @Test func theShippedModelIsThere() throws {
    let model = try #require(LayoutModel.shipped)
    #expect(model.configuration.encoder.experts > 1)
  }

  @Test func aManualIsReadAsOne() throws {
    let document = analysed(manual())
    #expect(document.warnings.isEmpty)
    let headings = document.regions.filter { ($0.label == .title || $0.label == .paperTitle) && !$0.isFurniture }
    #expect(headings.map(\.text).contains("Chapter 2 Going further"))
    #expect(headings.first { $0.text == "Chapter 2 Going further" }?.headingLevel == 1)
    let paragraphs = document.regions.filter { $0.label == .text && !$0.isFurniture }
    #expect(paragraphs.count { $0.text.contains("and this is how paragraph") } == 12)
    // Running heads and page numbers are in the regions, not in the text.
    #expect(headings.first { $0.text.hasPrefix("1.2") }?.headingLevel == 2)
    #expect(document.regions.count(where: \.isFurniture) == 8)
    let markdown = String(decoding: try DocumentWriter.write(document, as: .markdown), as: UTF8.self)
    #expect(!markdown.contains("The Manual of Things"))
  }

  @Test func relationsGoFromTheLaterToTheEarlierUnit() {
    let document = analysed(manual())
    let order = Dictionary(uniqueKeysWithValues: document.regions.enumerated().map { ($1.id, $0) })
    #expect(document.relations.contains { $0.type == .adj } && document.relations.contains { $0.type == .sub })
    for relation in document.relations where [.adj, .sub, .peer, .identical].contains(relation.type) {
      #expect(order[relation.from]! > order[relation.to]!)
    }
  }

  @Test func hyphensOfKnownCompoundsStay() {
    var set = Page10Point()
    set.line("A well-known fact is well documented in the literature about it", x: 50, y: 100)
    set.line("and everything that is written there about facts that are well-", x: 50, y: 112)
    set.line("known to everybody has been read, which makes a para-", x: 50, y: 124)
    set.line("graph of four lines.", x: 50, y: 136)
    let text = analysed([set.page]).regions.map(\.text).joined(separator: " ")
    #expect(text.contains("that are well-known to everybody") && text.contains("makes a paragraph of four"))
  }
}
