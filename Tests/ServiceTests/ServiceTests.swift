import DocqClient
import Foundation
import Testing

private let series = Data("{\"id\": \"a\", \"target\": [1, 2, 3, 4, 5, 6, 7, 8], \"prediction_length\": 3}".utf8)

@Suite(.serialized) struct ServiceTests {
  @Test func commandsWorkThroughAServer() async throws {
    let service = try await RunningService()
    let server = "http://127.0.0.1:\(service.port)"
    let docq = products.appendingPathComponent("docq").path
    // A document of one page, and a list.
    let paper = root.appendingPathComponent("Fixtures/pdf/minimal.pdf").path
    let papers = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).csv")
    try Data("id,title,abstract\n7,\"A, B\",Some abstract\n".utf8).write(to: papers)
    for file in [paper, papers.path] {
      let here = try launch(docq, ["impact", file])
      let there = try launch(docq, ["impact", file, "--server", server])
      #expect(here.status == there.status && here.output == there.output)
      #expect(!there.errors.contains("has no page"))
    }
    let invoice = root.appendingPathComponent("Fixtures/invoices/basic.pdf").path
    let here = try launch(docq, ["extract", invoice, "--format", "jsonl"])
    let there = try launch(docq, ["extract", invoice, "--format", "jsonl", "--server", server])
    #expect(here.status == 0 && there.status == 0 && here.output == there.output)
    #expect(try await service.stop())
  }

  @Test func uploadsThatBreakOffLeaveNothingAndAreNoFailures() async throws {
    let service = try await RunningService()
    for type in ["application/pdf", "multipart/form-data; boundary=b", "application/json"] {
      let path = type == "application/json" ? "forecast" : "ingest"
      let start =
        type.hasPrefix("multipart") ? "--b\r\nContent-Disposition: form-data; name=file; filename=a.pdf\r\n\r\n" : ""
      let head = "POST /\(path) HTTP/1.1\r\nHost: localhost\r\nContent-Type: \(type)\r\nContent-Length: 500000\r\n\r\n"
      try service.send(head + start + "%PDF-1.4\n" + String(repeating: "x", count: 100_000))
    }
    var metrics = ""
    for _ in 0..<100 {
      metrics = String(decoding: try await service.client.get("/metrics"), as: UTF8.self)
      if metrics.contains("route=\"/ingest\",status=\"400\"} 2"),
        metrics.contains("route=\"/forecast\",status=\"400\"} 1")
      {
        break
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(metrics.contains("status=\"400\"} 2") && !metrics.contains("status=\"500\""))
    #expect(service.storedFiles().isEmpty)
    #expect(try await service.stop())
  }

  @Test func everythingPromisedAnswers() async throws {
    let service = try await RunningService()
    let client = service.client
    let pdf = root.appendingPathComponent("Fixtures/pdf/two-columns.pdf")
    let ingest = try await client.submit(.ingest(file: pdf, pages: nil, password: nil))
    #expect(try await client.wait(for: ingest.id).state == "succeeded")
    let text = String(decoding: try await client.result(of: ingest.id, format: "markdown"), as: UTF8.self)
    #expect(text.contains("Lorem ipsum"))
    for format in ["json", "docgenome", "coco", "html", "text"] {
      #expect(try await !client.result(of: ingest.id, format: format).isEmpty)
    }

    let invoice = root.appendingPathComponent("Fixtures/invoices/basic.pdf")
    let extract = try await client.submit(
      .extract(file: invoice, schema: "invoice", ignoreEmbedded: false, password: nil))
    #expect(try await client.wait(for: extract.id).state == "succeeded")
    #expect(String(decoding: try await client.result(of: extract.id), as: UTF8.self).contains("\"471102\""))

    let forecast = try await client.submit(
      .forecast(series, contentType: "application/json", horizon: nil, model: nil, quantiles: nil))
    #expect(try await client.wait(for: forecast.id).state == "succeeded")
    #expect(
      String(decoding: try await client.result(of: forecast.id), as: UTF8.self).contains(
        "\"model\":\"docq-forecast-1\""))

    let impact = try await client.submit(
      .impact(
        Data("{\"articles\": [{\"title\": \"A paper\", \"abstract\": \"On things.\"}]}".utf8), explain: true, similar: 2
      ))
    #expect(try await client.wait(for: impact.id).state == "succeeded")
    let scores = String(decoding: try await client.result(of: impact.id), as: UTF8.self)
    #expect(
      scores.contains("\"phrases\"") && scores.contains("\"tncsi_sp\"") && scores.contains("no basis for decisions"))

    let embed = try await client.submit(.embed(Data("{\"texts\": [\"sparse experts\", \"\"]}".utf8)))
    #expect(try await client.wait(for: embed.id).state == "succeeded")
    #expect(
      String(decoding: try await client.result(of: embed.id), as: UTF8.self).contains("\"dimensions\":384"))

    #expect(try await client.jobs().jobs.count == 5)
    #expect(
      String(decoding: try await client.get("/metrics"), as: UTF8.self).contains(
        "docq_jobs{kind=\"ingest\",state=\"succeeded\"} 1"))
    #expect(try await service.stop())
  }

  /// `make test` installs the browser.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: browser)))
  func aBrowserShowsTheJobs() async throws {
    let service = try await RunningService()
    let job = try await service.client.submit(
      .ingest(file: root.appendingPathComponent("Fixtures/pdf/minimal.pdf"), pages: nil, password: nil))
    #expect(try await service.client.wait(for: job.id).state == "succeeded")
    for (path, expected) in [("/", [String(job.id.suffix(8)), "succeeded"]), ("/docs", ["/jobs/{id}/events"])] {
      let shown = try launch(
        browser,
        [
          "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom",
          "http://127.0.0.1:\(service.port)\(path)",
        ])
      // The page's own script holds no id; what is found was drawn.
      for text in expected { #expect(shown.output.contains(text), "\(path): \(text)") }
    }
    #expect(try await service.stop())
  }

  @Test func badInputIsRefusedAndLeavesNothing() async throws {
    let service = try await RunningService()
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    func file(_ name: String, _ bytes: Data) throws -> URL {
      let file = folder.appendingPathComponent(name)
      try bytes.write(to: file)
      return file
    }
    func status(_ request: RemoteRequest) async throws -> Int {
      do {
        let job = try await service.client.submit(request)
        _ = try await service.client.wait(for: job.id)
        _ = try await service.client.result(of: job.id)
        return 200
      } catch DocqClientError.problem(let status, _, let detail) {
        #expect(!detail.isEmpty)
        return status
      }
    }
    #expect(try await status(.ingest(file: file("notes.pdf", Data("hello".utf8)), pages: nil, password: nil)) == 415)
    #expect(try await status(.ingest(file: file("empty.pdf", Data()), pages: nil, password: nil)) == 400)
    let whole = try Data(contentsOf: root.appendingPathComponent("Fixtures/pdf/table.pdf"))
    #expect(try await status(.ingest(file: file("cut.pdf", whole.prefix(3000)), pages: nil, password: nil)) == 422)
    func forecast(_ text: String, _ type: String = "application/json") -> RemoteRequest {
      .forecast(Data(text.utf8), contentType: type, horizon: nil, model: nil, quantiles: nil)
    }
    #expect(try await status(forecast("{\"target\": [null, null]}")) == 422)
    #expect(try await status(forecast("{\"target\": [1,")) == 400)
    #expect(try await status(forecast("{\"series\": 1}")) == 422)
    #expect(try await status(forecast("d,x\n2024-01-01,1\n2024-01-02,abc\n", "text/csv")) == 422)
    #expect(try await status(forecast(String(repeating: "[", count: 100_000))) == 400)
    #expect(try await status(.impact(Data("{\"articles\": [{\"abstract\": \"x\"}]}".utf8))) == 422)
    #expect(try await status(.embed(Data("{\"texts\": [\"x\", 5]}".utf8))) == 422)
    #expect(service.storedFiles().isEmpty)
    #expect(try await service.stop())
  }

  @Test func killedProcessesLoseNoJob() async throws {
    let service = try await RunningService()
    let pdf = root.appendingPathComponent("Fixtures/pdf/four-pages.pdf")
    var ids: [String] = []
    for round in 0..<4 {
      for _ in 0..<6 {
        if let job = try? await service.client.submit(.ingest(file: pdf, pages: nil, password: nil)) {
          ids.append(job.id)
        }
        if let job = try? await service.client.submit(
          .forecast(series, contentType: "application/json", horizon: nil, model: nil, quantiles: nil))
        {
          ids.append(job.id)
        }
      }
      let victim = ["docq-ingestor", "docq-forecaster", "docq-gateway", "docq-ingestor"][round]
      for pid in service.processes(victim) { kill(pid, SIGKILL) }
      // The gateway is started again; until then it does not answer.
      for _ in 0..<100 {
        if (try? await service.client.get("/readyz")) != nil { break }
        try await Task.sleep(for: .milliseconds(50))
      }
    }
    #expect(ids.count >= 40)
    for id in ids { #expect(try await service.client.wait(for: id).state == "succeeded") }
    #expect(try await service.client.jobs(limit: 500).jobs.count >= ids.count)
    #expect(try await service.stop())
  }
}

@Suite struct CommandLineTests {
  private func run(_ arguments: [String], input: String? = nil) throws -> Outcome {
    try launch(products.appendingPathComponent("docq").path, arguments, input: input)
  }

  @Test func extractReadsTheEmbeddedInvoice() throws {
    let result = try run(["extract", root.appendingPathComponent("Fixtures/invoices/basic.pdf").path])
    #expect(result.status == 0 && result.output.contains("\"source\" : \"embedded-xml\""))
  }

  @Test func columnsOfARealPaperAreReadOneAfterTheOther() throws {
    let result = try run(
      ["ingest", root.appendingPathComponent("Fixtures/pdf/two-columns.pdf").path, "--format", "text"])
    let text = result.output
    // A stretched space, the gutter, and a paragraph that goes on in the next column.
    #expect(text.contains("adipiscing elit. Ut purus elit, vestibulum ut, placerat ac, adipiscing vitae, felis."))
    #expect(text.contains("Vivamus viverra fermentum felis. Donec nonummy pellentesque ante. Phasellus"))
  }

  @Test func numbersThatOverflowAreTheInputsFault() throws {
    let result = try run(["forecast", "-"], input: "{\"id\": \"big\", \"target\": [1e308, 1e308, -1e308, 1e308]}\n")
    #expect(result.status == 3 && result.errors.contains("series 'big': its numbers are too large"))
  }

  @Test func articlesThatCannotBeReadEndWithThree() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).bib")
    try Data("@article{x,\n title={Never closed\n".utf8).write(to: file)
    let result = try run(["impact", file.path])
    #expect(result.status == 3 && result.output.isEmpty && result.errors.contains("is not closed"))
  }

  @Test func messagesThatNobodyReadsEndNothing() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).csv")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data("title\nSparse experts\n".utf8).write(to: file)
    let script = "\"$0\" impact \"$1\" 2>&1 >/dev/null | true; echo ${PIPESTATUS[0]}"
    let docq = products.appendingPathComponent("docq").path
    #expect(try launch("/bin/bash", ["-c", script, docq, file.path]).output == "0\n")
  }

  @Test func filesOfOneNameDoNotOverwriteEachOther() throws {
    let file = root.appendingPathComponent("Fixtures/pdf/minimal.pdf").path
    let result = try run(["ingest", file, "./" + file, "-o", FileManager.default.temporaryDirectory.path])
    #expect(result.status == 2 && result.errors.contains("would overwrite each other"))
  }

  @Test func aTakenPortEndsTheServiceWithAReason() throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(listener, $0, length)
        _ = listen(listener, 1)
        _ = getsockname(listener, $0, &length)
      }
      return UInt16(bigEndian: pointer.pointee.sin_port)
    }
    let data = FileManager.default.temporaryDirectory.appendingPathComponent("docq-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: data) }
    let result = try run(["serve", "--data", data.path, "--port", "\(port)"])
    #expect(result.status == 1 && result.errors.contains("cannot listen on 127.0.0.1:\(port)"))
    #expect(result.errors.contains("docq: docq-gateway could not start"))
  }

  @Test func inputThatCannotBeReadEndsWithThree() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).pdf")
    try Data("just text".utf8).write(to: file)
    let result = try run(["ingest", file.path])
    #expect(
      result.status == 3 && result.errors.contains("is not a PDF") && result.errors.split(separator: "\n").count == 1)
    let series = try run(["forecast", "-"], input: "d,x\n2024-01-01,1\n2024-01-02,oops\n")
    #expect(series.status == 3 && series.errors.contains("line 3, column 'x': 'oops' is not a number"))
  }

  @Test func wrongUsageEndsWithTwoAndNoServerWithFour() throws {
    #expect(try run(["forecast"]).status == 2)
    #expect(try run(["ingest", "a.pdf", "--format", "docx"]).status == 2)
    #expect(try run(["jobs", "list", "--server", "http://127.0.0.1:1"]).status == 4)
    #expect(try run(["--help"]).output.contains("EXIT STATUS"))
  }

  @Test func forecastsArriveAsJSONLinesAndPicture() throws {
    let plot = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).svg")
    let result = try run(
      ["forecast", "-", "--horizon", "2", "--plot", plot.path],
      input: "d,x\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-04,4\n2024-01-05,5\n")
    #expect(result.status == 0 && result.output.contains("\"quantile_levels\""))
    #expect(try String(contentsOf: plot, encoding: .utf8).hasPrefix("<svg"))
  }
}
