import Crypto
import Foundation

/// Who may use a service, and for what. The key itself is not kept, only its SHA-256.
public struct APIKey: Codable, Sendable, Hashable, Identifiable {
  public enum Scope: String, Codable, CaseIterable, Sendable {
    /// See own jobs and their results.
    case read
    /// Send, cancel and retry own jobs.
    case submit
    /// Everything, of all keys: queues, dead letters, metrics.
    case admin
  }

  /// "k_" and 12 hex digits; shows in lists and logs.
  public var id: String
  /// What people call it.
  public var name: String
  /// SHA-256 of the key, lower-case hex.
  public var digest: String
  public var scopes: [Scope]
  /// Requests a minute before 429; nil for the gateway's own limit.
  public var requestsPerMinute: Int?
  /// Unix milliseconds.
  public var createdAt: Int64
  public var revokedAt: Int64?

  public init(
    id: String, name: String, digest: String, scopes: [Scope], requestsPerMinute: Int? = nil, createdAt: Int64,
    revokedAt: Int64? = nil
  ) {
    self.id = id
    self.name = name
    self.digest = digest
    self.scopes = scopes
    self.requestsPerMinute = requestsPerMinute
    self.createdAt = createdAt
    self.revokedAt = revokedAt
  }

  /// A new key with 256 random bits; `secret` ("dq_...") is what its holder sends and exists nowhere else.
  public static func make(
    name: String, scopes: [Scope], requestsPerMinute: Int? = nil
  ) -> (key: APIKey, secret: String) {
    func random(_ count: Int) -> String {
      var generator = SystemRandomNumberGenerator()
      return hexadecimal((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }
    let secret = "dq_" + random(32)
    let key = APIKey(
      id: "k_" + random(6), name: name, digest: digest(of: secret), scopes: scopes,
      requestsPerMinute: requestsPerMinute, createdAt: WallClock.milliseconds())
    return (key, secret)
  }

  /// What is stored of a key.
  public static func digest(of secret: String) -> String { hexadecimal(SHA256.hash(data: Data(secret.utf8))) }
}
