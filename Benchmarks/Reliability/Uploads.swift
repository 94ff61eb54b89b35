import ArgumentParser
import Foundation

struct Uploads: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Uploads that are empty, too large, mislabelled, cut off: no 5xx, no file and no descriptor left behind.")

  @Option(help: "Uploads that break off.") var count = 1000

  func run() async throws {
    let service = try ServiceUnderTest()
    defer { service.stop() }
    try await service.start(["docq-gateway"])
    let port = service.port
    let before = service.descriptors("docq-gateway")
    let form = "Content-Type: multipart/form-data; boundary=b"
    let part = "--b\r\nContent-Disposition: form-data; name=file; filename=a.pdf\r\n\r\n%PDF-1.4\n"
    let whole: [(String, [String], Data, Int)] = [
      ("empty", ["Content-Type: application/pdf"], Data(), 400),
      ("not a PDF", ["Content-Type: application/pdf"], Data("hello".utf8), 415),
      ("an unknown type", ["Content-Type: image/png"], Data("x".utf8), 415),
      ("a truncated form", [form], Data(part.utf8), 400),
      ("a form without a file", [form], Data("--b--\r\n".utf8), 400),
      ("a form without a boundary", ["Content-Type: multipart/form-data"], Data(part.utf8), 400),
      (
        "two files", [form],
        Data((part + "\r\n--b\r\nContent-Disposition: form-data; name=x; filename=b.pdf\r\n\r\n%PDF-\r\n--b--").utf8),
        400
      ),
    ]
    for (what, headers, body, expected) in whole {
      let answer = try HTTPConnection(port: port).send("POST", "/ingest", headers, body: body)
      try check(answer.status == expected, "\(what): \(answer.status) and not \(expected)")
    }
    // Larger than the limit, said beforehand: refused without reading it.
    let large = try HTTPConnection(port: port)
    try large.write(
      Data("POST /ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n".utf8))
    try check(try large.read().status == 413, "an upload beyond the limit was not refused")
    for index in 0..<count {
      let connection = try HTTPConnection(port: port)
      let headers =
        index % 2 == 0
        ? "Content-Type: application/pdf\r\nContent-Length: 500000\r\n\r\n%PDF-1.4\n"
        : "\(form)\r\nTransfer-Encoding: chunked\r\n\r\n\(String(part.utf8.count, radix: 16))\r\n\(part)\r\n"
      let filling = index % 2 == 0 ? String(repeating: "x", count: 1000 * (index % 50)) : ""
      try connection.write(Data("POST /ingest HTTP/1.1\r\nHost: 127.0.0.1\r\n\(headers)\(filling)".utf8))
    }
    var files: [String] = []
    var descriptors = 0
    for _ in 0..<200 {
      files = service.storedFiles()
      descriptors = service.descriptors("docq-gateway")
      if files.isEmpty && descriptors <= before + 2 { break }
      try await Task.sleep(for: .milliseconds(50))
    }
    let metrics = String(
      decoding: try HTTPConnection(port: port).send("GET", "/metrics").body, as: UTF8.self)
    let failures = metrics.split(separator: "\n").filter { $0.contains("status=\"5") }
    print(
      "uploads: \(count) broken off; files left \(files.count), descriptors \(before) before and \(descriptors) after, "
        + "answers of 5xx \(failures.count)")
    try check(files.isEmpty, "files were left: \(files.prefix(3))")
    try check(descriptors <= before + 2, "descriptors leak: \(before) before, \(descriptors) after")
    try check(failures.isEmpty, "\(failures)")
  }
}
