import Foundation

/// The LaTeX that a unit was made of, cut out of the flattened source by the lines that TeX told.
struct SourceText {
  private let lines: [Substring]
  private let others: [String: [Substring]]

  /// - Parameter others: further files that TeX read text from, such as the .bbl.
  init(_ source: FlattenedSource, others: [String: String]) {
    lines = Self.split(source.text)
    self.others = others.mapValues(Self.split)
  }

  private static func split(_ text: String) -> [Substring] {
    text.split(separator: "\n", omittingEmptySubsequences: false)
  }

  func source(of unit: SourceUnit, part: Int, _ log: MarkLog) -> String {
    let context = log.contexts[unit.context]
    guard let lines = context.file.isEmpty ? lines : others[Self.baseName(context.file)] else { return "" }
    var (first, last) = (context.line, context.endLine)
    switch unit.label {
    case .title: return command(lines, around: first, names: Self.headings) ?? slice(lines, first, last)
    case .paperTitle: return named(lines, ["title", "icmltitle", "Title"]) ?? slice(lines, first, last)
    case .caption:
      return command(lines, around: first, names: ["caption", "captionof", "subcaption", "subfloat", "subfigure"])
        ?? slice(lines, first, last)
    case .footnote:
      return command(lines, around: first, names: ["footnote", "footnotetext", "thanks"]) ?? slice(lines, first, last)
    case .reference:
      guard case .item(_, let number) = unit.key, number >= 0, number < log.itemLines.count else { break }
      first = log.itemLines[number].line
      if number + 1 < log.itemLines.count, log.itemLines[number + 1].file == context.file {
        last = log.itemLines[number + 1].line - 1
      }
      return slice(lines, first, max(first, last))
    case .figure where context.name == "gfx":
      return command(lines, around: first, names: ["includegraphics", "epsfig", "psfig", "epsfbox", "epsffile"])
        ?? slice(lines, first, last)
    default: break
    }
    if case .context = unit.key, !["p", "d"].contains(context.name) {
      return environment(lines, context.name, first, last) ?? slice(lines, first, last)
    }
    if unit.label == .equation { return equation(lines, first, last) }
    return paragraph(lines, first, last, part)
  }

  static func baseName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

  private static let headings: [String] = [
    "section", "subsection", "subsubsection", "paragraph", "subparagraph", "chapter", "part", "section*",
  ]

  /// Lines `first` to `last`, from 1, without comments.
  private func slice(_ lines: [Substring], _ first: Int, _ last: Int) -> String {
    guard first >= 1, first <= lines.count else { return "" }
    return lines[(first - 1)...min(lines.count - 1, max(first, last) - 1)].compactMap(Self.withoutComment)
      .joined(separator: "\n").trimmingCharacters(in: .whitespacesAndNewlines)
      .replacingOccurrences(of: "\\docqI{}", with: "")
  }

  /// Nil for a line that is a comment only.
  static func withoutComment(_ line: Substring) -> String? {
    var previous: Character = " "
    for (index, character) in zip(line.indices, line) {
      if character == "%", previous != "\\" {
        let rest = line[..<index]
        return rest.allSatisfy(\.isWhitespace) ? nil : String(rest)
      }
      previous = character
    }
    return String(line)
  }

  /// From `\begin{name}` at or before line `first` to the `\end{name}` at or behind line `last`.
  private func environment(_ lines: [Substring], _ name: String, _ first: Int, _ last: Int) -> String? {
    guard first >= 1, first <= lines.count, last <= lines.count else { return nil }
    let opening = "\\begin{\(name)}", closing = "\\end{\(name)}"
    var start = first - 1
    while start > max(0, first - 4), !lines[start].contains(opening) { start -= 1 }
    guard lines[start].contains(opening) else { return nil }
    var text = slice(lines, start + 1, last)
    if let range = text.range(of: opening) { text = String(text[range.lowerBound...]) }
    if let range = text.range(of: closing, options: .backwards) { text = String(text[..<range.upperBound]) }
    return text
  }

  /// The first of these commands on line `line` or just around it, with its arguments.
  private func command(_ lines: [Substring], around line: Int, names: [String]) -> String? {
    guard line >= 1, line <= lines.count else { return nil }
    // An argument may end lines behind its command: TeX tells the line where it ends.
    for start in stride(from: line - 1, through: max(0, line - 40), by: -1) {
      for name in names {
        guard let range = lines[start].range(of: "\\" + name),
          !(lines[start][range.upperBound...].first?.isLetter ?? false)
        else { continue }
        let text = Array(slice(lines, start + 1, min(lines.count, start + 80)).utf8)
        guard let found = text.firstRange(of: ("\\" + name).utf8) else { continue }
        var scan = LatexScanner(text)
        scan.position = found.upperBound
        if scan.byte() == 42 { scan.position += 1 }
        scan.skipSpace()
        while scan.byte() == 91, let end = scan.endOfGroup(from: scan.position, open: 91, close: 93) {
          scan.position = end
          scan.skipSpace()
        }
        if name == "captionof" {
          _ = scan.group()
          scan.skipSpace()
        }
        guard let end = scan.endOfGroup(from: scan.position) else { continue }
        return String(decoding: text[found.lowerBound..<end], as: UTF8.self)
      }
    }
    return nil
  }

  private func named(_ lines: [Substring], _ names: [String]) -> String? {
    for (index, line) in lines.enumerated() where names.contains(where: { line.contains("\\" + $0) }) {
      guard let text = Self.withoutComment(line), names.contains(where: { text.contains("\\" + $0) }) else { continue }
      if let found = command(lines, around: index + 1, names: names) { return found }
    }
    return nil
  }

  private func equation(_ lines: [Substring], _ first: Int, _ last: Int) -> String {
    var start = first
    // The mark stands behind \begin{...}: that may be some lines back.
    while start > max(1, first - 3), start <= lines.count, !Self.opensDisplay(lines[start - 1]) { start -= 1 }
    if start <= lines.count, !Self.opensDisplay(lines[start - 1]) { start = first }
    var text = slice(lines, start, last)
    for opening in ["\\begin{", "\\[", "$$"] {
      if let range = text.range(of: opening) {
        text = String(text[range.lowerBound...])
        break
      }
    }
    if text.hasPrefix("\\begin{"), let brace = text.firstIndex(of: "}") {
      let name = text[text.index(text.startIndex, offsetBy: 7)..<brace]
      if let end = text.range(of: "\\end{\(name)}") { text = String(text[..<end.upperBound]) }
    } else if text.hasPrefix("\\["), let end = text.range(of: "\\]") {
      text = String(text[..<end.upperBound])
    } else if text.hasPrefix("$$"), let end = text.dropFirst(2).range(of: "$$") {
      text = String(text[..<end.upperBound])
    }
    return text
  }

  private static func opensDisplay(_ line: Substring) -> Bool {
    line.contains("\\begin{") || line.contains("\\[") || line.contains("$$")
  }

  /// A paragraph's part between displays: `part` counts the displays before it.
  private func paragraph(_ lines: [Substring], _ first: Int, _ last: Int, _ part: Int) -> String {
    guard first >= 1, first <= lines.count else { return "" }
    var last = min(last, lines.count)
    // TeX ends a paragraph when it sees the next heading or environment: that line is not part of it.
    if last > first, let line = Self.withoutComment(lines[last - 1]) {
      let text = line.trimmingCharacters(in: .whitespaces)
      let enders = [
        "\\section", "\\subsection", "\\subsubsection", "\\chapter", "\\paragraph", "\\end{", "\\bibliography",
        "\\begin{figure", "\\begin{table", "\\item", "\\appendix", "\\begin{thebib", "\\begin{itemize",
        "\\begin{enumerate",
        "\\newpage", "\\clearpage", "\\noindent", "\\begin{theorem", "\\begin{proof",
      ]
      if enders.contains(where: text.hasPrefix) { last -= 1 }
    }
    let text = slice(lines, first, last)
    let parts = Self.partsBetweenDisplays(text)
    return part < parts.count ? parts[part] : (parts.last ?? text)
  }

  static let displayNames: [String] = [
    "equation", "align", "eqnarray", "gather", "multline", "displaymath", "flalign", "alignat", "dmath", "subequations",
  ]

  /// What stands before, between and behind the displays of a paragraph.
  static func partsBetweenDisplays(_ text: String) -> [String] {
    var parts: [String] = []
    var rest = text[...]
    while true {
      var found: (range: Range<String.Index>, closing: String)?
      func consider(_ opening: String, _ closing: String) {
        if let range = rest.range(of: opening), found.map({ range.lowerBound < $0.range.lowerBound }) ?? true {
          found = (range, closing)
        }
      }
      for name in displayNames {
        consider("\\begin{\(name)}", "\\end{\(name)}")
        consider("\\begin{\(name)*}", "\\end{\(name)*}")
      }
      consider("\\[", "\\]")
      consider("$$", "$$")
      guard let display = found, let end = rest[display.range.upperBound...].range(of: display.closing) else { break }
      parts.append(rest[..<display.range.lowerBound].trimmingCharacters(in: .whitespacesAndNewlines))
      rest = rest[end.upperBound...]
    }
    parts.append(rest.trimmingCharacters(in: .whitespacesAndNewlines))
    return parts
  }
}
