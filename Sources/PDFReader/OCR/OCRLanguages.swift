import Foundation

/// The languages that tesseract has data for on this machine.
public enum OCRLanguages {
  public static let standard = ["eng"]

  /// Folders that the confined process may read.
  private static let folders = [
    "/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/local/share/tessdata",
  ]

  /// The first folder that holds language data; nil when none is installed.
  static var folder: String? {
    folders.first { folder in
      (try? FileManager.default.contentsOfDirectory(atPath: folder))?.contains { $0.hasSuffix(".traineddata") } == true
    }
  }

  /// Names of the installed languages, in alphabetical order.
  public static var installed: [String] {
    guard let folder, let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return [] }
    return names.filter { $0.hasSuffix(".traineddata") }.map { String($0.dropLast(".traineddata".count)) }
      .filter { $0 != "osd" && $0 != "equ" }.sorted()
  }

  /// Parses "eng+deu".
  ///
  /// - Throws: `DocumentReadError.badLanguage` when it is something else, `.missingLanguage` when data are not installed.
  public static func parse(_ text: String) throws -> [String] {
    let names = text.split(whereSeparator: { $0 == "+" || $0 == "," }).map(String.init)
    let isName = { (name: String) in
      name.count <= 40 && name.utf8.allSatisfy { $0 == 0x5F || (0x30...0x39).contains($0) || isLetter($0) }
    }
    guard !names.isEmpty, names.count <= 8, names.allSatisfy(isName) else {
      throw DocumentReadError.badLanguage(text: text)
    }
    try check(names)
    return names
  }

  /// - Throws: `DocumentReadError.missingLanguage` for the first language without data.
  public static func check(_ names: [String]) throws {
    let there = installed
    if let missing = names.first(where: { !there.contains($0) }) {
      throw DocumentReadError.missingLanguage(name: missing, installed: there)
    }
  }

  /// The Debian package with a language's data.
  static func package(_ name: String) -> String {
    "tesseract-ocr-" + name.lowercased().replacing("_", with: "-")
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) }
}
