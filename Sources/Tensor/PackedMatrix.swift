import CKernels
import Foundation

/// How weights are held; sums are Float32, or exact.
public enum Precision: String, Codable, CaseIterable, Sendable {
  case float32, bfloat16, int8
  /// 8 bits for the weights and, row by row, for what they are multiplied with: integer sums, the fastest on processors
  /// that have them (see `Kernels.multipliesBytes`).
  case int8Products = "int8-products"

  public var bytesPerWeight: Int {
    switch self {
    case .float32: 4
    case .bfloat16: 2
    case .int8, .int8Products: 1
    }
  }

  var format: Int32 {
    switch self {
    case .float32: Int32(DOCQ_F32.rawValue)
    case .bfloat16: Int32(DOCQ_BF16.rawValue)
    case .int8: Int32(DOCQ_INT8.rawValue)
    case .int8Products: Int32(DOCQ_BYTES.rawValue)
    }
  }
}

/// A weight matrix [outputs, inputs], arranged once for fast products with rows, and what is added to the products.
public final class PackedMatrix: @unchecked Sendable {
  public let inputs: Int
  public let outputs: Int
  public let precision: Precision
  private let arena: WeightArena
  private let data: UnsafeMutableRawPointer
  private let scales: UnsafeMutablePointer<Float>?
  private let bias: UnsafeMutablePointer<Float>?
  private let packed: docq_packed

  /// Stacks matrices of the same number of inputs: the outputs of the first come first.
  /// - Parameters:
  ///   - parts: tensors [outputs, inputs].
  ///   - bias: one for each output of all parts; empty for none.
  public convenience init(
    _ parts: [Tensor], bias: [Float] = [], precision: Precision, arena: WeightArena? = nil
  ) {
    self.init(
      inputs: parts[0].rowSize, parts: parts.map { ($0.rows, UnsafePointer($0.pointer)) }, bias, precision: precision,
      arena)
    withExtendedLifetime(parts) {}
  }

  /// Stacks matrices of a file, without a copy in between where they are F32.
  /// - Parameters:
  ///   - shape: of each, [outputs, inputs].
  ///   - bias: one for each output of all; empty for none.
  ///   - precision: nil keeps what the file has.
  ///   - arena: where the weights go, one for a model; nil for a matrix by itself.
  /// - Throws: `CheckpointError`.
  public convenience init(
    _ file: SafeTensors, _ names: [String], shape: [Int], bias: [Float] = [], precision: Precision? = nil,
    arena: WeightArena? = nil
  ) throws {
    var converted: [Tensor] = []
    var parts: [(Int, UnsafePointer<Float>)] = []
    let (outputs, inputs) = (shape[shape.count - 2], shape[shape.count - 1])
    for name in names {
      let entry = try file.entry(name)
      guard entry.shape == shape else {
        throw CheckpointError.wrongShape(name, file: file.fileName, expected: shape, found: entry.shape)
      }
      if let values = file.mapped(name) {
        parts.append((outputs, values))
      } else {
        converted.append(try file.floats(name))
        parts.append((outputs, UnsafePointer(converted[converted.count - 1].pointer)))
      }
    }
    let held = file.precision(of: names[0])
    // Weights of more than 8 bits are not rounded for the sake of faster products.
    let isRounded = precision == .int8Products && held != .int8
    self.init(inputs: inputs, parts: parts, bias, precision: isRounded ? held : precision ?? held, arena)
    withExtendedLifetime(converted) {}
    for name in names { file.releasePages(of: name) }
  }

  private init(
    inputs: Int, parts: [(outputs: Int, values: UnsafePointer<Float>)], _ bias: [Float], precision: Precision,
    _ arena: WeightArena?
  ) {
    self.inputs = inputs
    outputs = parts.reduce(0) { $0 + $1.outputs }
    self.precision = precision
    let bytes = docq_packed_bytes(Int32(inputs), Int32(outputs), precision.format)
    self.arena = arena ?? WeightArena(chunkBytes: bytes)
    data = self.arena.allocate(bytes)
    let padded = (outputs + 31) / 32 * 32
    switch precision {
    case .float32, .bfloat16: scales = nil
    case .int8: scales = .allocate(capacity: padded)
    case .int8Products: scales = .allocate(capacity: 2 * padded)
    }
    precondition(bias.isEmpty || bias.count == outputs)
    self.bias = bias.isEmpty ? nil : .allocate(capacity: padded)
    self.bias?.initialize(repeating: 0, count: padded)
    for (index, value) in bias.enumerated() { self.bias?[index] = value }
    var rows: [UnsafePointer<Float>?] = []
    for part in parts { for row in 0..<part.outputs { rows.append(part.values + row * inputs) } }
    docq_pack(&rows, Int32(inputs), Int32(outputs), precision.format, data, scales)
    packed = docq_packed(
      data: data, scales: scales, bias: self.bias, inputs: Int32(inputs), outputs: Int32(outputs),
      format: precision.format)
  }

  deinit {
    scales?.deallocate()
    bias?.deallocate()
  }

  public var bytes: Int { docq_packed_bytes(Int32(inputs), Int32(outputs), precision.format) }

  /// y [count, outputs] = x W^T + bias on the calling thread.
  /// - Parameters:
  ///   - rows: which rows of x to take, in which order; nil for all as they stand.
  ///   - accumulate: add to y.
  public func multiply(
    _ x: UnsafePointer<Float>, stride: Int, rows: UnsafePointer<Int32>? = nil, count: Int,
    into y: UnsafeMutablePointer<Float>, stride yStride: Int, accumulate: Bool = false,
    kernels: KernelTable = Kernels.best
  ) {
    withUnsafePointer(to: packed) {
      kernels.matmul(
        x, stride, rows, Int32(count), $0, 0, Int32((outputs + 31) / 32), y, yStride, accumulate ? 1 : 0)
    }
  }

  /// The same on all cores: few rows share the outputs among the threads, many rows share the rows.
  public func multiplyInParallel(
    _ x: UnsafePointer<Float>, stride: Int, count: Int, into y: UnsafeMutablePointer<Float>, stride yStride: Int,
    accumulate: Bool = false
  ) {
    let groups = (outputs + 31) / 32
    guard inputs * outputs * count > 1 << 17 else {
      multiply(x, stride: stride, count: count, into: y, stride: yStride, accumulate: accumulate)
      return
    }
    if count >= 96 * Parallel.threads {
      Parallel.forRanges(count, least: 48) { range in
        multiply(
          x + range.lowerBound * stride, stride: stride, count: range.count, into: y + range.lowerBound * yStride,
          stride: yStride, accumulate: accumulate)
      }
    } else {
      Parallel.forRanges(groups) { range in
        withUnsafePointer(to: packed) {
          Kernels.best.matmul(
            x, stride, nil, Int32(count), $0, Int32(range.lowerBound), Int32(range.upperBound), y, yStride,
            accumulate ? 1 : 0)
        }
      }
    }
  }
}
