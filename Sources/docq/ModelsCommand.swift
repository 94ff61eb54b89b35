import ArgumentParser
import Forecasting
import Foundation
import ImpactScoring
import JobQueue
import Tensor

struct ModelsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "Look at models, check them, bring others.",
    discussion: """
      EXAMPLES
        docq models list
        docq models show docq-forecast-1
        docq models import moirai-moe-1.0-R-small
        docq models verify moirai-moe-1.0-R-small
      """,
    subcommands: [List.self, Show.self, Import.self, Verify.self], defaultSubcommand: List.self)

  /// Where imported models are.
  static var library: ModelLibrary { ModelLibrary(DataFolder(path: DataFolder.defaultPath).models) }

  /// A folder with config.json and model.safetensors.
  struct Folder: ParsableArguments {
    @Argument(help: "Folder with config.json and model.safetensors, or a model's name.")
    var model: String

    func find() throws -> URL {
      do {
        return try ForecastModels.folder(of: model, library: ModelsCommand.library)
      } catch let error as ForecastError {
        throw CommandFailure.unreadable("\(error)")
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the models that --model takes.", discussion: "EXAMPLE\n  docq models list --json")

    @Flag(help: "Print JSON.")
    var json = false

    private struct Line: Encodable {
      var name: String
      var task: String
      var kind: String
    }

    func run() async throws {
      var lines = ForecastModels.names.map {
        Line(name: $0, task: "forecast", kind: $0 == ForecastModels.standard ? "trained, comes with docq" : "baseline")
      }
      lines += ModelsCommand.library.names.map { Line(name: $0, task: "forecast", kind: "imported") }
      lines += ImpactModel.names.map {
        Line(
          name: $0, task: "impact",
          kind: $0 == ImpactModel.standardName ? "trained, comes with docq" : "linear baseline")
      }
      if json {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try Output.write(try encoder.encode(lines) + Data("\n".utf8), to: nil)
      } else {
        for line in lines {
          let name = line.name.padding(toLength: max(28, line.name.count), withPad: " ", startingAt: 0)
          try Output.write("\(name)  \(line.task.padding(toLength: 10, withPad: " ", startingAt: 0))\(line.kind)\n")
        }
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print architecture, parameters, experts, precision and memory.",
      discussion: "EXAMPLE\n  docq models show docq-forecast-1 --json")

    @OptionGroup var folder: Folder
    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
      let url = try folder.find()
      let summary: ModelSummary
      do {
        summary = try ForecastModels.summary(url)
      } catch {
        throw CommandFailure.unreadable("\(folder.model): \(error)")
      }
      if json {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try Output.write(try encoder.encode(summary) + Data("\n".utf8), to: nil)
      } else {
        try Output.write(Data(summary.text.utf8), to: nil)
      }
    }
  }

  struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copy a model into docq's data folder, to use it by name.",
      discussion: """
        The model is loaded once first, so that only a working one gets there. docq forecast --model NAME and requests
        with "model": "NAME" then use it.

        EXAMPLE
          docq models import moirai-moe-1.0-R-small --name moirai-small
        """)

    @Argument(help: "Folder with config.json and model.safetensors.")
    var directory: String
    @Option(help: "The name to use it by (default: the folder's).")
    var name: String?
    @Option(help: "docq's data folder.")
    var data = DataFolder.defaultPath

    func run() async throws {
      let source = URL(fileURLWithPath: directory, isDirectory: true).standardizedFileURL
      let name = name ?? source.lastPathComponent
      guard ModelLibrary.isValid(name) else {
        throw CommandFailure.usage(
          "'\(name)' cannot be a model's name; take letters, digits, dots, dashes and underscores, and none of docq's own"
        )
      }
      do {
        try ModelLibrary(DataFolder(path: data).models).add(source, name: name)
      } catch let error as CheckpointError {
        throw CommandFailure.unreadable("\(directory): \(error)")
      } catch let error as ForecastError {
        throw CommandFailure.unreadable("\(directory): \(error)")
      }
      try Output.write("imported as \(name); use it with: docq forecast SERIES --model \(name)\n")
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run a checkpoint on the reference cases beside it.",
      discussion: """
        Reads cases.json and case_NAME.safetensors and compares tokens, scale, embedding, encoder output and every
        distribution parameter with the reference. The error of an array is the largest |ours - reference| divided by
        the reference's size at that place, or by its root mean square where that is larger. Exit code 1 above 1e-4.

        EXAMPLE
          docq models verify Fixtures/moirai-moe-tiny
        """)

    @OptionGroup var folder: Folder
    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
      let url = try folder.find()
      let cases: [ModelVerification.Case]
      do {
        cases = try ModelVerification(try MoiraiMoE(url)).run()
      } catch {
        throw CommandFailure.unreadable("\(folder.model): \(error)")
      }
      if json {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try Output.write(try encoder.encode(cases) + Data("\n".utf8), to: nil)
      } else {
        for one in cases {
          let verdict = one.worst <= ModelVerification.tolerance ? "ok    " : "FAILED"
          print("\(verdict) \(one.name): largest relative error \(String(format: "%.1e", one.worst))")
          for deviation in one.deviations {
            let name = deviation.array.padding(toLength: 34, withPad: " ", startingAt: 0)
            print("         \(name) \(String(format: "%.1e", deviation.error))")
          }
        }
      }
      if cases.contains(where: { !($0.worst <= ModelVerification.tolerance) }) { throw ExitCode(1) }
    }
  }
}
