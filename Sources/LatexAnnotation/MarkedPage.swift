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
  /// How many marks the pages carry.
  var markCount = 0
}

/// Follows the marks through the content streams in the order in which the pages paint.
struct MarkStack {
  private let log: MarkLog
  private var open: [PaintTrace.Entry] = []
  /// Footnotes that go on on the next page.
  private var suspended: [PaintTrace.Entry] = []
  private var known: [[PaintTrace.Entry]: Int] = [:]
  private var current: Int?
  private(set) var stacks: [[PaintTrace.Entry]] = []
  private(set) var behind = 0
  private(set) var count = 0

  /// Marks that were left out because they moved something.
  private let skipped: Set<Int>

  init(_ log: MarkLog, skipped: Set<Int>) {
    self.log = log
    self.skipped = skipped
  }

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

  /// Goes by a mark, and by those left out in front of it and behind it: what they open begins behind the mark before
  /// them, what they close ends in front of the mark behind them.
  mutating func pass(_ number: Int) {
    count += 1
    var neighbour = number - 1
    while skipped.contains(neighbour) {
      if log.marks[neighbour]?.opens == false { apply(neighbour) }
      neighbour -= 1
    }
    apply(number)
    neighbour = number + 1
    while skipped.contains(neighbour), log.marks[neighbour]?.opens == true {
      apply(neighbour)
      neighbour += 1
    }
  }

  private mutating func apply(_ number: Int) {
    guard let mark = log.marks[number] else { return }
    current = nil
    if number < MarkLog.outputMarks { behind = number }
    let closed = Set(log.closedBehind[number] ?? [])
    if closed.contains(where: { log.marks[$0]?.kind == "d" }), !open.isEmpty { finishDisplay(closed) }
    open.removeAll { closed.contains($0.mark) }
    guard mark.opens else { return }
    switch mark.kind {
    case "po": open = [PaintTrace.Entry(mark: number, segment: 0)]
    case "rule":
      open += suspended
      suspended = []
    default: if !closed.contains(number) { open.append(PaintTrace.Entry(mark: number, segment: 0)) }
    }
  }

  /// Behind a display its paragraph has another part.
  private mutating func finishDisplay(_ closed: Set<Int>) {
    guard let place = open.lastIndex(where: { closed.contains($0.mark) && log.marks[$0.mark]?.kind == "d" }) else {
      return
    }
    let around = open[..<place].lastIndex { log.marks[$0.mark]?.kind.hasPrefix("p") ?? false }
    if let around { open[around].segment += 1 }
  }
}
