import DocumentModel
import LayoutAnalysis
import Testing

/// Glyphs of formulas as pdfTeX places them, in the fonts of TeX.
private struct Formula {
  var page = Page(index: 0, width: 600, height: 800)
  private static let fonts: [(name: String, size: Double)] = [
    ("CMMI10", 9.96), ("CMR10", 9.96), ("CMSY10", 9.96), ("CMEX10", 9.96), ("CMMI7", 6.97), ("CMR7", 6.97),
    ("CMSY7", 6.97),
  ]

  init() { page.styles = Self.fonts.map { TextStyle(font: $0.name, size: $0.size, math: true) } }

  /// - Parameter y: upper edge of the glyph's box.
  mutating func put(_ scalar: Unicode.Scalar, _ font: Int, _ x: Double, _ y: Double, width: Double = 5) {
    let size = page.styles[font].size
    let height = Self.fonts[font].name == "CMEX10" ? 6.4 : 0.888 * size
    page.glyphs.append(
      Glyph(scalar: scalar, bbox: Rect(x0: x, y0: y, x1: x + width, y1: y + height), style: font))
  }

  var latex: String? { EquationReader.latex(in: Rect(x0: 0, y0: 0, x1: 600, y1: 800), on: page) }
}

@Suite struct EquationTests {
  @Test func fractionsHaveABarAndScriptsAreSmall() {
    // \frac{a+b}{c_1^2} = x_i
    var formula = Formula()
    formula.put("a", 0, 246.5, 138.6)
    formula.put("+", 1, 253.5, 138.6, width: 7)
    formula.put("b", 0, 263, 138.6)
    formula.page.bars = [Rect(x0: 246.4, y0: 149.6, x1: 268.8, y1: 150.4)]
    formula.put("c", 0, 253, 152.1, width: 4)
    formula.put("2", 5, 257.3, 150.8, width: 4)
    formula.put("1", 5, 257.3, 156.9, width: 4)
    formula.put("=", 1, 272.2, 145.3, width: 7.7)
    formula.put("x", 0, 283, 145.3, width: 5.7)
    formula.put("i", 4, 288.7, 149.8, width: 3)
    #expect(formula.latex == "\\frac{a+b}{c_1^2}=x_i")
  }

  @Test func largeOperatorsHaveLimitsAndHangFromTheAxis() {
    // \sum_{i=1}^{n} x^2
    var formula = Formula()
    formula.put("n", 4, 287.4, 134.9)
    formula.put("X", 3, 282.7, 142.3, width: 14.4)
    formula.put("i", 4, 283.4, 159.1, width: 3)
    formula.put("=", 5, 286.4, 159.1, width: 6)
    formula.put("1", 5, 292.4, 159.1, width: 4)
    formula.put("x", 0, 298.7, 145.3, width: 5.7)
    formula.put("2", 5, 304.4, 143.3, width: 4)
    #expect(formula.latex == "\\sum_{i=1}^{n}x^2")
  }

  @Test func rootsCoverWhatIsUnderTheirBar() {
    // \sqrt{x+y} \leq 2
    var formula = Formula()
    formula.put("p", 3, 193.5, 179.7, width: 9.9)
    formula.page.bars = [Rect(x0: 203.2, y0: 179.2, x1: 236, y1: 180)]
    formula.put("x", 0, 203.4, 182.5, width: 5.7)
    formula.put("+", 1, 215.8, 182.5, width: 7.7)
    formula.put("y", 0, 226, 182.5)
    formula.put("≤", 2, 240, 182.5, width: 7.7)
    formula.put("2", 1, 250, 182.5)
    #expect(formula.latex == "\\sqrt{x+y}\\leq2")
  }

  @Test func numbersOfEquationsAreLeftOut() {
    var formula = Formula()
    for (x, sign) in zip([200.0, 210, 222], ["a", "=", "b"] as [Unicode.Scalar]) {
      formula.put(sign, sign == "=" ? 1 : 0, x, 100, width: 7)
    }
    for (x, sign) in zip([464.8, 468, 473], ["(", "3", ")"] as [Unicode.Scalar]) {
      formula.put(sign, 1, x, 100, width: 4)
    }
    #expect(formula.latex == "a=b")
  }
}
