import ArgumentParser
import JobHandlers
import JobQueue
import PDFReader

@main
struct ScorerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "docq-scorer",
    abstract: "Scores articles and trains extractors; claims impact and train jobs from the queue.",
    discussion: """
      Usually started by `docq serve`. Any number of them may run on one data folder.

      EXAMPLE
        docq-scorer --data /srv/docq
      """)

  @Option(help: "Folder of the queue and the uploads; created when missing.")
  var data = DataFolder.defaultPath

  static func main() async {
    ParserChild.runIfRequested()
    await main(nil)
  }

  func run() async throws {
    try await WorkerProcess(
      name: "docq-scorer", dataPath: data,
      handlers: [ImpactHandler(), TrainHandler(models: DataFolder(path: data).models)]
    ).run()
  }
}
