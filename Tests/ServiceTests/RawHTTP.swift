import Foundation

/// One request on a connection of its own, with every header as it was.
struct RawAnswer {
  var status: Int
  var headers: [String: String]
  var body: String

  var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:] }
}

extension RunningService {
  func ask(
    _ method: String, _ path: String, key: String? = nil, _ headers: [String: String] = [:], body: String? = nil
  ) throws -> RawAnswer {
    var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    if let key { head += "Authorization: Bearer \(key)\r\n" }
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    if let body {
      if headers["Content-Type"] == nil { head += "Content-Type: application/json\r\n" }
      head += "Content-Length: \(body.utf8.count)\r\n"
    }
    let descriptor = try connection(toPort: port)
    defer { close(descriptor) }
    let handle = FileHandle(fileDescriptor: descriptor)
    try handle.write(contentsOf: Data("\(head)\r\n\(body ?? "")".utf8))
    let text = String(decoding: try handle.readToEnd() ?? Data(), as: UTF8.self)
    let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
    let lines = parts[0].split(separator: "\r\n")
    var found: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      found[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return RawAnswer(status: status, headers: found, body: parts.count > 1 ? String(parts[1]) : "")
  }
}

struct NoConnection: Error {}

/// A connected socket; the caller closes it.
func connection(toPort port: Int) throws -> Int32 {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  var address = loopback(port)
  let connected = withUnsafePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  guard connected == 0 else {
    close(descriptor)
    throw NoConnection()
  }
  return descriptor
}

private func loopback(_ port: Int) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  address.sin_port = UInt16(port).bigEndian
  return address
}

/// Takes requests on loopback and answers each with the next of its statuses.
final class Receiver: Sendable {
  let port: Int
  private let listener: Int32

  init() throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = loopback(0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = listener
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && listen(descriptor, 8) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isBound else { throw NoConnection() }
    port = Int(UInt16(bigEndian: address.sin_port))
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(listener) }

  /// The next request, answered with `status`; nil when none comes for 20 s.
  func next(answering status: String) -> (head: String, body: String)? {
    let connection = accept(listener, nil, nil)
    guard connection >= 0 else { return nil }
    defer { close(connection) }
    var received = ""
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      received += String(decoding: buffer[..<count], as: UTF8.self)
      guard let end = received.range(of: "\r\n\r\n") else { continue }
      let head = String(received[..<end.lowerBound])
      let length =
        head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length: ") }
        .flatMap { Int($0.dropFirst(16)) } ?? 0
      let body = String(received[end.upperBound...])
      guard body.utf8.count >= length else { continue }
      let answer = Array("HTTP/1.1 \(status)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
      _ = send(connection, answer, answer.count, Int32(MSG_NOSIGNAL))
      return (head, body)
    }
  }
}
