import Foundation
import Gateway
import Testing

private let form =
  "preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"pages\"\r\n\r\n1-3\r\n--XX\r\n"
  + "Content-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".pdf\"\r\nContent-Type: application/pdf\r\n\r\n"
  + "%PDF-\r\n--X not a boundary\r\n--XX--\r\nepilogue"

private func parse(_ body: String, chunk: Int, boundary: String = "XX") throws -> [MultipartParser.Event] {
  var parser = try MultipartParser(contentType: "multipart/form-data; boundary=\(boundary)")
  var events: [MultipartParser.Event] = []
  let bytes = Array(body.utf8)
  for start in stride(from: 0, to: bytes.count, by: chunk) {
    events += try parser.feed(bytes[start..<min(bytes.count, start + chunk)])
  }
  try parser.finish()
  return events
}

/// Joins neighbouring pieces of content, which depend on how the bytes arrived.
private func joined(_ events: [MultipartParser.Event]) -> [MultipartParser.Event] {
  events.reduce(into: []) { result, event in
    if case .content(let more) = event, case .content(let before)? = result.last {
      result[result.count - 1] = .content(before + more)
    } else {
      result.append(event)
    }
  }
}

@Suite struct MultipartParserTests {
  @Test(arguments: [1, 2, 3, 7, 16, 1000]) func partsAreFoundHoweverTheBytesArrive(chunk: Int) throws {
    #expect(
      joined(try parse(form, chunk: chunk)) == [
        .part(name: "pages", fileName: nil, contentType: nil), .content(Array("1-3".utf8)), .partEnd,
        .part(name: "file", fileName: "a \"b\".pdf", contentType: "application/pdf"),
        .content(Array("%PDF-\r\n--X not a boundary".utf8)), .partEnd, .end,
      ])
  }

  @Test func emptyPartsAreParts() throws {
    let events = try parse("--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--XX--", chunk: 5)
    #expect(events == [.part(name: "a", fileName: nil, contentType: nil), .partEnd, .end])
  }

  @Test(arguments: [
    "", "--XX\r\n", "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nnever ends",
    "--XX\r\nX: y\r\n\r\nno name\r\n--XX--",
    "--XX\r\n" + String(repeating: "h", count: 20_000),
    String(repeating: "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n", count: 100),
  ]) func malformedBodiesAreRefused(body: String) {
    #expect(throws: MultipartParser.Malformed.self) { try parse(body, chunk: 4096) }
  }

  @Test func aBoundaryIsNeeded() {
    #expect(throws: MultipartParser.Malformed.self) { try MultipartParser(contentType: "multipart/form-data") }
    #expect(throws: MultipartParser.Malformed.self) {
      try parse(form, chunk: 10, boundary: String(repeating: "b", count: 71))
    }
  }
}
