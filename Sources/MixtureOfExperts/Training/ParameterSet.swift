import Foundation
import Tensor

/// Named arrays that lie one behind the other in one block of memory, as optimisers like them.
public final class ParameterSet: Sendable {
  public let specifications: [ParameterSpecification]
  /// All values in the order of the specifications.
  public let all: Tensor
  private let places: [String: (offset: Int, index: Int)]

  /// Zeros.
  public init(_ specifications: [ParameterSpecification]) {
    self.specifications = specifications
    var offset = 0
    var places: [String: (offset: Int, index: Int)] = [:]
    for (index, one) in specifications.enumerated() {
      precondition(places[one.name] == nil, "two parameters are called \(one.name)")
      places[one.name] = (offset, index)
      offset += one.shape.reduce(1, *)
    }
    self.places = places
    all = Tensor(shape: [offset])
  }

  /// Values as the specifications start them, the same for the same seed.
  public convenience init(_ specifications: [ParameterSpecification], seed: UInt64) {
    self.init(specifications)
    for (index, one) in specifications.enumerated() {
      let values = buffer(one.name)
      switch one.start {
      case .zeros: break
      case .ones: values.update(repeating: 1)
      case .normal(let deviation):
        var random = CounterBasedRandom(seed: seed, stream: UInt64(index))
        for place in values.indices { values[place] = Float(random.normal() * deviation) }
      }
    }
  }

  /// Values of a checkpoint, in any of its number formats.
  /// - Throws: `CheckpointError` for what is missing or misshapen.
  public convenience init(_ specifications: [ParameterSpecification], file: SafeTensors) throws {
    self.init(specifications)
    for one in specifications {
      let values = try file.floats(one.name, shape: one.shape)
      buffer(one.name).baseAddress?.update(from: values.pointer, count: values.count)
    }
  }

  public var count: Int { all.count }

  /// An array of the same layout, for gradients and moments.
  public func zeros() -> ParameterSet { ParameterSet(specifications) }

  public func copy() -> ParameterSet {
    let result = zeros()
    result.all.pointer.update(from: all.pointer, count: count)
    return result
  }

  /// Where a parameter begins. The name must be one of the specifications'.
  public subscript(name: String) -> UnsafeMutablePointer<Float> {
    guard let place = places[name] else { preconditionFailure("there is no parameter \(name)") }
    return all.pointer + place.offset
  }

  public func buffer(_ name: String) -> UnsafeMutableBufferPointer<Float> {
    guard let place = places[name] else { preconditionFailure("there is no parameter \(name)") }
    return UnsafeMutableBufferPointer(
      start: all.pointer + place.offset, count: specifications[place.index].shape.reduce(1, *))
  }

  /// A copy of one array.
  public func tensor(_ name: String) -> Tensor {
    guard let place = places[name] else { preconditionFailure("there is no parameter \(name)") }
    return Tensor(shape: specifications[place.index].shape, UnsafeBufferPointer(buffer(name)))
  }

  /// Writes all arrays as a checkpoint that the models load.
  public func write(to url: URL, precision: Precision = .float32, metadata: [String: String] = [:]) throws {
    try SafeTensors.write(
      specifications.map { ($0.name, tensor($0.name)) }, metadata: metadata, precision: precision, to: url)
  }
}
