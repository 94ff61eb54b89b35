import Foundation

/// Writes a document in one format, page by page: give it every page in order, then finish it.
public protocol PageWriter: AnyObject {
  func add(_ page: Page) throws
  func finish() throws
}

/// Where a writer's text goes: handed on in pieces when a page has ended.
public final class TextOutput {
  private var bytes: [UInt8] = []
  private let receive: (Data) throws -> Void
  private static let piece = 1 << 16

  public init(_ receive: @escaping (Data) throws -> Void) { self.receive = receive }

  func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
  func append(_ more: [UInt8]) { bytes.append(contentsOf: more) }

  func endPage() throws {
    if bytes.count >= Self.piece { try finish() }
  }

  func finish() throws {
    guard !bytes.isEmpty else { return }
    try receive(Data(bytes))
    bytes.removeAll(keepingCapacity: true)
  }
}

/// All that `docq` knows of a document as one JSON object.
final class JSONWriter: PageWriter {
  private let document: Document
  private let output: TextOutput
  private var json = JSONText()
  private var isFirst = true

  init(_ document: Document, _ output: TextOutput) throws {
    (self.document, self.output) = (document, output)
    json.raw("{\"attachments\":")
    json.json(try Self.encoded(document.attachments))
    json.raw(",\"fileName\":")
    json.string(document.fileName)
    json.raw(",\"metadata\":")
    json.json(try Self.encoded(document.metadata))
    json.raw(",\"outline\":")
    json.json(try Self.encoded(document.outline))
    json.raw(",\"pageCount\":")
    json.integer(document.pageCount)
    json.raw(",\"pages\":[")
  }

  func add(_ page: Page) throws {
    if !isFirst { json.raw(",") }
    isFirst = false
    json.append(page)
    output.append(json.taken())
    try output.endPage()
  }

  func finish() throws {
    json.list("],\"relations\":", document.relations) { $0.append($1) }
    json.raw(",\"warnings\":")
    json.json(try Self.encoded(document.warnings))
    json.raw("}")
    output.append(json.taken())
    try output.finish()
  }

  private static func encoded(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
  }
}

/// A unit of the text flow: paragraphs that were broken over columns or pages are whole again.
struct FlowUnit {
  var region: Region
  var text: String
}

/// Regions in reading order without furniture and continuations.
struct TextFlow {
  /// Text and successor of the regions that go on with another one, by id.
  private var continuations: [Int: (text: String, next: Int?)] = [:]

  init(_ document: Document) {
    var wanted: Set<Int> = []
    for page in document.pages {
      for region in page.regions { if let next = region.continuedBy { wanted.insert(next) } }
    }
    guard !wanted.isEmpty else { return }
    for page in document.pages {
      for region in page.regions where wanted.contains(region.id) {
        continuations[region.id] = (region.text, region.continuedBy)
      }
    }
  }

  func units(of page: Page) -> [FlowUnit] {
    page.regions.filter { !$0.isFurniture && continuations[$0.id] == nil }.map { region in
      var text = region.text
      var next = region.continuedBy
      var seen = Set([region.id])
      while let id = next, let part = continuations[id], seen.insert(id).inserted {
        text = Self.joined(text, part.text)
        next = part.next
      }
      return FlowUnit(region: region, text: text)
    }
  }

  private static func joined(_ first: String, _ second: String) -> String {
    if first.hasSuffix("-"), first.dropLast().last?.isLetter == true, second.first?.isLowercase == true {
      return first.dropLast() + second
    }
    return first + " " + second
  }
}

extension String {
  /// The text with some ASCII characters replaced; nil keeps a character.
  func replacingASCII(_ replacement: (UInt8) -> String?) -> String {
    var text = self
    return text.withUTF8 { bytes in
      var result: [UInt8] = []
      var start = 0
      for (place, byte) in bytes.enumerated() where byte < 0x80 {
        guard let new = replacement(byte) else { continue }
        result.append(contentsOf: bytes[start..<place])
        result.append(contentsOf: new.utf8)
        start = place + 1
      }
      guard start > 0 else { return self }
      result.append(contentsOf: bytes[start...])
      return String(decoding: result, as: UTF8.self)
    }
  }
}
