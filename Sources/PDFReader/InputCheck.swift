import Glibc

/// The kinds of files that are documents.
enum InputKind: String, Sendable {
  case pdf = "PDF"
  case png = "PNG"
  case jpeg = "JPEG"
  case tiff = "TIFF"
}

/// What the first bytes tell before any parser runs.
enum InputCheck {
  /// The kind of a file by its first bytes, never by its name; nil when it is none that docq reads.
  static func kind(_ head: [UInt8]) -> InputKind? {
    if head.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .png }
    if head.starts(with: [0xFF, 0xD8, 0xFF]) { return .jpeg }
    if head.starts(with: [0x49, 0x49, 0x2A, 0x00]) || head.starts(with: [0x4D, 0x4D, 0x00, 0x2A]) { return .tiff }
    return isPDF(head) ? .pdf : nil
  }

  /// A PDF has its marker within the first 1024 bytes (ISO 32000-1, annex H.3.4.1).
  static func isPDF(_ head: [UInt8]) -> Bool {
    let marker = Array("%PDF-".utf8)
    guard head.count >= marker.count else { return false }
    return (0...(head.count - marker.count)).contains { start in
      head[start] == marker[0] && head[start..<start + marker.count].elementsEqual(marker)
    }
  }

  /// A few words for what the bytes look like, to go behind "it looks like".
  static func describe(_ head: [UInt8]) -> String {
    let signatures: [(prefix: [UInt8], what: String)] = [
      ([0x89, 0x50, 0x4E, 0x47], "a damaged PNG image"),
      (Array("GIF8".utf8), "a GIF image"),
      (Array("BM".utf8), "a BMP image"),
      (Array("RIFF".utf8), "a WebP image"),
      ([0x50, 0x4B, 0x03, 0x04], "a ZIP archive or an Office document"),
      ([0xD0, 0xCF, 0x11, 0xE0], "an old Office document"),
      ([0x1F, 0x8B], "a gzip archive"),
      (Array("%!PS".utf8), "PostScript"),
      (Array("{\\rtf".utf8), "RTF text"),
      ([0x7F, 0x45, 0x4C, 0x46], "a program"),
    ]
    if let match = signatures.first(where: { head.starts(with: $0.prefix) }) {
      return match.what == "a ZIP archive or an Office document" ? archive(head) : match.what
    }
    let start = String(decoding: head.prefix(512), as: UTF8.self)
    let text = start.drop { $0.isWhitespace || $0 == "\u{FEFF}" }.lowercased()
    if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") { return "a web page (HTML)" }
    if text.hasPrefix("<?xml") || text.hasPrefix("<") { return "XML" }
    if text.hasPrefix("{") || text.hasPrefix("[") { return "JSON" }
    let odd = head.prefix(512).count { $0 < 9 || ($0 > 13 && $0 < 32) || $0 == 127 }
    return odd == 0 ? "plain text" : "no known kind of document"
  }

  private static func archive(_ head: [UInt8]) -> String {
    let names = String(decoding: head, as: UTF8.self)
    if names.contains("word/") { return "a Word document (DOCX); export it as PDF first" }
    if names.contains("xl/") { return "an Excel workbook (XLSX); export it as PDF first" }
    if names.contains("ppt/") { return "a PowerPoint file (PPTX); export it as PDF first" }
    if names.contains("opendocument") { return "an OpenDocument file; export it as PDF first" }
    return "a ZIP archive or an Office document"
  }
}
