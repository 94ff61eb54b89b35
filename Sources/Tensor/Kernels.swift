import CKernels
import Foundation

/// The inner loops for one instruction set; see CKernels.h for what each does.
public typealias KernelTable = docq_kernels

/// A table of functions that keep nothing between calls.
extension docq_kernels: @retroactive @unchecked Sendable {}

public enum Kernels {
  public enum Instructions: String, CaseIterable, Sendable {
    case baseline, avx2, avx512, avx512bf16

    /// nil where this processor lacks them.
    public var table: KernelTable? {
      let level: docq_instructions =
        switch self {
        case .baseline: DOCQ_BASELINE
        case .avx2: DOCQ_AVX2
        case .avx512: DOCQ_AVX512
        case .avx512bf16: DOCQ_AVX512_BF16
        }
      return docq_kernels_for(level)?.pointee
    }
  }

  /// The best that this processor runs; chosen once.
  public static let best: KernelTable = docq_kernels_best().pointee

  /// Whether products of 8-bit numbers are the fastest here.
  public static var multipliesBytes: Bool { best.multiplies_bytes != 0 }

  /// "AVX2", for reports.
  public static var name: String { String(cString: best.name) }
}

/// Products of matrices in OpenBLAS, on the calling thread. It is opened on first use.
public enum BLAS {
  /// - Throws: `TensorError.noBLAS` where the library is missing.
  public static func open() throws {
    guard docq_blas_open() == 0 else { throw TensorError.noBLAS(String(cString: docq_blas_problem())) }
  }

  /// The kernels that OpenBLAS chose, such as "SkylakeX".
  public static var core: String { String(cString: docq_blas_core()) }

  /// c [m, n] = alpha op(a) op(b) + beta c; op(a) is [m, k], op(b) [k, n]. Strides are floats from row to row.
  @inline(__always)
  public static func product(
    _ m: Int, _ n: Int, _ k: Int, _ a: UnsafePointer<Float>, _ aStride: Int, transposeA: Bool = false,
    _ b: UnsafePointer<Float>, _ bStride: Int, transposeB: Bool = false,
    _ c: UnsafeMutablePointer<Float>, _ cStride: Int, alpha: Float = 1, beta: Float = 0
  ) {
    guard m > 0, n > 0, k > 0 else { return }
    docq_sgemm(
      transposeA ? 1 : 0, transposeB ? 1 : 0, Int32(m), Int32(n), Int32(k), alpha, a, Int32(aStride), b,
      Int32(bStride), beta, c, Int32(cStride))
  }
}

public enum TensorError: Error, Equatable, Sendable, CustomStringConvertible {
  case noBLAS(String)

  public var description: String {
    switch self {
    case .noBLAS(let reason): reason
    }
  }
}
