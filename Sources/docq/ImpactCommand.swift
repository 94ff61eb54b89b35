import ArgumentParser
import DocqClient
import Foundation
import ImpactScoring
import JobHandlers

struct ImpactCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "impact",
    abstract: "Predict the citation impact of articles from title and abstract.",
    discussion: """
      \(ImpactModel.limitations)

      Input: CSV with columns title, abstract and id, JSONL, BibTeX, or PDFs whose title and abstract are found.

      EXAMPLES
        docq impact papers.csv --rank -o scores.csv
        docq impact papers.bib --format table --rank
        docq impact paper.pdf --explain
      """)

  @Argument(help: "CSV, TSV, JSONL, BibTeX or PDF files.")
  var files: [String]
  @Flag(help: "Highest score first.")
  var rank = false
  @Flag(help: "Name the phrases that moved each score.")
  var explain = false
  @Option(help: "csv, jsonl or table.")
  var format: ImpactFormat = .csv
  @Flag(help: "Same as --format jsonl.")
  var json = false
  @Option(name: [.customShort("o"), .long], help: "File for the scores.")
  var output: String?
  @OptionGroup var remote: RemoteOptions

  func run() async throws {
    if let client = try remote.client() { return try await scoreRemotely(client) }
    let model: ImpactModel
    do {
      model = try ImpactModel.shipped()
    } catch {
      throw CommandFailure.failed("\(error)")
    }
    var articles: [Article] = []
    try await FileBatch(files: files).run { file, label in
      if file.pathExtension.lowercased() == "pdf" {
        articles.append(try articleOfDocument(file, label))
      } else {
        let read = try ArticleReader().read(file: file)
        articles += try Self.articles(of: read)
      }
    }
    var scores: [ImpactScore] = []
    for (index, article) in articles.enumerated() {
      if index % 200 == 0 {
        Terminal.progress(Double(index) / Double(articles.count), "article \(index)/\(articles.count)")
      }
      scores.append(model.score(article))
    }
    Terminal.clearProgress()
    try write(scores)
    if explain {
      let byID = Dictionary(articles.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
      for score in scores {
        guard let article = byID[score.id] else { continue }
        Terminal.note("\(score.id)  \(String(format: "%.3f", score.score))  \(score.title.prefix(100))")
        for part in model.explain(article) {
          Terminal.note("    \(String(format: "%+.4f", part.contribution))  \(part.phrase)")
        }
      }
    }
    Terminal.note("\(ImpactModel.limitations) Percentiles refer to \(model.referenceSet).")
  }

  private func write(_ scores: [ImpactScore]) throws {
    let ordered = rank ? scores.sorted { ($0.score, $1.id) > ($1.score, $0.id) } : scores
    try Output.write(try (json ? ImpactFormat.jsonl : format).encode(ordered), to: output)
  }

  /// A file of which nothing could be read is no success.
  private static func articles(of read: ArticleReadResult) throws -> [Article] {
    if read.articles.isEmpty, let problem = read.problems.first { throw CommandFailure.unreadable(problem) }
    for problem in read.problems { Terminal.note(problem) }
    return read.articles
  }

  private struct Report: Decodable { var scores: [ImpactScore] }

  private func scoreRemotely(_ client: DocqClient) async throws {
    guard !explain else { throw CommandFailure.usage("--explain works without --server only") }
    var scores: [ImpactScore] = []
    try await FileBatch(files: files).run { file, label in
      let request: RemoteRequest
      if file.pathExtension.lowercased() == "pdf" {
        request = .impactOfDocument(file: file)
      } else {
        let articles = try Self.articles(of: ArticleReader().read(file: file))
        request = .impact(try JSONEncoder().encode(["articles": articles]))
      }
      guard let job = try await client.submit(request, label: label, options: remote) else { return }
      scores += try JSONDecoder().decode(Report.self, from: try await client.result(of: job)).scores
    }
    if !remote.noWait { try write(scores) }
  }

  private func articleOfDocument(_ file: URL, _ label: String) throws -> Article {
    let document = try DocumentIngestion().ingest(
      file, fileName: file.lastPathComponent, options: DocumentIngestion.Options(maxPages: 2),
      progress: { Terminal.progress($0, "\(label) \($1)") })
    guard let article = TitleAndAbstract.find(in: document) else {
      throw CommandFailure.unreadable("\(file.lastPathComponent): no title and abstract found on its first two pages")
    }
    return article
  }
}

extension ImpactFormat: ExpressibleByArgument {}
