import Foundation

/// Content-addressed bytes: a blob's name is the SHA-256 of its content in lower-case hex.
public protocol BlobStore: Sendable {
  /// A place to write an upload to, piece by piece.
  func makeUpload() throws -> any BlobUpload
  /// Path of a local file with the content, for reading. Throws when absent.
  func localFile(_ name: String) async throws -> URL
  /// The content, checked against its name.
  func read(_ name: String) async throws -> Data
  func delete(_ name: String) async throws
  func exists(_ name: String) async throws -> Bool
  /// Bytes that may still be stored; nil where there is no such limit.
  var freeBytes: Int? { get }
}

/// An upload in progress. Nothing of it is left behind unless `commit` returned.
public protocol BlobUpload: AnyObject, Sendable {
  var byteCount: Int { get }
  func write(_ bytes: UnsafeRawBufferPointer) throws
  /// Makes the content durable and returns its name.
  func commit() throws -> String
  func discard()
}
