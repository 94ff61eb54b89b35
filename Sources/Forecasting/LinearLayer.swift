import CKernels
import Tensor

/// y = W x + b with weights [1, outputs, inputs] as published, or [outputs, inputs].
struct LinearLayer: Sendable {
  private let weight: PackedMatrix
  private let bias: [Float]

  init(
    _ file: SafeTensors, _ names: [String], _ outputs: Int, _ inputs: Int, _ precision: Precision?,
    _ arena: WeightArena? = nil
  ) throws {
    try self.init(file, names, names.map { _ in outputs }, inputs, precision, arena)
  }

  /// Stacks the outputs of several projections.
  init(
    _ file: SafeTensors, _ names: [String], _ outputs: [Int], _ inputs: Int, _ precision: Precision?,
    _ arena: WeightArena? = nil
  ) throws {
    var parts: [Tensor] = [], biases: [Float] = []
    for (name, outputs) in zip(names, outputs) {
      let isNested = try file.entry(name + ".weight").shape.count == 3
      let weight = try file.floats(name + ".weight", shape: isNested ? [1, outputs, inputs] : [outputs, inputs])
      parts.append(weight.reshaped(outputs, inputs))
      biases += try file.floats(name + ".bias", shape: isNested ? [1, outputs] : [outputs]).values
    }
    weight = PackedMatrix(parts, precision: precision ?? file.precision(of: names[0] + ".weight"), arena: arena)
    bias = biases
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let y = Tensor(shape: [x.rows, weight.outputs])
    self(x, addingTo: y)
    return y
  }

  func callAsFunction(_ x: Tensor, addingTo y: Tensor) {
    weight.multiplyInParallel(
      x.pointer, stride: x.rowSize, count: x.rows, into: y.pointer, stride: weight.outputs, accumulate: true)
    for row in 0..<y.rows { Kernels.best.add_scaled(y.row(row), bias, 1, weight.outputs) }
  }

  var bytes: Int { weight.bytes }
  var parameterCount: Int { weight.inputs * weight.outputs + bias.count }
}
