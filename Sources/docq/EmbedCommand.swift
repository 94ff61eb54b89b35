import ArgumentParser
import DocqClient
import Foundation
import ImpactScoring

struct EmbedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed",
    abstract: "Turn texts into vectors for search and clustering.",
    discussion: """
      Each vector has 384 numbers and length 1; the product of two is their similarity. The model is all-MiniLM-L6-v2 in
      8 bits; it reads the first 384 tokens of a text. English works best.

      Input: text files with one text a line, or the formats of docq impact (CSV, JSONL, BibTeX, RIS, Atom XML), whose
      articles are embedded as title and abstract. Output: one JSON object a line: {"id", "embedding"}.

      EXAMPLES
        docq embed abstracts.txt > vectors.jsonl
        docq embed papers.bib -o vectors.jsonl
        echo "sparse transformers" | docq embed -
      """)

  @Argument(help: "Files, or - for standard input.")
  var files: [String]
  @Flag(help: "Read every file as one text a line, whatever its name.")
  var lines = false
  @Flag(help: "Give the features of the impact score instead of embeddings (articles only).")
  var impactFeatures = false
  @Option(help: "Model: docq-impact-1 or a folder.")
  var model = ImpactModel.standardName
  @Option(name: [.customShort("o"), .long], help: "File for the vectors.")
  var output: String?
  @Flag(help: "JSON Lines; this is the only format.")
  var json = false
  @OptionGroup var remote: RemoteOptions

  private struct Line: Encodable {
    var id: String
    var embedding: [Float]
  }

  func run() async throws {
    try await reportingFailures {
      let client = try remote.client()
      var items: [(id: String, article: Article?, text: String)] = []
      let isStandardInput = files == ["-"]
      try await FileBatch(files: isStandardInput ? ["/dev/stdin"] : files).run { file, _ in
        items += try read(file)
      }
      if let client { return try await embedRemotely(items.map { ($0.id, $0.text) }, client) }
      try write(items)
    }
  }

  private static func bytes(_ file: URL) -> Data? {
    // A pipe has no size to read by.
    guard file.path == "/dev/stdin" else { return try? Data(contentsOf: file) }
    return try? FileHandle.standardInput.readToEnd() ?? Data()
  }

  private func read(_ file: URL) throws -> [(id: String, article: Article?, text: String)] {
    let name = file.lastPathComponent
    guard let data = Self.bytes(file) else { throw ArticleReadError.unreadable(name) }
    let isText = lines || ["txt", "text", ""].contains(file.pathExtension.lowercased())
    guard isText else {
      let read = try ArticleReader().read(data, name: name)
      for problem in read.problems { Terminal.note(problem) }
      return read.articles.map { ($0.id, $0, ImpactModel.embeddedText($0)) }
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw CommandFailure.unreadable("\(name): is no UTF-8 text")
    }
    let found = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
      .filter { !$0.element.allSatisfy(\.isWhitespace) }
    guard !found.isEmpty else { throw CommandFailure.unreadable("\(name): has no text in it") }
    return found.map { ("\($0.offset + 1)", nil, String($0.element)) }
  }

  private func write(_ items: [(id: String, article: Article?, text: String)]) throws {
    let loaded = try ImpactModel.named(model)
    let writer = try ResultWriter(output)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // In pieces, so that a long list needs little memory.
    for start in stride(from: 0, to: items.count, by: 2000) {
      let part = Array(items[start..<min(start + 2000, items.count)])
      let report: (Int) -> Void = { done in
        Terminal.progress(Double(start + done) / Double(items.count), "text \(start + done)/\(items.count)")
      }
      let vectors =
        impactFeatures
        ? loaded.features(
          part.map { $0.article ?? Article(id: $0.id, title: $0.text, abstract: "") }, progress: report)
        : try loaded.embeddings(part.map(\.text), progress: report)
      guard let vectors else { throw ImpactModelError.noEncoder(loaded.name) }
      var data = Data()
      for (row, item) in part.enumerated() {
        let values = Array(UnsafeBufferPointer(start: vectors.row(row), count: vectors.rowSize))
        data += try encoder.encode(Line(id: item.id, embedding: values)) + Data("\n".utf8)
      }
      try writer.write(data)
    }
    Terminal.clearProgress()
    try writer.finish()
  }

  private struct Report: Decodable { var embeddings: [[Float]] }

  private func embedRemotely(_ items: [(id: String, text: String)], _ client: DocqClient) async throws {
    guard !impactFeatures, model == ImpactModel.standardName else {
      throw CommandFailure.usage("--impact-features and --model work without --server only")
    }
    let body = try JSONEncoder().encode(["texts": items.map(\.text)])
    guard let job = try await client.submit(.embed(body), label: "texts", options: remote) else { return }
    let vectors = try JSONDecoder().decode(Report.self, from: try await client.result(of: job)).embeddings
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let lines = try zip(items, vectors).reduce(into: Data()) {
      $0 += try encoder.encode(Line(id: $1.0.id, embedding: $1.1)) + Data("\n".utf8)
    }
    try Output.write(lines, to: output)
  }
}
