import ArgumentParser
import DocumentModel
import Foundation
import LayoutAnalysis
import PDFReader
import Synchronization
import Tensor

struct TrainLayoutCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "layout",
    abstract: "Train the layout model on labelled documents.",
    discussion: """
      A corpus is a folder of folders, one for each document: document.pdf and labels.json as Training/layout makes
      them, also from what docq annotate writes. One document in twenty, by its name, is kept aside to tell how well it goes.

      Training goes on where it stopped when it is run again with the same -o. It writes config.json,
      model.safetensors (the moving average of the weights), checkpoint.safetensors and log.jsonl; use the result with
      docq ingest --layout DIR.

      EXAMPLES
        docq train layout corpus -o runs/layout --budget 30m
        docq train layout corpus my-papers --init docq-layout-1 --steps 1000 --rate 3e-4 -o runs/mine
      """)

  @Argument(help: "Folders of labelled documents.")
  var corpora: [String]
  @Option(name: [.customShort("o"), .long], help: "Folder of the run.")
  var output: String
  @Option(name: .customLong("init"), help: "Model to start from: docq-layout-1 or a folder.")
  var initial: String?
  @Option(help: "Updates of the weights; the learning rate falls to zero at the end.")
  var steps = 6000
  @Option(help: "Time to use, such as 90s, 5m, 2h; run again to go on.")
  var budget: TimeBudget?
  @Option(help: "Peak of the learning rate.")
  var rate = 1.5e-3
  @Option(help: "Lines of text in a step.")
  var lines = 3000
  @Option(help: "Same seed, same training.")
  var seed: UInt64 = 1
  @Option(help: "Width of the model.")
  var modelSize = 128
  @Option(help: "Layers of the model.")
  var layers = 3
  @Option(help: "Hidden size of an expert.")
  var feedForward = 128
  @Option(help: "Experts of a layer; two serve each line.")
  var experts = 8
  @Flag(help: "Show the model patches of the page's image around each line, too.")
  var image = false
  @Option(help: "Stop after so many documents of each corpus.")
  var most = Int.max
  @Option(help: "Times that each document of a corpus counts, in the order of the corpora.")
  var times: [Int] = []

  func validate() throws {
    guard (100...1_000_000).contains(lines) else { throw ValidationError("--lines must be from 100 to 1000000") }
    guard rate > 0, rate <= 0.1 else { throw ValidationError("--rate must be above 0, at most 0.1") }
  }

  func run() async throws {
    do {
      var training: [LabelledPage] = [], heldOut: [LabelledPage] = []
      for (number, corpus) in corpora.enumerated() {
        let (kept, aside) = try LabelledCorpus.read(corpus, most: most)
        let repeats = number < times.count ? times[number] : 1
        for _ in 0..<repeats { training += kept }
        heldOut += aside
        Self.say("\(corpus): \(kept.count) pages to train on, \(aside.count) held out")
      }
      guard !training.isEmpty, !heldOut.isEmpty else {
        throw CommandFailure.unreadable("\(corpora.joined(separator: ", ")): no labelled pages to train on")
      }
      var options = LayoutTraining.Options()
      (options.steps, options.rate, options.linesPerStep, options.seed) = (steps, rate, lines, seed)
      if let budget { options.budget = budget.seconds }
      let folder = URL(fileURLWithPath: output, isDirectory: true)
      let start = initial.map {
        $0 == "docq-layout-1" ? LayoutModel.shippedFolder : URL(fileURLWithPath: $0, isDirectory: true)
      }
      let trainer = try LayoutTraining(
        LayoutConfiguration(
          modelSize: modelSize, layers: layers, feedForwardSize: feedForward, experts: experts, seesImage: image),
        training: training, heldOut: heldOut, directory: folder,
        initial: start?.appendingPathComponent("model.safetensors"), options)
      let coder = JSONEncoder()
      coder.outputFormatting = .sortedKeys
      var log = Data()
      try trainer.run(isStopped: { StopSignal.arrived }) { line in
        Self.say(
          "step \(line.step)  loss \(line.loss.formatted(3))  held out: loss \(line.heldOutLoss.formatted(3))"
            + "  class F1 \(line.lineF1.formatted(3))  continues \(line.continues.formatted(4))"
            + "  resumes \(line.resumes.formatted(4))")
        if let data = try? coder.encode(line) { log += data + Data("\n".utf8) }
      }
      try log.write(to: folder.appendingPathComponent("log.jsonl"))
    } catch {
      throw CommandFailure(describing: error)
    }
  }

  private static func say(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8)) }
}

extension Double {
  fileprivate func formatted(_ digits: Int) -> String { String(format: "%.\(digits)f", self) }
}

/// Folders of labelled documents.
enum LabelledCorpus {
  private struct Labels: Decodable {
    struct Block: Decodable {
      var page: Int
      var bbox: Rect
      var category: Int
      var level: Int?
      var unit: Int
    }
    var blocks: [Block]
    /// Text outside of all blocks counts for nothing; else it is page furniture.
    var ignoresUnlabelled: Bool?
  }

  /// Pages to train on and pages of the documents kept aside. What the PDFs hold is kept beside them for the next time.
  static func read(_ corpus: String, most: Int) throws -> (training: [LabelledPage], heldOut: [LabelledPage]) {
    let folder = URL(fileURLWithPath: corpus, isDirectory: true)
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else {
      throw CommandFailure.unreadable("\(corpus): no such folder, or it cannot be read")
    }
    let documents = names.sorted().prefix(most).map { folder.appendingPathComponent($0, isDirectory: true) }
    let pages = Mutex([Int: [LabelledPage]]())
    Parallel.forEach(documents.count) { index in
      guard let found = try? Self.pages(of: documents[index]) else { return }
      pages.withLock { $0[index] = found }
    }
    let all = pages.withLock { $0 }
    var training: [LabelledPage] = [], heldOut: [LabelledPage] = []
    for index in documents.indices {
      if isHeldOut(documents[index].lastPathComponent) {
        heldOut += all[index] ?? []
      } else {
        training += all[index] ?? []
      }
    }
    return (training, heldOut)
  }

  /// By the name alone, so that a corpus that grows keeps the same documents aside.
  private static func isHeldOut(_ name: String) -> Bool { name.utf8.reduce(0) { $0 + Int($1) } % 20 == 7 }

  private static func pages(of folder: URL) throws -> [LabelledPage] {
    let cache = folder.appendingPathComponent("lines.bin")
    if let data = FileManager.default.contents(atPath: cache.path), let pages = LabelledPage.decoded(data) {
      return pages
    }
    let (pdf, blocks, ignoresUnlabelled) = try labels(folder)
    var options = PDFReadOptions()
    options.keepsInk = true
    let document = try PDFReader().read(pdf, fileName: pdf.lastPathComponent, options: options)
    let pages = LabelledPage.pages(of: document, blocks: blocks, ignoresUnlabelled: ignoresUnlabelled)
    try LabelledPage.encoded(pages).write(to: cache, options: .atomic)
    return pages
  }

  private static func labels(_ folder: URL) throws -> (pdf: URL, blocks: [LabelledBlock], ignoresUnlabelled: Bool) {
    let data = try Data(contentsOf: folder.appendingPathComponent("labels.json"))
    let labels = try JSONDecoder().decode(Labels.self, from: data)
    let blocks = labels.blocks.filter { (0...RegionClass.allCases.count).contains($0.category) }.map {
      LabelledBlock(page: $0.page, bbox: $0.bbox, category: $0.category, level: $0.level, unit: $0.unit)
    }
    return (folder.appendingPathComponent("document.pdf"), blocks, labels.ignoresUnlabelled ?? false)
  }
}
