import Foundation
import MixtureOfExperts
import Tensor
import Testing

/// Random small encoders of every configuration that the product uses, with PyTorch's outputs and gradients
/// (Training/core/make_fixture.py).
struct EncoderFixture {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../Fixtures/encoder").standardizedFileURL
  static let names = ["moirai", "forecaster", "page", "bert", "sparse-bert", "shared-bert", "shared"]

  let file: SafeTensors
  let configuration: EncoderConfiguration
  let parameters: ParameterSet
  let layout: TokenLayout

  init(_ name: String) throws {
    file = try SafeTensors(Self.folder.appendingPathComponent("\(name).safetensors"))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let text = try #require(file.metadata["configuration"])
    configuration = try decoder.decode(EncoderConfiguration.self, from: Data(text.utf8))
    parameters = ParameterSet(configuration.parameters())
    for one in parameters.specifications {
      let values = try file.floats("parameter." + one.name, shape: one.shape)
      parameters[one.name].update(from: values.pointer, count: values.count)
    }
    var segments: [Range<Int>] = []
    for length in try file.floats("input.lengths").values {
      let start = segments.last?.upperBound ?? 0
      segments.append(start..<start + Int(length))
    }
    let isPage = file.entries["input.coordinates.0"] != nil
    layout = TokenLayout(
      segments: segments, times: try file.floats("input.times").values.map { Int32($0) },
      variates: try file.floats("input.variates").values.map { Int32($0) },
      coordinates: isPage
        ? [try file.floats("input.coordinates.0").values, try file.floats("input.coordinates.1").values] : [])
  }

  /// Largest difference, relative to the root mean square of the truth or to the value where that is larger.
  /// - Parameter least: what counts as zero: biases of keys have no gradient but rounding errors.
  static func error(_ found: UnsafeBufferPointer<Float>, _ truth: Tensor, least: Double = 1e-9) -> Double {
    let square = truth.buffer.reduce(0) { $0 + Double($1) * Double($1) } / Double(max(1, truth.count))
    var worst = found.count == truth.count ? 0.0 : .infinity
    for (a, b) in zip(found, truth.buffer) {
      let difference = abs(Double(a) - Double(b)) / max(abs(Double(b)), square.squareRoot(), least)
      worst = difference <= worst ? worst : difference
    }
    return worst
  }
}

@Suite struct EncoderParityTests {
  @Test(arguments: EncoderFixture.names) func theForwardPassesAgreeWithPyTorch(name: String) throws {
    try BLAS.open()
    let fixture = try EncoderFixture(name)
    let truth = try fixture.file.floats("output")
    let x = try fixture.file.floats("input.x")

    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }
    try fixture.parameters.write(to: url)
    let served = x.copy()
    try Encoder(fixture.configuration, file: try SafeTensors(url)).forward(served, fixture.layout)
    #expect(EncoderFixture.error(UnsafeBufferPointer(served.buffer), truth) < 1e-4)

    let trace = TrainableEncoder(fixture.configuration).forward(x, fixture.layout, fixture.parameters)
    #expect(EncoderFixture.error(UnsafeBufferPointer(trace.output.buffer), truth) < 1e-4)
    #expect(abs(trace.balanceLoss - Double(try fixture.file.floats("balance")[0])) < 1e-4)
  }

  @Test(arguments: EncoderFixture.names) func theGradientsAgreeWithPyTorch(name: String) throws {
    try BLAS.open()
    let fixture = try EncoderFixture(name)
    let encoder = TrainableEncoder(fixture.configuration)
    let trace = encoder.forward(try fixture.file.floats("input.x"), fixture.layout, fixture.parameters)
    let gradients = fixture.parameters.zeros()
    let dx = try fixture.file.floats("upstream").copy()
    encoder.backward(dx, trace, fixture.parameters, gradients)
    #expect(
      EncoderFixture.error(UnsafeBufferPointer(dx.buffer), try fixture.file.floats("gradient.input")) < 1e-3)
    for one in gradients.specifications where one.trains {
      let found = UnsafeBufferPointer(gradients.buffer(one.name))
      guard fixture.file.entries["gradient." + one.name] != nil else {
        #expect(found.allSatisfy { $0 == 0 }, "\(one.name): PyTorch has no gradient")
        continue
      }
      let error = EncoderFixture.error(found, try fixture.file.floats("gradient." + one.name), least: 0.01)
      #expect(error < 1e-3, "\(one.name): \(error)")
    }
  }

  @Test(arguments: EncoderFixture.names) func theGradientsAgreeWithFiniteDifferences(name: String) throws {
    try BLAS.open()
    let fixture = try EncoderFixture(name)
    let encoder = TrainableEncoder(fixture.configuration)
    let x = try fixture.file.floats("input.x"), upstream = try fixture.file.floats("upstream")
    let trace = encoder.forward(x, fixture.layout, fixture.parameters)
    let gradients = fixture.parameters.zeros()
    encoder.backward(upstream.copy(), trace, fixture.parameters, gradients)

    func loss(_ parameters: ParameterSet) -> Double {
      let trace = encoder.forward(x, fixture.layout, parameters)
      return zip(trace.output.buffer, upstream.buffer).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        + fixture.configuration.balanceLoss * trace.balanceLoss
    }
    // Along a random direction of each array. Where even a small step changes which experts win, the loss jumps: another
    // direction is taken then. A wrong gradient is wrong along all of them.
    for (index, one) in gradients.specifications.enumerated() where one.trains {
      let size = gradients.buffer(one.name).reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      var differences: [Double] = []
      for attempt in 0..<4 where differences.last ?? .infinity > 0.02 * max(size, 1) {
        var random = CounterBasedRandom(seed: 8, stream: UInt64(index + 1000 * attempt))
        let direction = gradients.buffer(one.name).map { _ in Float(random.normal()) }
        let slope = zip(gradients.buffer(one.name), direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        func moved(_ step: Float) -> Double {
          let parameters = fixture.parameters.copy()
          for (place, value) in direction.enumerated() { parameters[one.name][place] += step * value }
          return loss(parameters)
        }
        let step: Float = 2.5e-4
        differences.append(abs((moved(step) - moved(-step)) / (2 * Double(step)) - slope))
      }
      #expect(differences.last ?? .infinity <= 0.02 * max(size, 1), "\(one.name): off by \(differences), of \(size)")
    }
  }
}
