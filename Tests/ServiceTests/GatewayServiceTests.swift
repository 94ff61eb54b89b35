import Crypto
import DocqClient
import Foundation
import Testing

private let series = #"{"id": "a", "target": [1, 2, 3, 4, 5, 6, 7, 8], "prediction_length": 3}"#
private let docq = products.appendingPathComponent("docq").path

extension RunningService {
  fileprivate func makeKey(_ arguments: String...) throws -> (id: String, secret: String) {
    let made = try launch(docq, ["keys", "create"] + arguments + ["--data", data.path, "--json"])
    let key = try JSONSerialization.jsonObject(with: Data(made.output.utf8)) as? [String: String]
    return (key?["id"] ?? "", key?["key"] ?? "")
  }

  fileprivate func submit(_ path: String = "/forecast?model=naive", key: String? = nil) throws -> String {
    let answer = try ask("POST", path, key: key, body: series)
    #expect(answer.status == 202, "\(answer.body)")
    return answer.json["id"] as? String ?? ""
  }
}

/// What the gateway promises to those who run it, over real sockets.
@Suite(.serialized) struct GatewayServiceTests {
  @Test func keysOpenDoorsAndEachSeesItsOwn() async throws {
    let data = FileManager.default.temporaryDirectory.appendingPathComponent("docq-\(UUID().uuidString)")
    #expect(try launch(docq, ["keys", "create", "first", "--data", data.path]).output.hasPrefix("dq_"))
    let service = try await RunningService(["--require-key"], data: data)
    #expect(try service.ask("GET", "/jobs").status == 401)
    #expect(try service.ask("GET", "/livez").status == 200)
    #expect(try service.ask("GET", "/jobs", key: "dq_wrong").status == 401)
    let office = try service.makeKey("office")
    let reader = try service.makeKey("reader", "--scope", "read")
    let admin = try service.makeKey("admin", "--scope", "admin")
    for _ in 0..<100 where try service.ask("GET", "/jobs", key: admin.secret).status != 200 {
      try await Task.sleep(for: .milliseconds(50))
    }
    let id = try service.submit(key: office.secret)
    #expect(try service.ask("GET", "/jobs/\(id)", key: office.secret).status == 200)
    #expect(try service.ask("GET", "/jobs/\(id)", key: admin.secret).status == 200)
    // Of another key's job nothing can be seen, and nothing done to it.
    for (method, path) in [("GET", ""), ("GET", "/result"), ("GET", "/events")] {
      #expect(try service.ask(method, "/jobs/\(id)\(path)", key: reader.secret).status == 404)
    }
    let list = try service.ask("GET", "/jobs", key: reader.secret)
    #expect((list.json["jobs"] as? [Any])?.isEmpty == true)
    #expect(try service.ask("POST", "/forecast?after=\(id)", key: admin.secret, body: series).status == 202)
    let refused = try service.ask("POST", "/forecast", key: reader.secret, body: series)
    #expect(refused.status == 403 && refused.body.contains("'submit'"))
    #expect(try service.ask("GET", "/queues", key: office.secret).status == 403)
    #expect(try service.ask("GET", "/queues", key: admin.secret).status == 200)
    // The same word of two callers means two jobs.
    let other = try service.makeKey("other")
    var ids: Set<String> = []
    for key in [office, other] {
      var answer = try service.ask("POST", "/forecast", key: key.secret, ["Idempotency-Key": "k"], body: series)
      for _ in 0..<100 where answer.status == 401 {
        try await Task.sleep(for: .milliseconds(50))
        answer = try service.ask("POST", "/forecast", key: key.secret, ["Idempotency-Key": "k"], body: series)
      }
      ids.insert(answer.json["id"] as? String ?? "")
    }
    #expect(ids.count == 2)
    #expect(try launch(docq, ["keys", "revoke", office.id, "--data", service.data.path]).status == 0)
    var status = 200
    for _ in 0..<100 where status != 401 {
      status = try service.ask("GET", "/jobs", key: office.secret).status
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(status == 401)
    let listed = try launch(docq, ["keys", "list", "--data", service.data.path]).output
    #expect(listed.contains("\(office.id)  office  read, submit, revoked") && !listed.contains("dq_"))
    #expect(try await service.stop())
  }

  @Test func withoutAKeyOnlyLoopbackIsServed() throws {
    let data = FileManager.default.temporaryDirectory.appendingPathComponent("docq-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: data) }
    for options in [["--host", "0.0.0.0"], ["--public-host", "docq.example.org"], ["--require-key"]] {
      let result = try launch(docq, ["serve", "--data", data.path, "--port", "0"] + options)
      #expect(result.status == 1 && result.errors.contains("without an API key"), "\(options): \(result.errors)")
    }
  }

  @Test func moreThanAKeyMayAskIsToldWhenToComeBack() async throws {
    let service = try await RunningService()
    let key = try service.makeKey("slow", "--rate", "3")
    var answers: [RawAnswer] = []
    for _ in 0..<100 where answers.count < 5 {
      let answer = try service.ask("GET", "/jobs", key: key.secret)
      if answer.status == 401 { try await Task.sleep(for: .milliseconds(50)) } else { answers.append(answer) }
    }
    #expect(answers.prefix(3).allSatisfy { $0.status == 200 } && answers.last?.status == 429)
    #expect((answers.last?.headers["retry-after"]).flatMap { Int($0) } ?? 0 >= 1)
    #expect(try service.ask("GET", "/jobs").status == 200, "others are not held up")
    #expect(try await service.stop())
  }

  /// Far more clients at once than the gateway has threads: looking up jobs, listing them, and waiting for results.
  @Test func manyClientsAtOnceAreAllAnswered() async throws {
    let service = try await RunningService()
    let id = try service.submit()
    let (clients, rounds) = (48, 10)
    let statuses = await withTaskGroup(of: [Int].self) { group in
      for client in 0..<clients {
        group.addTask {
          await withCheckedContinuation { done in
            // `ask` blocks; a thread of its own keeps it off the tests' own pool.
            Thread.detachNewThread {
              let answers = (0..<rounds).map { round -> Int in
                let answer =
                  switch (client + round) % 3 {
                  case 0: try? service.ask("GET", "/jobs/\(id)")
                  case 1: try? service.ask("GET", "/jobs?limit=100")
                  default:
                    try? service.ask("POST", "/forecast?model=naive", ["Prefer": "wait=60"], body: series)
                  }
                return answer?.status ?? 0
              }
              done.resume(returning: answers)
            }
          }
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    #expect(statuses.count == clients * rounds && statuses.allSatisfy { $0 == 200 }, "\(Set(statuses))")
    #expect(try await service.stop())
  }

  @Test func whatDidNotChangeIsNotSentAgain() async throws {
    let service = try await RunningService()
    let id = try service.submit()
    _ = try await service.client.wait(for: id)
    for path in ["/jobs/\(id)", "/jobs/\(id)/result", "/jobs"] {
      let first = try service.ask("GET", path)
      let tag = try #require(first.headers["etag"])
      let again = try service.ask("GET", path, ["If-None-Match": "\"other\", \(tag)"])
      #expect(again.status == 304 && again.body.isEmpty && again.headers["etag"] == tag, "\(path)")
      #expect(try service.ask("GET", path, ["If-None-Match": "\"other\""]).status == 200)
    }
    #expect(try await service.stop())
  }

  @Test func eventsGoOnWhereTheyBrokeOff() async throws {
    let service = try await RunningService()
    let id = try service.submit()
    _ = try await service.client.wait(for: id)
    let all = try service.ask("GET", "/jobs/\(id)/events").body
    let numbers = all.matches(of: /id: (\d+)/).compactMap { Int($0.1) }
    #expect(numbers.count >= 3)
    let rest = try service.ask("GET", "/jobs/\(id)/events", ["Last-Event-ID": "\(numbers[0])"]).body
    #expect(rest.matches(of: /id: (\d+)/).compactMap { Int($0.1) } == Array(numbers.dropFirst()))
    #expect(try await service.stop())
  }

  @Test func tracesGoFromTheRequestIntoTheWorkersLog() async throws {
    let service = try await RunningService()
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    let answer = try service.ask(
      "POST", "/forecast", ["traceparent": "00-\(trace)-00f067aa0ba902b7-01", "X-Request-Id": "mine-1"], body: series)
    #expect(answer.headers["traceparent"]?.contains(trace) == true && answer.headers["x-request-id"] == "mine-1")
    _ = try await service.client.wait(for: answer.json["id"] as? String ?? "")
    let log = try String(contentsOf: service.data.appendingPathComponent("log"), encoding: .utf8)
    let line = log.split(separator: "\n").first { $0.contains("docq-forecaster") && $0.contains("started, attempt") }
    #expect(line?.contains("trace_id=\(trace)") == true && line?.contains("request=mine-1") == true)
    let bad = try service.ask("GET", "/jobs", ["traceparent": "00-\(String(repeating: "0", count: 32))-1-01"])
    #expect(bad.headers["traceparent"]?.contains("-000000000000") == false)
    #expect(try await service.stop())
  }

  @Test func logsAreObjectsForThoseWhoAsk() async throws {
    let service = try await RunningService(variables: ["DOCQ_LOG_FORMAT": "json"])
    let id = try service.submit()
    _ = try await service.client.wait(for: id)
    let log = try String(contentsOf: service.data.appendingPathComponent("log"), encoding: .utf8)
    let lines = log.split(separator: "\n").map { line in
      (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any] ?? [:]
    }
    #expect(lines.count >= 8 && lines.allSatisfy { $0["time"] is String && $0["level"] is String })
    let programs = Set(lines.compactMap { $0["program"] as? String })
    #expect(programs.isSuperset(of: ["docq", "docq-gateway", "docq-forecaster"]))
    let ofTheJob = lines.filter { $0["job"] as? String == id }.compactMap { $0["message"] as? String }
    #expect(ofTheJob.contains { $0.contains("started") })
    #expect(try await service.stop())
  }

  // MARK: - Webhooks

  @Test func webhooksAreSignedAndGoWhereTheyMay() async throws {
    let receiver = try Receiver()
    let address = "127.0.0.1:\(receiver.port)"
    let service = try await RunningService(["--webhook-host", address, "--webhook-host", "localhost"])
    let id = try service.submit("/forecast?model=naive&webhook=http://\(address)/hook")
    let message = try #require(receiver.next(answering: "200 OK"))
    var headers: [String: String] = [:]
    for line in message.head.split(separator: "\r\n").dropFirst() {
      let pair = line.split(separator: ":", maxSplits: 1)
      headers[pair[0].lowercased()] = pair[1].trimmingCharacters(in: .whitespaces)
    }
    let printed = try launch(docq, ["keys", "webhook-secret", "--data", service.data.path]).output
    #expect(printed.hasPrefix("whsec_"))
    let secret = try #require(Data(base64Encoded: printed.dropFirst(6).trimmingCharacters(in: .whitespacesAndNewlines)))
    let signed = "\(headers["webhook-id"] ?? "").\(headers["webhook-timestamp"] ?? "").\(message.body)"
    let code = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: SymmetricKey(data: secret))
    #expect(headers["webhook-signature"] == "v1,\(Data(code).base64EncodedString())")
    #expect(message.body.contains("\"type\":\"job.succeeded\"") && message.body.contains(id))
    try await settled(service, id, delivered: true)

    // A redirect is not followed, and a name does not lead to an address that is not on the list itself.
    let redirected = try service.submit("/forecast?model=naive&webhook=http://\(address)/hook")
    #expect(receiver.next(answering: "302 Found\r\nLocation: http://\(address)/other") != nil)
    try await settled(service, redirected, delivered: false)
    let named = try service.submit("/forecast?model=naive&webhook=http://localhost:\(receiver.port)/hook")
    try await settled(service, named, delivered: false)
    for url in ["http://127.0.0.1:1/", "https://example.org/", "file:///etc/passwd", "http://a@\(address)/", "x"] {
      let answer = try service.ask("POST", "/forecast?webhook=\(url)", body: series)
      #expect(answer.status == 422 && answer.body.contains("invalid-webhook"), "\(url)")
    }
    #expect(try await service.stop())
  }

  private func settled(_ service: RunningService, _ id: String, delivered: Bool) async throws {
    for _ in 0..<200 {
      if try service.ask("GET", "/jobs/\(id)/events").body.contains("\"delivered\":\(delivered)") { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    Issue.record("no event says that the webhook of \(id) was\(delivered ? "" : " not") delivered")
  }

  // MARK: - Running it

  @Test func queuesArePausedAndLimitedFromTheCommandLine() async throws {
    let service = try await RunningService()
    let server = ["--server", "http://127.0.0.1:\(service.port)"]
    #expect(try launch(docq, ["jobs", "pause", "forecast"] + server).output.hasPrefix("forecast  paused"))
    let id = try service.submit()
    try await Task.sleep(for: .milliseconds(300))
    #expect(try await service.client.job(id).state == "queued")
    #expect(
      try launch(docq, ["jobs", "limit", "forecast", "--queued", "1", "--retention", "30d"] + server).status == 0)
    let full = try service.ask("POST", "/forecast", body: series)
    #expect(full.status == 429 && full.headers["retry-after"] != nil)
    #expect(try launch(docq, ["jobs", "drain", "forecast"] + server).status == 0)
    #expect(try service.ask("POST", "/forecast", body: series).status == 503)
    #expect(try await service.client.wait(for: id).state == "succeeded", "what waits is finished")
    let listed = try launch(docq, ["jobs", "queues"] + server).output
    #expect(listed.contains("forecast  draining  0 queued, 0 running, at most 1 queued, kept for 2592000 s"))
    let opened = try launch(docq, ["jobs", "resume", "forecast"] + server)
    #expect(opened.status == 0)
    #expect(try launch(docq, ["jobs", "dead"] + server).errors.contains("no job was set aside"))
    #expect(try launch(docq, ["jobs", "retry", "--dead"] + server).output == "0 job(s) queued again\n")
    #expect(try launch(docq, ["jobs", "pause", "nothing"] + server).status == 1)
    #expect(try launch(docq, ["jobs", "retry"]).status == 2)
    #expect(try await service.stop())
  }

  @Test func aBackupOfARunningServiceBecomesAnother() async throws {
    let service = try await RunningService()
    let pdf = root.appendingPathComponent("Fixtures/pdf/minimal.pdf")
    let job = try await service.client.submit(.ingest(file: pdf, pages: nil, password: nil))
    #expect(try await service.client.wait(for: job.id).state == "succeeded")
    let text = try await service.client.result(of: job.id, format: "text")
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("docq-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let (backup, copy) = (folder.appendingPathComponent("backup").path, folder.appendingPathComponent("copy").path)
    #expect(
      try launch(docq, ["backup", backup, "--data", service.data.path]).output.hasPrefix("copied and verified: 1 job"))
    #expect(try launch(docq, ["backup", "--verify", backup]).status == 0)
    #expect(try launch(docq, ["backup", folder.path + "/x", "--data", folder.path + "/none"]).status == 3)
    #expect(try await service.stop())
    #expect(try launch(docq, ["restore", backup, "--data", copy]).status == 0)
    #expect(try launch(docq, ["restore", folder.path, "--data", folder.path + "/y"]).status == 3)
    let other = try await RunningService(data: URL(fileURLWithPath: copy))
    #expect(try await other.client.result(of: job.id, format: "text") == text)
    #expect(try await other.stop())
  }

  // MARK: - Work

  @Test func aDocumentThatIsThereIsReadAgainWithoutSendingIt() async throws {
    let service = try await RunningService()
    let pdf = root.appendingPathComponent("Fixtures/invoices/basic.pdf")
    let job = try await service.client.submit(.ingest(file: pdf, pages: nil, password: nil))
    let answer = try service.ask("POST", "/extract?document=\(job.id)")
    #expect(answer.status == 202, "\(answer.body)")
    let id = answer.json["id"] as? String ?? ""
    #expect(try await service.client.wait(for: id).state == "succeeded")
    #expect(String(decoding: try await service.client.result(of: id), as: UTF8.self).contains("\"471102\""))
    #expect(try service.ask("POST", "/extract?document=nobody").status == 422)
    for (path, code) in [
      ("/forecast?webhook=", "empty-option"), ("/impact?explain=null", "invalid-option"),
      ("/forecast?horizon=-1", "invalid-option"), ("/forecast?nothing=1", "unknown-option"),
    ] {
      let answer = try service.ask("POST", path, body: "{}")
      #expect([400, 422].contains(answer.status) && answer.body.contains(code), "\(path): \(answer.body)")
    }
    #expect(try service.ask("POST", "/extract?document=\(job.id)", body: series).status == 400)
    // A start in the future, and one after a job that fails.
    let later = try service.submit("/forecast?model=naive&delay=3600&priority=5")
    #expect(try service.ask("GET", "/jobs/\(later)").json["run_after"] != nil)
    let next = try service.submit("/forecast?model=naive&after=\(later)")
    #expect(try service.ask("GET", "/jobs/\(next)").json["waiting_for"] as? Int == 1)
    _ = try await service.client.cancel(later)
    #expect(try await service.client.job(next).error?.code == "dependency-failed")
    #expect(try await service.stop())
  }

  @Test func modelsAnswerTheOpenInferenceProtocol() async throws {
    let service = try await RunningService()
    #expect(try service.ask("GET", "/v2/health/ready").json["ready"] as? Bool == true)
    #expect(try service.ask("GET", "/v2/models/forecaster").json["name"] as? String == "forecaster")
    #expect(try service.ask("GET", "/v2/models/other").status == 404)
    let forecast = try service.ask(
      "POST", "/v2/models/forecaster/infer",
      body: """
        {"id": "call", "parameters": {"horizon": 3, "quantiles": [0.1, 0.9], "model": "naive"},
         "inputs": [{"name": "target", "shape": [2, 4], "datatype": "FP64", "data": [1, 2, 3, 4, 5, 6, 7, 8]}]}
        """)
    let outputs = try #require(forecast.json["outputs"] as? [[String: Any]], "\(forecast.body)")
    #expect(forecast.json["id"] as? String == "call")
    #expect(outputs.map { $0["shape"] as? [Int] } == [[2, 3, 2], [2, 3]])
    #expect(outputs.map { ($0["data"] as? [Double])?.count } == [12, 6])
    #expect((outputs[1]["data"] as? [Double])?.prefix(1) == [4])
    let scores = try service.ask(
      "POST", "/v2/models/scorer/infer",
      body: #"{"inputs": [{"name": "title", "shape": [2], "datatype": "BYTES", "data": ["A paper", "Another"]}]}"#)
    #expect(((scores.json["outputs"] as? [[String: Any]])?.first?["data"] as? [Double])?.count == 2, "\(scores.body)")
    for body in [
      "[]", "{\"inputs\": []}", #"{"inputs": [{"name": "target", "shape": [3], "datatype": "FP64", "data": [1]}]}"#,
    ] {
      #expect(try service.ask("POST", "/v2/models/forecaster/infer", body: body).status == 422)
    }
    #expect(try await service.stop())
  }
}
