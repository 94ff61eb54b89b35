import DocumentModel

/// Groups the lines of a page to regions by what the model says of each line.
struct RegionBuilder {
  private let page: Page
  private let features: LineFeatures
  private let predictions: [LayoutModel.Prediction]
  private let em: Double
  private let gutters: GutterFinder
  /// Those between columns of the whole page.
  private let columns: GutterFinder
  /// Most probable class of each line.
  private let classes: [Int]
  private var groups: DisjointSets
  /// Lines of prose in a paragraph.
  private let isText: [Bool]

  /// Whether the document's fonts tell mathematics from text.
  private let hasMathFonts: Bool
  private let numbers: EquationNumbers

  /// - Parameter hasMathFonts: the document has some words, but not most of them, in fonts for mathematics.
  init(
    _ page: Page, _ features: LineFeatures, _ predictions: [LayoutModel.Prediction], body: BodyStyle, hasMathFonts: Bool
  ) {
    self.page = page
    self.features = features
    em = max(4, body.size)
    self.hasMathFonts = hasMathFonts
    let likely = hasMathFonts ? MathEvidence.applied(to: predictions, page) : predictions
    let predictions = LineEvidence(page, em: em).applied(to: likely)
    self.predictions = predictions
    let classes = predictions.map { one in one.classes.indices.max { one.classes[$0] < one.classes[$1] } ?? 8 }
    self.classes = classes
    let paragraphs = [RegionClass.text, .textEquation, .abstract, .list].map(\.rawValue)
    isText = zip(page.lines, classes).map { paragraphs.contains($1) && MathEvidence.isProse($0, page) }
    let prose = zip(page.lines, isText).filter(\.1).map(\.0.bbox)
    gutters = GutterFinder(page).without { gutter in
      let beside = zip(page.lines, classes).filter { $0.0.bbox.midY > gutter.y0 && $0.0.bbox.midY < gutter.y1 }
      func fills(_ label: RegionClass) -> Bool { beside.count { $0.1 == label.rawValue } * 2 > beside.count }
      // White between the columns of a table is no gutter of the page, nor is white in front of the signs that formulas are aligned at
      // where text above or below runs across.
      return fills(.table)
        || fills(.equation) && prose.contains { $0.x0 < gutter.left - 10 && $0.x1 > gutter.edge + 10 }
    }
    columns = gutters.ofColumns(pageHeight: page.height)
    groups = DisjointSets(page.lines.count)
    numbers = EquationNumbers(page, em: em)
  }

  /// Regions without ids and text, furniture among them, in no order.
  mutating func regions() -> [Region] {
    joinContinuations()
    joinRows()
    joinAreas(of: .table, reach: (x: 1.2 * em, y: 1.3 * em))
    joinAreas(of: .equation, reach: (x: 3 * em, y: 0.8 * em))
    var regions = groups.members().map { region(of: $0) }
    absorbFragments(&regions)
    numbers.attach(to: &regions) { gutters.separates($0, $1) }
    let pictures = figures(&regions)
    return regions + pictures
  }

  // MARK: - Lines to groups

  private func box(_ line: Int) -> Rect { page.lines[line].bbox }

  /// A line joins its neighbour above where the model says so and the classes do not speak against it.
  private mutating func joinContinuations() {
    for line in page.lines.indices {
      let above = features.neighbours.above[line]
      guard above >= 0, predictions[line].continues > 0.5, agree(line, above) else { continue }
      groups.join(line, above)
    }
  }

  /// Whether two lines may be of one region.
  private func agree(_ a: Int, _ b: Int) -> Bool {
    if family(classes[a]) == family(classes[b]) { return true }
    // Unsure classes give way to the bit.
    let shared = zip(predictions[a].classes, predictions[b].classes).reduce(0) { $0 + min($1.0, $1.1) }
    return shared > 0.3
  }

  /// Classes that lines of one region may have.
  private func family(_ number: Int) -> Int {
    switch RegionClass(rawValue: number) {
    case .text, .textEquation: RegionClass.text.rawValue
    default: number
    }
  }

  /// Pieces of formulas, algorithms and code side by side.
  private mutating func joinRows() {
    for line in page.lines.indices {
      let left = features.neighbours.left[line]
      guard left >= 0, classes[left] == classes[line], let label = RegionClass(rawValue: classes[line]) else {
        continue
      }
      let gap = box(line).x0 - box(left).x1
      switch label {
      case .equation:
        if gap < 0.5 * page.width, !gutters.separates(box(left), box(line)), !columns.separates(box(left), box(line)) {
          groups.join(line, left)
        }
      case .algorithm, .code, .reference, .title, .paperTitle, .caption, .footnote, .list:
        if gap < 6 * em, !gutters.separates(box(left), box(line)) { groups.join(line, left) }
      case .text, .textEquation:
        if gap < 2 * em, !gutters.separates(box(left), box(line)) { groups.join(line, left) }
      case .table: if gap < 0.35 * page.width, !gutters.separates(box(left), box(line)) { groups.join(line, left) }
      default: break
      }
    }
  }

  /// Joins groups of one class whose boxes come near each other, as the cells of a table do.
  private mutating func joinAreas(of label: RegionClass, reach: (x: Double, y: Double)) {
    var boxes = groups.members().filter { members in
      members.count { classes[$0] == label.rawValue } * 2 > members.count
    }.map { members in (line: members[0], box: union(members)) }
    let obstacles = page.lines.indices.filter {
      classes[$0] == RegionClass.caption.rawValue || classes[$0] == RegionClass.title.rawValue
        || label == .equation && isText[$0]
    }
    .map(box)
    var merged = true
    while merged, boxes.count < 1500 {
      merged = false
      var first = 0
      while first < boxes.count {
        var second = first + 1
        while second < boxes.count {
          let (a, b) = (boxes[first].box, boxes[second].box)
          let dx = max(a.x0, b.x0) - min(a.x1, b.x1), dy = max(a.y0, b.y0) - min(a.y1, b.y1)
          // Side by side, the cells of a table may be far apart.
          let isRow = label == .table && -dy > 0.3 * min(a.height, b.height)
          if dx < (isRow ? 0.3 * page.width : reach.x), dy < reach.y,
            !(dx > 0 && gutters.separates(a.x0 < b.x0 ? a : b, a.x0 < b.x0 ? b : a)),
            label == .table || !columns.separates(a.x0 < b.x0 ? a : b, a.x0 < b.x0 ? b : a),
            !obstacles.contains(where: {
              $0.intersection(a.union(b)) != nil && $0.midY > min(a.y1, b.y1) - 1 && $0.midY < max(a.y0, b.y0) + 1
            })
          {
            groups.join(boxes[first].line, boxes[second].line)
            boxes[first].box = a.union(b)
            boxes.remove(at: second)
            merged = true
          } else {
            second += 1
          }
        }
        first += 1
      }
    }
  }

  private func union(_ lines: [Int]) -> Rect { lines.dropFirst().reduce(box(lines[0])) { $0.union(box($1)) } }

  // MARK: - Groups to regions

  private func region(of members: [Int]) -> Region {
    var sums = [Double](repeating: 0, count: LayoutHeads.classes)
    for line in members {
      let weight = Double(page.lines[line].text.utf8.count + 2)
      for (index, probability) in predictions[line].classes.enumerated() { sums[index] += weight * Double(probability) }
    }
    // A paragraph with formulas is one, however few of its lines have them.
    let text = sums[RegionClass.text.rawValue], mixed = sums[RegionClass.textEquation.rawValue]
    var best = sums.indices.max { sums[$0] < sums[$1] } ?? 8
    if text + mixed > sums[best] {
      let isMixed =
        hasMathFonts
        ? members.contains { MathEvidence.hasMathematics(page.lines[$0], page) }
        : mixed > 2 * text
          || members.contains {
            predictions[$0].classes[RegionClass.textEquation.rawValue] > 0.6 && page.lines[$0].words.count > 2
          }
      best = (isMixed ? RegionClass.textEquation : .text).rawValue
    }
    let lines = members.sorted { a, b in
      let (first, second) = (box(a), box(b))
      if first.verticalOverlap(second) > 0.5 * min(first.height, second.height) { return first.x0 < second.x0 }
      return first.midY < second.midY
    }
    // Entries of a table of contents are set like headings now and then.
    if lines.contains(where: { Leaders.leads(page.lines[$0].text) }),
      best == RegionClass.title.rawValue || best == RegionClass.text.rawValue
    {
      best = RegionClass.list.rawValue
    }
    // The number behind a formula is not part of its box.
    let measured = best == RegionClass.equation.rawValue ? lines.compactMap(numbers.boxWithoutNumber) : lines.map(box)
    var region = Region(
      id: 0, label: RegionClass(rawValue: best) ?? .others, page: page.index,
      bbox: measured.isEmpty ? union(members) : measured.dropFirst().reduce(measured[0]) { $0.union($1) }, lines: lines)
    region.isFurniture = best == LayoutHeads.furniture
    return region
  }

  /// Small pieces inside of a larger region, such as exponents, become part of it.
  private func absorbFragments(_ regions: inout [Region]) {
    guard regions.count < 1500 else { return }
    for index in regions.indices.sorted(by: { regions[$0].bbox.area < regions[$1].bbox.area }) {
      let small = regions[index]
      guard !small.lines.isEmpty, !small.isFurniture, small.label != .table else { continue }
      let isProse = small.lines.contains { isText[$0] }
      let host = regions.indices.first { other in
        let large = regions[other]
        guard other != index, !large.lines.isEmpty, !large.isFurniture, large.bbox.area > 1.5 * small.bbox.area,
          let shared = small.bbox.intersection(large.bbox)?.area
        else { return false }
        let needed =
          large.label == small.label || large.label == .equation && !isProse ? 0.4 : small.lines.count <= 2 ? 0.6 : 0.85
        return shared > needed * small.bbox.area && (large.label != .table || small.label != .caption)
      }
      guard let host else { continue }
      let lines = regions[host].lines + small.lines
      let label = regions[host].label
      regions[host] = region(of: lines)
      if !regions[host].isFurniture { regions[host].label = label }
      regions[index].lines = []
    }
    regions.removeAll { $0.lines.isEmpty }
  }

  /// Pictures with the letters in them: images and lines that the model takes for labels of a drawing.
  private func figures(_ regions: inout [Region]) -> [Region] {
    let placed = PlacedFigures(page, em: em).regions()
    let inside = Set(placed.flatMap(\.lines))
    var parts: [Region] = []
    for region in regions where region.label == .figure && !region.isFurniture {
      let loose = region.lines.filter { !inside.contains($0) }
      if !loose.isEmpty {
        parts.append(Region(id: 0, label: .figure, page: page.index, bbox: union(loose), lines: loose))
      }
    }
    regions.removeAll { $0.label == .figure && !$0.isFurniture }
    parts += FigureFinder.figures(on: page, around: regions + placed)
    let others = regions.filter { !$0.isFurniture } + placed
    var merged = true
    while merged, parts.count < 800 {
      merged = false
      outer: for first in parts.indices {
        for second in parts.indices where second > first {
          let (a, b) = (parts[first].bbox, parts[second].bbox)
          let dx = max(a.x0, b.x0) - min(a.x1, b.x1), dy = max(a.y0, b.y0) - min(a.y1, b.y1)
          guard dx < 3 * em, dy < 3 * em else { continue }
          let joint = a.union(b)
          if others.contains(where: { ($0.bbox.intersection(joint)?.area ?? 0) > 0.3 * $0.bbox.area }) { continue }
          parts[first].bbox = joint
          parts[first].lines += parts[second].lines
          parts.remove(at: second)
          merged = true
          break outer
        }
      }
    }
    return placed + parts
  }
}

/// Which lines belong together (union by root, halving paths).
struct DisjointSets {
  private var parent: [Int]

  init(_ count: Int) { parent = Array(0..<count) }

  mutating func root(_ index: Int) -> Int {
    var index = index
    while parent[index] != index {
      parent[index] = parent[parent[index]]
      index = parent[index]
    }
    return index
  }

  mutating func join(_ a: Int, _ b: Int) {
    let (first, second) = (root(a), root(b))
    parent[max(first, second)] = min(first, second)
  }

  /// The sets, each ascending.
  func members() -> [[Int]] {
    var copy = self
    var sets: [Int: [Int]] = [:]
    for index in parent.indices { sets[copy.root(index), default: []].append(index) }
    return sets.keys.sorted().map { sets[$0]! }
  }
}
