import DocumentModel

/// LaTeX of displayed formulas that TeX has set, from the fonts and the places of their glyphs.
///
/// Bars divide and cover, large signs hang from their axis, smaller type above and below a line is a script: the rules by
/// which TeX sets formulas (Knuth, "The TeXbook", appendix G) read backwards.
package enum EquationReader {
  private static let maxGlyphs = 2000

  /// Fills the `latex` of the equations of an upright page; the page's glyphs are not needed after that.
  static func read(_ page: inout Page) {
    guard !page.glyphs.isEmpty else { return }
    defer { (page.glyphs, page.bars) = ([], []) }
    for index in page.regions.indices where page.regions[index].label == .equation {
      page.regions[index].latex = latex(in: page.regions[index].bbox, on: page)
    }
  }

  /// - Returns: nil when the box holds no formula of TeX's fonts.
  package static func latex(in box: Rect, on page: Page) -> String? {
    let reach = Rect(x0: box.x0 - 2, y0: box.y0 - 2, x1: box.x1 + 2, y1: box.y1 + 2)
    var glyphs = page.glyphs.filter { reach.contains(x: $0.bbox.midX, y: $0.bbox.midY) }
    guard glyphs.count > 1, glyphs.count < maxGlyphs else { return nil }
    guard glyphs.contains(where: { EquationFonts.isMathematics(page.styles[$0.style]) }) else { return nil }
    glyphs = withoutNumber(glyphs)
    var atoms: [EquationAtom] = []
    for glyph in glyphs {
      // An accent and the letter that it stands on, as poppler joins them.
      if let name = EquationSigns.accents[glyph.scalar], let last = atoms.last,
        isCombining(glyph.scalar)
          || last.box.horizontalOverlap(glyph.bbox) > 0.4 * min(last.box.width, glyph.bbox.width),
        glyph.scalar.value > 0x7F || !EquationFonts.isTeX(page.styles[glyph.style].font)
      {
        atoms[atoms.count - 1].latex = "\(name){\(last.latex)}"
        atoms[atoms.count - 1].kind = .composed
        continue
      }
      if let atom = EquationAtom(glyph, page.styles[glyph.style]) { atoms.append(atom) }
    }
    var bars = page.bars.filter { reach.contains(x: $0.midX, y: $0.midY) }
    for ruling in page.rulings where ruling.isHorizontal && reach.contains(x: ruling.bbox.midX, y: ruling.bbox.midY) {
      if !bars.contains(where: { abs($0.midY - ruling.bbox.midY) < 1.5 && $0.horizontalOverlap(ruling.bbox) > 1 }) {
        bars.append(ruling.bbox)
      }
    }
    // Strokes inside large signs are no bars.
    bars.removeAll { bar in
      atoms.contains {
        $0.kind != .ordinary && $0.box.x0 - 0.5 < bar.x0 && $0.box.x1 + 0.5 > bar.x1
          && $0.box.y0 - 1 < bar.midY && $0.box.y1 + 1 > bar.midY
      }
    }
    addLostParentheses(&atoms)
    // Lines of running text that a layout took for a part of the formula are not read as one.
    let all = lines(atoms, bars)
    let formulas = all.filter { row in
      row.contains(where: \.isOfMathematics) || row.filter { $0.latex.first?.isLetter == true }.count < 8
    }
    let rows = formulas.isEmpty ? all : formulas
    let texts = rows.map { EquationLine($0, bars).latex }.filter { !$0.isEmpty }
    guard !texts.isEmpty else { return nil }
    return texts.count == 1
      ? texts[0] : "\\begin{aligned}\n" + texts.joined(separator: " \\\\\n") + "\n\\end{aligned}"
  }

  private static func isCombining(_ scalar: Unicode.Scalar) -> Bool {
    (0x300...0x36F).contains(scalar.value) || scalar.value == 0x20D7
  }

  /// The largest left parenthesis has the code of the space, and is lost as one: it stands behind the relation before.
  private static func addLostParentheses(_ atoms: inout [EquationAtom]) {
    let relations: Set<String> = [
      "=", "\\leq", "\\geq", "<", ">", "\\approx", "\\in", "\\to", "\\equiv", "\\sim", "\\propto", "\\neq",
    ]
    for close in atoms where close.kind == .close && close.latex == ")" && close.box.height > 2.9 * close.size {
      let row = atoms.filter {
        $0.box.midY > close.box.y0 && $0.box.midY < close.box.y1 && $0.box.x1 <= close.box.x0 + 1
      }
      guard !row.contains(where: { $0.kind == .open && $0.latex == "(" && abs($0.box.height - close.box.height) < 2 })
      else {
        continue
      }
      let relation = row.filter { relations.contains($0.latex) }.max { $0.box.x1 < $1.box.x1 }
      let start = relation?.box.x1 ?? (row.map(\.box.x0).min() ?? close.box.x0) - 2
      var open = close
      open.latex = "("
      open.kind = .open
      open.box.x0 = start + 0.2
      open.box.x1 = start + 0.8
      atoms.append(open)
    }
  }

  /// Without "(12)" at the margin.
  private static func withoutNumber(_ glyphs: [Glyph]) -> [Glyph] {
    let right = glyphs.map(\.bbox.x1).max() ?? 0
    guard let end = glyphs.lastIndex(where: { $0.bbox.x1 > right - 0.6 && $0.scalar == ")" }) else {
      return glyphs
    }
    let line = glyphs.indices.filter {
      glyphs[$0].bbox.verticalOverlap(glyphs[end].bbox) > 0.5 * glyphs[end].bbox.height
    }
    .sorted { glyphs[$0].bbox.x0 < glyphs[$1].bbox.x0 }
    guard let start = line.last(where: { glyphs[$0].scalar == "(" }), let place = line.firstIndex(of: start) else {
      return glyphs
    }
    let number = line[place...]
    guard number.count <= 10,
      place == 0 || glyphs[start].bbox.x0 - glyphs[line[place - 1]].bbox.x1 > glyphs[start].bbox.height
    else { return glyphs }
    // A formula of its own beside other formulas has more than digits in it.
    guard
      number.dropFirst().dropLast().allSatisfy({ index in
        let scalar = glyphs[index].scalar
        return scalar.properties.numericType != nil || scalar == "." || ("A"..."z").contains(scalar)
      })
    else { return glyphs }
    let gone = Set(number)
    let rest = glyphs.indices.filter { !gone.contains($0) }.map { glyphs[$0] }
    return rest.isEmpty ? glyphs : rest
  }

  /// Lines of a formula: empty bands with full type on both sides and no bar in them.
  private static func lines(_ atoms: [EquationAtom], _ bars: [Rect]) -> [[EquationAtom]] {
    let largest = atoms.map(\.size).max() ?? 0
    let order = atoms.sorted { $0.box.y0 < $1.box.y0 }
    var result: [[EquationAtom]] = []
    var bottom = -Double.infinity
    for atom in order {
      let isBand = atom.box.y0 > bottom + 0.4
      if isBand, let above = result.last,
        above.contains(where: { $0.size > 0.9 * largest }),
        order.contains(where: { $0.box.y0 >= atom.box.y0 && $0.size > 0.9 * largest }),
        !bars.contains(where: { $0.midY > bottom - 1.5 && $0.midY < atom.box.y0 + 1.5 })
      {
        result.append([atom])
      } else if result.isEmpty {
        result.append([atom])
      } else {
        result[result.count - 1].append(atom)
      }
      bottom = max(bottom, atom.box.y1)
    }
    // What holds small type only is a limit of the line before or after it.
    var joined: [[EquationAtom]] = []
    for row in result {
      if !row.contains(where: { $0.size > 0.9 * largest }), !joined.isEmpty {
        joined[joined.count - 1] += row
      } else {
        joined.append(row)
      }
    }
    return joined
  }
}
