import DocumentModel
import Foundation
import LayoutAnalysis
import Testing

/// A page of words set by hand.
private struct Typesetter {
  var page = Page(index: 0, width: 600, height: 800)

  init(index: Int = 0) {
    page = Page(index: index, width: 600, height: 800)
    page.styles = [
      TextStyle(font: "Body", size: 10), TextStyle(font: "Bold", size: 14, bold: true),
      TextStyle(font: "Title", size: 20, bold: true), TextStyle(font: "Mono", size: 9, monospaced: true),
      TextStyle(font: "Small", size: 8),
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

extension Typesetter {
  /// A line whose spaces are stretched so that it ends at `x1`; the widest space stands behind a full stop.
  fileprivate mutating func justified(_ text: String, x0: Double, x1: Double, y: Double) {
    let size = page.styles[0].size
    let words = text.split(separator: " ")
    let widths = words.map { Double($0.count) * size * 0.5 }
    let weights = words.map { $0.hasSuffix(".") ? 4.0 : 1.0 }.dropLast()
    let unit = (x1 - x0 - widths.reduce(0, +)) / weights.reduce(0, +)
    var x = x0
    for (index, word) in words.enumerated() {
      page.words.append(
        Word(text: String(word), bbox: Rect(x0: x, y0: y, x1: x + widths[index], y1: y + size), style: 0))
      if index < weights.count { x += widths[index] + unit * weights[index] }
    }
  }
}

private func analysed(_ pages: [Page]) -> Document {
  var document = Document(fileName: "t.pdf", pageCount: pages.count, pages: pages)
  RuleBasedLayout().analyze(&document)
  return document
}

private func markdown(_ document: Document) throws -> String {
  String(decoding: try DocumentWriter.write(document, as: .markdown), as: UTF8.self)
}

private let filler = "some ordinary words that fill a line of text well"

@Suite struct RuleBasedLayoutTests {
  @Test func columnsAreReadOneAfterTheOther() {
    var set = Typesetter()
    for row in 0..<8 {
      set.line("left \(row) of column one ends here", x: 50, y: 100 + 12 * Double(row))
      set.line("right \(row) of column two ends here", x: 320, y: 100 + 12 * Double(row))
    }
    let text = analysed([set.page]).regions.map(\.text).joined(separator: " ")
    let left = text.range(of: "left 7")!, right = text.range(of: "right 0")!
    #expect(left.upperBound < right.lowerBound)
  }

  @Test func largerBoldLinesAreHeadingsByRank() throws {
    var set = Typesetter()
    set.line("Annual Report", x: 50, y: 50, style: 2)
    set.line("Markets", x: 50, y: 100, style: 1)
    for row in 0..<12 { set.line(filler, x: 50, y: 130 + 12 * Double(row)) }
    let document = analysed([set.page])
    let headings = document.regions.filter { $0.label == .title }
    #expect(headings.map(\.text) == ["Annual Report", "Markets"])
    #expect(headings.map(\.headingLevel) == [1, 2])
    #expect(try markdown(document).hasPrefix("# Annual Report\n\n## Markets\n"))
  }

  @Test func dividedWordsAreMadeWhole() {
    var set = Typesetter()
    set.line("this sentence has a hyphen at its end of li-", x: 50, y: 100)
    set.line("nes and goes on with more words in the next one.", x: 50, y: 112)
    #expect(analysed([set.page]).regions.first?.text.contains("end of lines and goes on") == true)
  }

  @Test func paragraphsGoOnOverPages() throws {
    var first = Typesetter(), second = Typesetter(index: 1)
    for row in 0..<4 { first.line(filler, x: 50, y: 600 + 12 * Double(row)) }
    second.line("and continues here on the second page of it.", x: 50, y: 100)
    second.line("It ends in the second line of that page.", x: 50, y: 112)
    let text = try markdown(analysed([first.page, second.page]))
    #expect(text.contains("text well and continues here"))
  }

  @Test func runningHeadsStayOutOfTheTextButInTheRegions() throws {
    let pages = (0..<4).map { index in
      var set = Typesetter(index: index)
      set.line("Journal of Tests", x: 250, y: 30, style: 4)
      for row in 0..<6 { set.line(filler + " \(index)\(row)", x: 50, y: 200 + 12 * Double(row)) }
      set.line("\(index + 1)", x: 300, y: 770, style: 4)
      return set.page
    }
    let document = analysed(pages)
    #expect(document.regions.filter(\.isFurniture).count == 8)
    #expect(try !markdown(document).contains("Journal of Tests"))
  }

  @Test func alignedColumnsAreATable() throws {
    var set = Typesetter()
    for row in 0..<4 { set.line(filler, x: 50, y: 60 + 12 * Double(row)) }
    for (row, cells) in [
      ["Item", "Count", "Price"], ["Pens", "3", "4.50"], ["Books", "12", "99.00"], ["Ink", "1", "7.25"],
    ].enumerated() {
      for (column, cell) in cells.enumerated() {
        set.line(cell, x: 80 + 140 * Double(column), y: 200 + 14 * Double(row))
      }
    }
    let table = try #require(analysed([set.page]).regions.first { $0.label == .table }?.table)
    #expect(table.rows == 4 && table.columns == 3)
    #expect(table.cells.filter(\.isHeader).map(\.text) == ["Item", "Count", "Price"])
    #expect(table.cells.first { $0.row == 2 && $0.column == 2 }?.text == "99.00")
  }

  @Test func labelsWithValuesAreReadRowByRow() throws {
    var set = Typesetter()
    for (row, (label, value)) in [("Name:", "Ada"), ("Town:", "London"), ("Language:", "English")].enumerated() {
      set.line(label, x: 50, y: 100 + 16 * Double(row))
      set.line(value, x: 180, y: 100 + 16 * Double(row))
    }
    #expect(try markdown(analysed([set.page])).contains("| Town: | London |"))
  }

  @Test func captionsPointToTheirFigure() {
    var set = Typesetter()
    set.page.images = [PageImage(id: 0, bbox: Rect(x0: 100, y0: 100, x1: 400, y1: 300))]
    set.line("Figure 1: A picture of something.", x: 100, y: 306)
    for row in 0..<6 { set.line(filler, x: 50, y: 400 + 12 * Double(row)) }
    let document = analysed([set.page])
    let figure = document.regions.first { $0.label == .figure },
      caption = document.regions.first { $0.label == .caption }
    #expect(figure != nil && caption != nil)
    #expect(document.relations.contains { $0.type == .implicitCite && $0.from == caption?.id && $0.to == figure?.id })
  }

  @Test func oddPagesDoNotStopIt() {
    var set = Typesetter()
    set.page.words = [Word(text: "x", bbox: Rect(x0: .nan, y0: 0, x1: 1, y1: .infinity), style: 99)]
    #expect(analysed([set.page]).pages[0].lines.isEmpty)
    var generator = SystemRandomNumberGenerator()
    set.page.words = (0..<3000).map { index in
      let x = Double.random(in: -50...650, using: &generator), y = Double.random(in: -50...850, using: &generator)
      return Word(
        text: "w\(index)",
        bbox: Rect(x0: x, y0: y, x1: x + Double.random(in: 0...90), y1: y + Double.random(in: 0.1...40)), style: 0)
    }
    let document = analysed([set.page])
    #expect(Set(document.regions.flatMap(\.lines)).count == document.pages[0].lines.count)
    #expect(analysed([]).regions.isEmpty)
  }
}

@Suite struct DocumentWriterTests {
  private var hostile: Document {
    var set = Typesetter()
    set.line("<script>alert(1)</script> *bold* | _x_ & \"q\"", x: 50, y: 100)
    return analysed([set.page])
  }

  @Test func mixedInMarkupIsEscaped() throws {
    let html = String(decoding: try DocumentWriter.write(hostile, as: .html), as: UTF8.self)
    #expect(!html.contains("<script>") && html.contains("&lt;script&gt;"))
    let text = try markdown(hostile)
    #expect(!text.contains("<script>") && text.contains("\\*bold\\*"))
  }

  @Test func docGenomeFilesHaveThePublishedKeys() throws {
    let files = try DocumentWriter.docGenomeFiles(hostile)
    #expect(
      files.map(\.name) == [
        "layout_annotation.json", "reading_annotation.json", "order_annotation.json", "quality_report.json",
      ])
    let layout = try JSONSerialization.jsonObject(with: files[0].data) as? [String: Any]
    let image = (layout?["images"] as? [[String: Any]])?.first
    // 600 x 800 points at 200 dpi.
    #expect(image?["width"] as? Int == 1667 && image?["height"] as? Int == 2222)
    let reading = try JSONSerialization.jsonObject(with: files[1].data) as? [[String: Any]]
    let keys = Set((reading?.first ?? [:]).keys)
    #expect(keys.isSuperset(of: ["block_id", "bbox", "category", "page_index", "source_code"]))
    #expect(!keys.contains("next_block"))
    let order = try JSONSerialization.jsonObject(with: files[2].data) as? [String: Any]
    let last = (order?["annotations"] as? [[String: Any]])?.last
    #expect(last?["next_block"] is NSNull)
    #expect((layout?["categories"] as? [Any])?.count == 15)
  }

  @Test func jsonKeepsTheWholeDocument() throws {
    let decoded = try JSONDecoder().decode(Document.self, from: try DocumentWriter.write(hostile, as: .json))
    #expect(decoded.regions.map(\.text) == hostile.regions.map(\.text))
  }

  @Test func narrowGuttersAndStretchedSpacesDoNotMixColumns() throws {
    var set = Typesetter()
    let left = [
      "alpha one goes on to the very end of it", "beta. Two stands here with some more to say",
      "gamma three is a line of words of this page", "delta. Four is set with a wide space behind",
      "epsilon five follows the fourth one at once", "zeta six is here. Seven comes after this line",
    ]
    for row in 0..<12 {
      let y = 100 + 12 * Double(row)
      set.justified(left[row % 6], x0: 50, x1: 255, y: y)
      // No wider than the space behind a full stop.
      set.justified(left[(row + 3) % 6].replacing("e", with: "u"), x0: 265, x1: 470, y: y)
    }
    let regions = analysed([set.page]).regions
    #expect(regions.count == 2)
    let text = regions.map(\.text).joined(separator: "\n")
    #expect(text.contains("beta. Two stands here with some more to say gamma three is a line"))
    #expect(text.contains("alpha onu gous on to thu vury und of it buta. Two"))
  }

  @Test func bulletsAndNumbersBelongToTheTextBehindThem() throws {
    var set = Typesetter()
    set.line("2", x: 50, y: 40, style: 1)
    set.line("Methods of ours", x: 85, y: 40, style: 1)
    for row in 0..<8 { set.line(filler, x: 50, y: 70 + 12 * Double(row)) }
    for row in 0..<3 {
      set.line("•", x: 60, y: 200 + 24 * Double(row))
      set.line("point \(row) of the list", x: 90, y: 200 + 24 * Double(row))
    }
    set.line("(b)", x: 60, y: 300)
    set.line("another point of a list", x: 95, y: 300)
    let text = try markdown(analysed([set.page]))
    #expect(text.contains("# 2 Methods of ours"))
    #expect(text.contains("- point 0 of the list\n- point 1 of the list\n- point 2 of the list"))
    #expect(text.contains("(b) another point of a list") || text.contains("- b) another point of a list"))
  }

  @Test func boldWordsAtTheStartOfAParagraphAreNoHeading() {
    var set = Typesetter()
    set.page.styles.append(TextStyle(font: "Body-Bold", size: 10, bold: true))
    set.line("Boldly named thing here:", x: 50, y: 100, style: 5)
    let end = set.page.words.last!.bbox.x1
    set.line("and ordinary text", x: end + 4, y: 100)
    for row in 1..<6 { set.line(filler, x: 50, y: 100 + 12 * Double(row)) }
    let regions = analysed([set.page]).regions
    #expect(regions.count == 1 && regions.first?.label == .text)
  }

  @Test func textFromRightToLeftIsReadFromTheRight() {
    var set = Typesetter()
    set.line("גדול שלום docq version עולם", x: 100, y: 100)
    // Set from left to right, it reads the other way round but for the Latin words.
    #expect(analysed([set.page]).regions.first?.text == "עולם docq version שלום גדול")
  }

  @Test func sidewaysPagesAreReadAndMeasuredAsTheyAre() {
    var set = Typesetter()
    for row in 0..<6 {
      set.line("row \(row) of a page that is printed sideways on the sheet", x: 50, y: 100 + 12 * Double(row))
    }
    let upright = analysed([set.page])
    for turns in [1, 3] {
      let document = analysed([set.page.turned(by: turns)])
      #expect(document.regions.map(\.text) == upright.regions.map(\.text))
      let page = document.pages[0]
      #expect(page.width == 800 && page.height == 600)
      for (region, other) in zip(page.regions, upright.regions) {
        #expect(region.bbox == other.bbox.turned(by: turns, width: 600, height: 800))
      }
    }
  }

  @Test func picturesThatReachIntoTheGutterDoNotMixColumns() {
    var set = Typesetter()
    for row in 0..<6 {
      set.line("left \(row) of column one ends here", x: 50, y: 100 + 12 * Double(row))
      set.line("right \(row) of column two ends here", x: 320, y: 100 + 12 * Double(row))
      set.line("left \(row + 6) of column one ends here", x: 50, y: 400 + 12 * Double(row))
      set.line("right \(row + 6) of column two ends here", x: 320, y: 400 + 12 * Double(row))
    }
    set.page.images = [PageImage(id: 1, bbox: Rect(x0: 40, y0: 220, x1: 330, y1: 380))]
    let text = analysed([set.page]).regions.map(\.text).joined(separator: " ")
    #expect(text.range(of: "left 11")!.upperBound < text.range(of: "right 0")!.lowerBound)
  }
}
