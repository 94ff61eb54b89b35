/// The document as a LaTeX article: structure, tables and equations; not its looks.
struct LaTeXWriter {
  let document: Document
  let figures: [Int: String]

  func text() -> String {
    var parts = [
      "\\documentclass{article}", "\\usepackage[T1]{fontenc}", "\\usepackage[utf8]{inputenc}",
      "\\usepackage{amsmath,amssymb,booktabs,multirow,graphicx,hyperref}",
    ]
    let flow = document.flow()
    if let title = flow.first(where: { $0.region.label == .paperTitle })?.text ?? document.metadata.title {
      parts.append("\\title{\(Self.escaped(title))}\n\\date{}")
    }
    parts.append("\\begin{document}")
    if flow.contains(where: { $0.region.label == .paperTitle }) { parts.append("\\maketitle") }
    var environment = ""
    func enter(_ name: String) {
      guard name != environment else { return }
      if !environment.isEmpty { parts.append("\\end{\(environment)}") }
      if !name.isEmpty { parts.append("\\begin{\(name)}" + (name == "thebibliography" ? "{99}" : "")) }
      environment = name
    }
    for unit in flow {
      let text = Self.escaped(unit.text)
      switch unit.region.label {
      case .list: enter(ListItem(unit.text).number == nil ? "itemize" : "enumerate")
      case .reference: enter("thebibliography")
      default: enter("")
      }
      switch unit.region.label {
      case .paperTitle: break
      case .title:
        let names = ["section", "subsection", "subsubsection", "paragraph", "subparagraph"]
        let level = min(names.count, max(1, unit.region.headingLevel ?? 1))
        parts.append("\\\(names[level - 1])*{\(text)}")
      case .abstract: parts.append("\\begin{abstract}\n\(text)\n\\end{abstract}")
      case .list: parts.append("\\item \(Self.escaped(ListItem(unit.text).text))")
      case .reference: parts.append("\\bibitem{r\(unit.region.id)} \(text)")
      case .equation:
        if let latex = unit.region.latex {
          parts.append("\\[\n\(latex)\n\\]")
        } else {
          parts.append("\\begin{center}\(text)\\end{center}")
        }
      case .table:
        parts.append(unit.region.table.map { "\\begin{center}\n\(TableWriter.latex($0))\n\\end{center}" } ?? text)
      case .figure:
        if let file = figures[unit.region.id] {
          parts.append("\\begin{center}\\includegraphics[width=0.8\\linewidth]{\(file)}\\end{center}")
        }
      case .caption: parts.append("\\begin{center}\\small \(text)\\end{center}")
      case .code, .algorithm:
        parts.append(
          "\\begin{verbatim}\n\(unit.text.replacing("\\end{verbatim}", with: "\\end {verbatim}"))\n\\end{verbatim}")
      case .footnote: parts.append("\\footnotetext{\(text)}")
      default: if !text.isEmpty { parts.append(text) }
      }
    }
    enter("")
    return (parts + ["\\end{document}"]).joined(separator: "\n\n") + "\n"
  }

  static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "\\": result += "\\textbackslash{}"
      case "{", "}", "$", "&", "#", "_", "%": result += "\\\(character)"
      case "~": result += "\\textasciitilde{}"
      case "^": result += "\\textasciicircum{}"
      default: result.append(character)
      }
    }
    return result
  }
}

/// A list item without its bullet or number.
struct ListItem {
  var number: String?
  var text: String

  init(_ item: String) {
    let inner = item.drop { $0 == "(" }
    let digits = inner.prefix { $0.isNumber }
    let behind = inner.dropFirst(digits.count)
    if !digits.isEmpty, digits.count < 4, let mark = behind.first, ".)".contains(mark) {
      number = String(digits)
      text = String(behind.dropFirst().drop { $0 == " " })
    } else if item.first?.isLetter == true || item.first?.isNumber == true || item.first == "(" {
      text = item
    } else {
      text = String(item.dropFirst().drop { $0 == " " })
    }
  }
}
