import CKernels
import Tensor

/// Multi-head attention of one layer.
struct SelfAttention: Sendable {
  private let configuration: EncoderConfiguration
  /// q_proj, k_proj and v_proj in one matrix.
  private let projection: PackedMatrix
  private let output: PackedMatrix
  private let queryNorm: Tensor?
  private let keyNorm: Tensor?
  /// [2, heads]: other variate, same variate.
  private let variateBias: Tensor?

  init(
    _ configuration: EncoderConfiguration, _ file: SafeTensors, _ prefix: String, precision: Precision?,
    _ arena: WeightArena
  ) throws {
    self.configuration = configuration
    let shape = [configuration.modelSize, configuration.modelSize]
    let names = ["q_proj", "k_proj", "v_proj"].map { prefix + $0 }
    func bias(_ names: [String]) throws -> [Float] {
      configuration.hasBias ? try names.flatMap { try file.floats($0 + ".bias").values } : []
    }
    let last = prefix + "out_proj"
    projection = try PackedMatrix(
      file, names.map { $0 + ".weight" }, shape: shape, bias: try bias(names), precision: precision, arena: arena)
    output = try PackedMatrix(
      file, [last + ".weight"], shape: shape, bias: try bias([last]), precision: precision, arena: arena)
    queryNorm = configuration.queryKeyNorm ? try file.floats(prefix + "q_norm.weight") : nil
    keyNorm = configuration.queryKeyNorm ? try file.floats(prefix + "k_norm.weight") : nil
    variateBias = configuration.variateBias ? try file.floats(prefix + "var_attn_bias.emb.weight") : nil
  }

  var bytes: Int { projection.bytes + output.bytes }

  /// Attention without its output projection.
  /// - Parameters:
  ///   - out: room for [tokens, model size].
  ///   - asked: tokens whose attention is wanted; nil for all.
  /// - Returns: [asked, model size]; `out` where all are wanted.
  func forward(
    _ x: Tensor, into out: Tensor, _ asked: [Int]?, _ work: EncoderWorkspace, _ layout: TokenLayout,
    _ angles: [(cosine: [Float], sine: [Float])], _ times: Int32Buffer, _ variates: Int32Buffer,
    _ branches: BranchCache?, layer: Int
  ) -> Tensor {
    let (tokens, size) = (layout.count, configuration.modelSize)
    let qkv = work.qkv
    projection.multiplyInParallel(x.pointer, stride: size, count: tokens, into: qkv.pointer, stride: 3 * size)
    Parallel.forRanges(tokens, least: 32) { range in prepare(qkv, range, angles) }
    if let branches { store(qkv, layout, branches, layer) }

    let out = asked.map { Tensor(shape: [$0.count, size], zeroed: false) } ?? out
    let pieces = Self.pieces(layout, asked)
    let threads = tokens * size > 1 << 14 ? Parallel.threads : 1
    Parallel.forEach(pieces.count, threads: threads) { index in
      let piece = pieces[index]
      let spans = self.spans(piece.segment, layout, qkv, times, variates, branches, layer)
      spans.withUnsafeBufferPointer { spans in
        var about = docq_attention(
          heads: Int32(configuration.heads), head_size: Int32(configuration.headSize),
          causal: configuration.isCausal ? 1 : 0, rounds: projection.precision == .int8Products ? 1 : 0,
          scale: 1 / Float(configuration.headSize).squareRoot(),
          bias: variateBias.map { UnsafePointer($0.pointer) }, spans: spans.baseAddress, span_count: Int32(spans.count))
        let first = piece.queries.lowerBound
        Kernels.best.attention(
          &about, qkv.row(first), 3 * size, times.start + first, variates.start + first, Int32(piece.queries.count),
          out.row(piece.place), size)
      }
    }
    return out
  }

  /// Neighbouring queries of one sequence, and where their results go.
  private struct Piece {
    var segment: Int
    var queries: Range<Int>
    var place: Int
  }

  private static func pieces(_ layout: TokenLayout, _ asked: [Int]?) -> [Piece] {
    guard let asked else {
      // Large ones, because keys are arranged for all queries of a piece at once, and only as many as keep the threads
      // busy: results do not depend on how a sequence is cut.
      return layout.segments.enumerated().flatMap { index, segment in
        let count = Parallel.isInside ? 1 : max(min(2, segment.count / 64), (segment.count + 191) / 192)
        return (0..<count).map { part in
          let first = segment.lowerBound + segment.count * part / count
          return Piece(
            segment: index, queries: first..<segment.lowerBound + segment.count * (part + 1) / count, place: first)
        }
      }
    }
    var owners = [Int](repeating: 0, count: layout.count)
    for (index, segment) in layout.segments.enumerated() { for token in segment { owners[token] = index } }
    return asked.enumerated().map { Piece(segment: owners[$1], queries: $1..<$1 + 1, place: $0) }
  }

  /// x += out_proj(attended).
  func project(_ attended: Tensor, addingTo x: Tensor) {
    let size = configuration.modelSize
    output.multiplyInParallel(
      attended.pointer, stride: size, count: x.rows, into: x.pointer, stride: size, accumulate: true)
  }

  /// Norms of queries and keys, rotation; in place.
  private func prepare(_ qkv: Tensor, _ range: Range<Int>, _ angles: [(cosine: [Float], sine: [Float])]) {
    let (size, heads, headSize) = (configuration.modelSize, configuration.heads, configuration.headSize)
    let epsilon = Float(configuration.normEpsilon)
    if let queryNorm, let keyNorm {
      for token in range {
        let row = qkv.row(token)
        Kernels.best.rms_norm(row, row, Int32(heads), Int32(headSize), queryNorm.pointer, epsilon)
        Kernels.best.rms_norm(row + size, row + size, Int32(heads), Int32(headSize), keyNorm.pointer, epsilon)
      }
    }
    for (rotation, angle) in zip(configuration.rotations, angles) where rotation.pairs > 0 {
      let first = range.lowerBound * rotation.pairs
      angle.cosine.withUnsafeBufferPointer { cosine in
        angle.sine.withUnsafeBufferPointer { sine in
          // Queries and keys stand side by side, so they turn as twice as many heads.
          Kernels.best.rotate(
            qkv.row(range.lowerBound), Int32(range.count), 3 * size, Int32(2 * heads), Int32(headSize),
            Int32(rotation.first), Int32(rotation.pairs), cosine.baseAddress! + first, sine.baseAddress! + first)
        }
      }
    }
  }

  private func store(_ qkv: Tensor, _ layout: TokenLayout, _ branches: BranchCache, _ layer: Int) {
    let size = configuration.modelSize
    for (branch, segment) in layout.segments.enumerated() {
      let first = branches.length - segment.count
      for (index, token) in segment.enumerated() {
        let target = branches.layers[layer].pointer + (branch * branches.capacity + first + index) * 2 * size
        target.update(from: qkv.row(token) + size, count: 2 * size)
      }
    }
  }

  /// What the queries of a sequence see: itself, or its prefix and what its branch has so far.
  private func spans(
    _ segment: Int, _ layout: TokenLayout, _ qkv: Tensor, _ times: Int32Buffer, _ variates: Int32Buffer,
    _ branches: BranchCache?, _ layer: Int
  ) -> [docq_span] {
    let size = configuration.modelSize
    func span(_ qkv: Tensor, _ range: Range<Int>, _ times: Int32Buffer, _ variates: Int32Buffer) -> docq_span {
      let start = qkv.pointer + range.lowerBound * 3 * size
      return docq_span(
        keys: start + size, values: start + 2 * size, stride: 3 * size, times: times.start + range.lowerBound,
        variates: variates.start + range.lowerBound, count: Int32(range.count))
    }
    guard let branches else { return [span(qkv, layout.segments[segment], times, variates)] }
    let prefix = branches.prefix
    let start = branches.layers[layer].pointer + segment * branches.capacity * 2 * size
    return [
      span(prefix.layers[layer], prefix.segments[branches.parents[segment]], prefix.times, prefix.variates),
      docq_span(
        keys: start, values: start + size, stride: 2 * size, times: branches.times.start + segment * branches.capacity,
        variates: branches.variates.start + segment * branches.capacity, count: Int32(branches.length)),
    ]
  }
}
