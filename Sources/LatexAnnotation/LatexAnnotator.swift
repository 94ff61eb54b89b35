import DocumentModel
import Foundation
import PDFReader

/// Labels a paper from its LaTeX sources, as DocGenome does (Xia et al., arXiv 2406.11633, section 3).
///
/// The paper is compiled twice: as it is, and with marks that say what TeX typesets. The marks must not move
/// anything: both must have the same pages and the same text in the same places. A mark that does move something is
/// found and left out; a document for which that does not help gets no annotation.
public struct LatexAnnotator: Sendable {
  public struct Options: Sendable {
    /// For one run of TeX, in seconds.
    public var timeout = 60.0
    /// Memory of one run of TeX, in bytes.
    public var memoryBytes = 2 << 30
    /// Resolution of the page images, in dots per inch.
    public var dpi = 200.0
    /// How often the marked compile is repeated with fewer marks.
    public var maxRepairs = 12

    /// A folder that gets TeX's files with both logs in the end, replaced if it is there; nil to remove them.
    public var keptFiles: URL?

    public init() {}
  }

  public var options: Options
  private let reader: PDFReader

  /// - Parameter reader: reads the compiled pages in its confined child.
  public init(options: Options = Options(), reader: PDFReader = PDFReader()) {
    self.options = options
    self.reader = reader
  }

  /// Where pdfLaTeX is; nil when it is not installed.
  public static func texPath() -> String? { TexEngine.path(of: "pdflatex") }

  /// Compiles, labels and returns the labelled document with its pages' pictures.
  ///
  /// - Parameters:
  ///   - main: the file with \documentclass; its folder is the project.
  ///   - progress: called with a fraction in [0, 1] and what is being done.
  /// - Throws: `LatexAnnotationError`; `DocumentReadError` when the compiled pages cannot be read.
  public func annotate(
    _ main: URL, progress: (@Sendable (Double, String) -> Void)? = nil,
    isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws -> LatexAnnotation {
    let name = main.lastPathComponent
    guard let data = try? Data(contentsOf: main) else {
      throw LatexAnnotationError.unreadable(file: name, reason: String(cString: strerror(errno)))
    }
    try check(data, name)
    guard TexEngine.path(of: "pdflatex") != nil else { throw LatexAnnotationError.texMissing(program: "pdflatex") }
    let project = main.deletingLastPathComponent()
    let compile = PaperCompile(
      name: name, options: options, isCancelled: isCancelled, clock: Int(Date().timeIntervalSince1970))

    progress?(0.02, "compiling")
    let plain = try compile.plain(project)
    progress?(0.25, "reading pages")
    let plainPages = try read(plain.pdf, name, isCancelled)
    let marking = try MarkedCompile(compile: compile, plain: plain, plainPages: plainPages)
    let marked = try marking.run(maxRepairs: options.maxRepairs) { fraction, stage in
      progress?(0.3 + 0.4 * fraction, stage)
    } pages: { file in
      try read(file, name, isCancelled)
    }
    progress?(0.75, "labelling")
    var labelled = try DocumentLabeller(marked: marked, plain: plain, pages: plainPages, fileName: name).label()
    let count = plainPages.count
    let imageFolder = plain.copy.folder.appendingPathComponent("docq-\(UUID().uuidString)")
    try? FileManager.default.createDirectory(at: imageFolder, withIntermediateDirectories: true)
    try PageImages(reader: reader, pdf: plain.pdf, fileName: name, dpi: options.dpi).render(
      into: imageFolder, fitting: &labelled.document,
      progress: { progress?(0.8 + 0.2 * Double($0 + 1) / Double(max(1, count)), "page image \($0 + 1)/\(count)") },
      isCancelled: isCancelled)
    return LatexAnnotation(
      document: labelled.document, pdf: plain.pdf,
      images: (0..<count).map { imageFolder.appendingPathComponent(PageImages.name($0)) }
        .filter { FileManager.default.fileExists(atPath: $0.path) }, copy: plain.copy,
      quality: labelled.quality, warnings: plain.warnings + marked.warnings, dpi: options.dpi)
  }

  private func read(_ file: URL, _ name: String, _ isCancelled: @escaping @Sendable () -> Bool) throws -> [Page] {
    var readOptions = PDFReadOptions()
    readOptions.findRulings = false
    return try reader.read(file, fileName: name, options: readOptions, isCancelled: isCancelled).pages
  }

  private func check(_ data: Data, _ name: String) throws {
    let text = FlattenedSource.decode(data)
    guard !text.isEmpty else { throw LatexAnnotationError.notLatex(file: name, reason: "it is empty") }
    let code = text.split(separator: "\n").compactMap(SourceText.withoutComment).joined(separator: "\n")
    guard
      code.contains("\\documentclass") || code.contains("\\documentstyle") || code.contains("\\input")
        || code.contains("\\begin{document}")
    else {
      throw LatexAnnotationError.notLatex(
        file: name, reason: "it has no \\documentclass; give the main file, and plain TeX is not supported")
    }
  }
}

/// A labelled paper.
public struct LatexAnnotation: Sendable {
  public var document: Document
  /// The compiled paper; lives as long as this value does.
  public let pdf: URL
  /// The pages' pictures, JPEG; they live as long as this value does.
  public let images: [URL]
  let copy: ProjectCopy
  public var quality: AnnotationQuality
  public var warnings: [String]
  let dpi: Double
}

extension ProjectCopy: @unchecked Sendable {}

/// How much of the paper was labelled.
public struct AnnotationQuality: Codable, Sendable {
  /// Units of the source by class, and those that were found on the pages.
  public var unitsInSource: [String: Int] = [:]
  public var unitsOnPages: [String: Int] = [:]
  /// Letters that belong to a labelled unit, and those that do not.
  public var labelledGlyphs = 0
  public var unlabelledGlyphs = 0
  /// Marks in the compiled pages and marks left out because they moved something.
  public var marks = 0
  public var skippedMarks = 0
}
