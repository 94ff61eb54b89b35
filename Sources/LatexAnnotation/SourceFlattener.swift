import Foundation

/// A document in one text: what \input, \include, \subfile and \import name stands where they stood.
///
/// TeX then tells lines of this one text, whatever file the author wrote them in.
package struct FlattenedSource {
  package var bytes: [UInt8] = []

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
  package var text: String { Self.decode(bytes) }

  /// UTF-8 where it is valid, else Latin-1.
  static func decode(_ bytes: some Sequence<UInt8>) -> String {
    let bytes = Array(bytes)
    if let text = String(validating: bytes, as: UTF8.self) { return text.replacingOccurrences(of: "\r\n", with: "\n") }
    return String(String.UnicodeScalarView(bytes.filter { $0 != 13 }.map { Unicode.Scalar($0) }))
  }
}

package struct SourceFlattener {
  private let root: URL
  /// A text that includes itself ends here.
  private let maxDepth = 12
  private let maxBytes = 32 << 20

  package init(root: URL) { self.root = root }

  package func flatten(_ main: String) throws -> FlattenedSource {
    var result = FlattenedSource()
    guard let bytes = read(main) else {
      throw LatexAnnotationError.unreadable(file: main, reason: "it is not a readable file")
    }
    result.bytes = expand(bytes, folder: "", depth: 0)
    return result
  }

  /// The flattened text without comments; empty when the main file cannot be read.
  static func text(of root: URL, _ main: String) -> String {
    let text = (try? SourceFlattener(root: root).flatten(main).text) ?? ""
    return text.split(separator: "\n").compactMap(SourceText.withoutComment).joined(separator: "\n")
  }

  private func read(_ path: String) -> [UInt8]? {
    let url = root.appendingPathComponent(path).standardizedFileURL
    guard url.path.hasPrefix(root.standardizedFileURL.path + "/"), let data = try? Data(contentsOf: url) else {
      return nil
    }
    return Array(data).filter { $0 != 13 || !data.contains(10) }.map { $0 == 13 ? 10 : $0 }
  }

  /// The file that TeX would read for a name, and its text.
  private func find(_ name: [UInt8], folder: String, directory: String = "") -> (path: String, bytes: [UInt8])? {
    let name = String(decoding: name, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
      .trimmingCharacters(in: CharacterSet(charactersIn: "\""))
    guard !name.isEmpty, !name.contains("#"), !name.contains("\\") else { return nil }
    for base in Set([directory, folder + directory, ""]).sorted(by: { $0.count > $1.count }) {
      for candidate in [base + name + ".tex", base + name] {
        if let bytes = read(candidate) { return (candidate, bytes) }
      }
    }
    return nil
  }

  private func expand(_ bytes: [UInt8], folder: String, depth: Int) -> [UInt8] {
    var scan = LatexScanner(bytes)
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var copied = 0
    func splice(_ text: [UInt8], replacing range: Range<Int>) {
      out += bytes[copied..<range.lowerBound]
      // On a line of its own, as TeX starts a file; behind it nothing that TeX would take for an empty line.
      out += Array("%\n".utf8) + text
      if out.last != 10 { out.append(10) }
      out += Array("\\docqI{}".utf8)
      copied = range.upperBound
    }
    while let byte = scan.byte() {
      if byte == 37 {
        scan.skipComment()
        continue
      }
      guard byte == 92 else {
        scan.position += 1
        continue
      }
      let start = scan.position
      let name = scan.controlSequence()
      switch name {
      case "verb", "lstinline", "mintinline": scan.skipVerb()
      case "begin":
        scan.skipSpace(newlines: false)
        if let environment = scan.group() {
          let name = String(decoding: environment, as: UTF8.self)
          if LatexScanner.verbatimEnvironments.contains(name) { scan.skipVerbatim(name) }
        }
      case "endinput" where depth > 0:
        out += bytes[copied..<start]
        return out
      case "input", "include", "subfile", "subfileinclude":
        scan.skipSpace(newlines: false)
        var target = scan.group()
        if target == nil, name == "input" {
          let begin = scan.position
          while let next = scan.byte(), next > 32, next != 92, next != 37, next != 123, next != 125 {
            scan.position += 1
          }
          target = Array(bytes[begin..<scan.position])
        }
        guard let target, depth < maxDepth, out.count < maxBytes, let file = find(target, folder: folder) else {
          continue
        }
        let inner = name.hasPrefix("subfile") ? Self.body(file.bytes) : file.bytes
        let into = folderOf(file.path)
        var text = expand(inner, folder: name.hasPrefix("subfile") ? into : folder, depth: depth + 1)
        if name == "include" || name == "subfileinclude" {
          if text.last != 10 { text.append(10) }
          text = Array("\\clearpage\n".utf8) + text + Array("\\clearpage".utf8)
        }
        splice(text, replacing: start..<scan.position)
      case "import", "subimport", "inputfrom", "subinputfrom":
        if scan.byte() == 42 { scan.position += 1 }
        guard let directory = scan.group(), let target = scan.group(), depth < maxDepth, out.count < maxBytes else {
          continue
        }
        var path = String(decoding: directory, as: UTF8.self)
        if !path.hasSuffix("/"), !path.isEmpty { path += "/" }
        // Pictures inside are looked for in the imported folder: TeX's own \import sets that up.
        guard let file = find(target, folder: folder, directory: path),
          file.bytes.firstRange(of: "includegraphics".utf8) == nil
        else { continue }
        splice(expand(file.bytes, folder: folderOf(file.path), depth: depth + 1), replacing: start..<scan.position)
      default: break
      }
    }
    out += bytes[copied...]
    return out
  }

  private func folderOf(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return String(path[...slash])
  }

  /// What stands between \begin{document} and \end{document}.
  static func body(_ bytes: [UInt8]) -> [UInt8] {
    guard let begin = bytes.firstRange(of: "\\begin{document}".utf8) else { return bytes }
    let rest = bytes[begin.upperBound...]
    guard let end = rest.firstRange(of: "\\end{document}".utf8) else { return Array(rest) }
    return Array(rest[..<end.lowerBound])
  }
}
