import DocqClient
import Foundation
import Testing

/// From documents to labels to a model and back, as a user does it.
@Suite(.serialized) struct ExtractorTrainingTests {
  private let docq = products.appendingPathComponent("docq").path
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  private var schema: URL { folder.appendingPathComponent("ticket.json") }

  private func orders(_ name: String, _ range: Range<Int>) throws -> URL {
    let place = folder.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    try Data(TextPDF.schema.utf8).write(to: schema)
    for index in range {
      try TextPDF.Order(index).pdf(index).write(to: place.appendingPathComponent("order-\(index).pdf"))
    }
    return place
  }

  /// What a person does to a draft: puts the right values into it.
  private func correct(_ file: URL, _ fields: [String: Any]) throws {
    var object = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    object["fields"] = fields
    object["reviewed"] = true
    try JSONSerialization.data(withJSONObject: object).write(to: file)
  }

  @Test func correctedLabelsTeachANewForm() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let labelled = try orders("labelled", 0..<6), others = try orders("others", 6..<12)
    let drafts = try launch(docq, ["label", labelled.path, "--schema", schema.path])
    #expect(drafts.status == 0)
    let confidences = drafts.output.split(separator: "\n").compactMap { Double($0.prefix(4)) }
    #expect(confidences.count == 6 && confidences == confidences.sorted())
    for index in 0..<6 {
      try correct(labelled.appendingPathComponent("order-\(index).json"), TextPDF.Order(index).fields)
    }
    #expect(try launch(docq, ["label", labelled.path, "--schema", schema.path, "--overwrite"]).status == 3)

    let model = folder.appendingPathComponent("model").path
    let trained = try launch(
      docq,
      [
        "train", "extractor", "--schema", schema.path, "--labeled", labelled.path, "--unlabeled", others.path,
        "--steps", "40", "--windows", "2", "-o", model,
      ])
    #expect(trained.status == 0, "\(trained.errors)")
    #expect(trained.errors.contains("6 labelled and 6 unlabelled documents"))

    let read = try launch(
      docq, ["extract", others.appendingPathComponent("order-9.pdf").path, "--model", model, "--format", "jsonl"])
    let result = try #require(try JSONSerialization.jsonObject(with: Data(read.output.utf8)) as? [String: Any])
    let fields = try #require(result["fields"] as? [String: [String: Any]])
    let wanted = TextPDF.Order(9)
    #expect(fields["ticket"]?["value"] as? String == wanted.number)
    #expect(fields["ordered_on"]?["value"] as? String == wanted.day)
    #expect(fields["sum"]?["value"] as? Double == wanted.total)

    #expect(try launch(docq, ["label", others.path, "--model", model]).status == 0)
    for index in 6..<12 {
      try correct(others.appendingPathComponent("order-\(index).json"), TextPDF.Order(index).fields)
    }
    let scored = try launch(docq, ["evaluate", "extractor", "--truth", others.path, "--model", model])
    #expect(scored.output.contains("MICRO") && scored.output.contains("expected calibration error"))
    #expect(scored.output.contains("DOCS               n=6 all_fields_right=6"), "\(scored.output)")
  }

  @Test func aWrongLabelStopsTheTrainingAndIsNamed() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let labelled = try orders("labelled", 0..<3)
    #expect(try launch(docq, ["label", labelled.path, "--schema", schema.path]).status == 0)
    try correct(labelled.appendingPathComponent("order-1.json"), ["sum": "zwölf"])
    let model = folder.appendingPathComponent("model")
    let trained = try launch(
      docq,
      ["train", "extractor", "--schema", schema.path, "--labeled", labelled.path, "--steps", "5", "-o", model.path])
    #expect(trained.status == 3)
    #expect(trained.errors.contains("order-1.json") && trained.errors.contains("'sum'"))
    #expect(!FileManager.default.fileExists(atPath: model.path))
  }

  @Test func aPageWithoutTextSaysSo() throws {
    let scan = root.appendingPathComponent("Fixtures/scans/scan.pdf").path
    let read = try launch(docq, ["extract", scan, "--format", "jsonl"])
    #expect(read.status == 0)
    #expect(read.output.contains("text recognition"))
  }

  @Test func aServerTrainsAndReportsAndStops() async throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let service = try await RunningService()
    let documents = try orders("orders", 0..<8)
    var ids: [String] = []
    for index in 0..<8 {
      let file = documents.appendingPathComponent("order-\(index).pdf")
      ids.append(try await service.client.submit(.ingest(file: file)).id)
    }
    for id in ids { #expect(try await service.client.wait(for: id).state == "succeeded") }
    func request(_ name: String, budget: Int, wrong: Bool = false) throws -> RawAnswer {
      let labeled = (0..<5).map { index -> [String: Any] in
        var fields = TextPDF.Order(index).fields
        if wrong, index == 3 { fields["sum"] = "zwölf" }
        return ["document": ids[index], "fields": fields]
      }
      let body: [String: Any] = [
        "name": name, "schema": try JSONSerialization.jsonObject(with: Data(TextPDF.schema.utf8)), "labeled": labeled,
        "unlabeled": Array(ids[5...]), "budget": budget,
      ]
      return try service.ask(
        "POST", "/v1/train/extractor",
        body: String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self))
    }

    let accepted = try request("tickets", budget: 25)
    #expect(accepted.status == 202)
    let id = try #require(accepted.json["id"] as? String)
    var stages = Set<String>(), progress: [Double] = []
    let done = try await service.client.wait(for: id) { job in
      progress.append(job.progress)
      if let stage = job.stage { stages.insert(stage) }
    }
    #expect(done.state == "succeeded", "\(done.error?.message ?? "")")
    #expect(stages.contains { $0.contains("step") } && progress == progress.sorted() && progress.last ?? 0 > 0.1)
    let report = try #require(
      try JSONSerialization.jsonObject(with: try await service.client.result(of: id)) as? [String: Any])
    #expect(report["model"] as? String == "tickets")

    let extract = try service.ask("POST", "/v1/extract?document=\(ids[6])&model=tickets")
    let extracted = try #require(extract.json["id"] as? String)
    #expect(try await service.client.wait(for: extracted).state == "succeeded")
    let read = try #require(
      try JSONSerialization.jsonObject(with: try await service.client.result(of: extracted)) as? [String: Any])
    let ticket = (read["fields"] as? [String: [String: Any]])?["ticket"]
    #expect(read["source"] as? String == "model" && ticket?["value"] as? String == TextPDF.Order(6).number)

    let wrong = try #require(try request("wrong", budget: 20, wrong: true).json["id"] as? String)
    let failed = try await service.client.wait(for: wrong)
    #expect(failed.state == "failed")
    #expect(failed.error?.message.contains("order-3.pdf") == true && failed.error?.message.contains("'sum'") == true)

    let long = try #require(try request("long", budget: 600).json["id"] as? String)
    for _ in 0..<200 where try await service.client.job(long).stage?.contains("step") != true {
      try await Task.sleep(for: .milliseconds(100))
    }
    _ = try await service.client.cancel(long)
    #expect(try await service.client.wait(for: long).state == "cancelled")
    let without = try service.ask("POST", "/v1/extract?document=\(ids[6])&model=long")
    let refused = try await service.client.wait(for: try #require(without.json["id"] as? String))
    #expect(refused.state == "failed" && refused.error?.message.contains("'long'") == true)
    #expect(try await service.stop())
  }
}
