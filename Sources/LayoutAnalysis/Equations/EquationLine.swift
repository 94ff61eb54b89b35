import DocumentModel

/// One line of a formula, or a part of one: fractions and roots first, then limits, matrices and scripts.
struct EquationLine {
  private(set) var latex = ""

  init(_ atoms: [EquationAtom], _ bars: [Rect], depth: Int = 0) {
    guard !atoms.isEmpty, depth < 12 else { return }
    var atoms = atoms
    Self.joinBars(&atoms, bars, depth)
    Self.joinRoots(&atoms)
    Self.joinNames(&atoms)
    Self.joinDots(&atoms)
    Self.joinMatrices(&atoms, bars, depth)
    Self.joinLimits(&atoms, bars, depth)
    latex = Self.line(atoms, bars, depth)
  }

  // MARK: - Fractions and roots

  /// The longest bar is the outermost.
  private static func joinBars(_ atoms: inout [EquationAtom], _ bars: [Rect], _ depth: Int) {
    let bounds = atoms.bounds
    let own = bars.filter {
      $0.midX > bounds.x0 && $0.midX < bounds.x1 && $0.midY > bounds.y0 - 2 && $0.midY < bounds.y1 + 2
    }
    for bar in own.sorted(by: { $0.width > $1.width }) {
      let inner = own.filter { $0.width < bar.width || $0 != bar && $0.midY != bar.midY }
      func isUnder(_ atom: EquationAtom) -> Bool { atom.box.midX > bar.x0 - 1 && atom.box.midX < bar.x1 + 1 }
      if let root = atoms.firstIndex(where: {
        $0.kind == .radical && abs($0.box.x1 - bar.x0) < 2.5 && $0.box.y0 < bar.midY + 3 && $0.box.y1 > bar.midY
      }) {
        let bottom = atoms[root].box.y1 + 0.3 * atoms[root].size
        let body = atoms.indices.filter {
          $0 != root && isUnder(atoms[$0]) && atoms[$0].box.midY > bar.midY && atoms[$0].box.midY < bottom
        }
        guard !body.isEmpty else { continue }
        let inside = body.map { atoms[$0] }
        // A small number in the crook of the root.
        let index = atoms.indices.filter {
          $0 != root && atoms[$0].size < 0.6 * atoms[root].size && atoms[$0].box.x1 < bar.x0 + 1
            && atoms[$0].box.x0 > atoms[root].box.x0 - 4 && atoms[$0].box.midY < atoms[root].box.midY + 2
            && atoms[$0].box.midY > bar.midY - 4
        }
        let degree = index.isEmpty ? "" : "[\(EquationLine(index.map { atoms[$0] }, [], depth: depth + 1).latex)]"
        let base = mainBaseline(inside)
        let atom = EquationAtom(
          latex: "\\sqrt\(degree){\(EquationLine(inside, inner, depth: depth + 1).latex)}",
          box: atoms[root].box.union(bar).union(inside.bounds), baseline: base.baseline, size: base.size)
        remove(body + [root] + index, from: &atoms, adding: atom)
        continue
      }
      let above = atoms.indices.filter { isUnder(atoms[$0]) && atoms[$0].box.midY < bar.midY }
      let below = atoms.indices.filter { isUnder(atoms[$0]) && atoms[$0].box.midY > bar.midY }
      guard !below.isEmpty else { continue }
      if above.isEmpty {
        // A line over a formula.
        let inside = below.map { atoms[$0] }
        guard bar.midY > inside.bounds.y0 - 4, inside.bounds.y0 > bar.midY + 0.4 else { continue }
        // A stroke of a letter: it ends before what stands below it does, or lies over one letter whose height is not known.
        guard bar.x0 < inside.bounds.x0 + 1.5, bar.x1 > inside.bounds.x1 - 1.5,
          inside.count > 1 || EquationFonts.isTeX(inside[0].font) && !inside[0].latex.hasPrefix("\\mathbb")
        else { continue }
        let base = mainBaseline(inside)
        let atom = EquationAtom(
          latex: "\\overline{\(EquationLine(inside, inner, depth: depth + 1).latex)}", box: inside.bounds.union(bar),
          baseline: base.baseline, size: base.size)
        remove(below, from: &atoms, adding: atom)
        continue
      }
      let numerator = above.map { atoms[$0] }, denominator = below.map { atoms[$0] }
      guard bar.midY - numerator.bounds.y1 < 8, denominator.bounds.y0 - bar.midY < 8 else { continue }
      let size = max(mainBaseline(numerator).size, mainBaseline(denominator).size)
      let top = EquationLine(numerator, inner, depth: depth + 1).latex
      let bottom = EquationLine(denominator, inner, depth: depth + 1).latex
      let atom = EquationAtom(
        latex: "\\frac{\(top)}{\(bottom)}", box: numerator.bounds.union(denominator.bounds).union(bar),
        baseline: bar.midY + 0.25 * size, size: size)
      remove(above + below, from: &atoms, adding: atom)
    }
  }

  private static func remove(_ indices: [Int], from atoms: inout [EquationAtom], adding atom: EquationAtom) {
    let gone = Set(indices)
    atoms = atoms.indices.filter { !gone.contains($0) }.map { atoms[$0] } + [atom]
  }

  /// Roots whose bar was not seen cover the next piece.
  private static func joinRoots(_ atoms: inout [EquationAtom]) {
    while let root = atoms.firstIndex(where: { $0.kind == .radical }) {
      let right = atoms[root].box.x1
      let next = atoms.indices.filter { $0 != root && atoms[$0].box.midX > right - 1 && atoms[$0].kind != .radical }
        .min { atoms[$0].box.x0 < atoms[$1].box.x0 }
      guard let next else {
        atoms[root].kind = .ordinary
        continue
      }
      let degree = atoms.indices.filter {
        $0 != root && atoms[$0].size < 0.6 * atoms[root].size && atoms[$0].box.midX < right
          && atoms[$0].box.midX > atoms[root].box.x0 - 3 && abs(atoms[$0].box.midY - atoms[root].box.midY) < 8
      }
      let index = degree.map { atoms[$0].latex }.joined()
      let atom = EquationAtom(
        latex: "\\sqrt\(index.isEmpty ? "" : "[\(index)]"){\(atoms[next].latex)}",
        box: atoms[root].box.union(atoms[next].box), baseline: atoms[next].baseline, size: atoms[next].size)
      remove([root, next] + degree, from: &atoms, adding: atom)
    }
  }

  // MARK: - Names

  /// Upright letters side by side are a name.
  private static func joinNames(_ atoms: inout [EquationAtom]) {
    let order = atoms.indices.sorted { atoms[$0].box.x0 < atoms[$1].box.x0 }
    var result: [EquationAtom] = []
    var used = Set<Int>()
    for (place, index) in order.enumerated() where !used.contains(index) {
      guard isUpright(atoms[index]) else {
        result.append(atoms[index])
        continue
      }
      var name = atoms[index]
      var text = name.latex
      for next in order[(place + 1)...] where !used.contains(next) {
        guard isUpright(atoms[next]), atoms[next].font == name.font, abs(atoms[next].baseline - name.baseline) < 1,
          atoms[next].box.x0 - name.box.x1 < 0.12 * name.size, atoms[next].box.x0 > name.box.midX
        else { continue }
        text += atoms[next].latex
        name.box = name.box.union(atoms[next].box)
        used.insert(next)
      }
      if EquationSigns.functions.contains(text) {
        name.latex = "\\" + text
        name.kind = .function
      } else if name.font.hasPrefix("CMBX") || name.font.hasPrefix("CMMIB") {
        name.latex = "\\mathbf{\(text)}"
      } else {
        name.latex = "\\mathrm{\(text)}"
      }
      result.append(name)
    }
    atoms = result
  }

  private static func isUpright(_ atom: EquationAtom) -> Bool {
    guard atom.kind == .ordinary, atom.latex.count == 1, atom.latex.first?.isLetter == true else { return false }
    return atom.isUpright || atom.font.hasPrefix("CMTI")
  }

  /// A dot over an equals sign.
  private static func joinDots(_ atoms: inout [EquationAtom]) {
    while let sign = atoms.firstIndex(where: { $0.latex == "=" }),
      let dot = atoms.firstIndex(where: {
        $0.latex == "." && abs($0.box.midX - atoms[sign].box.midX) < 1.5 && $0.baseline < atoms[sign].baseline - 2
      })
    {
      atoms[sign].latex = "\\doteq"
      atoms.remove(at: dot)
    }
  }

  // MARK: - Matrices

  private static func joinMatrices(_ atoms: inout [EquationAtom], _ bars: [Rect], _ depth: Int) {
    for _ in 0..<20 {
      guard
        let open = atoms.indices.filter({ atoms[$0].kind == .open && atoms[$0].box.height > 1.7 * atoms[$0].size })
          .max(by: { atoms[$0].box.x0 < atoms[$1].box.x0 })
      else { return }
      let close = atoms.indices.filter {
        atoms[$0].kind == .close && atoms[$0].box.x0 > atoms[open].box.x0
          && abs(atoms[$0].box.midY - atoms[open].box.midY) < 3
      }.min { atoms[$0].box.x0 < atoms[$1].box.x0 }
      let right = close.map { atoms[$0].box.x0 } ?? .infinity
      let span = atoms[open].box
      let inside = atoms.indices.filter {
        $0 != open && $0 != close && atoms[$0].box.midX > span.x1 - 1 && atoms[$0].box.midX < right + 1
          && atoms[$0].box.midY > span.y0 - 4 && atoms[$0].box.midY < span.y1 + 4
      }
      // Each pair is looked at once.
      atoms[open].kind = .ordinary
      let isCases = close == nil && atoms[open].latex == "\\{"
      guard close != nil || isCases else { continue }
      if let close { atoms[close].kind = .ordinary }
      let body = inside.map { atoms[$0] }
      let rows = matrixRows(body)
      guard rows.count > 1 else { continue }
      let cells = rows.map { row in columns(of: row).map { EquationLine($0, bars, depth: depth + 1).latex } }
      let fences = ["(": "pmatrix", "[": "bmatrix", "\\{": isCases ? "cases" : "Bmatrix"]
      guard let name = fences[atoms[open].latex], isCases || rows.count <= 12 else { continue }
      let content = cells.map { $0.joined(separator: " & ") }.joined(separator: " \\\\ ")
      let all = inside + [open] + (close.map { [$0] } ?? [])
      let size = atoms[open].size
      let atom = EquationAtom(
        latex: "\\begin{\(name)} \(content) \\end{\(name)}", box: all.map { atoms[$0] }.bounds,
        baseline: span.midY + 0.25 * size, size: size)
      remove(all, from: &atoms, adding: atom)
    }
  }

  /// Rows by the baselines of full type; none when fewer than two, or a fraction makes the height.
  private static func matrixRows(_ atoms: [EquationAtom]) -> [[EquationAtom]] {
    guard let size = atoms.map(\.size).max() else { return [] }
    var lines: [Double] = []
    for atom in atoms.filter({ $0.size > 0.9 * size }).sorted(by: { $0.baseline < $1.baseline })
    where lines.last.map({ atom.baseline - $0 > 0.9 * size }) ?? true {
      lines.append(atom.baseline)
    }
    guard lines.count > 1 else { return [] }
    var rows = [[EquationAtom]](repeating: [], count: lines.count)
    for atom in atoms {
      let nearest = lines.indices.min { abs(lines[$0] - atom.baseline) < abs(lines[$1] - atom.baseline) }!
      rows[nearest].append(atom)
    }
    return rows
  }

  private static func columns(of row: [EquationAtom]) -> [[EquationAtom]] {
    var result: [[EquationAtom]] = []
    var end = -Double.infinity
    for atom in row.sorted(by: { $0.box.x0 < $1.box.x0 }) {
      if result.isEmpty || atom.box.x0 - end > 0.85 * atom.size {
        result.append([atom])
      } else {
        result[result.count - 1].append(atom)
      }
      end = max(end, atom.box.x1)
    }
    return result
  }

  // MARK: - Limits

  /// Small type right above and below a large operator or a name such as "lim".
  private static func joinLimits(_ atoms: inout [EquationAtom], _ bars: [Rect], _ depth: Int) {
    var done = 0
    while let index = atoms.firstIndex(where: {
      $0.kind == .largeOperator
        || ($0.kind == .function && EquationSigns.withLimits.contains(String($0.latex.dropFirst())))
    }), done < 50 {
      done += 1
      let sign = atoms[index]
      let below = chain(atoms, index, sign, isAbove: false),
        above = sign.kind == .largeOperator ? chain(atoms, index, sign, isAbove: true) : []
      var latex = sign.latex
      if !below.isEmpty { latex += "_{\(EquationLine(below.map { atoms[$0] }, bars, depth: depth + 1).latex)}" }
      if !above.isEmpty { latex += "^{\(EquationLine(above.map { atoms[$0] }, bars, depth: depth + 1).latex)}" }
      let atom = EquationAtom(latex: latex, box: sign.box, baseline: sign.baseline, size: sign.size)
      remove(below + above + [index], from: &atoms, adding: atom)
    }
  }

  /// Small atoms in the band above or below a sign whose row passes its middle.
  private static func chain(_ atoms: [EquationAtom], _ index: Int, _ sign: EquationAtom, isAbove: Bool) -> [Int] {
    let band = atoms.indices.filter { other in
      let atom = atoms[other]
      guard other != index, atom.size < 0.85 * sign.size else { return false }
      return isAbove
        ? atom.box.midY < sign.box.y0 + 0.1 * sign.size && atom.box.y1 > sign.box.y0 - 1.1 * sign.size
        : atom.box.midY > sign.box.y1 - 0.05 * sign.size && atom.box.y0 < sign.box.y1 + 0.9 * sign.size
    }.sorted { atoms[$0].box.x0 < atoms[$1].box.x0 }
    var runs: [[Int]] = []
    var end = -Double.infinity
    for other in band {
      if atoms[other].box.x0 - end < 0.45 * sign.size, !runs.isEmpty {
        runs[runs.count - 1].append(other)
      } else {
        runs.append([other])
      }
      end = max(end, atoms[other].box.x1)
    }
    return runs.first { run in
      let box = run.map { atoms[$0] }.bounds
      return abs(box.midX - sign.box.midX) < max(2.5, 0.25 * box.width) && box.x0 < sign.box.midX
        && box.x1 > sign.box.midX
    } ?? []
  }

  // MARK: - Scripts

  static func mainBaseline(_ atoms: [EquationAtom]) -> (baseline: Double, size: Double) {
    let size = atoms.map(\.size).max() ?? 10
    let lines = atoms.filter { $0.size > 0.9 * size }.map(\.baseline).sorted()
    return (lines.isEmpty ? atoms.bounds.y1 : lines[lines.count / 2], size)
  }

  private static func line(_ atoms: [EquationAtom], _ bars: [Rect], _ depth: Int) -> String {
    let (baseline, size) = mainBaseline(atoms)
    var result = EquationText()
    var above: [EquationAtom] = [], below: [EquationAtom] = []
    var line = baseline
    func close() {
      if !below.isEmpty { result.script("_", EquationLine(below, bars, depth: depth + 1).latex) }
      if !above.isEmpty {
        let content = EquationLine(above, bars, depth: depth + 1).latex
        if content.allSatisfy({ $0 == "'" }), !content.isEmpty {
          result.append(content)
        } else {
          result.script("^", content)
        }
      }
      (above, below) = ([], [])
    }
    for atom in atoms.sorted(by: { $0.box.x0 < $1.box.x0 }) {
      let offset = line - atom.baseline
      if atom.size < 0.88 * size, !result.isEmpty, offset > 0.12 * size {
        above.append(atom)
      } else if atom.size < 0.88 * size, !result.isEmpty, offset < -0.06 * size {
        below.append(atom)
      } else {
        close()
        result.append(atom.latex)
        // Scripts of a tall piece stand off its own axis.
        line = atom.kind == .ordinary || atom.kind == .function ? baseline : atom.baseline
      }
    }
    close()
    return result.text
  }
}

/// Joins LaTeX so that commands end where they should.
struct EquationText {
  private(set) var text = ""
  var isEmpty: Bool { text.isEmpty }

  mutating func append(_ latex: String) {
    if let first = latex.first, first.isLetter, endsInCommand { text += " " }
    text += latex
  }

  mutating func script(_ mark: String, _ content: String) {
    guard !content.isEmpty else { return }
    text += content.count == 1 ? mark + content : "\(mark){\(content)}"
  }

  private var endsInCommand: Bool {
    let letters = text.reversed().prefix { $0.isLetter }
    guard !letters.isEmpty, letters.count < text.count else { return false }
    return text[text.index(text.endIndex, offsetBy: -letters.count - 1)] == "\\"
  }
}
