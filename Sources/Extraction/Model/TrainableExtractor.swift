import CKernels
import Foundation
import MixtureOfExperts
import Tensor

/// One stretch of a document that is trained on: tokens that see each other, and what they are.
public struct TrainingWindow: Sendable {
  /// Table rows of each token, lexical ones and all.
  var rows: [Int32]
  var starts: [Int32]
  var x: [Float]
  var y: [Float]
  /// Tag of each token.
  public var tags: [Int32]
  /// How much each token counts; 0 for tokens that nobody knows the tag of.
  public var weights: [Float]
  /// Index of the document's type, or -1.
  public var documentType: Int32

  public var count: Int { tags.count }
}

/// Windows that go through the model together.
package struct ExtractionBatch {
  let layout: TokenLayout
  private let windows: [TrainingWindow]
  /// Chance that a word's feature is left out, for each window.
  private let dropRates: [Double]
  private let seed: UInt64

  package init(_ windows: [TrainingWindow], dropRates: [Double], seed: UInt64) {
    (self.windows, self.dropRates, self.seed) = (windows, dropRates, seed)
    var segments: [Range<Int>] = [], start = 0
    for window in windows {
      segments.append(start..<start + window.count)
      start += window.count
    }
    layout = TokenLayout(
      segments: segments, times: segments.flatMap { (0..<Int32($0.count)).map { $0 } },
      coordinates: [windows.flatMap(\.x), windows.flatMap(\.y)])
  }

  var tags: [Int32] { windows.flatMap(\.tags) }
  var weights: [Float] { windows.flatMap(\.weights) }
  var documentTypes: [Int32] { windows.map(\.documentType) }

  /// Calls `body` with a token and one of the table rows that it adds up; the same ones each time.
  func forEachRow(_ body: (_ token: Int, _ row: Int) -> Void) {
    var token = 0
    for (index, window) in windows.enumerated() {
      var random = CounterBasedRandom(seed: seed, stream: UInt64(index))
      let rate = dropRates[index]
      for own in 0..<window.count {
        for place in window.starts[own]..<window.starts[own + 1] {
          let row = window.rows[Int(place)]
          if rate > 0, row < TokenFeatures.Part.firstPlace, random.uniform() < rate { continue }
          body(token, Int(row))
        }
        token += 1
      }
    }
  }
}

/// The extractor with weights that change.
package struct TrainableExtractor: Sendable {
  let configuration: ExtractorConfiguration
  private let encoder: TrainableEncoder

  package init(_ configuration: ExtractorConfiguration) {
    self.configuration = configuration
    encoder = TrainableEncoder(configuration.encoder)
  }

  /// Mean cross-entropy of the tags, weighted, and a tenth of that of the document types.
  /// - Parameters:
  ///   - gradients: what the gradients are added to; nil for the loss alone.
  ///   - share: factor of the gradients, the batch's share of a larger one.
  package func loss(
    _ batch: ExtractionBatch, _ parameters: ParameterSet, gradients: ParameterSet?, share: Double = 1
  ) -> Double {
    let size = configuration.encoder.modelSize, count = batch.layout.count, tags = configuration.tags
    let embedded = Tensor(shape: [count, size])
    let table = parameters["embedding.weight"]
    batch.forEachRow { token, row in
      Kernels.best.add_scaled(embedded.pointer + token * size, table + row * size, 1, size)
    }
    let trace = encoder.forward(embedded, batch.layout, parameters)
    let logits = Tensor(shape: [count, tags], zeroed: false)
    LinearOperation.forward(
      trace.output.pointer, size, rows: count, inputs: size, weight: parameters["tags.weight"],
      bias: parameters["tags.bias"], outputs: tags, into: logits.pointer, tags)
    let targets = batch.tags, weights = batch.weights
    let total = max(1e-6, weights.reduce(0) { $0 + Double($1) })
    var loss = 0.0
    for token in 0..<count {
      let row = logits.row(token)
      let weight = Double(weights[token]) / total
      loss += weight * Self.crossEntropy(row, tags, Int(targets[token]), scale: Float(weight * share))
    }
    // Types: the mean of a window's tokens.
    let types = configuration.documentTypes.count, segments = batch.layout.segments
    let pooled = Tensor(shape: [segments.count, size])
    for (index, segment) in segments.enumerated() {
      for token in segment {
        Kernels.best.add_scaled(pooled.row(index), trace.output.row(token), 1 / Float(max(1, segment.count)), size)
      }
    }
    let typeLogits = Tensor(shape: [segments.count, types], zeroed: false)
    LinearOperation.forward(
      pooled.pointer, size, rows: segments.count, inputs: size, weight: parameters["types.weight"],
      bias: parameters["types.bias"], outputs: types, into: typeLogits.pointer, types)
    for (index, type) in batch.documentTypes.enumerated() {
      let weight = type >= 0 ? 0.1 / Double(segments.count) : 0
      loss += weight * Self.crossEntropy(typeLogits.row(index), types, max(0, Int(type)), scale: Float(weight * share))
    }
    guard let gradients else { return loss }

    let dOutput = Tensor(shape: [count, size], zeroed: false)
    LinearOperation.backward(
      logits.pointer, tags, x: trace.output.pointer, size, rows: count, inputs: size, weight: parameters["tags.weight"],
      outputs: tags, weightGradient: gradients["tags.weight"], biasGradient: gradients["tags.bias"],
      into: dOutput.pointer,
      size, replace: true)
    let dPooled = Tensor(shape: pooled.shape, zeroed: false)
    LinearOperation.backward(
      typeLogits.pointer, types, x: pooled.pointer, size, rows: segments.count, inputs: size,
      weight: parameters["types.weight"], outputs: types, weightGradient: gradients["types.weight"],
      biasGradient: gradients["types.bias"], into: dPooled.pointer, size, replace: true)
    for (index, segment) in segments.enumerated() {
      for token in segment {
        Kernels.best.add_scaled(dOutput.row(token), dPooled.row(index), 1 / Float(max(1, segment.count)), size)
      }
    }
    encoder.backward(dOutput, trace, parameters, gradients, balance: configuration.encoder.balanceLoss * share)
    let tableGradient = gradients["embedding.weight"]
    batch.forEachRow { token, row in
      Kernels.best.add_scaled(tableGradient + row * size, dOutput.pointer + token * size, 1, size)
    }
    return loss
  }

  /// The loss; the logits become its gradient times `scale`.
  private static func crossEntropy(_ logits: UnsafeMutablePointer<Float>, _ count: Int, _ target: Int, scale: Float)
    -> Double
  {
    var most = logits[0]
    for index in 1..<count { most = max(most, logits[index]) }
    var sum: Float = 0
    let own = logits[target]
    for index in 0..<count {
      logits[index] = expf(logits[index] - most)
      sum += logits[index]
    }
    for index in 0..<count { logits[index] *= scale / sum }
    logits[target] -= scale
    return Double(logf(sum) - (own - most))
  }
}
