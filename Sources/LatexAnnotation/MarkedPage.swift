import DocumentModel

/// Something that a page of the marked PDF paints.
struct PaintedItem {
  enum Kind: UInt8 { case glyph, path, image }
  var kind: Kind
  /// In points from the top left of the page as shown.
  var box: Rect
  /// The font's size in points as shown; 0 for what is no glyph.
  var size: Double
  /// A font of mathematical letters.
  var isMath: Bool
  /// Index into the `stacks` of the trace.
  var stack: Int
  /// The last mark of the text flow before it.
  var behind: Int
}

/// All that the pages paint, with the marks that were open.
struct PaintTrace {
  struct Entry: Hashable {
    var mark: Int
    /// Displays of the paragraph that were finished before.
    var segment: Int
  }

  var pages: [[PaintedItem]] = []
  /// The sets of open marks that occur, outermost first.
  var stacks: [[Entry]] = []
  /// Displays: the mark that opened the first row of the display that a mark belongs to.
  var markCount = 0
}

/// Follows the marks through the content streams in the order in which the pages paint.
struct MarkStack {
  private let log: MarkLog
  private var open: [PaintTrace.Entry] = []
  /// Footnotes that go on on the next page.
  private var suspended: [PaintTrace.Entry] = []
  private var finishedDisplays: [Int: Int] = [:]
  private var known: [[PaintTrace.Entry]: Int] = [:]
  private var current: Int?
  private(set) var stacks: [[PaintTrace.Entry]] = []
  private(set) var behind = 0
  private(set) var count = 0

  init(_ log: MarkLog) { self.log = log }

  /// The index of the marks that are open now.
  mutating func index() -> Int {
    if let current { return current }
    let result: Int
    if let found = known[open] {
      result = found
    } else {
      result = stacks.count
      stacks.append(open)
      known[open] = result
    }
    current = result
    return result
  }

  mutating func beginPage() {
    suspended += open.filter { entry in
      log.marks[entry.mark].map { log.chain($0.context).contains { log.contexts[$0].name == "footnote" } } ?? false
    }
    let kept = open.prefix { entry in
      guard let kind = log.marks[entry.mark]?.kind else { return false }
      return kind == "po" || kind == "d"
    }
    open = Array(kept)
    current = nil
  }

  mutating func pass(_ number: Int) {
    guard let mark = log.marks[number] else { return }
    count += 1
    current = nil
    if mark.kind != "furn", mark.kind != "rule" { behind = number }
    if mark.opens {
      switch mark.kind {
      case "po": open = [PaintTrace.Entry(mark: number, segment: 0)]
      case "rule":
        open += suspended
        suspended = []
      default: open.append(PaintTrace.Entry(mark: number, segment: 0))
      }
    } else if mark.kind == "d" {
      closeDisplay()
    } else if mark.kind != "rule" {
      close(mark.kind)
    }
    for _ in 0..<(log.closedBehind[number] ?? 0) { close("p") }
  }

  private func kind(_ entry: PaintTrace.Entry) -> String { log.marks[entry.mark]?.kind ?? "" }

  private mutating func close(_ kind: String) {
    let place = open.lastIndex { entry in
      let found = self.kind(entry)
      return kind == "p" ? found == "po" || found == "pi" : found == kind
    }
    if let place { open.removeSubrange(place...) }
  }

  /// Every row of an alignment opens a mark; the end closes them all, and the paragraph has another part.
  private mutating func closeDisplay() {
    guard var place = open.lastIndex(where: { kind($0) == "d" }) else { return }
    while place > 0, kind(open[place - 1]) == "d" { place -= 1 }
    open.removeSubrange(place...)
    if let last = open.indices.last { open[last].segment += 1 }
  }
}
