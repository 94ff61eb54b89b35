import DocumentModel
import Foundation
import PDFReader
import Testing

import LatexAnnotation

private let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appendingPathComponent("Fixtures/latex")

/// The program that parses: it stands beside the test bundle.
private let child = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
  .appendingPathComponent("docq-ingestor")

private func annotate(_ name: String, timeout: Double = 60) throws -> LatexAnnotation {
  var options = LatexAnnotator.Options()
  options.timeout = timeout
  options.dpi = 100
  return try LatexAnnotator(options: options, reader: PDFReader(childExecutable: child)).annotate(
    fixtures.appendingPathComponent(name))
}

private func temporaryFolder() -> URL {
  FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
}

/// These compile papers for real.
@Suite(
  .enabled(
    if: LatexAnnotator.texPath() != nil,
    "pdflatex is not installed: apt install texlive-latex-base texlive-latex-recommended"))
struct AnnotationTests {
  @Test func everyKindOfUnitIsFoundOnce() throws {
    let annotation = try annotate("paper/main.tex")
    let regions = annotation.document.regions
    func sources(_ label: RegionClass) -> [String] { regions.filter { $0.label == label }.map(\.text) }

    #expect(sources(.paperTitle).count == 1)
    #expect(sources(.paperTitle).first?.hasPrefix("\\title{A Small Paper") == true)
    #expect(sources(.abstract).count == 1)
    #expect(sources(.abstract).first?.hasPrefix("\\begin{abstract}") == true)
    #expect(
      sources(.title).filter { $0.hasPrefix("\\section{") } == [
        "\\section{Introduction}", "\\section{Method}", "\\section{Results}", "\\section{More}",
      ])
    #expect(sources(.title).contains("\\subsection{Numbers}"))
    #expect(sources(.title).contains("\\paragraph{Remarks.}"))
    #expect(sources(.equation).count == 3)
    // The author's \be and \ee are known for what they are.
    #expect(sources(.equation).contains { $0.contains("E = m c^2") })
    #expect(sources(.list).count == 1)
    #expect(sources(.code).count == 1)
    #expect(sources(.table).count == 1)
    #expect(sources(.table).first?.hasPrefix("\\begin{tabular}") == true)
    #expect(sources(.figure) == ["\\includegraphics[width=0.8\\linewidth]{plot}"])
    #expect(sources(.caption).count == 2)
    #expect(sources(.footnote).count == 2)
    #expect(sources(.reference).count == 2)
    #expect(sources(.text).contains { $0.hasPrefix("Papers have paragraphs without formulas") })
    #expect(sources(.textEquation).contains { $0.hasPrefix("Other paragraphs have a formula") })
    #expect(sources(.textEquation).contains { $0.hasPrefix("where $m$ is the mass") })
    #expect(annotation.quality.unlabelledGlyphs == 0)
    #expect(annotation.quality.skippedMarks == 0)
  }

  @Test func boxesHoldTheirWordsAndNoOthers() throws {
    let document = try annotate("paper/main.tex").document
    let page = try #require(document.pages.first)
    let abstract = try #require(page.regions.first { $0.label == .abstract })
    let inside = page.words.filter { abstract.bbox.contains(x: $0.bbox.midX, y: $0.bbox.midY) }.map(\.text)
    #expect(inside.first == "This" && inside.last == "claimed.")
    // The equation's number is not part of its box.
    let equation = try #require(document.regions.first { $0.label == .equation && $0.text.contains("m c^2") })
    #expect(equation.bbox.width < 0.3 * page.width / 2)
    for region in document.regions where !region.isFurniture {
      #expect(region.bbox.width > 1 && region.bbox.height > 1)
      #expect(region.bbox.x1 < page.width && region.bbox.y1 < page.height)
    }
  }

  @Test func relationsFollowTheSource() throws {
    let document = try annotate("paper/main.tex").document
    let byID = Dictionary(uniqueKeysWithValues: document.regions.map { ($0.id, $0) })
    func has(_ type: RelationKind, _ from: (Region) -> Bool, _ to: (Region) -> Bool) -> Bool {
      document.relations.contains { $0.type == type && from(byID[$0.from]!) && to(byID[$0.to]!) }
    }
    func text(_ part: String) -> (Region) -> Bool { { $0.text.contains(part) } }

    #expect(has(.explicitCite, text("Papers have paragraphs"), text("\\section{Method}")))
    #expect(has(.explicitCite, text("The method is stated"), text("E = m c^2")))
    // \fig is the author's own.
    #expect(has(.explicitCite, text("The method is stated"), { $0.label == .figure }))
    #expect(has(.explicitCite, text("Table~\\ref{tab:numbers} has"), { $0.label == .table }))
    #expect(has(.explicitCite, text("Other paragraphs"), { $0.label == .footnote }))
    #expect(has(.implicitCite, text("\\caption{Numbers"), { $0.label == .table }))
    #expect(has(.implicitCite, text("\\caption{A rectangle"), { $0.label == .figure }))
    #expect(has(.sub, text("\\subsection{Numbers}"), text("\\section{Results}")))
    #expect(has(.peer, text("\\section{Method}"), text("\\section{Introduction}")))
    #expect(has(.adj, text("Other paragraphs"), text("Papers have")))
    #expect(has(.adj, text("E = m c^2"), text("Other paragraphs")))
  }

  @Test func displaysInPlainTeXAndInBareListsStandInOrder() throws {
    let document = try annotate("odd/plain-displays.tex").document
    let flow = document.regions.filter { !$0.isFurniture && $0.label != .others }
    // The bare list is none: what it holds is text and formulas.
    #expect(
      flow.map(\.label.name) == [
        "Text", "Equation", "Text", "Text", "Equation", "Text", "Equation", "Text",
      ])
    #expect(flow.map { $0.bbox.y0 } == flow.map { $0.bbox.y0 }.sorted())
  }

  @Test func oldPapersWithoutCommandsForTitleAndAbstractAreUnderstood() throws {
    let regions = try annotate("odd/old.tex").document.regions
    #expect(regions.filter { $0.label == .paperTitle }.count == 1)
    #expect(regions.first { $0.label == .paperTitle }?.text.contains("Old Papers") == true)
    #expect(regions.first { $0.label == .abstract }?.text.contains("In the old days") == true)
    #expect(regions.filter { $0.label == .title }.contains { $0.text.contains("Introduction") })
    #expect(regions.filter { $0.label == .equation }.count == 2)
  }

  @Test func theFolderHasTheFourFilesTheImagesAndThePaper() throws {
    let folder = temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let annotation = try annotate("paper/main.tex")
    try annotation.write(to: folder)
    let names = Set(try FileManager.default.contentsOfDirectory(atPath: folder.path))
    let pages = annotation.document.pages.indices.map { String(format: "page_%04d.jpg", $0) }
    #expect(
      names
        == Set(pages).union([
          "layout_annotation.json", "reading_annotation.json", "order_annotation.json", "quality_report.json",
          "paper.pdf",
        ]))
    // Again over the same folder; but not over something else.
    try annotation.write(to: folder)
    try Data("mine".utf8).write(to: folder.appendingPathComponent("notes.txt"))
    #expect(throws: LatexAnnotationError.outputExists(folder: folder.path)) { try annotation.write(to: folder) }
    // Adjacent units point from the later to the earlier, as in the published files.
    struct Order: Decodable {
      struct Edge: Decodable {
        var type: String
        var from, to: Int
      }
      var orders: [Edge]
    }
    let order = try JSONDecoder().decode(
      Order.self, from: try Data(contentsOf: folder.appendingPathComponent("order_annotation.json")))
    #expect(order.orders.filter { $0.type == "adj" }.allSatisfy { $0.from > $0.to })
  }

  @Test func aPaperThatNeverEndsIsGivenUp() throws {
    #expect(throws: LatexAnnotationError.timedOut(file: "endless.tex", seconds: 2)) {
      try annotate("odd/endless.tex", timeout: 2)
    }
  }

  @Test func aMissingPackageIsNamed() throws {
    let error = #expect(throws: LatexAnnotationError.self) { try annotate("odd/broken.tex") }
    #expect(error?.description.contains("no-such-package-at-all.sty") == true)
    #expect(error?.code == "does_not_compile")
  }

  @Test func noCommandRunsAndNoFileOutsideIsTouched() throws {
    let annotation = try annotate("odd/escape.tex")
    let text = annotation.document.pages.flatMap(\.words).map(\.text).joined(separator: " ")
    #expect(text.contains("Before") && text.contains("Closed"))
    #expect(throws: LatexAnnotationError.self) { try annotate("odd/write-outside.tex") }
    for place in [fixtures, fixtures.appendingPathComponent("odd"), FileManager.default.temporaryDirectory] {
      #expect(!FileManager.default.fileExists(atPath: place.appendingPathComponent("escaped.txt").path))
    }
  }

  @Test func whatIsNoPaperIsRefused() throws {
    let error = #expect(throws: LatexAnnotationError.self) { try annotate("paper/sections/method.tex") }
    #expect(error?.code == "not_latex")
    #expect(throws: LatexAnnotationError.self) { try annotate("paper/missing.tex") }
  }
}
