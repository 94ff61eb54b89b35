import ArgumentParser
import Foundation

struct Soak: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "A steady load for a long time: memory and descriptors stay flat, every job succeeds.")

  @Option(help: "How long.") var minutes = 30.0
  @Option(help: "Jobs a second.") var rate = 10.0

  func run() async throws {
    let service = try ServiceUnderTest()
    defer { service.stop() }
    try await service.start()
    let retention = Data("{\"retention_seconds\": 30}".utf8)
    for kind in ["ingest", "forecast", "impact"] {
      let answer = try HTTPConnection(port: service.port).send(
        "PATCH", "/queues/\(kind)", ["Content-Type: application/json"], body: retention)
      try check(answer.status == 200, "PATCH /queues/\(kind) answered \(answer.status)")
    }
    let end = secondsNow() + minutes * 60
    var (number, bad) = (0, 0)
    var samples: [(minute: Double, memory: [String: Int], descriptors: [String: Int])] = []
    var nextSample = secondsNow() + min(60, minutes * 6)
    let began = secondsNow()
    let json = "Content-Type: application/json"
    while secondsNow() < end {
      number += 1
      let (path, type, body): (String, String, Data) =
        switch number % 4 {
        case 0: ("/ingest", "Content-Type: application/pdf", ServiceUnderTest.page("Page \(number)"))
        case 1:
          (
            "/impact", json,
            Data("{\"articles\": [{\"title\": \"Paper \(number)\", \"abstract\": \"On things.\"}]}".utf8)
          )
        default:
          (
            "/forecast?model=naive", json,
            Data("{\"target\": [1, 2, 3, 4, 5, \(number)], \"prediction_length\": 3}".utf8)
          )
        }
      let connection = try HTTPConnection(port: service.port)
      let answer = try connection.send("POST", path, [type, "Prefer: wait=20"], body: body)
      if answer.status != 200 { bad += 1 }
      if secondsNow() >= nextSample {
        nextSample += max(5, minutes * 60 / 30)
        var sample: (minute: Double, memory: [String: Int], descriptors: [String: Int]) = (
          (secondsNow() - began) / 60, [:], [:]
        )
        for name in ServiceUnderTest.programs {
          sample.memory[name] = service.memory(name) >> 10
          sample.descriptors[name] = service.descriptors(name)
        }
        samples.append(sample)
      }
      let pause = Double(number) / rate - (secondsNow() - began)
      if pause > 0 { try await Task.sleep(for: .seconds(pause)) }
    }
    print("soak: \(number) jobs in \(String(format: "%.1f", minutes)) min, \(bad) not answered with their result")
    for name in ServiceUnderTest.programs {
      // The first third warms caches up.
      let warm = samples.filter { $0.minute > minutes / 3 }
      guard let first = warm.first, let last = warm.last else { continue }
      let memory = warm.compactMap { $0.memory[name].map(Double.init) }
      print(
        "  \(name): memory \(first.memory[name] ?? 0) KiB at minute \(String(format: "%.1f", first.minute)), "
          + "\(last.memory[name] ?? 0) KiB at the end, median \(Int(memory.quantile(0.5))) KiB; "
          + "descriptors \(first.descriptors[name] ?? 0) and \(last.descriptors[name] ?? 0)")
      try check(
        (last.descriptors[name] ?? 0) <= (first.descriptors[name] ?? 0) + 16, "\(name): descriptors grow")
      try check(
        Double(last.memory[name] ?? 0) <= Double(first.memory[name] ?? 0) * 1.25 + 8192, "\(name): memory grows")
    }
    try check(bad == 0, "\(bad) job(s) did not answer with their result")
  }
}
