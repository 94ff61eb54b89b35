import Foundation
import Synchronization

/// What a handler has of the queue while it runs: blobs, progress, and whether to stop.
public final class JobContext: Sendable {
  enum Interruption { case cancelled, stopping, leaseLost }

  private struct State {
    var interruption: Interruption?
    var report: (Double, String?)?
    var stored: [String] = []
    var uploads: [any BlobUpload] = []
  }

  public let blobs: FileBlobStore
  private let state = Mutex(State())

  public init(blobs: FileBlobStore) {
    self.blobs = blobs
  }

  /// True when the job should end soon: somebody cancelled it, or the worker is stopping.
  public var isCancelled: Bool { state.withLock { $0.interruption != nil } }

  /// Call it between the steps of long work.
  public func checkCancelled() throws {
    if isCancelled { throw CancellationError() }
  }

  /// Cheap: written to the store about once a second.
  public func report(progress: Double, stage: String?) {
    state.withLock { $0.report = (progress, stage) }
  }

  /// Stores bytes for the result; they are removed again should the job fail.
  public func store(_ bytes: Data) throws -> String {
    let upload = try blobs.makeUpload()
    try bytes.withUnsafeBytes { try upload.write($0) }
    return try store(upload)
  }

  /// A place to write bytes for the result to, piece by piece; give it to `store` when all are there.
  public func makeUpload() throws -> any BlobUpload { try blobs.makeUpload() }

  /// Stores what was written, as `store` does with bytes at once.
  public func store(_ upload: any BlobUpload) throws -> String {
    let name = try upload.commit()
    state.withLock {
      $0.stored += [name]
      // Kept until the job's outcome is stored: see `BlobUpload.discard`.
      $0.uploads += [upload]
    }
    return name
  }

  /// Lets go of the uploads, once the store knows (or refused) the blobs.
  func settleUploads() {
    let uploads = state.withLock { state in
      defer { state.uploads = [] }
      return state.uploads
    }
    for upload in uploads { upload.discard() }
  }

  var reason: Interruption? { state.withLock { $0.interruption } }
  var storedBlobs: [String] { state.withLock { $0.stored } }

  func interrupt(_ why: Interruption) { state.withLock { $0.interruption = $0.interruption ?? why } }

  func takeReport() -> (Double, String?)? {
    state.withLock { state in
      defer { state.report = nil }
      return state.report
    }
  }
}
