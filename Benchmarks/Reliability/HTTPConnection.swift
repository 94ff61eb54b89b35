import Foundation

/// A plain HTTP/1.1 connection to 127.0.0.1, blocking, kept alive between requests.
final class HTTPConnection {
  struct Answer {
    var status: Int
    var head: String
    var body: Data

    var json: [String: Any] { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:] }
  }

  let descriptor: Int32

  init(port: Int, timeout: Int = 30) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Broken("no socket: \(String(cString: strerror(errno)))") }
    var limit = timeval(tv_sec: timeout, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    let connected = Self.withAddress(port) { connect(descriptor, $0, $1) }
    guard connected == 0 else { throw Broken("cannot connect: \(String(cString: strerror(errno)))") }
  }

  deinit { close(descriptor) }

  func send(
    _ method: String, _ path: String, _ headers: [String] = [], body: Data = Data()
  ) throws -> Answer {
    var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    for header in headers { head += header + "\r\n" }
    if !body.isEmpty || method == "POST" { head += "Content-Length: \(body.count)\r\n" }
    try write(Data((head + "\r\n").utf8) + body)
    return try read()
  }

  func write(_ bytes: Data) throws {
    try bytes.withUnsafeBytes { (raw: UnsafeRawBufferPointer) in
      var sent = 0
      while sent < raw.count {
        let count = Glibc.send(descriptor, raw.baseAddress! + sent, raw.count - sent, Int32(MSG_NOSIGNAL))
        guard count > 0 else { throw Broken("cannot send: \(String(cString: strerror(errno)))") }
        sent += count
      }
    }
  }

  /// One answer with a Content-Length, or up to the end of the connection.
  func read() throws -> Answer {
    var received = Data()
    let end = Data("\r\n\r\n".utf8)
    var chunk = [UInt8](repeating: 0, count: 65536)
    func more() throws -> Bool {
      let count = recv(descriptor, &chunk, chunk.count, 0)
      guard count >= 0 else { throw Broken("cannot receive: \(String(cString: strerror(errno)))") }
      received.append(contentsOf: chunk[..<count])
      return count > 0
    }
    var head = received.range(of: end)
    while head == nil {
      guard try more() else { throw Broken("the connection closed before an answer") }
      head = received.range(of: end)
    }
    let text = String(decoding: received[..<head!.lowerBound], as: UTF8.self)
    guard let status = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
      throw Broken("no status line: \(text.prefix(80))")
    }
    let start = head!.upperBound
    var length: Int?
    for line in text.split(separator: "\r\n") where line.lowercased().hasPrefix("content-length:") {
      length = Int(line.drop { $0 != ":" }.dropFirst().trimmingCharacters(in: .whitespaces))
    }
    if status == 304 || status == 204 { length = 0 }
    while length.map({ received.count < start + $0 }) ?? true {
      guard try more() else {
        guard length == nil else { throw Broken("the answer's body broke off") }
        break
      }
    }
    return Answer(status: status, head: text, body: received[start...])
  }

  static func freePort() throws -> Int {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    for port in (19_100..<28_000).shuffled().prefix(200) where withAddress(port, { bind(listener, $0, $1) }) == 0 {
      return port
    }
    throw Broken("no free port from 19100 on")
  }

  private static func withAddress<Value>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    address.sin_port = UInt16(port).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }
}
