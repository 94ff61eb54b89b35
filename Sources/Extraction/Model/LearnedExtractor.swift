import CKernels
import DocumentModel
import Foundation
import MixtureOfExperts
import Tensor

/// The learned extractor: every word's features through the shared sparse mixture-of-experts encoder to tags.
public final class LearnedExtractor: Sendable {
  public let configuration: ExtractorConfiguration
  /// The schema it was trained for; nil for the general model.
  public let schema: ExtractionSchema?
  public let name: String
  private let embedding: Tensor
  private let encoder: Encoder
  private let tagWeights: PackedMatrix
  private let tagBias: [Float]
  private let typeWeights: PackedMatrix
  private let typeBias: [Float]

  /// - Parameter directory: holds config.json and model.safetensors.
  /// - Throws: `CheckpointError` naming the file and the tensor or key.
  public init(_ directory: URL) throws {
    name = directory.lastPathComponent
    let file = try SafeTensors(directory.appendingPathComponent("model.safetensors"))
    guard let config = FileManager.default.contents(atPath: directory.appendingPathComponent("config.json").path)
    else { throw CheckpointError.cannotOpen("config.json", reason: "no such file beside model.safetensors") }
    configuration = try ExtractorConfiguration(config)
    let size = configuration.encoder.modelSize
    embedding = try file.floats("embedding.weight", shape: [configuration.tableRows, size])
    encoder = try Encoder(configuration.encoder, file: file)
    tagWeights = try PackedMatrix(file, ["tags.weight"], shape: [configuration.tags, size])
    tagBias = try file.floats("tags.bias", shape: [configuration.tags]).values
    typeWeights = try PackedMatrix(file, ["types.weight"], shape: [configuration.documentTypes.count, size])
    typeBias = try file.floats("types.bias", shape: [configuration.documentTypes.count]).values
    schema = try configuration.schema.map { try ExtractionSchema(json: Data($0.utf8), name: "config.json") }
  }

  /// What the model thinks of every token.
  struct Reading {
    /// [tokens, tags], probabilities.
    var tags: Tensor
    var documentType: String
    var typeProbability: Double
  }

  func read(_ document: DocumentTokens, _ features: TokenFeatures) -> Reading {
    let size = configuration.encoder.modelSize, count = document.tokens.count, tags = configuration.tags
    let result = Tensor(shape: [count, tags], zeroed: false)
    let ranges = DocumentWindows.ranges(document, limit: configuration.windowTokens)
    var types = [Double](repeating: 0, count: configuration.documentTypes.count)
    var start = 0
    while start < ranges.count {
      // As many windows as make a good pass.
      var end = start, tokens = 0
      while end < ranges.count, tokens < 4096 {
        tokens += ranges[end].count
        end += 1
      }
      let part = Array(ranges[start..<end])
      let first = part[0].lowerBound
      let x = Tensor(shape: [tokens, size])
      for token in 0..<tokens {
        for place in features.starts[first + token]..<features.starts[first + token + 1] {
          Kernels.best.add_scaled(x.row(token), embedding.row(Int(features.rows[Int(place)])), 1, size)
        }
      }
      let segments = part.map { $0.lowerBound - first..<$0.upperBound - first }
      let y = part.flatMap { range -> [Float] in
        let top = features.y[range].min() ?? 0
        return features.y[range].map { $0 - top }
      }
      let layout = TokenLayout(
        segments: segments, times: segments.flatMap { (0..<Int32($0.count)).map { $0 } },
        coordinates: [Array(features.x[first..<first + tokens]), y])
      encoder.forward(x, layout)
      tagWeights.multiplyInParallel(x.pointer, stride: size, count: tokens, into: result.row(first), stride: tags)
      for token in first..<first + tokens { Self.softmax(result.row(token), tagBias) }
      let pooled = Tensor(shape: [segments.count, size])
      for (index, segment) in segments.enumerated() {
        for token in segment {
          Kernels.best.add_scaled(pooled.row(index), x.row(token), 1 / Float(segment.count), size)
        }
      }
      let logits = Tensor(shape: [segments.count, types.count], zeroed: false)
      typeWeights.multiply(
        pooled.pointer, stride: size, count: segments.count, into: logits.pointer, stride: types.count)
      for index in segments.indices {
        Self.softmax(logits.row(index), typeBias)
        // The first page says most.
        let weight = start + index == 0 ? 2.0 : 1
        for type in types.indices { types[type] += weight * Double(logits.row(index)[type]) }
      }
      start = end
    }
    let best = types.indices.max { types[$0] < types[$1] } ?? 0
    return Reading(
      tags: result, documentType: configuration.documentTypes[best],
      typeProbability: types[best] / max(1e-9, types.reduce(0, +)))
  }

  private static func softmax(_ values: UnsafeMutablePointer<Float>, _ bias: [Float]) {
    var most = -Float.infinity
    for index in bias.indices {
      values[index] += bias[index]
      most = max(most, values[index])
    }
    var sum: Float = 0
    for index in bias.indices {
      values[index] = expf(values[index] - most)
      sum += values[index]
    }
    for index in bias.indices { values[index] /= sum }
  }

  /// Confidence below which a person should look at a field.
  func reviewThreshold(_ field: String) -> Double {
    configuration.fields.first { $0.name == field }?.reviewBelow ?? 0.7
  }
}

/// Reads a form that the model was trained for; the schema's rules fill what the model leaves out.
struct TrainedFormReader {
  let model: LearnedExtractor
  let schema: ExtractionSchema
  var usesRules = true

  func extract(_ document: Document) -> ExtractionResult {
    let tokens = DocumentTokens(document)
    guard !tokens.tokens.isEmpty else { return RuleBasedExtractor(schema: schema).extract(document) }
    return extract(document, LabelAlignment.Prepared(tokens))
  }

  func extract(_ document: Document, _ prepared: LabelAlignment.Prepared) -> ExtractionResult {
    var result = ExtractionResult(file: document.fileName, documentType: schema.documentType, source: "model")
    let decoder = SpanDecoder(model.configuration, prepared.document, prepared.features, model)
    for (name, field) in schema.fields {
      guard let best = decoder.best(name, threshold: 0.25) else { continue }
      result.fields[name] = best.field
      if field.type == .enum || field.type == .regex { result.fields[name] = conforming(best.field, field) }
    }
    DateRanges(decoder: decoder).complete(&result, schema)
    if usesRules, result.fields.count < schema.fields.count {
      let rules = RuleBasedExtractor(schema: schema).extract(document)
      for (name, field) in rules.fields where result.fields[name] == nil && field.confidence >= 0.6 {
        var weak = field
        weak.confidence = min(0.5, field.confidence * 0.6)
        result.fields[name] = weak
      }
    }
    if !schema.lineItem.isEmpty { result.lineItems = LineItemDecoder(decoder).items() }
    result.checks = ArithmeticChecks.checks(of: result)
    result.needsReview =
      schema.fields.filter { $0.value.isRequired && result.fields[$0.key] == nil }.keys.sorted()
      + result.fields.filter { $0.value.confidence < model.reviewThreshold($0.key) }.keys.sorted()
    return result
  }

  /// What the schema allows of a text, or nothing.
  private func conforming(_ field: ExtractedField, _ schema: FieldSchema) -> ExtractedField? {
    var result = field
    if schema.type == .enum {
      guard let value = schema.values.first(where: { field.raw.lowercased().contains($0.lowercased()) }) else {
        return nil
      }
      result.value = .string(value)
    } else if let pattern = schema.pattern, let regex = try? Regex(pattern) {
      guard let match = field.raw.firstMatch(of: regex) else { return nil }
      result.value = .string(String(match.0 as Substring? ?? ""))
    }
    return result
  }
}
