import DocumentModel

/// A piece of a formula that is understood: a glyph, or what was made of several.
struct EquationAtom {
  enum Kind { case ordinary, largeOperator, integral, open, close, radical, accent, function, composed }
  var latex: String
  /// What it really covers, also for signs that hang below their box.
  var box: Rect
  var baseline: Double
  /// Size of its type, in points.
  var size: Double
  var kind: Kind
  var font = ""
  /// A letter of a font for running text, not slanted.
  var isUpright = false
  /// Of a font for mathematics.
  var isOfMathematics = false

  /// - Parameter style: the glyph's.
  init?(_ glyph: Glyph, _ style: TextStyle) {
    // Selectors of variants paint nothing.
    guard !glyph.scalar.properties.isVariationSelector else { return nil }
    size = max(1, style.size)
    font = style.font
    isOfMathematics = EquationFonts.isMathematics(style)
    isUpright = !isOfMathematics && !style.italic && glyph.scalar.properties.isAlphabetic && glyph.scalar.isASCII
    box = glyph.bbox
    if EquationFonts.isLargeSigns(style.font) {
      guard let large = EquationSigns.large(glyph.scalar.value) else { return nil }
      latex = large.latex
      kind = large.kind
      box.y1 = box.y0 + large.depth * size
      // The formula's axis runs through the middle of such a sign.
      baseline = (box.y0 + box.y1) / 2 + 0.25 * size
      return
    }
    baseline = box.y1 - 0.194 * size
    kind = .ordinary
    latex = EquationSigns.latex(glyph.scalar, font: style.font)
    if latex == "\\sqrt" { kind = .radical }
    if let large = EquationSigns.operators[glyph.scalar] { (latex, kind) = (large, .largeOperator) }
    if latex == "\\int" || latex == "\\oint" { kind = .integral }
  }

  init(latex: String, box: Rect, baseline: Double, size: Double, kind: Kind = .composed) {
    self.latex = latex
    self.box = box
    self.baseline = baseline
    self.size = size
    self.kind = kind
  }
}

extension [EquationAtom] {
  var bounds: Rect {
    guard let first else { return Rect(x0: 0, y0: 0, x1: 0, y1: 0) }
    return dropFirst().reduce(first.box) { $0.union($1.box) }
  }
}
