import Foundation

/// Splits a `multipart/form-data` body (RFC 7578, RFC 2046) as it arrives, holding back no more than a boundary.
package struct MultipartParser {
  package enum Event: Equatable {
    case part(name: String, fileName: String?, contentType: String?)
    case content([UInt8])
    case partEnd
    case end
  }

  package struct Malformed: Error, Equatable {
    package var reason: String
  }

  private enum State { case preamble, headers, content, afterBoundary, done }

  private static let maxHeaderBytes = 8192
  private static let maxParts = 64
  private let delimiter: [UInt8]
  private var buffer: [UInt8] = Array("\r\n".utf8)
  private var state = State.preamble
  private var parts = 0

  /// - Parameter contentType: the request's Content-Type with its boundary.
  package init(contentType: String) throws {
    guard let boundary = HeaderParameters.value("boundary", of: contentType), (1...70).contains(boundary.utf8.count)
    else { throw Malformed(reason: "the Content-Type has no valid boundary") }
    delimiter = Array("\r\n--\(boundary)".utf8)
  }

  /// Takes the next bytes and returns what they complete.
  package mutating func feed(_ bytes: some Sequence<UInt8>) throws -> [Event] {
    buffer.append(contentsOf: bytes)
    var events: [Event] = []
    while let event = try step() { events += event }
    return events
  }

  /// Call at the end of the body.
  package func finish() throws {
    guard state == .done else { throw Malformed(reason: "the body ends before its last boundary") }
  }

  /// One step; nil when more bytes are needed.
  private mutating func step() throws -> [Event]? {
    switch state {
    case .preamble:
      guard let at = find(delimiter) else {
        drop(max(0, buffer.count - delimiter.count))
        return nil
      }
      drop(at + delimiter.count)
      state = .afterBoundary
      return []
    case .afterBoundary:
      guard buffer.count >= 2 else { return nil }
      if buffer.starts(with: Array("--".utf8)) {
        state = .done
        return [.end]
      }
      guard let at = find(Array("\r\n".utf8)), at < 64 else {
        if buffer.count > 64 { throw Malformed(reason: "a boundary is not followed by a line break") }
        return nil
      }
      drop(at)
      state = .headers
      return []
    case .headers:
      guard let at = find(Array("\r\n\r\n".utf8)) else {
        if buffer.count > Self.maxHeaderBytes { throw Malformed(reason: "a part's headers are too long") }
        return nil
      }
      guard at <= Self.maxHeaderBytes else { throw Malformed(reason: "a part's headers are too long") }
      parts += 1
      guard parts <= Self.maxParts else { throw Malformed(reason: "more than \(Self.maxParts) parts") }
      let event = try header(String(decoding: buffer[..<at], as: UTF8.self))
      drop(at + 4)
      state = .content
      return [event]
    case .content:
      if let at = find(delimiter) {
        let content = Array(buffer[..<at])
        drop(at + delimiter.count)
        state = .afterBoundary
        return content.isEmpty ? [.partEnd] : [.content(content), .partEnd]
      }
      let safe = buffer.count - delimiter.count
      guard safe > 0 else { return nil }
      let content = Array(buffer[..<safe])
      drop(safe)
      return [.content(content)]
    case .done:
      buffer.removeAll()
      return nil
    }
  }

  private func header(_ text: String) throws -> Event {
    var name: String?
    var fileName: String?
    var contentType: String?
    for line in text.split(separator: "\r\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      switch line[..<colon].lowercased() {
      case "content-disposition":
        name = HeaderParameters.value("name", of: String(value))
        fileName = HeaderParameters.value("filename", of: String(value))
      case "content-type": contentType = String(value)
      default: continue
      }
    }
    guard let name else { throw Malformed(reason: "a part has no name in its Content-Disposition") }
    return .part(name: name, fileName: fileName, contentType: contentType)
  }

  private func find(_ pattern: [UInt8]) -> Int? {
    guard buffer.count >= pattern.count else { return nil }
    return buffer.withUnsafeBufferPointer { bytes in
      pattern.withUnsafeBufferPointer { pattern in
        var at = 0
        let last = bytes.count - pattern.count
        while at <= last {
          guard let hit = memchr(bytes.baseAddress! + at, Int32(pattern[0]), last - at + 1) else { return nil }
          at = UnsafeRawPointer(hit) - UnsafeRawPointer(bytes.baseAddress!)
          if memcmp(bytes.baseAddress! + at, pattern.baseAddress!, pattern.count) == 0 { return at }
          at += 1
        }
        return nil
      }
    }
  }

  private mutating func drop(_ count: Int) { buffer.removeFirst(count) }
}

/// Parameters of a header such as `form-data; name="file"; filename="a.pdf"`.
enum HeaderParameters {
  static func value(_ wanted: String, of header: String) -> String? {
    var rest = Substring(header)
    while let semicolon = rest.firstIndex(of: ";") {
      rest = rest[rest.index(after: semicolon)...].drop { $0 == " " || $0 == "\t" }
      guard let equals = rest.firstIndex(of: "=") else { return nil }
      let name = rest[..<equals].lowercased()
      rest = rest[rest.index(after: equals)...]
      var value = ""
      if rest.first == "\"" {
        rest = rest.dropFirst()
        while let character = rest.first, character != "\"" {
          rest = rest.dropFirst()
          if character == "\\", let escaped = rest.first {
            value.append(escaped)
            rest = rest.dropFirst()
          } else {
            value.append(character)
          }
        }
      } else {
        value = String(rest.prefix { $0 != ";" }).trimmingCharacters(in: .whitespaces)
      }
      if name == wanted { return value }
    }
    return nil
  }
}
