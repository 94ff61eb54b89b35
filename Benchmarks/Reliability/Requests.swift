import ArgumentParser
import Foundation
import Synchronization

struct Requests: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "GET requests a second on kept-alive connections, of docq or of any server on loopback.")

  @Option(help: "Port; without it a gateway with one job is started.") var port: Int?
  @Option(help: "Path to ask for.") var path = "/"
  @Option(help: "Connections at the same time.") var connections = 32
  @Option(help: "How long.") var seconds = 5.0

  func run() async throws {
    if let port {
      print("requests: \(try measure(port, path).text)")
      return
    }
    let service = try ServiceUnderTest()
    defer { service.stop() }
    try await service.start(["docq-gateway"])
    let job = try HTTPConnection(port: service.port).send(
      "POST", "/forecast", ["Content-Type: application/json"], body: Data("{\"target\": [1, 2, 3]}".utf8))
    guard let id = job.json["id"] as? String else { throw Broken("no job: \(job.status)") }
    print("requests: GET /jobs/ID \(try measure(service.port, "/jobs/\(id)").text)")
  }

  private struct Outcome {
    var latencies: [Double]
    var seconds: Double

    var text: String {
      "\(Int(Double(latencies.count) / seconds)) a second, \(latencies.latencies)"
    }
  }

  private func measure(_ port: Int, _ path: String) throws -> Outcome {
    let all = Mutex<[Double]>([])
    let failure = Mutex<String?>(nil)
    let start = secondsNow()
    let end = start + seconds
    let done = DispatchGroup()
    for _ in 0..<connections {
      done.enter()
      let thread = Thread {
        defer { done.leave() }
        var mine: [Double] = []
        do {
          let connection = try HTTPConnection(port: port)
          var now = secondsNow()
          while now < end {
            let answer = try connection.send("GET", path)
            guard answer.status == 200 else { throw Broken("\(path) answered \(answer.status)") }
            let after = secondsNow()
            mine.append(after - now)
            now = after
          }
        } catch {
          failure.withLock { $0 = "\(error)" }
        }
        all.withLock { $0 += mine }
      }
      thread.stackSize = 1 << 19
      thread.start()
    }
    done.wait()
    if let failure = failure.withLock({ $0 }) { throw Broken(failure) }
    return Outcome(latencies: all.withLock { $0 }, seconds: secondsNow() - start)
  }
}
