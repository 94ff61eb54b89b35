import DocqClient
import Foundation
import FoundationXML
import Testing

private let docq = products.appendingPathComponent("docq").path

private func fixture(_ name: String) -> URL { root.appendingPathComponent("Fixtures/\(name)") }

private func temporaryFolder() throws -> URL {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("docq-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  return folder
}

/// Documents through the real service and the real command.
@Suite(.serialized) struct DocumentServiceTests {
  private func ingested(_ name: String, by service: RunningService) async throws -> String {
    let job = try await service.client.submit(.ingest(file: fixture(name), pages: nil, password: nil))
    let done = try await service.client.wait(for: job.id)
    #expect(done.state == "succeeded", "\(done.error?.message ?? "")")
    return job.id
  }

  @Test func pagesAreDrawnWithWhatWasFoundOnThem() async throws {
    let service = try await RunningService()
    let id = try await ingested("pdf/monthly-report.pdf", by: service)
    let first = try service.ask("GET", "/v1/documents/\(id)/pages/1.svg")
    #expect(first.status == 200 && first.headers["content-type"] == "image/svg+xml")
    #expect(first.headers["content-security-policy"]?.contains("sandbox") == true)
    #expect(XMLParser(data: Data(first.body.utf8)).parse())
    // The picture of the page lies below; classes, order and relations are named.
    #expect(first.body.contains("href=\"data:image/jpeg;base64,/9j/"))
    for text in [">Title<", ">Table<", ">Caption<", ">reading order<", ">caption of<", ">1<", "2 H1"] {
      #expect(first.body.contains(text), "\(text)")
    }
    let tag = try #require(first.headers["etag"])
    #expect(try service.ask("GET", "/v1/documents/\(id)/pages/1.svg", ["If-None-Match": tag]).status == 304)
    let second = try service.ask("GET", "/v1/documents/\(id)/pages/2.svg")
    #expect(second.status == 200 && second.headers["etag"] != tag && second.body != first.body)
    for (path, status) in [
      ("\(id)/pages/3.svg", 404), ("\(id)/pages/0.svg", 404), ("\(id)/pages/one.svg", 404), ("nobody/pages/1.svg", 404),
    ] {
      let answer = try service.ask("GET", "/v1/documents/\(path)")
      #expect(answer.status == status && answer.json["detail"] is String, "\(path)")
    }
    let past = try service.ask("GET", "/v1/documents/\(id)/pages/3.svg")
    #expect(past.json["code"] as? String == "no-page" && past.body.contains("the document has 2"))
    let forecast = try service.ask(
      "POST", "/forecast?model=naive", body: #"{"id": "a", "target": [1, 2, 3, 4]}"#)
    let other = try service.ask("GET", "/v1/documents/\(forecast.json["id"] as? String ?? "")/pages/1.svg")
    #expect(other.status == 404 && other.json["code"] as? String == "no-document")
    #expect(try await service.stop())
  }

  @Test(arguments: ["receipt.jpg", "straight.png", "two-pages.tiff"])
  func picturesAreDocuments(_ name: String) async throws {
    let service = try await RunningService()
    let id = try await ingested("scans/\(name)", by: service)
    let text = String(decoding: try await service.client.result(of: id, format: "text"), as: UTF8.self)
    // Each is in the picture in clear print.
    let words = name == "receipt.jpg" ? ["ABC HO TRADING", "09/01/2019", "07-355 2616"] : ["Lorem", "dolor"]
    for word in words { #expect(text.contains(word), "\(word) in: \(text)") }
    let json = try JSONSerialization.jsonObject(with: try await service.client.result(of: id, format: "json"))
    let pages = (json as? [String: Any])?["pages"] as? [[String: Any]]
    #expect(pages?.count == (name.hasSuffix("tiff") ? 2 : 1))
    #expect(pages?.allSatisfy { $0["textSource"] as? String == "ocr" } == true)
    let drawing = try service.ask("GET", "/v1/documents/\(id)/pages/1.svg")
    #expect(drawing.status == 200 && drawing.body.contains("data:image/jpeg;base64,"))
    #expect(try await service.stop())
  }

  @Test func figuresComeWithTheirCaption() async throws {
    let service = try await RunningService()
    let id = try await ingested("pdf/two-figures.pdf", by: service)
    let list = try service.ask("GET", "/v1/documents/\(id)/figures")
    let figures = try #require(list.json["figures"] as? [[String: Any]], "\(list.body)")
    #expect(figures.count == 2)
    #expect(figures.map { $0["page"] as? Int } == [1, 2])
    let captions = figures.map { $0["caption"] as? String ?? "" }
    #expect(captions[0].contains("meadow in spring") && captions[1].contains("same meadow in autumn"))
    for figure in figures {
      let path = try #require(figure["href"] as? String)
      let png = try await service.client.get(path)
      #expect(png.prefix(4) == Data([0x89, 0x50, 0x4E, 0x47]))
      // As large as its box at 150 dots per inch.
      let box = try #require(figure["bbox"] as? [Double])
      let width = Int(png[png.startIndex + 18]) << 8 | Int(png[png.startIndex + 19])
      #expect(abs(Double(width) - (box[2] - box[0]) * 150 / 72) < 3)
    }
    let html = try service.ask("GET", "/v1/documents/\(id)?format=html")
    #expect(html.body.contains("<img src=\"/v1/documents/\(id)/figures/1.png\""))
    #expect(try service.ask("GET", "/v1/documents/\(id)/figures/3.png").status == 404)
    #expect(try service.ask("GET", "/v1/documents/nobody/figures").status == 404)
    #expect(try await service.stop())
  }

  @Test func aTableOfADocumentIsForecast() async throws {
    let service = try await RunningService()
    let id = try await ingested("pdf/monthly-report.pdf", by: service)
    let answer = try service.ask(
      "POST", "/v1/forecast?document=\(id)&table=2&column=Heat&horizon=4&model=naive",
      ["Prefer": "wait=30"])
    #expect(answer.status == 200, "\(answer.body)")
    #expect(answer.json["id"] as? String == "Heat")
    // A naive forecast repeats the last value.
    let source = try String(contentsOf: fixture("pdf/monthly-report.tex"), encoding: .utf8)
    let last = try #require(source.split(separator: "\n").first { $0.hasPrefix("December 2025") })
    let digits = String(last.split(separator: "&")[1].filter { $0.isNumber || $0 == "." })
    let heat = try #require(Double(digits))
    #expect(answer.json["mean"] as? [Double] == [heat, heat, heat, heat])
    #expect(answer.json["start"] as? String == "2026-01-01")
    for (query, code) in [("table=9", "no_table"), ("table=1", "no_numbers"), ("table=2&column=gas", "no_column")] {
      let refused = try service.ask("POST", "/v1/forecast?document=\(id)&\(query)", ["Prefer": "wait=30"])
      #expect(refused.status == 422 && refused.json["code"] as? String == code, "\(refused.body)")
    }
    #expect(try service.ask("POST", "/v1/forecast?document=\(id)").status == 422)
    #expect(try await service.stop())
  }

  // MARK: - The command

  @Test func severalFormatsAreWrittenInOnePass() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let pdf = fixture("pdf/monthly-report.pdf").path
    for arguments in [["--format", "json,markdown"], ["--format", "json", "--format", "markdown"]] {
      let out = folder.appendingPathComponent(UUID().uuidString).path
      #expect(try launch(docq, ["ingest", pdf, "-o", out] + arguments).status == 0)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: out).sorted() == [
          "monthly-report.json", "monthly-report.md",
        ])
      for (format, name) in [("json", "monthly-report.json"), ("markdown", "monthly-report.md")] {
        let alone = try launch(docq, ["ingest", pdf, "--format", format]).output
        #expect(try String(contentsOfFile: "\(out)/\(name)", encoding: .utf8) == alone)
      }
    }
    let unknown = try launch(docq, ["ingest", pdf, "--format", "json,docx", "-o", folder.path])
    #expect(unknown.status == 2 && unknown.errors.contains("docx"))
    #expect(try launch(docq, ["ingest", pdf, "--format", "json,text"]).status == 2, "nowhere to write two files")
  }

  @Test func overlaysReferToThePicturesBesideThem() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let pdf = fixture("pdf/monthly-report.pdf").path
    #expect(try launch(docq, ["ingest", pdf, "--overlay", "-o", folder.path]).status == 0)
    let pages = folder.appendingPathComponent("monthly-report.pages")
    let names = try FileManager.default.contentsOfDirectory(atPath: pages.path).sorted()
    #expect(names == ["page_0000.png", "page_0000.svg", "page_0001.png", "page_0001.svg"])
    let svg = try String(contentsOf: pages.appendingPathComponent("page_0000.svg"), encoding: .utf8)
    #expect(XMLParser(data: Data(svg.utf8)).parse())
    #expect(svg.contains("href=\"page_0000.png\"") && svg.contains(">Table<"))
  }

  @Test func tablesOfAReportAreForecastFromTheCommandLine() throws {
    let pdf = fixture("pdf/monthly-report.pdf").path
    let done = try launch(docq, ["forecast", pdf, "--table", "2", "--horizon", "3", "--model", "naive"])
    #expect(done.status == 0, "\(done.errors)")
    let lines = try done.output.split(separator: "\n").map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
    #expect(lines.map { $0?["id"] as? String } == ["Heat", "Power"])
    #expect(lines.allSatisfy { ($0?["mean"] as? [Double])?.count == 3 })
    let missing = try launch(docq, ["forecast", pdf, "--table", "9"])
    #expect(missing.status == 2 && missing.errors.contains("has no table 9: there are 2"))
    let words = try launch(docq, ["forecast", pdf, "--table", "1"])
    #expect(words.status == 3 && words.errors.contains("no row or column of three or more numbers"))
    let column = try launch(docq, ["forecast", pdf, "--table", "2", "--column", "gas"])
    #expect(column.status == 2 && column.errors.contains("it has Heat, Power"))
  }
}
