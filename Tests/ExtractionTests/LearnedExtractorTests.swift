import DocumentModel
import Extraction
import Foundation
import MixtureOfExperts
import Tensor
import Testing

private func smallConfiguration(_ fields: [ExtractorConfiguration.Field] = ExtractorConfiguration.general)
  -> ExtractorConfiguration
{
  ExtractorConfiguration(
    modelSize: 32, layers: 1, heads: 2, feedForwardSize: 32, experts: 2, fields: fields,
    documentTypes: ExtractorConfiguration.documentTypes)
}

private func temporaryFolder() throws -> URL {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "extract-\(UUID().uuidString)", isDirectory: true)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  return folder
}

@Suite struct TokenTests {
  @Test func gluedWordsAreDivided() {
    #expect(DocumentTokens.parts(of: "Date:25/12/2018").map(\.text) == ["Date:", "25/12/2018"])
    #expect(DocumentTokens.parts(of: "03/16/20-03/29/20").map(\.text) == ["03/16/20", "03/29/20"])
    for whole in ["8:13:39", "https://a.b", "INV-2044", "2020-03-05", ":", "Total:"] {
      #expect(DocumentTokens.parts(of: whole).map(\.text) == [whole])
    }
  }

  /// "Advertiser" is printed five points higher than its value, which shares its line with an address.
  @Test func aLabelMayStandALittleHigherThanItsValue() throws {
    var page = Page(index: 0, width: 600, height: 800)
    page.styles = [TextStyle(font: "", size: 10)]
    for (text, x, y) in [
      ("Street", 20.0, 105.0), ("Advertiser", 200, 100), ("Tovaris", 320, 105), ("Agency", 200, 130),
    ] {
      page.words.append(Word(text: text, bbox: Rect(x0: x, y0: y, x1: x + 60, y1: y + 9), style: 0))
    }
    let tokens = DocumentTokens(Document(fileName: "a.pdf", pageCount: 1, pages: [page]))
    let value = try #require(tokens.cells.firstIndex { tokens.text($0) == "Tovaris" })
    #expect(tokens.cellBefore(value).map { tokens.text(tokens.cells[$0]) } == "Advertiser")
    let label = try #require(tokens.cells.firstIndex { tokens.text($0) == "Agency" })
    #expect(tokens.cellBefore(label) == nil)
  }

  @Test func featuresStayInTheTable() {
    for index in 0..<40 {
      let made = DocumentGenerator(seed: 2).document(index)
      let tokens = DocumentTokens(made.document)
      let features = TokenFeatures(tokens)
      #expect(features.starts.count == tokens.tokens.count + 1)
      #expect(features.rows.allSatisfy { $0 >= 0 && Int($0) < TokenFeatures.Part.totalRows })
    }
  }

  @Test func noWordCrashesTheTypes() {
    for text in [
      "", "-", "€", "1.", ".5", "12.3456", "٣٤", "💶", "A1B2", String(repeating: "9", count: 400), "\u{0301}", "DE",
      "--1,00-",
    ] {
      _ = TokenTypes(text, folded: DocumentTokens.folded(text))
    }
    #expect(TokenTypes("1.234,56", folded: "").cents == 123_456)
    #expect(TokenTypes("RM29.70", folded: "").cents == 2970)
    #expect(TokenTypes("12/03/2024", folded: "").flags.contains(.date))
    #expect(!TokenTypes("12/03", folded: "").flags.contains(.date))
  }
}

@Suite struct TrainableExtractorTests {
  /// The oracle is the difference of two losses.
  @Test func gradientsAreThoseOfTheLoss() throws {
    try BLAS.open()
    let configuration = smallConfiguration()
    let model = TrainableExtractor(configuration)
    let parameters = ParameterSet(configuration.parameters, seed: 3)
    var random = CounterBasedRandom(seed: 1)
    let made = DocumentGenerator(seed: 4, mix: .receipts).document(0)
    let windows = ExtractorPretraining.windows(made, configuration, &random)
    let batch = ExtractionBatch(windows, dropRates: windows.map { _ in 0.2 }, seed: 8)
    let gradients = parameters.zeros()
    let loss = model.loss(batch, parameters, gradients: gradients)
    #expect(loss.isFinite && loss > 0)
    for name in [
      "tags.weight", "tags.bias", "types.weight", "embedding.weight", "encoder.layers.0.self_attn.q_proj.weight",
    ] {
      let own = gradients.buffer(name)
      // The entry that matters most.
      let index = own.indices.max { abs(own[$0]) < abs(own[$1]) }!
      let step: Float = 2e-3
      let before = parameters.buffer(name)[index]
      parameters.buffer(name)[index] = before + step
      let up = model.loss(batch, parameters, gradients: nil)
      parameters.buffer(name)[index] = before - step
      let down = model.loss(batch, parameters, gradients: nil)
      parameters.buffer(name)[index] = before
      let measured = (up - down) / Double(2 * step)
      #expect(
        abs(measured - Double(own[index])) < 0.03 * abs(measured) + 2e-4, "\(name): \(measured) and \(own[index])")
    }
  }

  @Test func aModelLearnsItsDocumentsAndIsReadBack() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    var options = ExtractorPretraining.Options()
    (options.steps, options.decaySteps, options.windows, options.rate) = (60, 30, 4, 5e-3)
    var losses: [Double] = []
    let training = try ExtractorPretraining(smallConfiguration(), directory: folder, options)
    options.steps = 60
    try training.run { losses.append($0.loss) }
    let model = try LearnedExtractor(folder)
    #expect(model.configuration.fields.count == ExtractorConfiguration.general.count)
    let result = try DocumentExtractor(model: model).extract(
      DocumentGenerator(seed: 1, mix: .invoices).document(0).document)
    #expect(result.source == "model")
    // Guessing costs ln 75 = 4.3.
    #expect(losses.last! < 4)
  }

  @Test func damagedModelsAreRefused() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect(throws: CheckpointError.self) { try LearnedExtractor(folder) }
    let configuration = smallConfiguration()
    try configuration.json().write(to: folder.appendingPathComponent("config.json"))
    try ParameterSet(configuration.parameters, seed: 1).write(to: folder.appendingPathComponent("model.safetensors"))
    _ = try LearnedExtractor(folder)
    try Data("{}".utf8).write(to: folder.appendingPathComponent("config.json"))
    #expect(throws: CheckpointError.self) { try LearnedExtractor(folder) }
  }
}
