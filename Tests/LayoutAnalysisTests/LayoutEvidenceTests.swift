import DocumentModel
import LayoutAnalysis
import Testing

/// What type, rulings and captions say whatever the model takes for likely.
@Suite struct LayoutEvidenceTests {
  private func page(_ set: (inout Page10Point) -> Void) -> Page {
    var builder = Page10Point()
    set(&builder)
    builder.page.lines = LineBuilder.lines(of: builder.page)
    return builder.page
  }

  private func predictions(_ count: Int, _ label: RegionClass) -> [LayoutModel.Prediction] {
    let classes = (0..<LayoutHeads.classes).map {
      Float($0 == label.rawValue ? 0.9 : 0.1 / Float(LayoutHeads.classes - 1))
    }
    return (0..<count).map { _ in LayoutModel.Prediction(classes: classes, continues: 0, resumes: 0) }
  }

  private func best(_ prediction: LayoutModel.Prediction) -> RegionClass? {
    prediction.classes.indices.max { prediction.classes[$0] < prediction.classes[$1] }.flatMap {
      RegionClass(rawValue: $0)
    }
  }

  @Test func codeNeedsTypewriterType() {
    let page = page {
      $0.line("let value = call(1)", x: 60, y: 100, style: 3)
      $0.line("A sentence in the body's type", x: 60, y: 140)
    }
    let found = LineEvidence(page, em: 10).applied(to: predictions(2, .code))
    #expect(best(found[0]) == .code)
    #expect(best(found[1]) != .code)
  }

  @Test func linesUnderAFootnoteRuleAreNotes() {
    var page = page {
      $0.page.styles.append(TextStyle(font: "Body", size: 8))
      $0.line("a line of running text that is as wide as the column that it stands in", x: 50, y: 600)
      $0.line("† A note in small type.", x: 50, y: 640, style: 4)
      $0.line("that goes on in a second line.", x: 50, y: 650, style: 4)
    }
    let without = LineEvidence(page, em: 10).applied(to: predictions(page.lines.count, .text))
    #expect(without.allSatisfy { best($0) == .text })
    page.rulings = [Ruling(bbox: Rect(x0: 50, y0: 632, x1: 170, y1: 632.4))]
    let found = LineEvidence(page, em: 10).applied(to: predictions(page.lines.count, .text))
    #expect(found.map(best) == [.text, .footnote, .footnote])
    #expect(found.map(\.continues) == [0, 0, 1])
    // The frame of a picture may end in such a rule.
    page.lines[1].text = "Figure 7. A picture."
    #expect(
      LineEvidence(page, em: 10).applied(to: predictions(page.lines.count, .caption)).map(best)[1] == .caption)
  }

  @Test func captionsAreToldFromSentencesAndTheorems() {
    #expect(Captions.isMarked("Figure 3: A picture") && Captions.isMarked("Fig. 7 | A picture"))
    #expect(
      Captions.startsCaption("TABLE II") && Captions.startsCaption("Figure 3 shows")
        && !Captions.isMarked("Figure 3 shows"))
    #expect(!Captions.startsCaption("Example 3. Let") && !Captions.startsCaption("Figures are"))
    #expect(Captions.speaksOfFigure("Fig. 2. A") && !Captions.speaksOfFigure("Table 2. A"))
  }

  @Test func aHeadingWithAWideSpaceBehindItIsCutOff() {
    // The first line by hand: bold words, then a space as wide as the type is high, or an ordinary one.
    func split(gap: Double, _ first: String = "Dropout") -> [Region] {
      var page = page {
        $0.page.styles.append(TextStyle(font: "Bold", size: 10, bold: true))
        $0.line("filler words of a second line that the paragraph has", x: 50, y: 112)
      }
      let texts = [(first, 4), ("We", 0), ("apply", 0), ("it", 0)]
      var x = 50.0, words: [Int] = []
      for (place, (text, style)) in texts.enumerated() {
        let width = Double(text.count) * 5
        words.append(page.words.count)
        page.words.append(Word(text: text, bbox: Rect(x0: x, y0: 100, x1: x + width, y1: 110), style: style))
        x += width + (place == 0 ? gap : 3)
      }
      page.lines.insert(
        Line(words: words, bbox: Rect(x0: 50, y0: 100, x1: x, y1: 110), text: texts.map(\.0).joined(separator: " ")),
        at: 0)
      var regions = [
        Region(id: 0, label: .text, page: 0, bbox: page.lines[0].bbox.union(page.lines[1].bbox), lines: [0, 1])
      ]
      RunInHeadings.split(&page, &regions)
      #expect(
        regions.last.map { page.lines[$0.lines[0]].text }
          == (regions.count == 2 ? "We apply it" : "\(first) We apply it"))
      return regions
    }
    #expect(split(gap: 10).map(\.label) == [.title, .text])
    #expect(split(gap: 3).map(\.label) == [.text])
    #expect(split(gap: 10, "Theorem").map(\.label) == [.text])
  }

  @Test func aCaptionJoinsThePiecesOfItsFigure() {
    var page = page {
      $0.line("Figure 1: Two drawings.", x: 100, y: 300)
      $0.line("axis", x: 140, y: 270)
    }
    page.images = [
      PageImage(.drawing, bbox: Rect(x0: 100, y0: 100, x1: 200, y1: 170)),
      PageImage(.drawing, bbox: Rect(x0: 100, y0: 180, x1: 200, y1: 262)),
    ]
    func line(_ text: String) -> Int { page.lines.firstIndex { $0.text.hasPrefix(text) } ?? -1 }
    let caption = Region(
      id: 0, label: .caption, page: 0, bbox: page.lines[line("Figure")].bbox, lines: [line("Figure")])
    let label = Region(id: 0, label: .equation, page: 0, bbox: page.lines[line("axis")].bbox, lines: [line("axis")])
    let joined = CaptionedFigures(page, em: 10).join([caption, label])
    let figures = joined.filter { $0.label == .figure }
    #expect(joined.count == 2 && figures.count == 1)
    #expect(figures.first.map { $0.bbox.y0 <= 100 && $0.bbox.y1 >= 270 && $0.lines == [line("axis")] } == true)
  }

  @Test func aPlacedPictureTakesItsWordsWithIt() {
    var page = page {
      $0.line("Input", x: 120, y: 120)
      $0.line("Output of the network", x: 120, y: 180)
      $0.line("A sentence of the text below the picture that is no part of it", x: 50, y: 320)
    }
    page.images = [PageImage(.placed, bbox: Rect(x0: 100, y0: 100, x1: 300, y1: 200))]
    let found = PlacedFigures(page, em: 10).regions()
    #expect(found.map(\.lines) == [[0, 1]] && found.first?.bbox == page.images[0].bbox)
    let lines = LineEvidence(page, em: 10).applied(to: predictions(3, .text))
    #expect(lines.map(best) == [.figure, .figure, .text])
    // It is a figure as it is; its caption adds nothing.
    let caption = Region(id: 0, label: .caption, page: 0, bbox: page.lines[2].bbox, lines: [2])
    #expect(CaptionedFigures(page, em: 10).join([caption] + found).map(\.bbox) == [caption.bbox, found[0].bbox])
  }

  @Test func runningTextThatWasPlacedIsNoPicture() {
    var page = page { set in
      for row in 0..<6 { set.line("a line of running text with several words in it", x: 50, y: 100 + 12 * Double(row)) }
    }
    page.images = [PageImage(.placed, bbox: Rect(x0: 45, y0: 90, x1: 320, y1: 175))]
    #expect(PlacedFigures(page, em: 10).regions().isEmpty)
  }

  @Test func numbersOfFormulasAreNoPartOfTheirBoxes() {
    let page = page {
      $0.line("a = b", x: 200, y: 100)
      $0.line("(12)", x: 440, y: 100)
    }
    let joined = Line(words: [0, 1, 2, 3], bbox: page.lines.reduce(page.lines[0].bbox) { $0.union($1.bbox) }, text: "")
    var one = page
    one.lines = [joined]
    let box = EquationNumbers(one, em: 10).boxWithoutNumber(0)
    #expect(box.map { $0.x0 == joined.bbox.x0 && $0.x1 < 300 } == true)
    #expect(
      EquationNumbers.isNumber("(A.12b)") && !EquationNumbers.isNumber("(ABC)") && !EquationNumbers.isNumber("12"))
  }

  private func document(_ regions: [(RegionClass, String, Int)], size: (Int) -> Double = { _ in 10 }) -> Document {
    var document = Document(fileName: "test.pdf")
    for number in 0...(regions.map(\.2).max() ?? 0) {
      var page = Page(index: number, width: 612, height: 792)
      for (index, region) in regions.enumerated() where region.2 == number {
        let y = 60 + 30 * Double(page.lines.count), box = Rect(x0: 60, y0: y, x1: 400, y1: y + 10)
        page.styles.append(TextStyle(font: "Body", size: size(index)))
        page.words.append(Word(text: region.1, bbox: box, style: page.styles.count - 1))
        page.lines.append(Line(words: [page.words.count - 1], bbox: box, text: region.1))
        var own = Region(id: index, label: region.0, page: number, bbox: box, lines: [page.lines.count - 1])
        own.text = region.1
        page.regions.append(own)
      }
      document.pages.append(page)
    }
    return document
  }

  @Test func whatStandsUnderReferencesIsReferences() {
    var found = document([
      (.title, "References", 0), (.list, "A. Author. A book, 1999.", 0), (.text, "B. Writer. arXiv:1234.5678", 0),
      (.table, "[3] C. Poet, verses", 1), (.title, "Appendix", 1), (.text, "In 1999 something else was found.", 1),
    ])
    Bibliography.tidy(&found)
    #expect(found.regions.map(\.label) == [.title, .reference, .reference, .reference, .title, .text])
    // A chapter about the literature.
    var told = document([
      (.title, "Bibliography", 0), (.text, "Much was written about it.", 0), (.text, "Most of it is wrong.", 0),
    ])
    Bibliography.tidy(&told)
    #expect(told.regions.map(\.label) == [.title, .text, .text])
  }

  @Test func theTitleIsWhatIsSetLargest() {
    var notice = document(
      [(.paperTitle, "Permission is granted", 0), (.title, "The Title", 0), (.text, "Text", 0), (.title, "Part", 1)],
      size: { [10, 18, 10, 12][$0] })
    Headings.tidy(&notice, body: BodyStyle())
    #expect(notice.regions.map(\.label) == [.title, .paperTitle, .text, .title])
    var missed = document(
      [(.title, "The Title", 0), (.text, "Text", 0), (.title, "Part", 1)], size: { [18, 10, 12][$0] })
    Headings.tidy(&missed, body: BodyStyle())
    #expect(missed.regions.map(\.label) == [.paperTitle, .text, .title])
    var alike = document([(.title, "One", 0), (.title, "Two", 1)], size: { _ in 14 })
    Headings.tidy(&alike, body: BodyStyle())
    #expect(alike.regions.map(\.label) == [.title, .title])
    var usual = document([(.paperTitle, "The Title", 0), (.title, "Introduction", 0)], size: { [18, 12][$0] })
    Headings.tidy(&usual, body: BodyStyle())
    #expect(usual.regions.map(\.label) == [.paperTitle, .title])
  }

  @Test func patchesShowWhatStandsAroundALine() {
    var page = page { $0.line("words", x: 100, y: 400) }
    #expect(LinePatches(page, em: 10) == nil)
    var darkness = [UInt8](repeating: 0, count: 150 * 200)
    // A black bar across the page above the line.
    for x in 0..<150 { for y in 90..<95 { darkness[y * 150 + x] = 255 } }
    page.ink = InkGrid(cell: 4, columns: 150, rows: 200, darkness: darkness)
    var values: [Float] = []
    LinePatches(page, em: 10)?.append(page.lines[0].bbox, to: &values)
    #expect(values.count == LinePatches.count && values.allSatisfy { (0...1).contains($0) })
    // Rows of the patch around the line, from top to bottom.
    let rows = (0..<9).map { row in values[row * 8..<row * 8 + 8].reduce(0, +) }
    #expect(rows[1] > 0 && rows[4...].allSatisfy { $0 == 0 })
  }
}
