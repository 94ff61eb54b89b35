import CKernels
import Tensor

/// y = x W^T + b and its gradients, on the calling thread. Strides are floats from row to row.
public enum LinearOperation {
  /// - Parameters:
  ///   - weight: [outputs, inputs]
  ///   - bias: [outputs]
  ///   - accumulate: add to y.
  public static func forward(
    _ x: UnsafePointer<Float>, _ xStride: Int, rows: Int, inputs: Int, weight: UnsafePointer<Float>,
    bias: UnsafePointer<Float>? = nil, outputs: Int, into y: UnsafeMutablePointer<Float>, _ yStride: Int,
    accumulate: Bool = false
  ) {
    BLAS.product(
      rows, outputs, inputs, x, xStride, weight, inputs, transposeB: true, y, yStride, beta: accumulate ? 1 : 0)
    guard let bias else { return }
    for row in 0..<rows { Kernels.best.add_scaled(y + row * yStride, bias, 1, outputs) }
  }

  /// Adds to the gradients of weight and bias, and to that of x.
  /// - Parameter replace: writes the gradient of x instead of adding to it.
  public static func backward(
    _ dy: UnsafePointer<Float>, _ dyStride: Int, x: UnsafePointer<Float>, _ xStride: Int, rows: Int, inputs: Int,
    weight: UnsafePointer<Float>, outputs: Int, weightGradient: UnsafeMutablePointer<Float>,
    biasGradient: UnsafeMutablePointer<Float>? = nil, into dx: UnsafeMutablePointer<Float>?, _ dxStride: Int = 0,
    replace: Bool = false
  ) {
    BLAS.product(
      outputs, inputs, rows, dy, dyStride, transposeA: true, x, xStride, weightGradient, inputs, beta: 1)
    if let biasGradient {
      for row in 0..<rows { Kernels.best.add_scaled(biasGradient, dy + row * dyStride, 1, outputs) }
    }
    if let dx {
      BLAS.product(rows, inputs, outputs, dy, dyStride, weight, inputs, dx, dxStride, beta: replace ? 0 : 1)
    }
  }
}

/// Projections of one input that stand side by side in the output. Weights that lie one behind the other in memory, as
/// those without biases do, go through one product.
struct StackedProjection {
  private struct Part {
    var name: String
    var column: Int
    var outputs: Int
  }

  private let parts: [Part]
  private let inputs: Int
  private let width: Int
  private let hasBias: Bool

  init(_ names: [String], inputs: Int, outputs: Int, hasBias: Bool) {
    self.inputs = inputs
    self.hasBias = hasBias
    width = names.count * outputs
    parts =
      hasBias
      ? names.enumerated().map { Part(name: $1, column: $0 * outputs, outputs: outputs) }
      : [Part(name: names[0], column: 0, outputs: width)]
  }

  func forward(
    _ x: UnsafePointer<Float>, rows: Int, into y: UnsafeMutablePointer<Float>, _ parameters: ParameterSet,
    accumulate: Bool = false
  ) {
    for part in parts {
      LinearOperation.forward(
        x, inputs, rows: rows, inputs: inputs, weight: parameters[part.name + ".weight"],
        bias: hasBias ? UnsafePointer(parameters[part.name + ".bias"]) : nil, outputs: part.outputs,
        into: y + part.column, width, accumulate: accumulate)
    }
  }

  func backward(
    _ dy: UnsafePointer<Float>, x: UnsafePointer<Float>, rows: Int, into dx: UnsafeMutablePointer<Float>,
    _ parameters: ParameterSet, _ gradients: ParameterSet, replace: Bool = false
  ) {
    for (index, part) in parts.enumerated() {
      LinearOperation.backward(
        dy + part.column, width, x: x, inputs, rows: rows, inputs: inputs,
        weight: parameters[part.name + ".weight"], outputs: part.outputs,
        weightGradient: gradients[part.name + ".weight"],
        biasGradient: hasBias ? gradients[part.name + ".bias"] : nil, into: dx, inputs,
        replace: replace && index == 0)
    }
  }
}
