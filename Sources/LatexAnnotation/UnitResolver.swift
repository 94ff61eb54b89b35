import DocumentModel

/// A piece of the source that DocGenome labels as one: a paragraph, a heading, a table, ...
struct SourceUnit {
  enum Key: Hashable {
    /// An environment, heading, caption, footnote, ... by its context in the log.
    case context(Int)
    /// A paragraph or what of it stands between displays: the paragraph's mark and how many displays came before.
    case paragraph(Int, Int)
    /// An entry of the bibliography: its list and number.
    case item(Int, Int)
    /// What of a figure is neither a picture nor its caption.
    case content(Int)
    case furniture
  }

  var key: Key
  var label: RegionClass
  /// Its place in the order in which TeX worked.
  var order: Int
  var context: Int
  /// 1 for a section; only for headings.
  var level: Int?
  /// The float that it stands in.
  var float: Int?
}

/// Says which unit the things belong to that were painted between marks.
struct UnitResolver {
  let log: MarkLog
  private(set) var units: [SourceUnit] = []
  private var known: [SourceUnit.Key: Int] = [:]
  /// Paragraphs that hold a caption: all of them is that caption.
  private var captionOfParagraph: [Int: Int] = [:]
  /// The displays of paragraphs, as they come; rows of one display count once.
  private var displaysOfParagraph: [Int: [Int]] = [:]
  /// Floats and what they hold.
  private var floatsWithPictures: Set<Int> = []
  private var floatsWithTables: Set<Int> = []

  init(_ log: MarkLog) {
    self.log = log
    for (index, context) in log.contexts.enumerated() {
      let chain = log.chain(index)
      switch context.name {
      case "cap", "caption":
        guard let float = outermost(chain, { Self.isFloat($0) }) ?? chain.first else { continue }
        let inside = chain.drop { $0 != float }
        let key = inside.first { ["cap", "caption"].contains(log.contexts[$0].name) } ?? index
        if let paragraph = chain.last(where: { log.contexts[$0].name == "p" }), captionOfParagraph[paragraph] == nil {
          captionOfParagraph[paragraph] = key
        }
      case "gfx": note(chain, &floatsWithPictures)
      case "d":
        guard let around = chain.dropLast().last(where: { ["p", "d"].contains(log.contexts[$0].name) }),
          log.contexts[around].name == "p"
        else { continue }
        displaysOfParagraph[around, default: []].append(index)
      default:
        if EnvironmentNames.pictures.contains(context.name) { note(chain, &floatsWithPictures) }
        if EnvironmentNames.tabulars.contains(context.name) { note(chain, &floatsWithTables) }
      }
    }
  }

  private func note(_ chain: [Int], _ floats: inout Set<Int>) {
    if let float = outermost(chain, { Self.isFloat($0) }) { floats.insert(float) }
  }

  private static func isFloat(_ name: String) -> Bool {
    EnvironmentNames.figures.contains(name) || EnvironmentNames.tables.contains(name)
  }

  private func name(_ context: Int) -> String { log.contexts[context].name }

  private func outermost(_ chain: [Int], _ test: (String) -> Bool) -> Int? { chain.first { test(name($0)) } }

  private mutating func unit(
    _ key: SourceUnit.Key, _ label: RegionClass, _ context: Int, order: Int? = nil, level: Int? = nil,
    float: Int? = nil
  ) -> Int {
    if let index = known[key] { return index }
    units.append(
      SourceUnit(key: key, label: label, order: order ?? context, context: context, level: level, float: float))
    known[key] = units.count - 1
    return units.count - 1
  }

  /// The unit of what was painted with these marks open, or behind that mark when none was.
  ///
  /// Nil for equation numbers and for what belongs to nothing.
  mutating func resolve(_ stack: [PaintTrace.Entry], behind: Int) -> Int? {
    let context: Int
    if let last = stack.last {
      context = log.marks[last.mark]?.context ?? 0
    } else if let begun = log.begunBehind[behind] {
      context = begun
    } else {
      context = log.marks[behind]?.context ?? 0
    }
    let chain = log.chain(context)
    func first(_ test: (String) -> Bool) -> Int? { outermost(chain, test) }

    if first({ $0 == "tag" }) != nil { return nil }
    if first({ $0 == "furn" }) != nil { return unit(.furniture, .others, context) }
    if let note = first({ $0 == "footnote" }) {
      // Behind the end of a note, what has no mark of its own is text of the page again.
      let isBehindNote = stack.isEmpty && log.marks[behind]?.opens == false
      return isBehindNote ? nil : unit(.context(note), .footnote, note)
    }
    if let toc = first({ $0 == "toc" }) { return unit(.context(toc), .others, toc) }
    if let title = first({ $0 == "title" }) { return unit(.context(title), .paperTitle, title) }
    let paragraph = stack.last { log.marks[$0.mark]?.kind.hasPrefix("p") ?? false }
    let paragraphContext = paragraph.flatMap { log.marks[$0.mark]?.context }
    let float = first(Self.isFloat)
    let caption = caption(chain, float, paragraphContext)
    if let caption { return unit(.context(caption), .caption, caption, float: innermostFloat(chain)) }
    if let float { return resolveFloat(float, chain, paragraph) }
    if let heading = first({ $0.hasPrefix("head") }) {
      return unit(.context(heading), .title, heading, level: level(of: heading))
    }
    if let list = first(EnvironmentNames.references.contains) {
      return unit(.item(list, log.contexts[context].item), .reference, context)
    }
    if let abstract = first(EnvironmentNames.abstracts.contains) {
      return unit(.context(abstract), .abstract, abstract)
    }
    if first(EnvironmentNames.front.contains) != nil {
      guard let paragraph else { return unit(.context(context), .others, context) }
      return unit(.paragraph(paragraph.mark, 0), .others, log.marks[paragraph.mark]?.context ?? context)
    }
    if let algorithm = first(EnvironmentNames.algorithms.contains) {
      return unit(.context(algorithm), .algorithm, algorithm, float: algorithm)
    }
    for place in chain {
      let name = name(place)
      if EnvironmentNames.lists.contains(name) { return unit(.context(place), .list, place) }
      if EnvironmentNames.code.contains(name) { return unit(.context(place), .code, place) }
      if name == "d" { return unit(.context(firstRow(of: stack, place)), .equation, firstRow(of: stack, place)) }
      if name == "gfx" || EnvironmentNames.pictures.contains(name) { return unit(.context(place), .figure, place) }
      if EnvironmentNames.tabulars.contains(name) { return unit(.context(place), .table, place) }
    }
    guard let paragraph else {
      // Painted between marks, within an environment that is a display.
      if let display = first(EnvironmentNames.displays.contains) { return unit(.context(display), .equation, display) }
      return nil
    }
    let own = log.marks[paragraph.mark]?.context ?? context
    // What stands behind a display comes behind it in the order, too.
    let displays = displaysOfParagraph[own]?.prefix(paragraph.segment)
    return unit(.paragraph(paragraph.mark, paragraph.segment), .text, own, order: displays?.last)
  }

  private func caption(_ chain: [Int], _ float: Int?, _ paragraph: Int?) -> Int? {
    let inside = float.map { float in chain.drop { $0 != float } } ?? chain[...]
    if let caption = inside.first(where: { ["cap", "caption"].contains(name($0)) }) { return caption }
    return paragraph.flatMap { captionOfParagraph[$0] }
  }

  private func innermostFloat(_ chain: [Int]) -> Int? {
    chain.last { Self.isFloat(name($0)) || EnvironmentNames.algorithms.contains(name($0)) }
  }

  private mutating func resolveFloat(_ float: Int, _ chain: [Int], _ paragraph: PaintTrace.Entry?) -> Int {
    let inside = chain.drop { $0 != float }
    let inner = innermostFloat(chain)
    let isTable = EnvironmentNames.tables.contains(name(float))
    func first(_ test: (String) -> Bool) -> Int? { inside.first { test(name($0)) } }
    if let algorithm = first(EnvironmentNames.algorithms.contains) {
      return unit(.context(algorithm), .algorithm, algorithm, float: inner)
    }
    if let code = first(EnvironmentNames.code.contains) { return unit(.context(code), .code, code, float: inner) }
    let picture = first { $0 == "gfx" || EnvironmentNames.pictures.contains($0) }
    let table = first(EnvironmentNames.tabulars.contains)
    if isTable {
      if let table { return unit(.context(table), .table, table, float: inner) }
      if let picture { return unit(.context(picture), .table, picture, float: inner) }
      if let paragraph {
        return unit(
          .paragraph(paragraph.mark, paragraph.segment), .text, log.marks[paragraph.mark]?.context ?? float,
          float: inner)
      }
      return unit(.content(float), .table, float, float: inner)
    }
    if let picture { return unit(.context(picture), .figure, picture, float: inner) }
    if let table, !floatsWithPictures.contains(float) {
      return unit(.context(table), .table, table, float: inner)
    }
    return unit(.content(float), .figure, float, float: inner)
  }

  /// The rows of an alignment are one display.
  private func firstRow(of stack: [PaintTrace.Entry], _ place: Int) -> Int {
    guard var index = stack.firstIndex(where: { log.marks[$0.mark]?.context == place }) else { return place }
    while index > 0, log.marks[stack[index - 1].mark]?.kind == "d" { index -= 1 }
    return log.marks[stack[index].mark]?.context ?? place
  }

  private func level(of heading: Int) -> Int {
    let name = name(heading)
    if let level = Int(name.dropFirst(4)) { return level }
    let names = [
      "part": -1, "chapter": 0, "section": 1, "subsection": 2, "subsubsection": 3, "paragraph": 4,
      "subparagraph": 5,
    ]
    return names[log.contexts[heading].section] ?? 1
  }

  // MARK: - Corrections

  mutating func change(_ unit: Int, to label: RegionClass, level: Int?) {
    units[unit].label = label
    units[unit].level = level
  }

  /// A unit for the word "Abstract" above an abstract.
  mutating func addHeading(before unit: Int) -> Int {
    var heading = units[unit]
    heading.label = .others
    heading.key = .content(-1 - units.count)
    heading.order -= 1
    units.append(heading)
    return units.count - 1
  }

  /// The environments around a unit, without the document and paragraphs.
  func surroundings(_ unit: SourceUnit) -> [String] {
    log.chain(unit.context).map { log.contexts[$0].name }.filter { !["document", "p"].contains($0) }
  }

  /// A paragraph that stands in no list, theorem or box.
  func isPlainParagraph(_ unit: SourceUnit) -> Bool {
    surroundings(unit).allSatisfy {
      ["center", "flushleft", "flushright", "large", "Large", "bf", "CJK", "CJK*", "CJKUTF8", "spacing", "small"]
        .contains($0)
    }
  }
}
