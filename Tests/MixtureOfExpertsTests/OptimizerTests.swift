import Foundation
import MixtureOfExperts
import Tensor
import Testing

@Suite struct OptimizerTests {
  /// A small encoder learns to turn its input around; returns the loss of a step.
  private func step(
    _ encoder: TrainableEncoder, _ optimizer: AdamW, _ parallel: DataParallel, seed: UInt64
  ) -> Double {
    let tokens = 24
    let (loss, gradients) = parallel.run { piece, gradients in
      let (x, layout) = Variants.tokens(encoder.configuration, [tokens], seed: seed * 10 + UInt64(piece))
      let trace = encoder.forward(x, layout, optimizer.parameters)
      let dy = Tensor(shape: x.shape)
      var loss = 0.0
      for index in 0..<x.count {
        let error = trace.output.pointer[index] + x.pointer[index]
        loss += Double(error * error) / Double(x.count)
        dy.pointer[index] = 2 * error / Float(x.count)
      }
      encoder.backward(dy, trace, optimizer.parameters, gradients)
      return loss
    }
    optimizer.update(gradients)
    return loss
  }

  private func start(_ name: String) -> (TrainableEncoder, AdamW, DataParallel) {
    let configuration = Variants.all.first { $0.name == name }!.configuration
    var options = AdamW.Options()
    options.rate = 1e-2
    options.schedule = .cosine(warmUp: 5, steps: 80)
    let parameters = ParameterSet(configuration.parameters(), seed: 5)
    return (TrainableEncoder(configuration), AdamW(parameters, options), DataParallel(parameters, threads: 2))
  }

  @Test(arguments: Variants.all.map(\.name)) func trainingLowersTheLoss(name: String) throws {
    try BLAS.open()
    let (encoder, optimizer, parallel) = start(name)
    let losses = (0..<80).map { step(encoder, optimizer, parallel, seed: UInt64($0)) }
    let first = losses.prefix(5).reduce(0, +), last = losses.suffix(5).reduce(0, +)
    #expect(last < 0.6 * first, "\(first) became \(last)")
    #expect(optimizer.average.all.values != optimizer.parameters.all.values)
  }

  @Test func aResumedTrainingIsTheSameToTheLastBit() throws {
    try BLAS.open()
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }
    let (encoder, through, parallel) = start("linear-gate")
    for seed in 0..<6 {
      if seed == 3 { try through.save(to: url, metadata: ["note": "half"]) }
      _ = step(encoder, through, parallel, seed: UInt64(seed))
    }
    let (_, resumed, otherParallel) = start("linear-gate")
    resumed.parameters.all.fill(0)
    #expect(try resumed.load(url)["note"] == "half")
    #expect(resumed.step == 3)
    for seed in 3..<6 { _ = step(encoder, resumed, otherParallel, seed: UInt64(seed)) }
    #expect(resumed.parameters.all.values == through.parameters.all.values)
    #expect(resumed.average.all.values == through.average.all.values)

    let (_, other, _) = start("bert")
    #expect {
      _ = try other.load(url)
    } throws: { "\($0)".contains("another shape") }
  }

  @Test func theUpdateIsThatOfThePaper() {
    let parameters = ParameterSet([
      ParameterSpecification("w", [1, 2], .normal(1)), ParameterSpecification("b", [2], .ones),
    ])
    parameters["w"][0] = 0.5
    parameters["w"][1] = -2
    parameters.buffer("b").update(repeating: 1)
    var options = AdamW.Options()
    (options.rate, options.weightDecay, options.clip) = (0.1, 0.2, 1)
    let optimizer = AdamW(parameters, options)
    let gradients = parameters.zeros()
    // Of norm 5, so clipping divides by 5.
    (gradients["w"][0], gradients["w"][1], gradients["b"][0]) = (3, 0, 4)
    #expect(abs(optimizer.update(gradients) - 5) < 1e-6)
    // After one step both moments' corrections cancel: the step is the sign of the gradient.
    #expect(abs(parameters["w"][0] - (0.5 * (1 - 0.1 * 0.2) - 0.1)) < 1e-6)
    #expect(abs(parameters["w"][1] + 2 * (1 - 0.1 * 0.2)) < 1e-6)
    #expect(abs(parameters["b"][0] - 0.9) < 1e-6)
    #expect(parameters["b"][1] == 1)

    let before = parameters.all.values
    gradients["b"][1] = .nan
    #expect(optimizer.update(gradients).isNaN)
    #expect(parameters.all.values == before && optimizer.step == 1)
  }

  @Test func schedulesRiseAndFall() {
    let cosine = LearningRateSchedule.cosine(warmUp: 10, steps: 100)
    #expect(abs(cosine.factor(0) - 0.1) < 1e-9 && cosine.factor(50) == 0.5 && cosine.factor(100) < 1e-9)
    let stable = LearningRateSchedule.stableThenDecay(warmUp: 10, steps: 100, decay: 20)
    #expect(stable.factor(40) == 1 && stable.factor(79) == 1 && abs(stable.factor(85) - 0.5) < 1e-9)
    #expect(stable.factor(100) == 0)
  }
}
