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

  private(set) var marks: [Int: Mark] = [:]
  private(set) var contexts: [Context] = []
  /// Paragraphs that ended right behind a mark without a mark of their own.
  private(set) var closedBehind: [Int: Int] = [:]
  /// The innermost environment that was begun between a mark and the next.
  private(set) var begunBehind: [Int: Int] = [:]
  private(set) var references: [Mention] = []
  /// The context of every \label.
  private(set) var labels: [String: Int] = [:]
  private(set) var itemLines: [(line: Int, file: String)] = []
  private(set) var lastMark = 0

  init(_ text: String) {
    contexts = [
      Context(name: "", parent: -1, line: 0, endLine: 0, file: "", mark: 0, after: 0, item: -1, section: "")
    ]
    var open = [0]
    var files: [String] = []
    var section = ""
    func begin(_ name: String, _ line: Int, mark: Int) {
      contexts.append(
        Context(
          name: name, parent: open.last!, line: line, endLine: line, file: files.last ?? "", mark: mark,
          after: lastMark, item: itemLines.count - 1, section: section))
      open.append(contexts.count - 1)
    }
    func end(_ name: String, _ line: Int) {
      guard let place = open.lastIndex(where: { contexts[$0].name == name }), place > 0 else { return }
      for context in open[place...] { contexts[context].endLine = line }
      open.removeSubrange(place...)
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
        if kind == "po", let place = open.firstIndex(where: { contexts[$0].name == "p" }) {
          // Paragraphs of the main text do not stand in one another: what is still open was left without a mark.
          for context in open[place...] { contexts[context].endLine = line }
          open.removeSubrange(place...)
        }
        begin(kind.hasPrefix("p") && kind.count == 2 ? "p" : kind, line, mark: number)
        marks[number] = Mark(kind: kind, opens: true, line: line, context: open.last!, file: files.last ?? "")
        lastMark = max(lastMark, number)
      case "-":
        guard let number = Int(argument) else { continue }
        let kind = String(verb.dropFirst())
        if kind == "d" { while contexts[open.last!].name == "d" { end("d", line) } } else { end(kind, line) }
        if number == 0 {
          closedBehind[lastMark, default: 0] += 1
        } else {
          marks[number] = Mark(kind: kind, opens: false, line: line, context: open.last!, file: files.last ?? "")
          lastMark = max(lastMark, number)
        }
      case "B":
        begin(String(argument), line, mark: 0)
        begunBehind[lastMark] = open.last!
      case "E": end(String(argument), line)
      case "S": section = String(argument)
      case "I": itemLines.append((line, files.last ?? ""))
      case "L": if labels[String(argument)] == nil { labels[String(argument)] = open.last! }
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
