import DocumentModel
import Foundation

/// Compiles the flattened source with marks, and leaves out those that move something until nothing moves.
struct MarkedCompile {
  struct Result {
    var log: MarkLog
    var trace: PaintTrace
    var source: FlattenedSource
    /// Further texts that TeX read, by file name.
    var others: [String: String]
    var skipped: Int
    var warnings: [String]
  }

  let compile: PaperCompile
  let plain: PaperCompile.Plain
  let plainPages: [Page]
  private let source: FlattenedSource
  private var folder: URL { plain.copy.folder }

  init(compile: PaperCompile, plain: PaperCompile.Plain, plainPages: [Page]) throws {
    self.compile = compile
    self.plain = plain
    self.plainPages = plainPages
    source = try SourceFlattener(root: plain.copy.folder).flatten(compile.name)
  }

  func run(
    maxRepairs: Int, progress: (Double, String) -> Void, pages read: (URL) throws -> [Page]
  ) throws -> Result {
    let files = FileManager.default
    let main = folder.appendingPathComponent(compile.name)
    guard let marks = Bundle.module.url(forResource: "Resources/docqmarks", withExtension: "tex")
    else { throw LatexAnnotationError.unexpected(file: compile.name, reason: "docqmarks.tex is missing from docq") }
    let first = "\\pdfcompresslevel=0 \\pdfobjcompresslevel=0 \\input{docqmarks}\\relax "
    let pdf = folder.appendingPathComponent(compile.job + ".pdf")
    do {
      try Data(Array(first.utf8) + SourceMarker.mark(source.bytes)).write(to: main)
      try? files.removeItem(at: folder.appendingPathComponent("docqmarks.tex"))
      try files.copyItem(at: marks, to: folder.appendingPathComponent("docqmarks.tex"))
    } catch {
      throw LatexAnnotationError.cannotWrite(folder: folder.path, reason: (error as NSError).localizedDescription)
    }
    var skipped = Set<Int>()
    var reason = ""
    for attempt in 0...maxRepairs {
      progress(Double(attempt) / Double(maxRepairs + 1), attempt == 0 ? "compiling with marks" : "mending marks")
      try writeSkipped(skipped)
      try? files.removeItem(at: pdf)
      let engine = compile.engine(folder)
      if attempt == 0 {
        try compile.settle(engine, folder)
      } else {
        try engine.run("pdflatex", PaperCompile.arguments + [compile.name], clock: compile.clock)
      }
      let texLog = TexLog(folder, compile.job)
      let log = MarkLog(texLog.text)
      guard files.fileExists(atPath: pdf.path) else {
        reason = texLog.firstError ?? "the marked compile made no pages"
        guard let culprit = lastMark(beforeErrorIn: texLog.text, skipped) else { break }
        skipped.insert(culprit)
        continue
      }
      let pages = try read(pdf)
      guard let difference = PageComparison.firstDifference(plainPages, pages) else {
        let trace = try MarkedPDF(pdf, fileName: compile.name).trace(log)
        guard trace.pages.count == pages.count, trace.markCount > 0 else {
          throw LatexAnnotationError.unexpected(
            file: compile.name,
            reason: "the marks cannot be read back (\(trace.markCount) marks on \(trace.pages.count) pages)")
        }
        return Result(
          log: log, trace: trace, source: source, others: otherTexts(), skipped: skipped.count,
          warnings: skipped.isEmpty ? [] : ["\(skipped.count) mark(s) moved something and were left out"])
      }
      reason = difference.description
      if texLog.errorCount > plain.log.errorCount, let error = texLog.firstError {
        reason = "with marks TeX says: \(error)"
        if let culprit = lastMark(beforeErrorIn: texLog.text, skipped) {
          skipped.insert(culprit)
          continue
        }
      }
      let trace = try MarkedPDF(pdf, fileName: compile.name).trace(log)
      let culprits = difference.suspects(in: trace, log).subtracting(skipped)
      guard !culprits.isEmpty else { break }
      skipped.formUnion(culprits)
    }
    throw LatexAnnotationError.notFaithful(
      file: compile.name,
      reason: "the compile with marks differs from the plain one: \(reason)"
        + (plain.log.firstError.map { "; the log's first error: \($0)" } ?? ""))
  }

  private func writeSkipped(_ skipped: Set<Int>) throws {
    let text = skipped.sorted().map { "\\expandafter\\let\\csname docq@s@\($0)\\endcsname\\relax\n" }.joined()
    try? Data(text.utf8).write(to: folder.appendingPathComponent("docqskip.tex"))
  }

  /// The last mark that was made before the first error that the plain compile does not have.
  private func lastMark(beforeErrorIn text: String, _ skipped: Set<Int>) -> Int? {
    var last: Int?
    for line in text.split(separator: "\n") {
      if line.hasPrefix("! "), !plain.log.text.contains(line) { return last }
      if line.hasPrefix("docq:+") || line.hasPrefix("docq:-") {
        let parts = line.split(separator: " ")
        if parts.count >= 2, let number = Int(parts[1]), number > 0, !skipped.contains(number) { last = number }
      }
    }
    return nil
  }

  private func otherTexts() -> [String: String] {
    var result: [String: String] = [:]
    for ending in ["bbl"] {
      let file = folder.appendingPathComponent("\(compile.job).\(ending)")
      if let data = try? Data(contentsOf: file) { result[file.lastPathComponent] = FlattenedSource.decode(data) }
    }
    return result
  }
}

/// Whether two compiles put the same text in the same places.
enum PageComparison {
  struct Difference {
    var page: Int
    /// The first place, in points from the top, where the pages differ; nil when their number does.
    var top: Double?
    var left: Double?
    var description: String

    /// The marks around the place.
    func suspects(in trace: PaintTrace, _ log: MarkLog) -> Set<Int> {
      guard page < trace.pages.count else { return [] }
      // What moved is pushed by what was painted right before it.
      var before: PaintedItem?
      for item in trace.pages[page] where item.kind == .glyph {
        if let top, let left, item.box.y0 >= top - 3, abs(item.box.x0 - left) < 3 || item.box.y0 > top + 3 { break }
        before = item
      }
      var result = Set<Int>()
      if let before {
        result.insert(before.behind)
        result.insert(before.behind + 1)
        if let last = trace.stacks[before.stack].last { result.insert(last.mark) }
      } else if let first = trace.pages[page].first {
        result.insert(first.behind)
        result.insert(first.behind - 1)
      }
      return result.filter { log.marks[$0] != nil }
    }
  }

  /// Nil when they are the same to a twentieth of a point.
  static func firstDifference(_ plain: [Page], _ marked: [Page]) -> Difference? {
    for (index, page) in plain.enumerated() where index < marked.count {
      let other = marked[index]
      guard !same(page, other) else { continue }
      let known = Set(other.words.map(Place.init)), old = Set(page.words.map(Place.init))
      let moved = other.words.filter { !old.contains(Place($0)) }.min {
        ($0.bbox.y0, $0.bbox.x0) < ($1.bbox.y0, $1.bbox.x0)
      }
      let missing = page.words.filter { !known.contains(Place($0)) }.min {
        ($0.bbox.y0, $0.bbox.x0) < ($1.bbox.y0, $1.bbox.x0)
      }
      let word = moved ?? missing
      return Difference(
        page: index, top: word?.bbox.y0, left: word?.bbox.x0,
        description: "on page \(index + 1) \"\(word?.text.prefix(40) ?? "")\" stands elsewhere")
    }
    if plain.count != marked.count {
      return Difference(
        page: min(plain.count, marked.count), top: nil, left: nil,
        description: "it has \(marked.count) pages instead of \(plain.count)")
    }
    return nil
  }

  private struct Place: Hashable {
    var text: String
    var x: Int
    var y: Int
    init(_ word: Word) {
      text = word.text
      x = Int((word.bbox.x0 * 10).rounded())
      y = Int((word.bbox.y0 * 10).rounded())
    }
  }

  private static func same(_ a: Page, _ b: Page) -> Bool {
    guard a.words.count == b.words.count, abs(a.width - b.width) < 0.05, abs(a.height - b.height) < 0.05 else {
      return false
    }
    return zip(a.words, b.words).allSatisfy { x, y in
      x.text == y.text && abs(x.bbox.x0 - y.bbox.x0) < 0.05 && abs(x.bbox.y0 - y.bbox.y0) < 0.05
        && abs(x.bbox.x1 - y.bbox.x1) < 0.05
    }
  }
}
