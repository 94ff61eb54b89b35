import CKernels
import Foundation

/// A contiguous block of Float32 values in row-major order.
///
/// Copying the struct shares the memory; nothing is copied unless `copy()` says so. Values are written by whoever made
/// the tensor, before it is handed on: after that it is only read, which is what makes it sendable.
public struct Tensor: @unchecked Sendable {
  private final class Memory {
    private static let allocator: Void = docq_keep_freed_memory()

    let start: UnsafeMutablePointer<Float>
    init(count: Int) {
      _ = Self.allocator
      let raw = UnsafeMutableRawPointer.allocate(byteCount: max(1, count) * 4, alignment: 64)
      start = raw.bindMemory(to: Float.self, capacity: max(1, count))
    }
    deinit { start.deallocate() }
  }

  public let shape: [Int]
  private let memory: Memory

  /// Zeros.
  public init(_ shape: Int...) { self.init(shape: shape) }

  public init(shape: [Int], zeroed: Bool = true) {
    self.shape = shape
    memory = Memory(count: shape.reduce(1, *))
    if zeroed { memory.start.initialize(repeating: 0, count: count) }
  }

  public init(shape: [Int], _ values: some Collection<Float>) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values for the shape \(shape)")
    self.init(shape: shape, zeroed: false)
    var target = memory.start
    for value in values {
      target.initialize(to: value)
      target += 1
    }
  }

  public var count: Int { shape.reduce(1, *) }
  public var rows: Int { shape.isEmpty ? 1 : shape[0] }
  /// Values from one row to the next.
  public var rowSize: Int { shape.dropFirst().reduce(1, *) }
  public var pointer: UnsafeMutablePointer<Float> { memory.start }
  public var buffer: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: pointer, count: count) }
  public var values: [Float] { Array(buffer) }

  public func row(_ index: Int) -> UnsafeMutablePointer<Float> {
    precondition(index >= 0 && index < rows)
    return pointer + index * rowSize
  }

  public subscript(_ indices: Int...) -> Float {
    get { pointer[offset(indices)] }
    nonmutating set { pointer[offset(indices)] = newValue }
  }

  private func offset(_ indices: [Int]) -> Int {
    precondition(indices.count == shape.count)
    var result = 0
    for (index, size) in zip(indices, shape) {
      precondition(index >= 0 && index < size)
      result = result * size + index
    }
    return result
  }

  public func copy() -> Tensor {
    let result = Tensor(shape: shape, zeroed: false)
    result.pointer.initialize(from: pointer, count: count)
    return result
  }

  /// A copy of some rows.
  public func gathered(_ rows: some Collection<Int>) -> Tensor {
    let result = Tensor(shape: [rows.count] + shape.dropFirst(), zeroed: false)
    for (index, source) in rows.enumerated() { result.row(index).update(from: row(source), count: rowSize) }
    return result
  }

  /// The same memory under another shape of as many values.
  public func reshaped(_ shape: Int...) -> Tensor {
    precondition(shape.reduce(1, *) == count)
    return Tensor(sharing: self, shape: shape)
  }

  private init(sharing other: Tensor, shape: [Int]) {
    self.shape = shape
    memory = other.memory
  }

  public func fill(_ value: Float) { buffer.update(repeating: value) }
}
