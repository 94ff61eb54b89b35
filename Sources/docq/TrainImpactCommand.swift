import ArgumentParser
import Foundation
import ImpactScoring

struct TrainImpactCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "impact",
    abstract: "Fit the impact score to your own field.",
    discussion: """
      The table has the columns title and abstract, and either target (TNCSI_SP between 0 and 1) or topic, date and
      citations, from which the target is computed as docq impact --compute-target does. At least 50 papers; a few hundred
      are better. The text encoder stays as it is; five-fold cross-validation tells whether the corrections helped, and
      without a gain only the calibration is new. Use the result with docq impact --model DIR.

      \(ImpactModel.limitations)

      EXAMPLES
        docq train impact soil-science.csv -o soil-model
        docq impact new-papers.csv --model soil-model --rank
      """)

  @Argument(help: "CSV or TSV table.")
  var file: String
  @Option(name: [.customShort("o"), .long], help: "Folder for the model.")
  var output: String
  @Flag(help: "Print the report as JSON.")
  var json = false

  func run() async throws {
    try await reportingFailures {
      let name = (file as NSString).lastPathComponent
      guard let data = FileManager.default.contents(atPath: file) else {
        throw CommandFailure.unreadable("\(file): no such file, or it cannot be read")
      }
      let table = try LabelledArticles(data, name: name)
      for problem in table.problems.prefix(20) { Terminal.note(problem) }
      let folder = URL(fileURLWithPath: output, isDirectory: true)
      let report = try FieldTraining().run(
        table.articles, targets: table.targets, base: try ImpactModel.shipped(), name: folder.lastPathComponent,
        folder: folder, progress: { Terminal.progress($0, $1) })
      Terminal.clearProgress()
      if json {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try Output.write(try encoder.encode(report) + Data("\n".utf8), to: nil)
      } else {
        try Output.write(report.text + "use it with: docq impact PAPERS --model \(output)\n")
      }
    }
  }
}
