import CKernels
import Tensor

/// Keys and values of a packed batch after a full pass; any number of continuations share them.
public struct PrefixCache: Sendable {
  /// Per layer [tokens, 3 x model size]: queries, keys, values as attention uses them.
  let layers: [Tensor]
  let times: Int32Buffer
  let variates: Int32Buffer
  let segments: [Range<Int>]

  public var bytes: Int { layers.reduce(0) { $0 + 4 * $1.count } }
}

/// Continuations of the sequences in a prefix, all of the same length; each step adds as many tokens to every one.
public final class BranchCache {
  let prefix: PrefixCache
  /// The prefix's sequence that each branch continues.
  let parents: [Int]
  let capacity: Int
  /// Tokens that each branch has so far.
  private(set) var length = 0
  /// Per layer [branches, capacity, 2 x model size]: keys, values.
  let layers: [Tensor]
  let times: Int32Buffer
  let variates: Int32Buffer

  /// - Parameter capacity: tokens that a branch will have at most.
  public init(_ prefix: PrefixCache, parents: [Int], capacity: Int) {
    self.prefix = prefix
    self.parents = parents
    self.capacity = capacity
    let width = prefix.layers[0].rowSize / 3 * 2
    layers = prefix.layers.map { _ in Tensor(shape: [parents.count, capacity, width], zeroed: false) }
    times = Int32Buffer(count: parents.count * capacity)
    variates = Int32Buffer(count: parents.count * capacity)
  }

  /// Room for the next tokens of every branch.
  func extend(_ layout: TokenLayout) {
    precondition(layout.segments.count == parents.count)
    let added = layout.segments[0].count
    precondition(length + added <= capacity && layout.segments.allSatisfy { $0.count == added })
    for (branch, segment) in layout.segments.enumerated() {
      for (index, token) in segment.enumerated() {
        times.start[branch * capacity + length + index] = layout.times[token]
        variates.start[branch * capacity + length + index] = layout.variates[token]
      }
    }
    length += added
  }
}

/// Integers at an address that stays.
final class Int32Buffer: @unchecked Sendable {
  let start: UnsafeMutablePointer<Int32>

  init(count: Int) {
    start = .allocate(capacity: max(1, count))
    start.initialize(repeating: 0, count: max(1, count))
  }

  convenience init(_ values: [Int32]) {
    self.init(count: values.count)
    for (index, value) in values.enumerated() { start[index] = value }
  }

  deinit { start.deallocate() }
}
