import Foundation
import MixtureOfExperts
import Tensor

/// Sizes of a text encoder, the `encoder` of a model's config.json.
public struct TextEncoderConfiguration: Codable, Equatable, Sendable {
  /// Tokens of a text that are read, at most.
  public var maxTokens: Int
  /// Pieces with a vector of their own.
  public var pieces: Int
  /// Positions with a vector.
  public var positions: Int
  /// The layers that both branches share.
  public var trunk: EncoderConfiguration
  /// The layers that make embeddings.
  public var embedding: EncoderConfiguration
  /// The layers that make the features of the impact score.
  public var impact: EncoderConfiguration
}

/// all-MiniLM-L6-v2 with two endings: its own upper layers for embeddings, and a copy of them that became a sparse
/// mixture of experts and was trained for article impact. The lower layers serve both.
///
/// Sources: MiniLM (Wang et al., arXiv 2002.10957), sentence embeddings by mean pooling (Reimers and Gurevych, arXiv
/// 1908.10084).
public final class TextEncoder: Sendable {
  public enum Branch: String, CaseIterable, Sendable {
    case embedding, impact
  }

  /// The rows of a text's tokens in the table of vectors.
  public struct Sequence: Sendable {
    var rows: [Int32]
    public var count: Int { rows.count }
  }

  public let configuration: TextEncoderConfiguration
  public let tokenizer: WordPieceTokenizer
  private let tokens: TokenTable
  /// [positions, model size]; the vector of the token type is in it.
  private let positions: Tensor
  private let norm: Tensor
  private let normBias: Tensor
  private let trunk: Encoder
  private let branches: [Branch: Encoder]

  public var size: Int { configuration.trunk.modelSize }

  /// Loads model.safetensors and vocab.txt of a folder.
  /// - Throws: `ImpactModelError`, `CheckpointError`.
  public init(_ configuration: TextEncoderConfiguration, directory: URL) throws {
    self.configuration = configuration
    let size = configuration.trunk.modelSize
    guard (8...8192).contains(configuration.maxTokens), configuration.maxTokens <= configuration.positions,
      configuration.embedding.modelSize == size, configuration.impact.modelSize == size
    else {
      throw ImpactModelError.malformed("config.json", reason: "max_tokens or the sizes of the branches do not fit")
    }
    tokenizer = try WordPieceTokenizer(file: directory.appendingPathComponent("vocab.txt"))
    let file = try SafeTensors(directory.appendingPathComponent("model.safetensors"))
    let kept = try file.integers("tokens.ids")
    guard kept.count == configuration.pieces else {
      throw ImpactModelError.malformed("model.safetensors", reason: "tokens.ids has \(kept.count) pieces")
    }
    tokens = TokenTable(
      try file.floats("tokens.weight", shape: [kept.count, size]), kept: kept, tokenizer: tokenizer)
    positions = try file.floats("positions.weight", shape: [configuration.positions, size])
    norm = try file.floats("tokens.norm.weight", shape: [size])
    normBias = try file.floats("tokens.norm.bias", shape: [size])
    // The fastest there is for what the file has in 8 bits.
    let precision: Precision = Kernels.multipliesBytes ? .int8Products : .bfloat16
    trunk = try Encoder(configuration.trunk, file: file, prefix: "trunk.", precision: precision)
    branches = [
      .embedding: try Encoder(configuration.embedding, file: file, prefix: "embedding.", precision: precision),
      .impact: try Encoder(configuration.impact, file: file, prefix: "impact.", precision: precision),
    ]
  }

  // MARK: - Text to tokens

  /// `[CLS] text [SEP]`
  public func sequence(_ text: String) -> Sequence {
    let limit = configuration.maxTokens
    let rows = tokens.rows(of: [tokenizer.classifier] + tokenizer.ids(text, limit: limit)).prefix(limit - 1)
    return Sequence(rows: rows + tokens.rows(of: [tokenizer.separator]))
  }

  /// `[CLS] title [SEP] abstract [SEP]`, the title at most 64 tokens.
  public func sequence(title: String, abstract: String) -> Sequence {
    let limit = configuration.maxTokens
    let ids =
      [tokenizer.classifier] + tokenizer.ids(title, limit: 64) + [tokenizer.separator]
      + tokenizer.ids(abstract, limit: limit)
    return Sequence(rows: tokens.rows(of: ids).prefix(limit - 1) + tokens.rows(of: [tokenizer.separator]))
  }

  // MARK: - Tokens to vectors

  /// The mean of a branch's output over the tokens of each sequence: [sequences, model size].
  ///
  /// Sequences of like length go through the layers together, without padding. Each thread takes batches of its own, small
  /// enough for its cache.
  /// - Parameter progress: called now and then with the sequences that are done; stops where it throws.
  public func pooled(
    _ sequences: [Sequence], _ branch: Branch, tokensAtOnce: Int = 512, progress: (Int) throws -> Void
  ) rethrows -> Tensor {
    let result = Tensor(shape: [sequences.count, size])
    // The longest first, so that the threads end together.
    let order = sequences.indices.sorted { (sequences[$1].count, $0) < (sequences[$0].count, $1) }
    var batches: [Range<Int>] = []
    var total = 0
    for (place, index) in order.enumerated() {
      let count = sequences[index].count
      if let last = batches.last, total + count <= tokensAtOnce {
        batches[batches.count - 1] = last.lowerBound..<place + 1
        total += count
      } else {
        batches.append(place..<place + 1)
        total = count
      }
    }
    let batchesAtOnce = 16 * Parallel.threads
    for start in stride(from: 0, to: batches.count, by: batchesAtOnce) {
      let part = batches[start..<min(start + batchesAtOnce, batches.count)]
      // Fewer than there are threads share the threads within each layer.
      let threads = part.count < Parallel.threads ? 1 : Parallel.threads
      Parallel.forEach(part.count, threads: threads) { index in
        let batch = part[start + index]
        pool(order[batch].map { sequences[$0] }, branch) { offset, mean in
          result.row(order[batch.lowerBound + offset]).update(from: mean, count: size)
        }
      }
      try progress(part.last?.upperBound ?? 0)
    }
    return result
  }

  private func pool(_ batch: [Sequence], _ branch: Branch, _ take: (Int, UnsafePointer<Float>) -> Void) {
    let total = batch.reduce(0) { $0 + $1.count }
    let x = Tensor(shape: [total, size], zeroed: false)
    var segments: [Range<Int>] = []
    var times: [Int32] = []
    for sequence in batch {
      let start = times.count
      for (position, row) in sequence.rows.enumerated() {
        let target = x.row(start + position)
        target.update(from: tokens.vectors.row(Int(row)), count: size)
        Kernels.best.add_scaled(target, positions.row(position), 1, size)
      }
      times += (0..<sequence.count).map { Int32($0) }
      segments.append(start..<times.count)
    }
    Kernels.best.layer_norm(
      x.pointer, x.pointer, Int32(total), Int32(size), norm.pointer, normBias.pointer,
      Float(configuration.trunk.normEpsilon))
    let layout = TokenLayout(segments: segments, times: times)
    trunk.forward(x, layout)
    branches[branch]?.forward(x, layout)
    let mean = Tensor(shape: [size], zeroed: false)
    for (index, segment) in segments.enumerated() {
      mean.fill(0)
      for token in segment { Kernels.best.add_scaled(mean.pointer, x.row(token), 1 / Float(segment.count), size) }
      take(index, mean.pointer)
    }
  }

  /// Sentence embeddings of length 1, [texts, model size].
  public func embeddings(_ texts: [String], progress: (Int) throws -> Void) rethrows -> Tensor {
    let result = try pooled(Parallel.map(texts) { sequence($0) }, .embedding, progress: progress)
    for row in 0..<result.rows { Self.normalize(result.row(row), size) }
    return result
  }

  static func normalize(_ values: UnsafeMutablePointer<Float>, _ count: Int) {
    let length = Kernels.best.sum_of_squares(values, count).squareRoot()
    guard length > 0 else { return }
    for index in 0..<count { values[index] /= Float(length) }
  }
}
