import DocumentModel
import Extraction
import Foundation
import MixtureOfExperts
import Tensor
import Testing

private func folder(_ files: [String: String]) throws -> URL {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "labels-\(UUID().uuidString)", isDirectory: true)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
  return folder
}

private let ordersJSON = """
  {"document_type": "order", "fields": {"contract_num": "id", "gross_amount": "amount", "flight_from": "date"}}
  """

private func ordersSchema() throws -> ExtractionSchema {
  try ExtractionSchema(json: Data(ordersJSON.utf8), name: "orders.json")
}

@Suite struct LabelTests {
  @Test(arguments: [
    (#"{"file": "a.pdf", "fields": {"gross_amount": "twelve"}}"#, "gross_amount"),
    (#"{"file": "a.pdf", "fields": {"flight_from": "soon"}}"#, "flight_from"),
    (#"{"file": "a.pdf", "fields": {"gros_amount": 12}}"#, "gros_amount"),
    (#"{"file": "b.pdf", "fields": {}}"#, "file"),
    (#"{"file": "a.pdf"}"#, "fields"),
    (#"{"file": "a.pdf", "fields": {}, "line_items": 3}"#, "line_items"),
  ]) func aWrongLabelNamesFileAndField(line: String, field: String) throws {
    let place = try folder(["a.pdf": "", "truth.jsonl": "\n" + line + "\n"])
    defer { try? FileManager.default.removeItem(at: place) }
    do {
      _ = try LabelledFolder(place, schema: ordersSchema())
      Issue.record("the label was taken")
    } catch let error as ExtractionError {
      #expect(error.description.contains("truth.jsonl, line 2"))
      #expect(error.description.contains("'\(field)'"))
    }
  }

  @Test func labelsBesideDocumentsAreRead() throws {
    let place = try folder(["a.pdf": ""])
    defer { try? FileManager.default.removeItem(at: place) }
    var result = ExtractionResult(file: "a.pdf", documentType: "order", source: "model")
    result.fields["contract_num"] = ExtractedField(value: .string("42"), raw: "42", confidence: 0.5)
    result.fields["gross_amount"] = ExtractedField(value: .number(12.5), raw: "$12.50", confidence: 0.95)
    let summary = try LabelFile.write(result, schema: ordersSchema(), beside: place.appendingPathComponent("a.pdf"))
    #expect(summary.doubtful == ["flight_from", "contract_num"])
    let entry = try #require(try LabelledFolder(place, schema: ordersSchema()).entries.first)
    #expect(entry.fields == ["contract_num": [.string("42")], "gross_amount": [.number(12.5)]])
    #expect(entry.absent == ["flight_from"])
    #expect(!entry.isReviewed)
  }
}

@Suite struct ScoreTests {
  /// The figures are those of the reference scorer on the same predictions.
  @Test func figuresAreThoseOfTheReference() throws {
    let place = try folder([
      "a.pdf": "", "b.pdf": "",
      "truth.jsonl": #"""
      {"file": "a.pdf", "fields": {"invoice_number": "RE-1", "invoice_total": 10.5, "due_date": null}, "line_items": [{"description": "Nut", "amount": 4.0}, {"description": "Bolt", "amount": 6.5}]}
      {"file": "b.pdf", "fields": {"invoice_number": "RE 2", "invoice_total": 7}}
      """#,
    ])
    defer { try? FileManager.default.removeItem(at: place) }
    let entries = try LabelledFolder(place).entries
    var a = ExtractionResult(file: "a.pdf", documentType: "invoice", source: "model")
    a.fields["invoice_number"] = ExtractedField(value: .string("re1"), raw: "", confidence: 0.9)
    a.fields["invoice_total"] = ExtractedField(value: .number(10.51), raw: "", confidence: 0.9)
    a.fields["due_date"] = ExtractedField(value: .string("2024-01-01"), raw: "", confidence: 0.2)
    var row = LineItem()
    (row.description, row.amount) = ("bolt", 6.5)
    a.lineItems = [row]
    var score = ExtractionScore()
    score.add(entries[0], a)
    score.add(entries[1], ExtractionResult(file: "b.pdf", documentType: "invoice", source: "model"))
    // TP 1 (number of a), FP 2 (total of a, due date), FN 3 (total of a, number and total of b).
    #expect(score.micro.right == 1 && score.micro.wrong == 2 && score.micro.missed == 3)
    #expect(score.fields["invoice_number"]?.recall == 0.5)
    #expect(score.rows.right == 1 && score.rows.wrong == 0 && score.rows.missed == 1)
    #expect(score.documentsAllRight == 0)
    #expect(abs(score.calibrationError - (abs(1.8 - 1) + 0.2) / 3) < 1e-9)
  }
}

@Suite struct WeakLabelTests {
  @Test func confidenceIsVotesTimesHalfPlusHalfTheMeanProbability() throws {
    let labels = try WeakLabels.combine(
      [["contract_num": (.string("A-1"), 0.8)], ["contract_num": (.string("a1"), 0.6)]],
      rules: ["contract_num": (.string("77"), 0.5)], ordersSchema())
    let label = try #require(labels["contract_num"])
    #expect(label.value.text == "A-1")
    #expect(abs(label.confidence - 2.0 / 3 * (0.5 + 0.7 / 2)) < 1e-9)
    #expect(labels["flight_from"] == nil)
  }

  /// Three documents of a template have the number behind "order"; in a fourth the labellers like another one better.
  @Test func theUsualPlaceOfATemplateHasAVoice() throws {
    func place(_ value: String, _ score: Double, _ words: String) -> WeakLabels.Place {
      (.string(value), score, [words])
    }
    let documents = [
      ["contract_num": [place("A1", 0.9, "l order")]], ["contract_num": [place("A2", 0.8, "l order")]],
      ["contract_num": [place("A3", 0.8, "l order")]],
      ["contract_num": [place("99", 0.6, "l phone"), place("A4", 0.3, "l order")]],
      ["contract_num": [place("B5", 0.9, "l phone")]],
    ]
    let opinions = TemplateHabits.opinions(documents, groups: [0, 0, 0, 0, 1], ["contract_num"])
    #expect(opinions[3]["contract_num"]?.value.text == "A4")
    #expect(opinions[0]["contract_num"]?.value.text == "A1")
    // One document makes no habit.
    #expect(opinions[4].isEmpty)
    let label = try #require(
      try WeakLabels.combine(
        [["contract_num": (.string("99"), 0.6)], ["contract_num": (.string("A4"), 0.5)]], rules: [:],
        habit: opinions[3], ordersSchema())["contract_num"])
    #expect(label.value.text == "A4")
  }

  @Test func calibrationPullsOverconfidentScoresDown() {
    let pairs = (0..<200).map { (score: 0.95, isRight: $0 % 2 == 0) }
    let scaling = PlattScaling(pairs)
    #expect(abs(scaling(0.95) - 0.5) < 0.05)
    #expect(PlattScaling([])(0.7) > 0.69 && PlattScaling([])(0.7) < 0.71)
  }

  @Test func templatesStayTogether() {
    let groups = [0, 0, 0, 1, 1, 2, 3, 3, 3, 3]
    let folds = TemplateGroups.folds(groups, 3)
    for group in 0..<4 {
      #expect(Set(zip(groups, folds).filter { $0.0 == group }.map(\.1)).count == 1)
    }
    #expect(Set(folds) == [0, 1, 2])
  }
}

@Suite struct NoiseAwareTrainingTests {
  private func examples(_ range: Range<Int>, labelled: Bool) throws -> [ExtractorTraining.Example] {
    let generator = DocumentGenerator(seed: 77, mix: .adOrders)
    return try range.map { index in
      let made = generator.document(index)
      var label: LabelledFolder.Entry?
      if labelled {
        label = try made.label(for: ordersSchema())
        var number = ""
        for (word, tag) in zip(made.document.pages[0].words, made.tags[0]) where tag?.field == "contract_num" {
          number = word.text
        }
        label?.fields = number.isEmpty ? [:] : ["contract_num": [.string(number)]]
        label?.lineItems = []
      }
      return try ExtractorTraining.Example(made.document, schema: ordersSchema(), label: label)
    }
  }

  private func start() throws -> URL {
    let place = try folder([:])
    let configuration = ExtractorConfiguration(
      modelSize: 32, layers: 1, heads: 2, feedForwardSize: 32, experts: 2, fields: ExtractorConfiguration.general,
      documentTypes: ExtractorConfiguration.documentTypes)
    try configuration.json().write(to: place.appendingPathComponent("config.json"))
    try ParameterSet(configuration.parameters, seed: 1).write(to: place.appendingPathComponent("model.safetensors"))
    return place
  }

  @Test func aStoppedTrainingGoesOnAndTheModelIsUsable() throws {
    let initial = try start(), place = try folder([:])
    defer { for one in [initial, place] { try? FileManager.default.removeItem(at: one) } }
    var options = ExtractorTraining.Options()
    (options.steps, options.windows) = (12, 2)
    let training = try ExtractorTraining(schema: ordersSchema(), from: initial, options)
    let labelled = try examples(0..<4, labelled: true), unlabelled = try examples(4..<8, labelled: false)
    var calls = 0
    #expect(throws: CancellationError.self) {
      try training.run(
        labelled: labelled, unlabelled: unlabelled, directory: place,
        isStopped: {
          calls += 1; return calls > 25
        })
    }
    #expect(!FileManager.default.fileExists(atPath: place.appendingPathComponent("model.safetensors").path))
    let report = try training.run(labelled: labelled, unlabelled: unlabelled, directory: place)
    #expect(report.labelled == 4 && report.unlabelled == 4 && report.steps == 12)
    let extractor = try DocumentExtractor(modelNamed: place.path)
    let schema = try #require(extractor.trainedSchema)
    #expect(schema.fields.keys.sorted() == ["contract_num", "flight_from", "gross_amount"])
    _ = try extractor.extract(DocumentGenerator(seed: 3, mix: .adOrders).document(0).document, schema: schema)
    #expect(!FileManager.default.fileExists(atPath: place.appendingPathComponent(".training").path))
  }

  @Test func tooFewLabelsAreRefused() throws {
    let initial = try start()
    defer { try? FileManager.default.removeItem(at: initial) }
    let training = try ExtractorTraining(schema: ordersSchema(), from: initial, ExtractorTraining.Options())
    #expect(throws: ExtractionError.self) {
      try training.run(labelled: try examples(0..<1, labelled: true), unlabelled: [], directory: initial)
    }
  }
}
