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

  /// Random forms cut at random places come out as they went in.
  @Test func randomFormsComeOutAsTheyWentIn() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    for _ in 0..<500 {
      let contents = (0..<Int.random(in: 1...5, using: &random)).map { _ in hostileContent(&random) }
      var expected: [MultipartParser.Event] = []
      for (index, content) in contents.enumerated() {
        expected.append(.part(name: "field\(index)", fileName: nil, contentType: nil))
        if !content.isEmpty { expected.append(.content(content)) }
        expected.append(.partEnd)
      }
      let events = try parse(form(of: contents), cuttingBy: &random)
      #expect(joined(events) == expected + [.end], "seed \(seed)")
    }
    print("500 random forms with seed \(seed)")
  }

  /// Damaged forms are refused or read, but the same way wherever the bytes were cut.
  @Test func damagedFormsMeanTheSameHoweverTheyArrive() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    var refused = 0
    let count = 2000
    for _ in 0..<count {
      var body = form(of: (0..<Int.random(in: 0...4, using: &random)).map { _ in hostileContent(&random) })
      for _ in 0..<Int.random(in: 1...6, using: &random) where !body.isEmpty {
        let place = Int.random(in: 0..<body.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: body[place] = UInt8.random(in: 0...255, using: &random)
        case 1: body.remove(at: place)
        case 2: body.insert(contentsOf: Array("\r\n--XX".utf8.prefix(Int.random(in: 1...6, using: &random))), at: place)
        default: body.removeSubrange(place..<min(body.count, place + Int.random(in: 1...30, using: &random)))
        }
      }
      let outcomes = (0..<3).map { _ in Result { joined(try parse(body, cuttingBy: &random)) } }
      let readings = outcomes.map { try? $0.get() }
      #expect(readings[0] == readings[1] && readings[0] == readings[2], "seed \(seed)")
      for case .failure(let error) in outcomes { #expect(error is MultipartParser.Malformed, "seed \(seed): \(error)") }
      if readings[0] == nil { refused += 1 }
    }
    #expect(refused > count / 20 && refused < count, "the damage is neither harmless nor always fatal")
    print("\(count) damaged forms with seed \(seed): \(refused) refused")
  }
}

/// Content out of what a boundary is made of, and random bytes.
private func hostileContent(_ random: inout SplitMix) -> [UInt8] {
  let pieces = ["\r\n", "--", "XX", "\r", "\n", "-", "X", "\r\n--X", "\r\n-", "--XX", "\r\n\r\n", "a", "\0"]
  var bytes: [UInt8] = []
  for _ in 0..<Int.random(in: 0...12, using: &random) {
    bytes += Array(pieces.randomElement(using: &random)!.utf8)
    if Bool.random(using: &random) { bytes.append(UInt8.random(in: 0...255, using: &random)) }
  }
  // A whole delimiter would end the part, as it should.
  while let range = Data(bytes).range(of: Data("\r\n--XX".utf8)) { bytes.remove(at: range.lowerBound) }
  // At the very start the line break before a delimiter is the one that ends the head.
  if bytes.starts(with: Array("--XX".utf8)) { bytes[0] = UInt8(ascii: "+") }
  return bytes
}

private func form(of contents: [[UInt8]]) -> [UInt8] {
  var body: [UInt8] = []
  for (index, content) in contents.enumerated() {
    body += Array("--XX\r\nContent-Disposition: form-data; name=\"field\(index)\"\r\n\r\n".utf8) + content
    body += Array("\r\n".utf8)
  }
  return body + Array("--XX--\r\n".utf8)
}

private func parse(_ body: [UInt8], cuttingBy random: inout SplitMix) throws -> [MultipartParser.Event] {
  var parser = try MultipartParser(contentType: "multipart/form-data; boundary=XX")
  var events: [MultipartParser.Event] = []
  var start = 0
  while start < body.count {
    let end = min(body.count, start + Int.random(in: 1...40, using: &random))
    events += try parser.feed(body[start..<end])
    start = end
  }
  try parser.finish()
  return events
}

/// SplitMix64 (Steele, Lea, Flood, 2014): a seed gives the same run again.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
