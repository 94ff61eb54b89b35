/// What the marked compile wrote to its log: which mark stands for what, in the order in which TeX worked.
struct MarkLog {
  struct Mark {
    /// "po" and "pi" paragraphs, "d" displays, "tab", "gfx", "cap", "tag", "furn", "head", ...
    var kind: String
    var opens: Bool
    var line: Int
    /// The innermost context when the mark was made, the one that it opens included.
    var context: Int
    /// The file that the line is in; empty for the flattened source.
    var file: String
  }

  /// An environment, heading, footnote, paragraph, ... that was being typeset.
  struct Context {
    var name: String
    var parent: Int
    var line: Int
    var endLine: Int
    var file: String
    /// The mark that opened it, if one did.
    var mark: Int
    /// How many marks had been made before it.
    var after: Int
    /// Of the last \bibitem before it.
    var item: Int
    /// The last sectioning command before it.
    var section: String
  }

  struct Mention {
    var label: String
    var context: Int
  }

  /// Marks of the output routine (running heads, rules above footnotes) are numbered from here.
  static let outputMarks = 1_000_000

  private(set) var marks: [Int: Mark] = [:]
  private(set) var contexts: [Context] = []
  /// The marks that are no longer open behind a mark.
  private(set) var closedBehind: [Int: [Int]] = [:]
  /// The innermost environment that was begun between a mark and the next.
  private(set) var begunBehind: [Int: Int] = [:]
  private(set) var references: [Mention] = []
  struct Label {
    var context: Int
    /// How many contexts had been begun before it.
    var after: Int
  }

  /// Every \label, where it stood first.
  private(set) var labels: [String: Label] = [:]
  private(set) var itemLines: [(line: Int, file: String)] = []
  private(set) var lastMark = 0
  /// Paragraphs that may hold nothing but their mark.
  private(set) var emptyParagraphs: Set<Int> = []
  /// Paragraphs that begin with a display: TeX makes no line in front of it, but for their mark.
  private(set) var displayParagraphs: Set<Int> = []

  init(_ text: String) {
    contexts = [
      Context(name: "", parent: -1, line: 0, endLine: 0, file: "", mark: 0, after: 0, item: -1, section: "")
    ]
    var open = [0]
    var files: [String] = []
    var section = ""
    // A sectioning command of which no heading was seen yet, and the paragraph that became it.
    var isHeadingDue = false
    var headingParagraph = 0
    func begin(_ name: String, _ line: Int, mark: Int) {
      contexts.append(
        Context(
          name: name, parent: open.last!, line: line, endLine: line, file: files.last ?? "", mark: mark,
          after: lastMark, item: itemLines.count - 1, section: section))
      open.append(contexts.count - 1)
    }
    // Marks whose environment ended without a mark of its own: the next closing mark closes them, too.
    var orphans: [Int] = []
    func close(_ places: [Int], _ line: Int) -> [Int] {
      for place in places { contexts[open[place]].endLine = line }
      let closed = places.map { contexts[open[$0]].mark }.filter { $0 > 0 }
      for place in places.reversed() { open.remove(at: place) }
      return closed
    }
    /// The end of what a mark opened: it and the marks inside. Environments that were begun inside go on, as a list
    /// does whose \begin ended the paragraph before it.
    func endMark(_ name: String, _ line: Int) -> [Int] {
      guard let place = open.lastIndex(where: { contexts[$0].name == name }), place > 0 else { return [] }
      let isMark = contexts[open[place]].mark > 0
      return close([place] + (isMark ? open.indices.filter { $0 > place && contexts[open[$0]].mark > 0 } : []), line)
    }
    /// The end of an environment: paragraphs that were begun in it may go on.
    func endEnvironment(_ name: String, _ line: Int) {
      guard let place = open.lastIndex(where: { contexts[$0].name == name }), place > 0 else { return }
      orphans += close([place] + open.indices.filter { $0 > place && contexts[open[$0]].name != "p" }, line)
    }
    for entry in text.split(separator: "\n") where entry.hasPrefix("docq:") {
      let body = entry.dropFirst(5)
      guard let space = body.lastIndex(of: " "), let line = Int(body[body.index(after: space)...].filter(\.isNumber))
      else { continue }
      let head = body[..<space]
      guard let gap = head.firstIndex(of: " ") else { continue }
      let verb = head[..<gap]
      var argument = head[head.index(after: gap)...]
      if argument.hasPrefix("{"), argument.hasSuffix("}") { argument = argument.dropFirst().dropLast() }
      switch verb.first {
      case "+":
        guard let number = Int(argument) else { continue }
        let kind = String(verb.dropFirst())
        if kind == "po" {
          // Paragraphs of the main text do not stand in one another: what is still open was left without a mark.
          _ = close(open.indices.filter { contexts[open[$0]].mark > 0 }, line)
          orphans = []
        }
        let isParagraph = kind == "po" || kind == "pi"
        if isParagraph, isHeadingDue, number < Self.outputMarks {
          isHeadingDue = false
          headingParagraph = number
          begin("head*", line, mark: 0)
        }
        begin(kind.hasPrefix("p") && kind.count == 2 ? "p" : kind, line, mark: number)
        marks[number] = Mark(kind: kind, opens: true, line: line, context: open.last!, file: files.last ?? "")
        if number < Self.outputMarks { lastMark = max(lastMark, number) }
      case "-":
        guard let number = Int(argument) else { continue }
        let kind = String(verb.dropFirst())
        let wasOpen = open.last { contexts[$0].name == "p" }
        var closed = endMark(kind, line)
        if kind == "p", headingParagraph > 0, let wasOpen, contexts[wasOpen].mark == headingParagraph {
          headingParagraph = 0
          endEnvironment("head*", line)
        }
        // Every row of an alignment opens a mark; its end closes them all.
        if kind == "d" { while contexts[open.last!].name == "d" { closed += endMark("d", line) } }
        if number > 0 {
          marks[number] = Mark(kind: kind, opens: false, line: line, context: open.last!, file: files.last ?? "")
          if number < Self.outputMarks { lastMark = max(lastMark, number) }
        }
        if kind == "tab" || kind == "p" {
          closed += orphans
          orphans = []
        }
        closedBehind[number >= Self.outputMarks ? number : lastMark, default: []] += closed
      case "B":
        if argument.hasPrefix("head") { isHeadingDue = false }
        begin(String(argument), line, mark: 0)
        begunBehind[lastMark] = open.last!
      case "E": endEnvironment(String(argument), line)
      case "S":
        section = String(argument)
        // Below these, headings may stand in the line.
        isHeadingDue = ["part", "chapter", "section", "subsection", "subsubsection"].contains(section)
      case "I": itemLines.append((line, files.last ?? ""))
      case "N": if let number = Int(argument) { emptyParagraphs.insert(number) }
      case "D": if let number = Int(argument) { displayParagraphs.insert(number) }
      case "L":
        if labels[String(argument)] == nil {
          labels[String(argument)] = Label(context: open.last!, after: contexts.count)
        }
      case "R": references.append(Mention(label: String(argument), context: open.last!))
      case "<": files.append(String(argument))
      case ">": if !files.isEmpty { files.removeLast() }
      default: break
      }
    }
  }

  /// The names of a context and all around it, outermost first.
  func chain(_ context: Int) -> [Int] {
    var result: [Int] = []
    var next = context
    while next > 0 {
      result.append(next)
      next = contexts[next].parent
    }
    return result.reversed()
  }
}
