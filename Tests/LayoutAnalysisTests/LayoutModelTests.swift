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
    #expect(labels == [.title, .text, .text, .code])
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
