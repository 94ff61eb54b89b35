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
}
