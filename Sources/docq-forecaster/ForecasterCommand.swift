import ArgumentParser
import Forecasting
import JobHandlers
import JobQueue
import PDFReader

@main
struct ForecasterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "docq-forecaster",
    abstract: "Forecasts time series; claims forecast jobs from the queue.",
    discussion: """
      Usually started by `docq serve`. Any number of them may run on one data folder.

      EXAMPLE
        docq-forecaster --data /srv/docq
      """)

  @Option(help: "Folder of the queue and the uploads; created when missing.")
  var data = DataFolder.defaultPath

  static func main() async {
    ParserChild.runIfRequested()
    await main(nil)
  }

  func run() async throws {
    var options = WorkerOptions()
    // While one batch is in the model, the next one is claimed.
    (options.concurrency, options.batch) = (2, 32)
    let library = ModelLibrary(DataFolder(path: data).models)
    try await WorkerProcess(
      name: "docq-forecaster", dataPath: data, handlers: [ForecastHandler(library: library)], options: options
    ).run()
  }
}
