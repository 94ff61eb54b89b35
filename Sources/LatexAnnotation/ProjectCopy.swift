import Foundation

/// A copy of a project's folder that TeX may write into; removed with it.
final class ProjectCopy {
  let folder: URL
  /// Names of files that were left out, with the reason.
  private(set) var warnings: [String] = []

  /// Copies regular files only: links out of the folder are not followed.
  ///
  /// - Throws: `LatexAnnotationError.tooLarge` when the folder has more files or bytes than a paper has.
  init(of project: URL, maxFiles: Int = 5000, maxBytes: Int = 1 << 29) throws {
    let files = FileManager.default
    folder = files.temporaryDirectory.appendingPathComponent("docq-annotate-\(UUID().uuidString)")
    do {
      try files.createDirectory(at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw LatexAnnotationError.cannotWrite(folder: folder.path, reason: (error as NSError).localizedDescription)
    }
    let root = project.standardizedFileURL.resolvingSymlinksInPath()
    var count = 0, bytes = 0
    guard let walk = files.enumerator(atPath: root.path) else {
      throw LatexAnnotationError.unreadable(file: project.path, reason: "the folder cannot be listed")
    }
    while let path = walk.nextObject() as? String {
      let attributes = walk.fileAttributes ?? [:]
      let name = path.split(separator: "/").last.map(String.init) ?? path
      guard let type = attributes[.type] as? FileAttributeType else { continue }
      if type == .typeDirectory {
        if name.hasPrefix(".") { walk.skipDescendants() }
        continue
      }
      guard type == .typeRegular, !name.hasPrefix(".") else {
        if type == .typeSymbolicLink { warnings.append("the link \(path) was not followed") }
        continue
      }
      count += 1
      bytes += (attributes[.size] as? NSNumber)?.intValue ?? 0
      guard count <= maxFiles else {
        throw LatexAnnotationError.tooLarge(
          folder: project.path, reason: "it has more than \(maxFiles) files; put the paper in a folder of its own")
      }
      guard bytes <= maxBytes else {
        throw LatexAnnotationError.tooLarge(
          folder: project.path, reason: "it has more than \(maxBytes >> 20) MiB; put the paper in a folder of its own")
      }
      let target = folder.appendingPathComponent(path)
      do {
        try files.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
        try files.copyItem(at: root.appendingPathComponent(path), to: target)
      } catch {
        warnings.append("\(path) could not be copied")
      }
    }
  }

  /// Where the copy goes instead of being removed; for looking into what TeX said.
  var keptAt: URL?

  deinit {
    if let keptAt {
      try? FileManager.default.removeItem(at: keptAt)
      if (try? FileManager.default.moveItem(at: folder, to: keptAt)) != nil { return }
    }
    try? FileManager.default.removeItem(at: folder)
  }
}
