import Foundation

/// Memory for the packed weights of one model, in a few large pieces on huge pages: a pass over hundreds of megabytes of
/// small matrices otherwise spends a good part of its time on looking up 4 KiB pages. Lives as long as a matrix in it.
public final class WeightArena: @unchecked Sendable {
  private static let hugePage = 2 << 20

  private let chunkBytes: Int
  private let lock = NSLock()
  // Guarded by the lock.
  private var chunks: [UnsafeMutableRawPointer] = []
  private var next: UnsafeMutableRawPointer?
  private var left = 0

  /// - Parameter chunkBytes: what is taken from the system at once.
  public init(chunkBytes: Int = 32 << 20) { self.chunkBytes = chunkBytes }

  deinit { for chunk in chunks { free(chunk) } }

  /// Uninitialised memory, aligned to 64 bytes; from any thread.
  func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
    let size = (max(1, bytes) + 63) / 64 * 64
    lock.lock()
    defer { lock.unlock() }
    if size >= chunkBytes { return chunk(size) }
    if size > left { (next, left) = (chunk(chunkBytes), chunkBytes) }
    guard let memory = next else { preconditionFailure("an arena without a chunk") }
    (next, left) = (memory + size, left - size)
    return memory
  }

  private func chunk(_ bytes: Int) -> UnsafeMutableRawPointer {
    var memory: UnsafeMutableRawPointer?
    let isLarge = bytes >= 2 * Self.hugePage
    guard posix_memalign(&memory, isLarge ? Self.hugePage : 64, bytes) == 0, let memory else {
      fatalError("no memory for \(bytes) bytes of weights")
    }
    if isLarge { madvise(memory, bytes, Int32(MADV_HUGEPAGE)) }
    chunks.append(memory)
    return memory
  }
}
