import CKernels
import Foundation
import MixtureOfExperts
import Tensor

/// Sequences that are trained on together, one behind the other.
package struct QuantileBatch {
  /// [tokens, token width]
  let tokens: Tensor
  let layout: TokenLayout
  /// Tokens after which a forecast is judged.
  let asked: [Int]
  /// For each of them the scaled values to come and which of them count, [asked, horizon].
  let targets: Tensor
  let counts: Tensor

  /// - Parameters:
  ///   - sequences: features, and the first token that is asked.
  ///   - lastOnly: ask no token after the first one.
  package init(
    _ sequences: [(features: QuantileFeatures, firstAsked: Int)], lastOnly: Bool = false,
    _ configuration: QuantileConfiguration
  ) {
    let patch = configuration.patchSize, horizon = configuration.horizon
    // Only tokens with something after them.
    let lengths = sequences.map { lastOnly ? $0.firstAsked + 1 : ($0.features.scaled.count - 1) / patch }
    let total = lengths.reduce(0, +)
    tokens = Tensor(shape: [total, configuration.tokenWidth], zeroed: false)
    var segments: [Range<Int>] = [], asked: [Int] = [], start = 0
    for (sequence, length) in zip(sequences, lengths) {
      sequence.features.write(length, into: tokens.row(start))
      segments.append(start..<start + length)
      asked += start + min(sequence.firstAsked, length - 1)..<start + length
      start += length
    }
    layout = TokenLayout(segments: segments, times: lengths.flatMap { (0..<Int32($0)).map { $0 } })
    self.asked = asked
    targets = Tensor(shape: [asked.count, horizon])
    counts = Tensor(shape: [asked.count, horizon])
    var row = 0
    for (sequence, length) in zip(sequences, lengths) {
      let first = min(sequence.firstAsked, length - 1), features = sequence.features
      var judged = 0
      for token in first..<length {
        let origin = (token + 1) * patch
        for step in 0..<min(horizon, features.scaled.count - origin) where features.observed[origin + step] {
          targets.row(row + token - first)[step] = features.scaled[origin + step]
          counts.row(row + token - first)[step] = 1
          judged += 1
        }
      }
      // Every sequence counts the same, however many of its values are judged.
      let weight = 1 / Float(max(1, judged) * sequences.count)
      for index in row * horizon..<(row + length - first) * horizon { counts.pointer[index] *= weight }
      row += length - first
    }
  }
}

/// docq's forecaster with weights that change: loss and gradients of a batch.
package struct TrainableQuantileModel: Sendable {
  let configuration: QuantileConfiguration
  private let encoder: TrainableEncoder

  package init(_ configuration: QuantileConfiguration) {
    self.configuration = configuration
    encoder = TrainableEncoder(configuration.encoder)
  }

  /// Mean quantile (pinball) loss, twice the mean over the levels, in scaled units.
  /// - Parameters:
  ///   - gradients: what the gradients of the loss, with the balance loss, are added to; nil for the loss alone.
  ///   - share: factor of the gradients, the batch's share of a larger one.
  package func loss(
    _ batch: QuantileBatch, _ parameters: ParameterSet, gradients: ParameterSet?, share: Double = 1
  ) -> Double {
    let tokens = batch.layout.count, size = configuration.encoder.modelSize, width = configuration.tokenWidth
    // Embedding: feat(silu(in(x))) + res(x).
    let x = batch.tokens
    let before = Tensor(shape: [tokens, size], zeroed: false)
    linear("in_proj", x.pointer, tokens, width, into: before, parameters)
    let hidden = before.copy()
    Kernels.best.silu(hidden.pointer, hidden.count)
    let embedded = Tensor(shape: [tokens, size], zeroed: false)
    linear("feat_proj", hidden.pointer, tokens, size, into: embedded, parameters)
    linear("res_proj", x.pointer, tokens, width, into: embedded, parameters, accumulate: true)
    let trace = encoder.forward(embedded, batch.layout, parameters)

    let count = batch.asked.count
    let encoded = Tensor(shape: [count, size], zeroed: false)
    for (row, token) in batch.asked.enumerated() {
      encoded.row(row).update(from: trace.output.row(token), count: size)
    }
    let quantiles = Tensor(
      shape: [count, configuration.horizon * configuration.quantileLevels.count], zeroed: false)
    linear("quantile_proj", encoded.pointer, count, size, into: quantiles, parameters)
    let mix = Tensor(shape: [count, configuration.baseWidth], zeroed: false)
    linear("base_proj", encoded.pointer, count, size, into: mix, parameters)
    let dQuantiles = Tensor(shape: quantiles.shape), dMix = Tensor(shape: mix.shape)
    let loss = pinball(batch, quantiles, mix, dQuantiles, dMix)
    guard let gradients else { return loss }

    if share != 1 {
      for index in 0..<dQuantiles.count { dQuantiles.pointer[index] *= Float(share) }
      for index in 0..<dMix.count { dMix.pointer[index] *= Float(share) }
    }
    let dEncoded = Tensor(shape: encoded.shape, zeroed: false)
    back("quantile_proj", dQuantiles, encoded.pointer, size, into: dEncoded, parameters, gradients)
    back("base_proj", dMix, encoded.pointer, size, into: dEncoded, parameters, gradients, accumulate: true)
    let dOutput = Tensor(shape: [tokens, size])
    for (row, token) in batch.asked.enumerated() {
      dOutput.row(token).update(from: dEncoded.row(row), count: size)
    }
    encoder.backward(dOutput, trace, parameters, gradients, balance: configuration.encoder.balanceLoss * share)
    let dHidden = Tensor(shape: [tokens, size], zeroed: false)
    back("feat_proj", dOutput, hidden.pointer, size, into: dHidden, parameters, gradients)
    back("res_proj", dOutput, x.pointer, width, into: nil, parameters, gradients)
    Kernels.best.silu_backward(before.pointer, dHidden.pointer, dHidden.count)
    back("in_proj", dHidden, x.pointer, width, into: nil, parameters, gradients)
    return loss
  }

  /// The loss, and its gradients by the residual quantiles and by the logits of the base forecasts' weights.
  private func pinball(
    _ batch: QuantileBatch, _ quantiles: Tensor, _ mix: Tensor, _ dQuantiles: Tensor, _ dMix: Tensor
  ) -> Double {
    let levels = configuration.quantileLevels.map(Float.init), horizon = configuration.horizon
    let patch = configuration.patchSize, offset = QuantileFeatures.baseOffset(configuration)
    var total = 0.0
    for (row, token) in batch.asked.enumerated() {
      let bases = batch.tokens.row(token) + offset
      let targets = batch.targets.row(row), counts = batch.counts.row(row)
      for piece in 0..<configuration.outputPatches {
        let (first, second) = QuantileHead.weights(mix.row(row) + 3 * piece)
        var toFirst: Float = 0, toSecond: Float = 0
        for step in piece * patch..<(piece + 1) * patch where counts[step] > 0 {
          let centre = first * bases[step] + second * bases[horizon + step]
          let factor = 2 * counts[step] / Float(levels.count)
          var dCentre: Float = 0, loss: Float = 0
          for (index, level) in levels.enumerated() {
            let place = step * levels.count + index
            let error = targets[step] - centre - quantiles.row(row)[place]
            loss += error > 0 ? level * error : (level - 1) * error
            let slope = error > 0 ? -level : 1 - level
            dQuantiles.row(row)[place] = factor * slope
            dCentre += factor * slope
          }
          total += Double(factor * loss)
          toFirst += dCentre * bases[step]
          toSecond += dCentre * bases[horizon + step]
        }
        // Through the softmax over (first, second, zero).
        let mean = first * toFirst + second * toSecond
        let out = dMix.row(row) + 3 * piece
        out[0] = first * (toFirst - mean)
        out[1] = second * (toSecond - mean)
        out[2] = (1 - first - second) * -mean
      }
    }
    return total
  }

  private func linear(
    _ name: String, _ x: UnsafePointer<Float>, _ rows: Int, _ inputs: Int, into y: Tensor, _ parameters: ParameterSet,
    accumulate: Bool = false
  ) {
    LinearOperation.forward(
      x, inputs, rows: rows, inputs: inputs, weight: parameters[name + ".weight"], bias: parameters[name + ".bias"],
      outputs: y.rowSize, into: y.pointer, y.rowSize, accumulate: accumulate)
  }

  private func back(
    _ name: String, _ dy: Tensor, _ x: UnsafePointer<Float>, _ inputs: Int, into dx: Tensor?,
    _ parameters: ParameterSet, _ gradients: ParameterSet, accumulate: Bool = false
  ) {
    LinearOperation.backward(
      dy.pointer, dy.rowSize, x: x, inputs, rows: dy.rows, inputs: inputs, weight: parameters[name + ".weight"],
      outputs: dy.rowSize, weightGradient: gradients[name + ".weight"], biasGradient: gradients[name + ".bias"],
      into: dx?.pointer, inputs, replace: !accumulate)
  }
}

/// What the last layer's numbers mean.
enum QuantileHead {
  /// Weights of the two base forecasts; what is missing to one goes to zero, the mean of the context.
  static func weights(_ logits: UnsafePointer<Float>) -> (first: Float, second: Float) {
    let most = max(logits[0], logits[1], logits[2])
    let (a, b, c) = (expf(logits[0] - most), expf(logits[1] - most), expf(logits[2] - most))
    let sum = a + b + c
    return (a / sum, b / sum)
  }
}
