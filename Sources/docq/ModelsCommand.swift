import ArgumentParser
import Forecasting
import Foundation

struct ModelsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "Look at model checkpoints.",
    discussion: """
      EXAMPLES
        docq models show moirai-moe-1.0-R-small
        docq models verify moirai-moe-1.0-R-small
      """,
    subcommands: [Show.self, Verify.self])

  /// A folder with config.json and model.safetensors.
  struct Folder: ParsableArguments {
    @Argument(help: "Folder with config.json and model.safetensors.")
    var directory: String

    func load() throws -> MoiraiMoE {
      do {
        return try MoiraiMoE(URL(fileURLWithPath: directory, isDirectory: true))
      } catch {
        throw CommandFailure.unreadable("\(directory): \(error)")
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print architecture, parameters, experts, precision and memory.",
      discussion: "EXAMPLE\n  docq models show moirai-moe-1.0-R-small --json")

    @OptionGroup var folder: Folder
    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
      let summary = try folder.load().summary
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
      let cases: [ModelVerification.Case]
      do {
        cases = try ModelVerification(try folder.load()).run()
      } catch let error as CommandFailure {
        throw error
      } catch {
        throw CommandFailure.unreadable("\(folder.directory): \(error)")
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
