import Foundation
import MixtureOfExperts
import Tensor
import Testing

/// Configurations that between them use every option of the core.
enum Variants {
  static let all: [(name: String, configuration: EncoderConfiguration)] = {
    func make(_ change: (inout EncoderConfiguration) -> Void) -> EncoderConfiguration {
      var configuration = EncoderConfiguration(modelSize: 24, layers: 2, heads: 3, feedForwardSize: 20)
      change(&configuration)
      return configuration
    }
    return [
      (
        "moirai",
        make {
          ($0.experts, $0.expertsPerToken, $0.gate) = (4, 2, .centroidDistance)
          ($0.isCausal, $0.variateBias, $0.queryKeyNorm) = (true, true, true)
          $0.positions = .rotary(fraction: 0.5, base: 10_000)
        }
      ),
      (
        "linear-gate",
        make {
          ($0.experts, $0.expertsPerToken, $0.isCausal, $0.queryKeyNorm) = (5, 2, true, true)
          $0.positions = .rotary(fraction: 1, base: 10_000)
        }
      ),
      (
        "page",
        make {
          ($0.experts, $0.expertsPerToken, $0.activation) = (3, 1, .gelu)
          $0.positions = .rotary2D(base: 100)
        }
      ),
      (
        "bert",
        make {
          ($0.norm, $0.normPlacement, $0.feedForward, $0.activation) = (.layer, .post, .plain, .gelu)
          ($0.hasBias, $0.normEpsilon) = (true, 1e-12)
          $0.positions = .learned(count: 40, axes: 1)
        }
      ),
      (
        "sparse-bert",
        make {
          ($0.norm, $0.normPlacement, $0.feedForward, $0.activation) = (.layer, .post, .plain, .silu)
          ($0.hasBias, $0.experts, $0.expertsPerToken) = (true, 3, 2)
        }
      ),
    ]
  }()

  static func file(_ configuration: EncoderConfiguration, seed: UInt64 = 1) throws -> SafeTensors {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: url) }
    try ParameterSet(configuration.parameters(), seed: seed).write(to: url)
    return try SafeTensors(url)
  }

  /// Random tokens of sequences of these lengths.
  static func tokens(_ configuration: EncoderConfiguration, _ lengths: [Int], seed: UInt64 = 2) -> (
    Tensor, TokenLayout
  ) {
    var random = CounterBasedRandom(seed: seed)
    let count = lengths.reduce(0, +)
    let x = Tensor(
      shape: [count, configuration.modelSize],
      (0..<count * configuration.modelSize).map { _ in
        Float(random.normal())
      })
    var start = 0
    let segments = lengths.map { length in
      defer { start += length }
      return start..<start + length
    }
    let coordinates: [[Float]] =
      configuration.positions.axes == 2
      ? (0..<2).map { _ in (0..<count).map { _ in Float(random.uniform() * 20) } } : []
    return (
      x,
      TokenLayout(
        segments: segments, times: lengths.flatMap { (0..<Int32($0)).map { $0 } },
        variates: (0..<count).map { Int32($0 % 2) }, coordinates: coordinates)
    )
  }
}

func largestDifference(_ a: some Collection<Float>, _ b: some Collection<Float>) -> Float {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).map { abs($0 - $1) }.max() ?? 0
}

@Suite struct EncoderTests {
  @Test(arguments: Variants.all.map(\.name)) func aPackedBatchEqualsItsSequencesOneByOne(name: String) throws {
    let configuration = Variants.all.first { $0.name == name }!.configuration
    let encoder = try Encoder(configuration, file: try Variants.file(configuration))
    let lengths = [1, 9, 33, 4]
    let (x, layout) = Variants.tokens(configuration, lengths)
    let packed = x.copy()
    encoder.forward(packed, layout)
    for segment in layout.segments {
      let part = Tensor(
        shape: [segment.count, configuration.modelSize],
        UnsafeBufferPointer(start: x.row(segment.lowerBound), count: segment.count * configuration.modelSize))
      encoder.forward(
        part,
        TokenLayout(
          segments: [0..<segment.count], times: Array(layout.times[segment]), variates: Array(layout.variates[segment]),
          coordinates: layout.coordinates.map { Array($0[segment]) }))
      let whole = UnsafeBufferPointer(start: packed.row(segment.lowerBound), count: part.count)
      #expect(largestDifference(part.values, whole) < 1e-5)
    }
  }

  @Test(arguments: ["moirai", "linear-gate"]) func continuingACachedPrefixEqualsAFullPass(name: String) throws {
    let configuration = Variants.all.first { $0.name == name }!.configuration
    let encoder = try Encoder(configuration, file: try Variants.file(configuration))
    let (x, layout) = Variants.tokens(configuration, [12])
    let size = configuration.modelSize
    let full = x.copy()
    encoder.forward(full, layout)

    func part(_ range: Range<Int>, copies: Int = 1) -> (Tensor, TokenLayout) {
      let one = Array(UnsafeBufferPointer(start: x.row(range.lowerBound), count: range.count * size))
      return (
        Tensor(shape: [range.count * copies, size], (0..<copies).flatMap { _ in one }),
        TokenLayout(
          segments: (0..<copies).map { $0 * range.count..<($0 + 1) * range.count },
          times: (0..<copies).flatMap { _ in layout.times[range] },
          variates: (0..<copies).flatMap { _ in layout.variates[range] })
      )
    }
    let (prefix, prefixLayout) = part(0..<7)
    let cache = encoder.prefill(prefix, prefixLayout).cache
    let branches = BranchCache(cache, parents: [0, 0, 0], capacity: 5)
    for range in [7..<9, 9..<12] {
      let (next, nextLayout) = part(range, copies: 3)
      encoder.step(next, nextLayout, branches)
      let expected = UnsafeBufferPointer(start: full.row(range.lowerBound), count: range.count * size)
      for copy in 0..<3 {
        let found = UnsafeBufferPointer(start: next.row(copy * range.count), count: range.count * size)
        #expect(largestDifference(found, expected) < 1e-5)
      }
    }
  }

  @Test(arguments: Variants.all.map(\.name)) func askingForAFewTokensChangesNothing(name: String) throws {
    let configuration = Variants.all.first { $0.name == name }!.configuration
    let encoder = try Encoder(configuration, file: try Variants.file(configuration))
    let (x, layout) = Variants.tokens(configuration, [3, 40, 1])
    let asked = [2, 41, 5, 43]
    let few = encoder.forward(x.copy(), layout, asked: asked)
    let all = encoder.forward(x, layout)
    #expect(few.shape == [4, configuration.modelSize])
    #expect(largestDifference(few.values, all.gathered(asked).values) < 1e-5)
  }

  @Test func whatComesLaterChangesNothingInACausalEncoder() throws {
    let configuration = Variants.all[1].configuration
    let encoder = try Encoder(configuration, file: try Variants.file(configuration))
    let (x, layout) = Variants.tokens(configuration, [10])
    let other = x.copy()
    for index in 0..<configuration.modelSize { other.row(9)[index] = 5 }
    encoder.forward(x, layout)
    encoder.forward(other, layout)
    let size = configuration.modelSize
    #expect(largestDifference(x.values[..<(9 * size)], other.values[..<(9 * size)]) < 1e-6)
    #expect(largestDifference(x.values[(9 * size)...], other.values[(9 * size)...]) > 0.01)
  }

  @Test func expertsThatAreAllTheSameAreOneDenseLayer() throws {
    var sparse = EncoderConfiguration(modelSize: 16, layers: 1, heads: 2, feedForwardSize: 12)
    (sparse.experts, sparse.expertsPerToken) = (4, 2)
    var dense = sparse
    (dense.experts, dense.expertsPerToken) = (1, 1)
    let source = ParameterSet(dense.parameters(), seed: 3)
    let many = ParameterSet(sparse.parameters(), seed: 4)
    for one in sparse.parameters() where !one.name.contains("gate.weight") || one.name.contains("experts") {
      var name = one.name
      for expert in 0..<4 { name = name.replacingOccurrences(of: "experts.\(expert).", with: "experts.0.") }
      many[one.name].update(from: source[name], count: source.buffer(name).count)
    }
    func run(_ configuration: EncoderConfiguration, _ parameters: ParameterSet) throws -> [Float] {
      let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
      defer { try? FileManager.default.removeItem(at: url) }
      try parameters.write(to: url)
      let (x, layout) = Variants.tokens(configuration, [20])
      try Encoder(configuration, file: try SafeTensors(url)).forward(x, layout)
      return x.values
    }
    #expect(largestDifference(try run(sparse, many), try run(dense, source)) < 1e-5)
  }

  @Test(arguments: ["bert", "page"]) func expertsWithoutASecondFactorLeaveADenseModelAsItIs(name: String) throws {
    var dense = Variants.all.first { $0.name == name }!.configuration
    (dense.experts, dense.expertsPerToken) = (1, 1)
    var sparse = dense
    sparse.sharedFeedForwardSize = dense.feedForwardSize
    (sparse.feedForwardSize, sparse.experts, sparse.expertsPerToken) = (4, 8, 2)
    let start = ParameterSet(dense.parameters(), seed: 3)
    let turned = ParameterSet(sparse.parameters(), seed: 4)
    for one in turned.specifications {
      if one.name.contains(".ffn.experts."), one.name.contains(".fc2.") {
        turned.buffer(one.name).update(repeating: 0)
      } else if !one.name.contains(".ffn.experts."), !one.name.contains(".gate.") {
        let source = start[one.name.replacingOccurrences(of: "ffn.shared.experts", with: "ffn.experts")]
        turned[one.name].update(from: source, count: one.shape.reduce(1, *))
      }
    }
    func run(_ configuration: EncoderConfiguration, _ parameters: ParameterSet) throws -> [Float] {
      let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
      defer { try? FileManager.default.removeItem(at: url) }
      try parameters.write(to: url)
      let (x, layout) = Variants.tokens(configuration, [5, 17, 3])
      try Encoder(configuration, file: try SafeTensors(url)).forward(x, layout)
      return x.values
    }
    #expect(largestDifference(try run(dense, start), try run(sparse, turned)) == 0)
  }

  @Test func routingIsCounted() throws {
    let configuration = Variants.all[0].configuration
    let encoder = try Encoder(configuration, file: try Variants.file(configuration))
    let (x, layout) = Variants.tokens(configuration, [10, 5])
    let report = RoutingReport(configuration)
    encoder.forward(x, layout, routing: report)
    #expect(report.counts.map { $0.reduce(0, +) } == [30, 30])
  }

  @Test func absurdConfigurationsAreRefusedBeforeAnythingIsAllocated() throws {
    let file = try Variants.file(Variants.all[0].configuration)
    let changes: [(String, (inout EncoderConfiguration) -> Void)] = [
      ("d_model", { $0.modelSize = 1 << 40 }), ("num_layers", { $0.layers = 0 }), ("num_heads", { $0.heads = 5 }),
      ("d_ff", { $0.feedForwardSize = -1 }), ("num_experts", { $0.experts = 1_000_000 }),
      ("num_experts_per_token", { $0.expertsPerToken = 9 }), ("norm_eps", { $0.normEpsilon = .nan }),
    ]
    for (key, change) in changes {
      var configuration = Variants.all[0].configuration
      change(&configuration)
      #expect {
        _ = try Encoder(configuration, file: file)
      } throws: { "\($0)".contains("'\(key)'") }
    }
    var larger = Variants.all[0].configuration
    larger.feedForwardSize = 21
    #expect {
      _ = try Encoder(larger, file: file)
    } throws: { "\($0)".contains("encoder.layers.0.ffn.experts.0.fc_gate.weight") }
  }
}
