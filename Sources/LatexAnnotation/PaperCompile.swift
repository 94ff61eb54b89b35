import Foundation

/// Runs TeX on a copy of a project until the pages stay the same.
struct PaperCompile: Sendable {
  let name: String
  let options: LatexAnnotator.Options
  let isCancelled: @Sendable () -> Bool
  let clock: Int

  var job: String {
    String(name.split(separator: ".", omittingEmptySubsequences: false).dropLast().joined(separator: "."))
  }

  struct Plain {
    let copy: ProjectCopy
    let pdf: URL
    let log: TexLog
    var warnings: [String]
  }

  /// Compiles the paper as it is.
  func plain(_ project: URL) throws -> Plain {
    let copy = try ProjectCopy(of: project)
    copy.keptAt = options.keptFiles
    var warnings = copy.warnings
    let engine = engine(copy.folder)
    warnings += PicturePreparation(folder: copy.folder, engine: engine, clock: clock).convertPostScript()
    warnings += PackageStandIns(folder: copy.folder).install(main: name)
    // The author's own list of references is there more often than the database that it was made from.
    let listing = copy.folder.appendingPathComponent(job + ".bbl")
    let hadListing = FileManager.default.fileExists(atPath: listing.path)
    for ending in ["aux", "pdf", "out", "toc", "lof", "lot"] {
      try? FileManager.default.removeItem(at: copy.folder.appendingPathComponent("\(job).\(ending)"))
    }
    try engine.run("pdflatex", Self.arguments + [name], clock: clock)
    let isOutdated = TexLog(copy.folder, job).text.contains("wrong format version")
    if !hadListing || isOutdated { makeReferences(engine, copy.folder, &warnings) }
    try settle(engine, copy.folder)
    let log = TexLog(copy.folder, job)
    let pdf = copy.folder.appendingPathComponent(job + ".pdf")
    guard FileManager.default.fileExists(atPath: pdf.path), !log.text.contains("no output PDF file produced") else {
      throw LatexAnnotationError.doesNotCompile(
        file: name, firstError: log.firstError.map(Self.advice) ?? "TeX made no pages and gave no reason")
    }
    if log.errorCount > 0, let first = log.firstError {
      warnings.append("TeX reported \(log.errorCount) error(s) and went on; the first: \(first)")
    }
    // The comparison and the output use the pages as they are now.
    let kept = copy.folder.appendingPathComponent(job + ".docq-plain.pdf")
    try? FileManager.default.moveItem(at: pdf, to: kept)
    return Plain(copy: copy, pdf: kept, log: log, warnings: warnings)
  }

  func engine(_ folder: URL) -> TexEngine {
    TexEngine(
      folder: folder, fileName: name, timeout: options.timeout, memoryBytes: options.memoryBytes,
      isCancelled: isCancelled)
  }

  static let arguments = ["-no-shell-escape", "-interaction=nonstopmode"]

  /// Repeats TeX until references and page numbers agree, at most four times.
  func settle(_ engine: TexEngine, _ folder: URL) throws {
    var before = auxiliary(folder)
    for run in 0..<4 {
      try engine.run("pdflatex", Self.arguments + [name], clock: clock)
      let after = auxiliary(folder)
      if run > 0 || before == after, before == after, !TexLog(folder, job).asksForAnotherRun { return }
      if run > 0, before == after { return }
      before = after
    }
  }

  private func auxiliary(_ folder: URL) -> [Data?] {
    ["aux", "toc", "out", "lof", "lot"].map { try? Data(contentsOf: folder.appendingPathComponent("\(job).\($0)")) }
  }

  /// Runs BibTeX or biber where the paper asks for it.
  private func makeReferences(_ engine: TexEngine, _ folder: URL, _ warnings: inout [String]) {
    let files = FileManager.default
    let control = folder.appendingPathComponent(job + ".bcf")
    if files.fileExists(atPath: control.path) {
      guard TexEngine.path(of: "biber") != nil else {
        warnings.append("the references need biber, which is not installed: the list of references is missing")
        return
      }
      if (try? engine.run("biber", ["--quiet", job], clock: clock)) != 0 { warnings.append("biber reported errors") }
      return
    }
    guard let aux = try? Data(contentsOf: folder.appendingPathComponent(job + ".aux")),
      FlattenedSource.decode(aux).contains("\\bibdata"), TexEngine.path(of: "bibtex") != nil
    else { return }
    // 2 is for errors; 1 for warnings.
    if let status = try? engine.run("bibtex", [job], clock: clock), status > 1 {
      warnings.append("BibTeX reported errors")
    }
  }

  private static func advice(_ error: String) -> String {
    guard error.contains("not found"), error.contains("File `") else { return error }
    return error + "; a TeX package is missing: try texlive-latex-extra, texlive-science or texlive-fonts-extra"
  }
}
