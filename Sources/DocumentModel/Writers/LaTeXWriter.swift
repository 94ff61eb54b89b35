/// The document as a LaTeX article: structure, tables and equations; not its looks.
final class LaTeXWriter: PageWriter {
  private let flow: TextFlow
  private let figures: [Int: String]
  private let output: TextOutput
  /// What list items and references stand in; empty outside.
  private var environment = ""

  init(_ document: Document, figures: [Int: String] = [:], _ output: TextOutput) {
    flow = TextFlow(document)
    (self.figures, self.output) = (figures, output)
    for line in [
      "\\documentclass{article}", "\\usepackage[T1]{fontenc}", "\\usepackage[utf8]{inputenc}",
      "\\usepackage{amsmath,amssymb,booktabs,multirow,graphicx,hyperref}",
    ] { part(line) }
    let title = document.pages.lazy.flatMap { self.flow.units(of: $0) }.first { $0.region.label == .paperTitle }?.text
    if let text = title ?? document.metadata.title { part("\\title{\(Self.escaped(text))}\n\\date{}") }
    part("\\begin{document}")
    if title != nil { part("\\maketitle") }
  }

  private func part(_ text: String) {
    output.append(text)
    output.append("\n\n")
  }

  private func enter(_ name: String) {
    guard name != environment else { return }
    if !environment.isEmpty { part("\\end{\(environment)}") }
    if !name.isEmpty { part("\\begin{\(name)}" + (name == "thebibliography" ? "{99}" : "")) }
    environment = name
  }

  func add(_ page: Page) throws {
    for unit in flow.units(of: page) {
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
        part("\\\(names[level - 1])*{\(text)}")
      case .abstract: part("\\begin{abstract}\n\(text)\n\\end{abstract}")
      case .list: part("\\item \(Self.escaped(ListItem(unit.text).text))")
      case .reference: part("\\bibitem{r\(unit.region.id)} \(text)")
      case .equation:
        if let latex = unit.region.latex {
          part("\\[\n\(latex)\n\\]")
        } else {
          part("\\begin{center}\(text)\\end{center}")
        }
      case .table:
        part(unit.region.table.map { "\\begin{center}\n\(TableWriter.latex($0))\n\\end{center}" } ?? text)
      case .figure:
        if let file = figures[unit.region.id] {
          part("\\begin{center}\\includegraphics[width=0.8\\linewidth]{\(file)}\\end{center}")
        }
      case .caption: part("\\begin{center}\\small \(text)\\end{center}")
      case .code, .algorithm:
        part("\\begin{verbatim}\n\(unit.text.replacing("\\end{verbatim}", with: "\\end {verbatim}"))\n\\end{verbatim}")
      case .footnote: part("\\footnotetext{\(text)}")
      default: if !text.isEmpty { part(text) }
      }
    }
    try output.endPage()
  }

  func finish() throws {
    enter("")
    output.append("\\end{document}\n")
    try output.finish()
  }

  static func escaped(_ text: String) -> String {
    text.replacingASCII { byte in
      switch byte {
      case UInt8(ascii: "\\"): "\\textbackslash{}"
      case UInt8(ascii: "~"): "\\textasciitilde{}"
      case UInt8(ascii: "^"): "\\textasciicircum{}"
      case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "#"),
        UInt8(ascii: "_"), UInt8(ascii: "%"):
        "\\" + String(UnicodeScalar(byte))
      default: nil
      }
    }
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
