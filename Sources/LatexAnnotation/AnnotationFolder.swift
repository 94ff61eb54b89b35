import DocumentModel
import Foundation

/// Writes a labelled paper as a DocGenome folder. The folder appears when everything is in it.
extension LatexAnnotation {
  /// - Throws: `LatexAnnotationError.outputExists` when something else stands there.
  public func write(to folder: URL) throws {
    let files = FileManager.default
    let exists = files.fileExists(atPath: folder.path)
    if exists, !Self.isReplaceable(folder) { throw LatexAnnotationError.outputExists(folder: folder.path) }
    let parent = folder.standardizedFileURL.deletingLastPathComponent()
    let partial = parent.appendingPathComponent(".\(folder.lastPathComponent).partial-\(getpid())")
    defer { try? files.removeItem(at: partial) }
    do {
      try files.createDirectory(at: partial, withIntermediateDirectories: true)
      for part in try DocumentWriter.docGenomeFiles(document, dpi: dpi) {
        try part.data.write(to: partial.appendingPathComponent(part.name))
      }
      try files.copyItem(at: pdf, to: partial.appendingPathComponent("paper.pdf"))
      for image in images {
        try files.copyItem(at: image, to: partial.appendingPathComponent(image.lastPathComponent))
      }
    } catch {
      throw LatexAnnotationError.cannotWrite(folder: folder.path, reason: Self.reason(error))
    }
    do {
      if exists { try files.removeItem(at: folder) }
      try files.moveItem(at: partial, to: folder)
    } catch {
      throw LatexAnnotationError.cannotWrite(folder: folder.path, reason: Self.reason(error))
    }
  }

  /// An empty folder, or one that was written by this.
  private static func isReplaceable(_ folder: URL) -> Bool {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else { return false }
    return names.isEmpty
      || (names.contains("layout_annotation.json")
        && names.allSatisfy {
          $0.hasSuffix("_annotation.json") || $0 == "quality_report.json" || $0 == "paper.pdf"
            || ($0.hasPrefix("page_") && $0.hasSuffix(".jpg"))
        })
  }

  private static func reason(_ error: any Error) -> String {
    if let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error { return reason(underlying) }
    return (error as NSError).localizedDescription
  }
}
