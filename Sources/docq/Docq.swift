import ArgumentParser
import Foundation
import PDFReader

/// Reads documents and time series on your own machine.
struct Docq: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "docq",
    abstract: "Reads documents and time series with small models, on your own machine.",
    discussion: """
      Without --server the work runs in this process and nothing needs to be running.
      Results go to standard output, progress and messages to standard error.

      EXAMPLES
        docq serve                                  start the service on http://127.0.0.1:8080
        docq ingest report.pdf --format markdown    a PDF as Markdown
        docq annotate main.tex -o labels            a paper's regions from its LaTeX sources
        docq extract invoice.pdf                    the fields of an invoice as JSON
        docq forecast sales.csv --horizon 12 --plot sales.svg
        docq backtest sales.csv --horizon 12        which model would have been best
        docq impact papers.bib --rank               predicted citation impact of papers
        docq embed abstracts.txt                    vectors of texts, for search and clustering

      EXIT STATUS
        0 done   1 the work failed   2 wrong usage   3 an input cannot be read   4 no server there
      """,
    version: Version.current,
    subcommands: [
      ServeCommand.self, IngestCommand.self, AnnotateCommand.self, ExtractCommand.self, ForecastCommand.self,
      BacktestCommand.self, ImpactCommand.self, EmbedCommand.self, JobsCommand.self, ModelsCommand.self,
      TrainCommand.self, EvaluateCommand.self, LabelCommand.self, KeysCommand.self, BackupCommand.self,
      RestoreCommand.self, DoctorCommand.self,
    ])
}

@main
enum Main {
  static func main() async {
    ParserChild.runIfRequested()
    signal(SIGPIPE, SIG_IGN)
    do {
      var command = try Docq.parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let failure as CommandFailure {
      if !failure.message.isEmpty { Terminal.error(failure.message) }
      exit(failure.status)
    } catch {
      let code = Docq.exitCode(for: error)
      let message = Docq.fullMessage(for: error)
      if code.isSuccess {
        print(message)
        exit(0)
      }
      try? FileHandle.standardError.write(contentsOf: Data((message + "\n").utf8))
      // ArgumentParser says 64 (EX_USAGE) for wrong usage; docq says 2.
      exit(code == .validationFailure ? 2 : 1)
    }
  }
}
