import ArgumentParser
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

  func run() async throws {
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
        for problem in read.problems { Terminal.note(problem) }
        articles += read.articles
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
    if rank { scores.sort { ($0.score, $1.id) > ($1.score, $0.id) } }
    try Output.write(try (json ? ImpactFormat.jsonl : format).encode(scores), to: output)
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

  private func articleOfDocument(_ file: URL, _ label: String) throws -> Article {
    let document = try DocumentIngestion().ingest(
      file, fileName: file.lastPathComponent, options: DocumentIngestion.Options(pages: "1"),
      progress: { Terminal.progress($0, "\(label) \($1)") })
    guard let article = TitleAndAbstract.find(in: document) else {
      throw CommandFailure.unreadable("\(file.lastPathComponent): no title and abstract found on its first page")
    }
    return article
  }
}

extension ImpactFormat: ExpressibleByArgument {}
