import DocumentModel

/// Layout by geometry and style, without a learned model: lines, tables, paragraphs, reading order, classes, relations.
///
/// It is the baseline and the fall-back of the learned layout model.
public struct RuleBasedLayout: Sendable {
  /// Pages with more words than this are read in paint order, one region, so that no page takes forever.
  private let maxWordsPerPage = 40_000

  public init() {}

  /// Fills lines and regions of every page and the document's relations.
  public func analyze(_ document: inout Document) {
    let turns = document.pages.map(\.quarterTurnsToUpright)
    for index in document.pages.indices { document.pages[index] = document.pages[index].turned(by: turns[index]) }
    analyzeUpright(&document)
    for index in document.pages.indices { EquationReader.read(&document.pages[index]) }
    for index in document.pages.indices { document.pages[index] = document.pages[index].turned(by: -turns[index]) }
  }

  func analyzeUpright(_ document: inout Document) {
    for index in document.pages.indices {
      document.pages[index].lines = LineBuilder.lines(of: document.pages[index])
    }
    let body = BodyStyle(of: document)
    let furniture = FurnitureFinder(document)
    var nextID = 0
    for index in document.pages.indices {
      let page = document.pages[index]
      var regions: [Region]
      if page.words.count > maxWordsPerPage {
        regions = [Self.wholePage(page)]
        document.warnings.append("page \(index + 1) has \(page.words.count) words: its layout was not analysed")
      } else {
        regions = regionsInOrder(of: page, body: body, furniture: furniture)
      }
      for position in regions.indices {
        regions[position].id = nextID
        nextID += 1
      }
      document.pages[index].regions = regions
    }
    Classifier(body: body).label(&document)
    ParagraphJoiner.join(&document)
    document.relations = RelationFinder.relations(of: document)
  }

  private func regionsInOrder(of page: Page, body: BodyStyle, furniture: FurnitureFinder) -> [Region] {
    let edge = furniture.lines(of: page)
    var flow = page.lines.indices.filter { !edge.contains($0) }
    let tables = TableFinder.tables(on: page, among: flow)
    let inTables = Set(tables.flatMap(\.lines))
    flow.removeAll { inTables.contains($0) }
    var regions = BlockBuilder.blocks(of: page, lines: flow, body: body)
    regions += tables.map { found in
      var region = Region(id: 0, label: .table, page: page.index, bbox: found.bbox, lines: found.lines)
      region.table = found.table
      return region
    }
    regions += FigureFinder.figures(on: page, around: regions)
    regions = ReadingOrder.sorted(regions)
    regions += edge.sorted().map { index in
      var region = Region(id: 0, label: .others, page: page.index, bbox: page.lines[index].bbox, lines: [index])
      region.isFurniture = true
      return region
    }
    for position in regions.indices {
      regions[position].text = TextJoiner.text(of: regions[position], on: page)
    }
    return regions
  }

  private static func wholePage(_ page: Page) -> Region {
    var region = Region(
      id: 0, label: .text, page: page.index, bbox: Rect(x0: 0, y0: 0, x1: page.width, y1: page.height),
      lines: Array(page.lines.indices))
    region.text = page.lines.map(\.text).joined(separator: "\n")
    return region
  }
}

/// The type that most of the document is set in.
package struct BodyStyle {
  var size = 10.0
  var isBold = false

  package init() {}

  init(of document: Document) {
    var counts = Counts()
    for page in document.pages { counts.add(page) }
    self = counts.style
  }

  /// How many letters of each size there are.
  struct Counts {
    private var letters: [Double: Int] = [:]
    private var bold = 0, all = 0

    mutating func add(_ page: Page) {
      var counts = [Int](repeating: 0, count: page.styles.count)
      for word in page.words where counts.indices.contains(word.style) { counts[word.style] += word.text.count }
      for (style, count) in zip(page.styles, counts) where count > 0 {
        letters[(style.size * 2).rounded() / 2, default: 0] += count
        all += count
        if style.bold { bold += count }
      }
    }

    var style: BodyStyle {
      var style = BodyStyle()
      if let most = letters.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }), most.key > 0 { style.size = most.key }
      style.isBold = bold * 2 > all
      return style
    }
  }
}

extension Page {
  /// Size and weight of a line: those of most of its letters.
  func typography(of line: Line) -> (size: Double, bold: Bool, italic: Bool, mono: Bool, mathShare: Double) {
    var size = 0.0, letters = 0.0, bold = 0.0, italic = 0.0, mono = 0.0, math = 0.0
    for index in line.words {
      let word = words[index]
      guard styles.indices.contains(word.style) else { continue }
      let style = styles[word.style], weight = Double(word.text.count)
      letters += weight
      size += style.size * weight
      if style.bold { bold += weight }
      if style.italic { italic += weight }
      if style.monospaced { mono += weight }
      if style.math { math += weight }
    }
    guard letters > 0 else { return (line.bbox.height, false, false, false, 0) }
    return (size / letters, bold > letters * 0.85, italic > letters * 0.6, mono > letters * 0.7, math / letters)
  }
}
