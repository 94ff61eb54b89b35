import ArgumentParser
import JobHandlers
import JobQueue
import PDFReader

@main
struct IngestorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "docq-ingestor",
    abstract: "Reads documents; claims ingest and extract jobs from the queue.",
    discussion: """
      Usually started by `docq serve`. Any number of them may run on one data folder.

      EXAMPLE
        docq-ingestor --data /srv/docq
      """)

  @Option(help: "Folder of the queue and the uploads; created when missing.")
  var data = DataFolder.defaultPath

  static func main() async {
    ParserChild.runIfRequested()
    await main(nil)
  }

  func run() async throws {
    try await WorkerProcess(
      name: "docq-ingestor", dataPath: data,
      handlers: [IngestHandler(), ExtractHandler(models: DataFolder(path: data).models)]
    ).run()
  }
}
