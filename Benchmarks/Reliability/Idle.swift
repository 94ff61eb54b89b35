import ArgumentParser
import Foundation

struct Idle: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Idle connections, and heads that never end (slowloris), while another client asks for jobs.")

  @Option(help: "Connections that send nothing.") var connections = 10_000
  @Option(help: "Connections that send a head byte by byte.") var slow = 1000
  @Option(help: "Requests of the client that behaves.") var requests = 1000

  func run() async throws {
    var limit = rlimit()
    _ = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let service = try ServiceUnderTest(gatewayOptions: ["--max-connections", "20000"])
    defer { service.stop() }
    try await service.start(["docq-gateway"])
    let job = try HTTPConnection(port: service.port).send(
      "POST", "/forecast", ["Content-Type: application/json"], body: Data("{\"target\": [1, 2, 3]}".utf8))
    guard let id = job.json["id"] as? String else { throw Broken("no job: \(job.status)") }
    let alone = try ask(service, id)
    let before = service.descriptors("docq-gateway")
    var open: [HTTPConnection] = []
    for _ in 0..<connections { open.append(try HTTPConnection(port: service.port)) }
    var held = 0
    for _ in 0..<100 where held < connections {
      held = service.descriptors("docq-gateway") - before
      try await Task.sleep(for: .milliseconds(50))
    }
    let withIdle = try ask(service, id)
    var dripping: [HTTPConnection] = []
    for _ in 0..<slow {
      let connection = try HTTPConnection(port: service.port)
      try connection.write(Data("GET /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ".utf8))
      dripping.append(connection)
    }
    let started = secondsNow()
    let withSlow = try ask(service, id)
    // The deadline of a head is 5 s, however busily bytes drip in.
    while secondsNow() - started < 7 {
      for connection in dripping { try? connection.write(Data("x".utf8)) }
      try await Task.sleep(for: .milliseconds(500))
    }
    var closed = 0
    for connection in dripping {
      var byte: UInt8 = 0
      let count = recv(connection.descriptor, &byte, 1, Int32(MSG_DONTWAIT))
      if count == 0 || (count < 0 && errno == ECONNRESET) { closed += 1 }
    }
    print(
      """
      idle: GET /jobs/ID alone \(alone.latencies); with \(held) idle connections \(withIdle.latencies); \
      with \(slow) slow heads besides \(withSlow.latencies); slow heads closed \(closed) of \(slow); \
      memory \(service.memory("docq-gateway") >> 20) MiB
      """)
    try check(held >= connections - 2, "only \(held) of \(connections) idle connections were accepted")
    withExtendedLifetime(open) {}
    try check(closed == slow, "\(slow - closed) head(s) that never end were not closed")
  }

  private func ask(_ service: ServiceUnderTest, _ id: String) throws -> [Double] {
    let connection = try HTTPConnection(port: service.port)
    return try (0..<requests).map { _ in
      let start = secondsNow()
      let answer = try connection.send("GET", "/jobs/\(id)")
      try check(answer.status == 200, "GET /jobs/ID answered \(answer.status)")
      return secondsNow() - start
    }
  }
}
