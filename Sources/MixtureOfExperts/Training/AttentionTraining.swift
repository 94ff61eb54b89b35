import CKernels
import Foundation
import Tensor

/// What attention leaves for its backward pass.
struct AttentionTrace {
  let input: Tensor
  /// [tokens, 3 x model size] before the norms of queries and keys; the same as `qkv` without them.
  let raw: Tensor
  /// Queries, keys, values as they meet.
  let qkv: Tensor
  /// For each sequence [heads, queries, keys].
  let probabilities: [Tensor]
  /// [tokens, model size], before the output projection.
  let attended: Tensor
}

/// Multi-head attention of one layer, forward and backward, through BLAS.
struct AttentionTraining {
  private let configuration: EncoderConfiguration
  private let prefix: String
  private let projections: StackedProjection
  private let output: StackedProjection

  init(_ configuration: EncoderConfiguration, _ prefix: String) {
    self.configuration = configuration
    self.prefix = prefix
    let size = configuration.modelSize
    projections = StackedProjection(
      ["q_proj", "k_proj", "v_proj"].map { prefix + $0 }, inputs: size, outputs: size, hasBias: configuration.hasBias)
    output = StackedProjection(
      [prefix + "out_proj"], inputs: size, outputs: size, hasBias: configuration.hasBias)
  }

  private var scale: Float { 1 / Float(configuration.headSize).squareRoot() }

  /// target += attention(x).
  func forward(
    _ x: Tensor, addingTo target: Tensor, _ trace: TrainableEncoder.Trace, _ parameters: ParameterSet
  ) -> AttentionTrace {
    let size = configuration.modelSize, heads = configuration.heads, headSize = configuration.headSize
    let tokens = x.rows
    let qkv = Tensor(shape: [tokens, 3 * size], zeroed: false)
    projections.forward(x.pointer, rows: tokens, into: qkv.pointer, parameters)
    let raw = configuration.queryKeyNorm ? qkv.copy() : qkv
    if configuration.queryKeyNorm {
      let query = parameters[prefix + "q_norm.weight"], key = parameters[prefix + "k_norm.weight"]
      let epsilon = Float(configuration.normEpsilon)
      for token in 0..<tokens {
        let row = qkv.row(token)
        Kernels.best.rms_norm(row, row, Int32(heads), Int32(headSize), query, epsilon)
        Kernels.best.rms_norm(row + size, row + size, Int32(heads), Int32(headSize), key, epsilon)
      }
    }
    rotate(qkv, trace.angles, backwards: false)

    let attended = Tensor(shape: [tokens, size], zeroed: false)
    var probabilities: [Tensor] = []
    for segment in trace.layout.segments {
      let count = segment.count, first = segment.lowerBound
      let weights = Tensor(shape: [heads, count, count], zeroed: false)
      let bias = configuration.variateBias ? parameters[prefix + "var_attn_bias.emb.weight"] : nil
      for head in 0..<heads where count > 0 {
        let query = qkv.row(first) + head * headSize, key = query + size, value = key + size
        let scores = weights.row(head)
        BLAS.product(
          count, count, headSize, query, 3 * size, key, 3 * size, transposeB: true, scores, count, alpha: scale)
        mask(scores, segment, trace.layout, bias.map { ($0[head], $0[heads + head]) })
        Kernels.best.softmax(scores, Int32(count), Int32(count))
        BLAS.product(
          count, headSize, count, scores, count, value, 3 * size, attended.row(first) + head * headSize, size)
      }
      probabilities.append(weights)
    }
    output.forward(attended.pointer, rows: tokens, into: target.pointer, parameters, accumulate: true)
    return AttentionTrace(input: x, raw: raw, qkv: qkv, probabilities: probabilities, attended: attended)
  }

  /// Adds the bias and shuts out keys that are later than the query.
  private func mask(
    _ scores: UnsafeMutablePointer<Float>, _ segment: Range<Int>, _ layout: TokenLayout,
    _ bias: (other: Float, same: Float)?
  ) {
    guard configuration.isCausal || bias != nil else { return }
    let count = segment.count, isCausal = configuration.isCausal
    layout.times.withUnsafeBufferPointer { times in
      layout.variates.withUnsafeBufferPointer { variates in
        for query in 0..<count {
          let row = scores + query * count
          let time = times[segment.lowerBound + query], variate = variates[segment.lowerBound + query]
          for key in 0..<count {
            if let bias { row[key] += variates[segment.lowerBound + key] == variate ? bias.same : bias.other }
            if isCausal, times[segment.lowerBound + key] > time { row[key] = -1e30 }
          }
        }
      }
    }
  }

  /// - Returns: the gradient by the input, for the gradient `dy` by what was added to the target.
  func backward(
    _ dy: Tensor, _ own: AttentionTrace, _ trace: TrainableEncoder.Trace, _ parameters: ParameterSet,
    _ gradients: ParameterSet
  ) -> Tensor {
    let size = configuration.modelSize, heads = configuration.heads, headSize = configuration.headSize
    let tokens = dy.rows
    let dAttended = Tensor(shape: [tokens, size], zeroed: false)
    output.backward(
      dy.pointer, x: own.attended.pointer, rows: tokens, into: dAttended.pointer, parameters, gradients, replace: true)
    let dqkv = Tensor(shape: [tokens, 3 * size], zeroed: false)
    let longest = trace.layout.segments.map(\.count).max() ?? 0
    let dScores = Tensor(shape: [longest, longest], zeroed: false)
    for (segment, weights) in zip(trace.layout.segments, own.probabilities) where !segment.isEmpty {
      let count = segment.count, first = segment.lowerBound
      for head in 0..<heads {
        let query = own.qkv.row(first) + head * headSize, key = query + size, value = key + size
        let dQuery = dqkv.row(first) + head * headSize, dKey = dQuery + size, dValue = dKey + size
        let dOut = dAttended.row(first) + head * headSize
        BLAS.product(
          count, headSize, count, weights.row(head), count, transposeA: true, dOut, size, dValue, 3 * size)
        BLAS.product(
          count, count, headSize, dOut, size, value, 3 * size, transposeB: true, dScores.pointer, count)
        Kernels.best.softmax_backward(weights.row(head), dScores.pointer, Int32(count), Int32(count))
        if configuration.variateBias {
          let (other, same) = biasGradient(dScores.pointer, segment, trace.layout)
          let table = gradients[prefix + "var_attn_bias.emb.weight"]
          table[head] += other
          table[heads + head] += same
        }
        BLAS.product(
          count, headSize, count, dScores.pointer, count, key, 3 * size, dQuery, 3 * size, alpha: scale)
        BLAS.product(
          count, headSize, count, dScores.pointer, count, transposeA: true, query, 3 * size, dKey, 3 * size,
          alpha: scale)
      }
    }
    rotate(dqkv, trace.angles, backwards: true)
    if configuration.queryKeyNorm {
      let epsilon = Float(configuration.normEpsilon)
      let dRaw = Tensor(shape: [size])
      for token in 0..<tokens {
        for (part, name) in ["q_norm.weight", "k_norm.weight"].enumerated() {
          let dRow = dqkv.row(token) + part * size
          dRaw.fill(0)
          Kernels.best.rms_norm_backward(
            own.raw.row(token) + part * size, parameters[prefix + name], dRow, dRaw.pointer, gradients[prefix + name],
            Int32(heads), Int32(headSize), epsilon)
          dRow.update(from: dRaw.pointer, count: size)
        }
      }
    }
    let dx = Tensor(shape: [tokens, size], zeroed: false)
    projections.backward(
      dqkv.pointer, x: own.input.pointer, rows: tokens, into: dx.pointer, parameters, gradients, replace: true)
    return dx
  }

  private func biasGradient(
    _ dScores: UnsafePointer<Float>, _ segment: Range<Int>, _ layout: TokenLayout
  ) -> (other: Float, same: Float) {
    var other: Float = 0, same: Float = 0
    layout.variates.withUnsafeBufferPointer { variates in
      for query in 0..<segment.count {
        let row = dScores + query * segment.count, variate = variates[segment.lowerBound + query]
        for key in 0..<segment.count {
          if variates[segment.lowerBound + key] == variate { same += row[key] } else { other += row[key] }
        }
      }
    }
    return (other, same)
  }

  /// Queries and keys, in place; backwards for gradients.
  private func rotate(_ qkv: Tensor, _ angles: [(cosine: [Float], sine: [Float])], backwards: Bool) {
    for (rotation, angle) in zip(configuration.rotations, angles) where rotation.pairs > 0 {
      Kernels.best.rotate(
        qkv.pointer, Int32(qkv.rows), qkv.rowSize, Int32(2 * configuration.heads), Int32(configuration.headSize),
        Int32(rotation.first), Int32(rotation.pairs), angle.cosine, backwards ? angle.sine.map { -$0 } : angle.sine)
    }
  }
}
