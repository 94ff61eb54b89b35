import CKernels
import Foundation
import Tensor

/// What the feed-forward blocks of one layer leave for their backward pass.
struct FeedForwardTrace {
  let shared: ExpertTrace?
  let experts: ExpertTrace

  var balanceLoss: Double { experts.balanceLoss }
}

/// The routed experts of one layer and, where there is one, the shared expert.
struct FeedForwardTraining {
  private let shared: ExpertTraining?
  private let experts: ExpertTraining

  init(_ configuration: EncoderConfiguration, _ prefix: String, _ centroid: String, layer: Int) {
    shared = configuration.sharedExpert.map { ExpertTraining($0, prefix + "shared.", centroid, layer: layer) }
    experts = ExpertTraining(configuration, prefix, centroid, layer: layer)
  }

  /// target += shared(x) + experts(x); target is not x.
  func forward(_ x: Tensor, addingTo target: Tensor, _ parameters: ParameterSet) -> FeedForwardTrace {
    FeedForwardTrace(
      shared: shared?.forward(x, addingTo: target, parameters),
      experts: experts.forward(x, addingTo: target, parameters))
  }

  /// - Returns: the gradient by the input.
  func backward(
    _ dy: Tensor, _ trace: FeedForwardTrace, _ parameters: ParameterSet, _ gradients: ParameterSet, balance: Double
  ) -> Tensor {
    let dx = experts.backward(dy, trace.experts, parameters, gradients, balance: balance)
    if let shared, let traced = trace.shared {
      let other = shared.backward(dy, traced, parameters, gradients, balance: 0)
      Kernels.best.add_scaled(dx.pointer, other.pointer, 1, dx.count)
    }
    return dx
  }
}
