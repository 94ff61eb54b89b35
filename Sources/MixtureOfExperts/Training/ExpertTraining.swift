import CKernels
import Foundation
import Tensor

/// What the experts of one layer leave for their backward pass.
struct ExpertTrace {
  let input: Tensor
  let assignment: ExpertAssignment
  /// Gate logits [tokens, experts]; empty without a gate.
  let logits: Tensor
  /// Inputs in the order by expert [pairs, model size].
  let gathered: Tensor
  /// Before the activation [pairs, 2 x hidden or hidden].
  let before: Tensor
  /// After it [pairs, hidden].
  let hidden: Tensor
  /// [pairs, model size]
  let outputs: Tensor
  var balanceLoss = 0.0
}

/// The sparse feed-forward block of one layer, forward and backward: tokens grouped by expert, products through BLAS.
struct ExpertTraining {
  private let configuration: EncoderConfiguration
  private let prefix: String
  private let centroid: String
  private let layer: Int
  private let inputs: [StackedProjection]
  private let outputs: [StackedProjection]

  init(_ configuration: EncoderConfiguration, _ prefix: String, _ centroid: String, layer: Int) {
    self.configuration = configuration
    self.prefix = prefix
    self.centroid = centroid
    self.layer = layer
    let names = configuration.feedForward == .gated ? ["fc_gate", "fc1"] : ["fc1"]
    let (size, hidden) = (configuration.modelSize, configuration.feedForwardSize)
    inputs = (0..<configuration.experts).map { expert in
      StackedProjection(
        names.map { "\(prefix)experts.\(expert).\($0)" }, inputs: size, outputs: hidden, hasBias: configuration.hasBias)
    }
    outputs = (0..<configuration.experts).map { expert in
      StackedProjection(
        ["\(prefix)experts.\(expert).fc2"], inputs: hidden, outputs: size, hasBias: configuration.hasBias)
    }
  }

  private var width: Int { configuration.feedForwardSize * (configuration.feedForward == .gated ? 2 : 1) }
  private var hasGate: Bool { configuration.experts > 1 }

  /// target += experts(x).
  func forward(_ x: Tensor, addingTo target: Tensor, _ parameters: ParameterSet) -> ExpertTrace {
    let (tokens, size, hidden) = (x.rows, configuration.modelSize, configuration.feedForwardSize)
    let logits = Tensor(shape: [hasGate ? tokens : 0, configuration.experts], zeroed: false)
    if hasGate { gate(x, logits, parameters) }
    let assignment =
      hasGate
      ? ExpertAssignment(logits: logits, tokens: tokens, perToken: configuration.expertsPerToken)
      : .dense(tokens: tokens)
    let pairs = assignment.tokens.count
    let gathered = hasGate ? Tensor(shape: [pairs, size], zeroed: false) : x
    if hasGate {
      for (place, token) in assignment.tokens.enumerated() {
        gathered.row(place).update(from: x.row(Int(token)), count: size)
      }
    }
    let before = Tensor(shape: [pairs, width], zeroed: false)
    let after = Tensor(shape: [pairs, hidden], zeroed: false)
    let out = Tensor(shape: [pairs, size], zeroed: false)
    for (expert, range) in assignment.ranges.enumerated() where !range.isEmpty {
      let first = range.lowerBound
      inputs[expert].forward(gathered.row(first), rows: range.count, into: before.row(first), parameters)
      for pair in range {
        after.row(pair).update(from: before.row(pair), count: hidden)
        activate(after.row(pair), before.row(pair) + (width - hidden))
      }
      outputs[expert].forward(after.row(first), rows: range.count, into: out.row(first), parameters)
    }
    for pair in assignment.places.indices {
      let token = pair / assignment.perToken
      Kernels.best.add_scaled(target.row(token), out.row(assignment.places[pair]), assignment.weights[pair], size)
    }
    var trace = ExpertTrace(
      input: x, assignment: assignment, logits: logits, gathered: gathered, before: before, hidden: after, outputs: out)
    if hasGate, tokens > 0 {
      let means = meanProbabilities(logits)
      trace.balanceLoss = zip(shares(assignment), means).reduce(0) { $0 + $1.0 * $1.1 } * Double(means.count)
    }
    return trace
  }

  /// - Parameter balance: the factor of this layer's balance loss.
  /// - Returns: the gradient by the input, for the gradient `dy` by what was added to the target.
  func backward(
    _ dy: Tensor, _ trace: ExpertTrace, _ parameters: ParameterSet, _ gradients: ParameterSet, balance: Double
  ) -> Tensor {
    let (tokens, size, hidden) = (dy.rows, configuration.modelSize, configuration.feedForwardSize)
    let assignment = trace.assignment, pairs = assignment.tokens.count
    let dOut = Tensor(shape: [pairs, size])
    var dWeights = [Float](repeating: 0, count: pairs)
    for pair in assignment.places.indices {
      let token = pair / assignment.perToken, place = assignment.places[pair]
      Kernels.best.add_scaled(dOut.row(place), dy.row(token), assignment.weights[pair], size)
      if hasGate { dWeights[pair] = Self.dot(dy.row(token), trace.outputs.row(place), size) }
    }
    let dBefore = Tensor(shape: [pairs, width], zeroed: false)
    let dHidden = Tensor(shape: [pairs, hidden], zeroed: false)
    let dGathered = Tensor(shape: [pairs, size], zeroed: false)
    for (expert, range) in assignment.ranges.enumerated() where !range.isEmpty {
      let first = range.lowerBound
      outputs[expert].backward(
        dOut.row(first), x: trace.hidden.row(first), rows: range.count, into: dHidden.row(first), parameters,
        gradients, replace: true)
      for pair in range { activateBackward(trace.before.row(pair), dHidden.row(pair), into: dBefore.row(pair)) }
      inputs[expert].backward(
        dBefore.row(first), x: trace.gathered.row(first), rows: range.count, into: dGathered.row(first), parameters,
        gradients, replace: true)
    }
    guard hasGate else { return dGathered }
    let dx = Tensor(shape: [tokens, size])
    for (place, token) in assignment.tokens.enumerated() {
      Kernels.best.add_scaled(dx.row(Int(token)), dGathered.row(place), 1, size)
    }
    gateBackward(trace, dWeights, balance, dx, parameters, gradients)
    return dx
  }

  // MARK: - Gate

  private func gate(_ x: Tensor, _ logits: Tensor, _ parameters: ParameterSet) {
    let (size, experts) = (configuration.modelSize, configuration.experts)
    switch configuration.gate {
    case .linear:
      LinearOperation.forward(
        x.pointer, size, rows: x.rows, inputs: size, weight: parameters[prefix + "gate.weight"], outputs: experts,
        into: logits.pointer, experts)
    case .centroidDistance:
      Kernels.best.squared_distances(
        x.pointer, size, Int32(x.rows), parameters[centroid] + layer * experts * size, Int32(experts), Int32(size),
        logits.pointer)
      for index in 0..<logits.count { logits.pointer[index] = logits.pointer[index].squareRoot() }
    }
  }

  private func gateBackward(
    _ trace: ExpertTrace, _ dWeights: [Float], _ balance: Double, _ dx: Tensor, _ parameters: ParameterSet,
    _ gradients: ParameterSet
  ) {
    let (tokens, size, experts) = (dx.rows, configuration.modelSize, configuration.experts)
    let assignment = trace.assignment, perToken = assignment.perToken
    let dLogits = Tensor(shape: [tokens, experts])
    if balance != 0 {
      // d/dp of the balance loss is the same for all tokens; then through each token's softmax.
      let probabilities = trace.logits.copy()
      Kernels.best.softmax(probabilities.pointer, Int32(tokens), Int32(experts))
      let slopes = shares(assignment).map { Float($0 * Double(experts) * balance / Double(tokens)) }
      for token in 0..<tokens { dLogits.row(token).update(from: slopes, count: experts) }
      Kernels.best.softmax_backward(probabilities.pointer, dLogits.pointer, Int32(tokens), Int32(experts))
    }
    for token in 0..<tokens {
      let pairs = token * perToken..<(token + 1) * perToken
      let mean = pairs.reduce(Float(0)) { $0 + assignment.weights[$1] * dWeights[$1] }
      for pair in pairs {
        dLogits.row(token)[assignment.experts[pair]] += assignment.weights[pair] * (dWeights[pair] - mean)
      }
    }
    switch configuration.gate {
    case .linear:
      LinearOperation.backward(
        dLogits.pointer, experts, x: trace.input.pointer, size, rows: tokens, inputs: size,
        weight: parameters[prefix + "gate.weight"], outputs: experts,
        weightGradient: gradients[prefix + "gate.weight"], into: dx.pointer, size)
    case .centroidDistance:
      // The distance's slope is the unit vector from the centroid; centroids themselves stay.
      let centres = parameters[centroid] + layer * experts * size
      for token in 0..<tokens {
        for expert in 0..<experts where dLogits.row(token)[expert] != 0 {
          let distance = max(trace.logits.row(token)[expert], 1e-12)
          let factor = dLogits.row(token)[expert] / distance
          Kernels.best.add_scaled(dx.row(token), trace.input.row(token), factor, size)
          Kernels.best.add_scaled(dx.row(token), centres + expert * size, -factor, size)
        }
      }
    }
  }

  /// Share of the pairs that each expert got.
  private func shares(_ assignment: ExpertAssignment) -> [Double] {
    assignment.ranges.map { Double($0.count) / Double(max(1, assignment.tokens.count)) }
  }

  private func meanProbabilities(_ logits: Tensor) -> [Double] {
    let probabilities = logits.copy()
    Kernels.best.softmax(probabilities.pointer, Int32(logits.rows), Int32(logits.rowSize))
    var sums = [Double](repeating: 0, count: logits.rowSize)
    for token in 0..<logits.rows {
      for expert in sums.indices { sums[expert] += Double(probabilities.row(token)[expert]) }
    }
    return sums.map { $0 / Double(logits.rows) }
  }

  private static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
    var lanes = SIMD8<Float>()
    var index = 0
    while index + 8 <= count {
      let x = UnsafeRawPointer(a + index).loadUnaligned(as: SIMD8<Float>.self)
      let y = UnsafeRawPointer(b + index).loadUnaligned(as: SIMD8<Float>.self)
      lanes += x * y
      index += 8
    }
    var sum = lanes.sum()
    while index < count {
      sum += a[index] * b[index]
      index += 1
    }
    return sum
  }

  // MARK: - Activation

  /// values = activation(values), times `up` where gated.
  private func activate(_ values: UnsafeMutablePointer<Float>, _ up: UnsafePointer<Float>) {
    let hidden = configuration.feedForwardSize
    switch (configuration.feedForward, configuration.activation) {
    case (.gated, .silu): Kernels.best.silu_multiply(values, up, hidden)
    case (.gated, .gelu):
      Kernels.best.gelu(values, hidden)
      for index in 0..<hidden { values[index] *= up[index] }
    case (.plain, .silu): Kernels.best.silu(values, hidden)
    case (.plain, .gelu): Kernels.best.gelu(values, hidden)
    }
  }

  private func activateBackward(
    _ before: UnsafePointer<Float>, _ dHidden: UnsafePointer<Float>, into dBefore: UnsafeMutablePointer<Float>
  ) {
    let hidden = configuration.feedForwardSize
    dBefore.update(from: dHidden, count: hidden)
    switch (configuration.feedForward, configuration.activation) {
    case (.gated, .silu):
      Kernels.best.silu_multiply_backward(before, before + hidden, dBefore, dBefore + hidden, hidden)
    case (.gated, .gelu):
      let dUp = dBefore + hidden
      dUp.update(from: before, count: hidden)
      Kernels.best.gelu(dUp, hidden)
      for index in 0..<hidden {
        dUp[index] *= dHidden[index]
        dBefore[index] *= before[hidden + index]
      }
      Kernels.best.gelu_backward(before, dBefore, hidden)
    case (.plain, .silu): Kernels.best.silu_backward(before, dBefore, hidden)
    case (.plain, .gelu): Kernels.best.gelu_backward(before, dBefore, hidden)
    }
  }
}
