import ArgumentParser
import Foundation

struct TrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train models on your own machine.",
    discussion: """
      EXAMPLES
        docq train forecaster --pool pool.safetensors --budget 60m -o runs/a
        docq train layout corpus -o runs/layout
        docq train impact my-field.csv -o my-field
      """,
    subcommands: [
      TrainForecasterCommand.self, TrainLayoutCommand.self, TrainExtractorCommand.self, TrainImpactCommand.self,
    ])
}

/// A span of time such as 90s, 5m, 2h.
struct TimeBudget: ExpressibleByArgument {
  var seconds: Double

  init?(argument: String) {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
    guard let unit = argument.last, let factor = units[unit], let value = Double(argument.dropLast()), value > 0,
      value.isFinite
    else { return nil }
    seconds = value * factor
  }
}
