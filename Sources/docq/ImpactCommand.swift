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
      Its data are articles on artificial intelligence; elsewhere the score means little (see docq train impact). Ranks and
      percentiles are the useful part: the band around a single score is wide.

      Input: CSV with columns title, abstract and id, JSONL, BibTeX, RIS, Atom XML (an arXiv listing), or PDFs whose title
      and abstract are found. A row that cannot be used is named, the others are scored.

      With --compute-target the input is a table with the columns id, topic, date and citations, and the output the true
      TNCSI and TNCSI_SP of each paper: how its citations compare to those of its topic, and to those of its topic within
      half a year. "vision/segmentation" is a topic within "vision". Groups of fewer than 20 papers are widened, and say so.

      EXAMPLES
        docq impact papers.csv --rank -o scores.csv
        docq impact listing.xml --top 20 --format table
        docq impact paper.pdf --explain --similar 5 --format html -o report.html
        docq impact citations.csv --compute-target -o targets.csv
      """)

  @Argument(help: "CSV, TSV, JSONL, BibTeX, RIS, Atom XML or PDF files.")
  var files: [String]
  @Flag(help: "Highest score first.")
  var rank = false
  @Option(help: "Only the N highest scores, highest first.")
  var top: Int?
  @Flag(help: "Name the phrases that moved each score, by leaving each out in turn.")
  var explain = false
  @Option(help: "Name the N most similar papers of the training set.")
  var similar = 0
  @Option(help: "csv, jsonl, table or html.")
  var format: ImpactFormat = .csv
  @Flag(help: "Same as --format jsonl.")
  var json = false
  @Option(help: "Model: docq-impact-1, docq-impact-linear-1 or a folder.")
  var model = ImpactModel.standardName
  @Flag(help: "Compute the true target from citations instead of predicting it.")
  var computeTarget = false
  @Option(name: [.customShort("o"), .long], help: "File for the scores.")
  var output: String?
  @OptionGroup var remote: RemoteOptions

  func validate() throws {
    guard top ?? 1 >= 1 else { throw ValidationError("--top must be at least 1") }
    guard (0...50).contains(similar) else { throw ValidationError("--similar must be from 0 to 50") }
    guard !computeTarget || !(explain || similar > 0 || rank || top != nil) else {
      throw ValidationError("--compute-target does not go with --rank, --top, --explain or --similar")
    }
  }

  func run() async throws {
    try await reportingFailures {
      if computeTarget { return try await computeTargets() }
      if let client = try remote.client() { return try await scoreRemotely(client) }
      try await score()
    }
  }

  private var chosenFormat: ImpactFormat { json ? .jsonl : format }

  // MARK: - In this process

  private func score() async throws {
    let model = try ImpactModel.named(model)
    var articles: [Article] = []
    var failure: CommandFailure?
    do {
      try await FileBatch(files: files).run { file, label in
        if file.pathExtension.lowercased() == "pdf" {
          articles.append(try articleOfDocument(file, label))
        } else {
          articles += try Self.articles(of: try ArticleReader().read(file: file))
        }
      }
    } catch let problem as CommandFailure where !articles.isEmpty {
      // Files that cannot be read are named by now; the others are scored, and the status says so.
      failure = problem
    }
    articles = Self.distinct(articles)
    let count = articles.count
    var scores = model.score(articles) { done in
      Terminal.progress(Double(done) / Double(max(1, count)), "article \(done)/\(count)")
    }
    Terminal.clearProgress()
    scores = arranged(scores)
    let byID = Dictionary(articles.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    if similar > 0 {
      let found = try model.similar(scores.compactMap { byID[$0.id] }, count: similar)
      for index in scores.indices { scores[index].similar = found[index] }
    }
    if explain {
      for index in scores.indices {
        Terminal.progress(Double(index) / Double(scores.count), "explaining \(index)/\(scores.count)")
        guard let article = byID[scores[index].id] else { continue }
        // A page marks every phrase.
        scores[index].phrases = model.explain(article, count: chosenFormat == .html ? 1000 : 10)
      }
      Terminal.clearProgress()
    }
    try write(scores, byID, referenceSet: model.referenceSet)
    if let failure { throw failure }
  }

  /// Files may share ids.
  private static func distinct(_ articles: [Article]) -> [Article] {
    var seen: [String: Int] = [:]
    return articles.map { article in
      seen[article.id, default: 0] += 1
      guard let count = seen[article.id], count > 1 else { return article }
      var other = article
      other.id += "#\(count)"
      return other
    }
  }

  private func arranged(_ scores: [ImpactScore]) -> [ImpactScore] {
    let ranked = ImpactScore.ranked(scores)
    guard rank || top != nil else { return ranked }
    let ordered = ranked.sorted { ($0.score, $1.id) > ($1.score, $0.id) }
    return top.map { Array(ordered.prefix($0)) } ?? ordered
  }

  private func write(_ scores: [ImpactScore], _ articles: [String: Article], referenceSet: String) throws {
    try Output.write(
      try chosenFormat.encode(scores, articles: articles, referenceSet: referenceSet), to: output)
    if chosenFormat == .csv || chosenFormat == .table {
      for score in scores where score.phrases != nil || score.similar != nil {
        Terminal.note("\(score.id)  \(String(format: "%.3f", score.score))  \(score.title.prefix(100))")
        for part in score.phrases ?? [] {
          Terminal.note("    \(String(format: "%+.4f", part.contribution))  \(part.phrase) (\(part.part.rawValue))")
        }
        for paper in score.similar ?? [] {
          Terminal.note(
            "    similar \(String(format: "%.2f", paper.similarity))  TNCSI_SP "
              + "\(String(format: "%.2f", paper.tncsiSP))  \(paper.title)")
        }
      }
    }
    // Tables and pages say it themselves.
    if chosenFormat == .csv || chosenFormat == .jsonl {
      Terminal.note("\(ImpactModel.limitations) Percentiles refer to \(referenceSet).")
    }
  }

  /// A file of which nothing could be read is no success.
  private static func articles(of read: ArticleReadResult) throws -> [Article] {
    if read.articles.isEmpty, let problem = read.problems.first { throw CommandFailure.unreadable(problem) }
    for problem in read.problems { Terminal.note(problem) }
    return read.articles
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

  // MARK: - On a server

  private struct Report: Decodable {
    var scores: [ImpactScore]
    var referenceSet: String?

    enum CodingKeys: String, CodingKey {
      case scores
      case referenceSet = "reference_set"
    }
  }

  private func scoreRemotely(_ client: DocqClient) async throws {
    guard model == ImpactModel.standardName else { throw CommandFailure.usage("--model works without --server only") }
    guard format != .html || json else { throw CommandFailure.usage("--format html works without --server only") }
    var scores: [ImpactScore] = []
    var referenceSet = ""
    try await FileBatch(files: files).run { file, label in
      let request: RemoteRequest
      if file.pathExtension.lowercased() == "pdf" {
        request = .impactOfDocument(file: file)
      } else {
        let articles = try Self.articles(of: ArticleReader().read(file: file))
        request = .impact(try JSONEncoder().encode(["articles": articles]), explain: explain, similar: similar)
      }
      guard let job = try await client.submit(request, label: label, options: remote) else { return }
      let report = try JSONDecoder().decode(Report.self, from: try await client.result(of: job))
      scores += report.scores
      referenceSet = report.referenceSet ?? ""
    }
    if !remote.noWait { try write(arranged(scores), [:], referenceSet: referenceSet) }
  }

  // MARK: - The target

  private func computeTargets() async throws {
    var targets: [ImpactTarget] = []
    try await FileBatch(files: files).run { file, _ in
      guard let data = try? Data(contentsOf: file) else { throw ArticleReadError.unreadable(file.lastPathComponent) }
      let table = try CitationTable(data, name: file.lastPathComponent)
      for problem in table.problems { Terminal.note(problem) }
      targets += CitationTarget().compute(table.papers)
    }
    let isJSON = json || format == .jsonl
    try Output.write(isJSON ? try ImpactTarget.jsonLines(targets) : ImpactTarget.csv(targets), to: output)
    let flagged = targets.filter { !$0.flags.isEmpty }.count
    Terminal.note("\(targets.count) papers; \(flagged) with a widened or odd group (see the column flags)")
  }
}

extension ImpactFormat: ExpressibleByArgument {}
