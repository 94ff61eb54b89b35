import Foundation
import Hummingbird
import JobQueue
import Synchronization

/// What is known of a request besides its content. Filled in by `RequestGuard`.
public struct GatewayContext: RequestContext {
  public var coreContext: CoreRequestContextStorage
  var caller = Caller.local
  var origin = JobOrigin()

  public init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
  }
}

/// Who sends a request.
struct Caller: Sendable {
  /// The key's id; empty without one.
  var owner: String
  var scopes: Set<APIKey.Scope>
  var requestsPerMinute: Int?

  /// Somebody on this machine, where no key is asked for.
  static let local = Caller(owner: "", scopes: Set(APIKey.Scope.allCases))
  /// Somebody without a key where one is needed.
  static let nobody = Caller(owner: "", scopes: [])

  var isAdmin: Bool { scopes.contains(.admin) }

  func may(_ scope: APIKey.Scope) -> Bool { isAdmin || scopes.contains(scope) }

  /// Jobs of another key do not exist for a caller.
  func sees(_ job: Job) -> Bool { isAdmin || job.owner == owner }
}

/// The keys that are accepted: those of the environment and those in the store, looked up again every second.
final class KeyRing: Sendable {
  private struct State {
    var keys: [String: APIKey] = [:]
    var readAt: ContinuousClock.Instant?
  }

  private let store: any JobStore
  private let fixed: [String]
  private let state = Mutex(State())

  init(store: any JobStore, fixedDigests: [String]) {
    self.store = store
    fixed = fixedDigests
  }

  /// The holder of a key; nil when there is no such key (any more).
  func caller(with secret: Substring) async throws -> Caller? {
    let digest = APIKey.digest(of: String(secret))
    if fixed.contains(digest) { return Caller(owner: "env-\(digest.prefix(12))", scopes: Set(APIKey.Scope.allCases)) }
    guard let key = try await keys()[digest], key.revokedAt == nil else { return nil }
    return Caller(owner: key.id, scopes: Set(key.scopes), requestsPerMinute: key.requestsPerMinute)
  }

  /// Whether anybody holds a key.
  func isEmpty() async throws -> Bool {
    guard fixed.isEmpty else { return false }
    return try await keys().values.allSatisfy { $0.revokedAt != nil }
  }

  private func keys() async throws -> [String: APIKey] {
    let known = state.withLock { state -> [String: APIKey]? in
      guard let readAt = state.readAt, ContinuousClock.now - readAt < .seconds(1) else { return nil }
      return state.keys
    }
    if let known { return known }
    let found = Dictionary(try await store.keys().map { ($0.digest, $0) }, uniquingKeysWith: { first, _ in first })
    state.withLock { $0 = State(keys: found, readAt: .now) }
    return found
  }
}

/// Requests a minute for each caller: a bucket that holds a minute's worth and fills up steadily.
final class RateLimiter: Sendable {
  private struct Bucket {
    var tokens: Double
    var filledAt: ContinuousClock.Instant
  }

  private let buckets = Mutex<[String: Bucket]>([:])

  /// Seconds until the next request may come; nil when this one may.
  func delay(for caller: String, perMinute limit: Int, now: ContinuousClock.Instant = .now) -> Int? {
    buckets.withLock { buckets in
      let rate = Double(limit) / 60
      var bucket = buckets[caller] ?? Bucket(tokens: Double(limit), filledAt: now)
      bucket.tokens = min(Double(limit), bucket.tokens + rate * (now - bucket.filledAt).inSeconds)
      bucket.filledAt = now
      defer { buckets[caller] = bucket }
      guard bucket.tokens < 1 else {
        bucket.tokens -= 1
        return nil
      }
      return max(1, Int(((1 - bucket.tokens) / rate).rounded(.up)))
    }
  }
}
