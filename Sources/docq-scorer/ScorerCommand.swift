import ArgumentParser
import JobHandlers
import JobQueue
import PDFReader

@main
struct ScorerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "docq-scorer",
    abstract: "Scores articles, embeds texts, trains extractors; claims impact, embed and train jobs from the queue.",
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
    var options = WorkerOptions()
    // A training takes minutes; scores do not wait for it.
    options.concurrency = 2
    try await WorkerProcess(
      name: "docq-scorer", dataPath: data,
      handlers: [ImpactHandler(), EmbedHandler(), TrainHandler(models: DataFolder(path: data).models)], options: options
    ).run()
  }
}
