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
    let auxiliary = auxiliaryFiles()
    do {
      return try run(maxRepairs, auxiliary, insideAbstracts: true, progress, read)
    } catch LatexAnnotationError.notFaithful {
      // Some classes take an abstract's body apart: there the environment alone has to say where it is.
      return try run(maxRepairs, auxiliary, insideAbstracts: false, progress, read)
    }
  }

  private func run(
    _ maxRepairs: Int, _ auxiliary: [String: Data], insideAbstracts: Bool, _ progress: (Double, String) -> Void,
    _ read: (URL) throws -> [Page]
  ) throws -> Result {
    let files = FileManager.default
    let main = folder.appendingPathComponent(compile.name)
    guard let marks = Bundle.module.url(forResource: "Resources/docqmarks", withExtension: "tex")
    else { throw LatexAnnotationError.unexpected(file: compile.name, reason: "docqmarks.tex is missing from docq") }
    let first = "\\pdfcompresslevel=0 \\pdfobjcompresslevel=0 \\input{docqmarks}\\relax "
    let pdf = folder.appendingPathComponent(compile.job + ".pdf")
    do {
      try Data(Array(first.utf8) + SourceMarker.mark(source.bytes, insideAbstracts: insideAbstracts)).write(to: main)
      try? files.removeItem(at: folder.appendingPathComponent("docqmarks.tex"))
      try files.copyItem(at: marks, to: folder.appendingPathComponent("docqmarks.tex"))
    } catch {
      throw LatexAnnotationError.cannotWrite(folder: folder.path, reason: (error as NSError).localizedDescription)
    }
    var skipped = Set<Int>()
    var emptyMarks = Set<Int>()
    var reason = ""
    var reach = 0, lastPage = -1
    for attempt in 0...maxRepairs {
      progress(Double(attempt) / Double(maxRepairs + 1), attempt == 0 ? "compiling with marks" : "mending marks")
      try writeSkipped(skipped)
      try? files.removeItem(at: pdf)
      // What the plain compile wrote for its next run: with it, one run has the right page numbers and references.
      for (name, data) in auxiliary { try? data.write(to: folder.appendingPathComponent(name)) }
      try compile.engine(folder).run("pdflatex", PaperCompile.arguments + [compile.name], clock: compile.clock)
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
        let trace = try MarkedPDF(pdf, fileName: compile.name).trace(log, skipped: skipped)
        let lost = skipped.subtracting(emptyMarks).count
        guard lost <= max(12, trace.markCount / 10) else {
          reason = "\(lost) of \(trace.markCount) marks would have to be left out"
          break
        }
        guard trace.pages.count == pages.count, trace.markCount > 0 else {
          throw LatexAnnotationError.unexpected(
            file: compile.name,
            reason: "the marks cannot be read back (\(trace.markCount) marks on \(trace.pages.count) pages)")
        }
        return Result(
          log: log, trace: trace, source: source, others: otherTexts(), skipped: lost,
          warnings: lost == 0 ? [] : ["\(lost) mark(s) moved something and were left out"])
      }
      reason = difference.description
      if texLog.errorCount > plain.log.errorCount, let error = texLog.firstError {
        reason = "with marks TeX says: \(error)"
        if let culprit = lastMark(beforeErrorIn: texLog.text, skipped) {
          skipped.insert(culprit)
          continue
        }
      }
      let trace = try MarkedPDF(pdf, fileName: compile.name).trace(log, skipped: skipped)
      // Paragraphs without content, and displays without text in front, make no line: their marks do. All go at once.
      let used = Set(trace.pages.joined().lazy.compactMap { trace.stacks[$0.stack].last?.mark })
      let empty = log.emptyParagraphs.subtracting(used).subtracting(skipped)
      let displayed = log.displayParagraphs.subtracting(skipped)
      if !empty.isEmpty || !displayed.isEmpty {
        emptyMarks.formUnion(empty.flatMap { [$0, $0 + 1] })
        emptyMarks.formUnion(displayed)
        skipped.formUnion(emptyMarks)
        continue
      }
      // The same page again: look further around.
      reach = difference.page == lastPage ? reach + 1 : 0
      lastPage = difference.page
      let culprits = difference.suspects(in: trace, log, reach: reach).subtracting(skipped)
      guard !culprits.isEmpty || reach < 3 else { break }
      skipped.formUnion(culprits)
    }
    throw LatexAnnotationError.notFaithful(
      file: compile.name,
      reason: "the compile with marks differs from the plain one: \(reason)"
        + (plain.log.firstError.map { "; the log's first error: \($0)" } ?? ""))
  }

  /// What TeX reads again from the run before.
  private func auxiliaryFiles() -> [String: Data] {
    let endings: Set<String> = [
      "aux", "toc", "lof", "lot", "out", "nav", "snm", "loa", "lol", "bbl", "brf", "ind", "gls", "acr", "spl", "thm",
      "ent", "tdo", "xref", "mtc", "ptc", "maf", "loe", "los", "cpt", "pytxcode", "upa", "upb", "end", "nlo", "nls",
    ]
    var result: [String: Data] = [:]
    let walk = FileManager.default.enumerator(atPath: folder.path)
    while let path = walk?.nextObject() as? String, result.count < 2000 {
      guard let ending = path.split(separator: ".").last, endings.contains(ending.lowercased()) else { continue }
      result[path] = try? Data(contentsOf: folder.appendingPathComponent(path))
    }
    return result
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
    /// What stands elsewhere in the marked compile, from the top.
    var moved: [Rect]
    var description: String

    /// The marks that may have moved it: with more reach, more of them.
    ///
    /// First those around the first thing that moved, then those of all its line, then those of all that moved.
    func suspects(in trace: PaintTrace, _ log: MarkLog, reach: Int) -> Set<Int> {
      guard page < trace.pages.count else { return [] }
      let glyphs = trace.pages[page].filter { $0.kind == .glyph }
      func has(_ item: PaintedItem, _ words: [Rect]) -> Bool {
        words.contains { $0.contains(x: item.box.midX, y: item.box.midY) }
      }
      let line = moved.first.map { first in moved.filter { $0.verticalOverlap(first) > 0 } } ?? []
      let places = reach == 0 ? Array(moved.prefix(1)) : reach == 1 ? line : moved
      guard let first = glyphs.firstIndex(where: { has($0, places) }),
        let last = glyphs.lastIndex(where: { has($0, places) })
      else { return reach < 2 ? [] : Set(glyphs.map(\.behind)) }
      // What stands before and behind them may have pushed them.
      let range = max(0, first - 1)...min(glyphs.count - 1, last + 1)
      let around = glyphs[range].flatMap { [$0.behind] + trace.stacks[$0.stack].suffix(1).map(\.mark) }
      guard let low = around.min(), let high = around.max() else { return [] }
      let marks = reach == 0 || high - low > 400 ? Set(around + [high + 1]) : Set(low...(high + 1))
      return marks.filter { log.marks[$0] != nil }
    }
  }

  /// Nil when they are the same to a twentieth of a point.
  static func firstDifference(_ plain: [Page], _ marked: [Page]) -> Difference? {
    for (index, page) in plain.enumerated() where index < marked.count {
      let other = marked[index]
      guard !same(page, other) else { continue }
      let known = Set(other.words.map(Place.init)), old = Set(page.words.map(Place.init))
      let moved = other.words.filter { !old.contains(Place($0)) }.sorted {
        ($0.bbox.y0, $0.bbox.x0) < ($1.bbox.y0, $1.bbox.x0)
      }
      let missing = page.words.first { !known.contains(Place($0)) }
      let word = moved.first ?? missing
      return Difference(
        page: index, moved: moved.map(\.bbox),
        description: "on page \(index + 1) \"\(word?.text.prefix(40) ?? "")\" stands elsewhere")
    }
    if plain.count != marked.count {
      return Difference(
        page: min(plain.count, marked.count), moved: [],
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
