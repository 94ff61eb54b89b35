import ArgumentParser
import Foundation
import LatexAnnotation

struct AnnotateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "annotate",
    abstract: "Label a paper's regions from its LaTeX sources, as a DocGenome folder.",
    discussion: """
      Compiles a copy of the paper's folder with pdfLaTeX (no shell escape), once as it is and once with marks that
      move nothing, and reads from the pages where every paragraph, heading, equation, figure, table, ... stands.
      The folder gets layout_annotation.json, reading_annotation.json, order_annotation.json, quality_report.json,
      page_0000.jpg ... and paper.pdf. It appears when everything is in it, or not at all.

      EXAMPLES
        docq annotate paper/main.tex -o labels
        docq annotate paper/main.tex -o labels --timeout 300 --json
      """)

  @Argument(help: "The main file, with \\documentclass. Its folder is the project.")
  var main: String
  @Option(name: [.customShort("o"), .long], help: "The folder to write.")
  var output: String
  @Option(help: "Seconds that one run of TeX may take.")
  var timeout = 60.0
  @Option(help: "Resolution of the page images in dots per inch.")
  var dpi = 200.0
  @Option(help: "Keep TeX's files and logs in this new folder, to see what went wrong.")
  var keep: String?
  @Flag(help: "Print a summary as JSON.")
  var json = false

  func validate() throws {
    guard timeout >= 1, timeout <= 3600 else { throw ValidationError("--timeout must be between 1 and 3600 seconds") }
    if let keep, FileManager.default.fileExists(atPath: keep) { throw ValidationError("--keep \(keep) exists already") }
    guard (20...600).contains(dpi) else { throw ValidationError("--dpi must be between 20 and 600") }
  }

  struct Summary: Encodable {
    var file: String
    var folder: String
    var pages: Int
    var regions: [String: Int]
    var relations: [String: Int]
    var labelledGlyphs: Int
    var unlabelledGlyphs: Int
    var marks: Int
    var skippedMarks: Int
    var warnings: [String]
  }

  func run() async throws {
    let file = URL(fileURLWithPath: main)
    guard FileManager.default.fileExists(atPath: main) else {
      throw CommandFailure.unreadable("\(main): no such file")
    }
    do {
      var options = LatexAnnotator.Options()
      options.timeout = timeout
      options.dpi = dpi
      options.keptFiles = keep.map { URL(fileURLWithPath: $0) }
      let annotation = try LatexAnnotator(options: options).annotate(file) { Terminal.progress($0, $1) }
      try annotation.write(to: URL(fileURLWithPath: output))
      Terminal.clearProgress()
      try report(annotation)
    } catch {
      throw CommandFailure(describing: error)
    }
  }

  private func report(_ annotation: LatexAnnotation) throws {
    let document = annotation.document, quality = annotation.quality
    let summary = Summary(
      file: main, folder: output, pages: document.pages.count,
      regions: Dictionary(grouping: document.regions, by: \.label.name).mapValues(\.count),
      relations: Dictionary(grouping: document.relations, by: \.type.rawValue).mapValues(\.count),
      labelledGlyphs: quality.labelledGlyphs, unlabelledGlyphs: quality.unlabelledGlyphs, marks: quality.marks,
      skippedMarks: quality.skippedMarks, warnings: annotation.warnings)
    for warning in annotation.warnings { Terminal.note("\(file(main)): \(warning)") }
    if json {
      let encoder = JSONEncoder()
      encoder.keyEncodingStrategy = .convertToSnakeCase
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      try Output.write(try encoder.encode(summary) + Data("\n".utf8), to: nil)
    } else {
      let regions = summary.regions.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      try Output.write("\(output): \(summary.pages) pages; \(regions)\n")
    }
  }

  private func file(_ path: String) -> String { URL(fileURLWithPath: path).lastPathComponent }
}
