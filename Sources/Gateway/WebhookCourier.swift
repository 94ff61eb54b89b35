import CCurl
import Crypto
import Foundation
import JobQueue
import Logging

/// Tells those who asked that their jobs are final: signed messages as Standard Webhooks defines them
/// (https://www.standardwebhooks.com).
struct WebhookCourier: Sendable {
  let store: any JobStore
  let changes: any ChangeSignal
  let policy: WebhookPolicy
  /// The bytes of the secret, without its prefix and base64.
  let secret: Data
  let log: Logger

  /// Milliseconds until the next attempt, after the first, the second, ...; then the delivery is given up.
  private static let pauses: [Int64] = [
    5_000, 60_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000,
  ]
  private static let parallel = 8

  /// Delivers until the task is cancelled.
  func run() async {
    guard !policy.hosts.isEmpty else { return }
    while !Task.isCancelled {
      let generation = changes.generation
      do {
        // Longer than an attempt may take.
        let due = try await store.claimDeliveries(limit: Self.parallel, leaseMilliseconds: 60_000)
        if due.isEmpty {
          await changes.wait(after: generation, timeout: .seconds(2))
        }
        await withTaskGroup(of: Void.self) { group in
          for delivery in due { group.addTask { await deliver(delivery) } }
        }
      } catch {
        log.error("webhooks: the queue does not answer: \(error)")
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }

  private func deliver(_ delivery: WebhookDelivery) async {
    do {
      guard let job = try await store.job(delivery.jobID) else { return }
      let body = try Self.body(of: job)
      let outcome = await send(body, delivery)
      var retryAfter: Int64?
      switch outcome {
      case .delivered: break
      case .failed: retryAfter = delivery.attempts <= Self.pauses.count ? Self.pauses[delivery.attempts - 1] : nil
      case .refused: break
      }
      if let error = outcome.error {
        log.warning(
          "webhook not delivered, attempt \(delivery.attempts): \(error)", metadata: ["job": "\(delivery.jobID)"])
      }
      try await store.settle(delivery, error: outcome.error, retryAfter: retryAfter)
    } catch {
      log.error("webhooks: \(error)", metadata: ["job": "\(delivery.jobID)"])
    }
  }

  static func body(of job: Job) throws -> Data {
    struct Message: Encodable {
      var type: String
      var timestamp: String
      var data: JobView
    }
    let view = JobView(job)
    return try JSONOutput.encoder.encode(
      Message(type: "job.\(job.state.rawValue)", timestamp: view.finishedAt ?? view.createdAt, data: view))
  }

  /// `v1,` and the base64 of HMAC-SHA256 over "id.timestamp.body".
  static func signature(id: String, timestamp: Int64, body: Data, secret: Data) -> String {
    let code = HMAC<SHA256>.authenticationCode(
      for: Data("\(id).\(timestamp).".utf8) + body, using: SymmetricKey(data: secret))
    return "v1,\(Data(code).base64EncodedString())"
  }

  enum Outcome {
    case delivered
    case failed(String)
    /// Trying again makes no sense.
    case refused(String)

    var error: String? {
      switch self {
      case .delivered: nil
      case .failed(let reason), .refused(let reason): reason
      }
    }
  }

  private func send(_ body: Data, _ delivery: WebhookDelivery) async -> Outcome {
    do {
      try policy.check(delivery.url)
    } catch {
      return .refused("\(error)")
    }
    let id = "msg_\(delivery.id)"
    let timestamp = WallClock.milliseconds() / 1000
    let headers = [
      "Content-Type: application/json", "User-Agent: docq", "Expect:", "webhook-id: \(id)",
      "webhook-timestamp: \(timestamp)",
      "webhook-signature: \(Self.signature(id: id, timestamp: timestamp, body: body, secret: secret))",
    ]
    let policy = policy
    // libcurl blocks: not on a thread of the cooperative pool.
    return await withCheckedContinuation { continuation in
      DispatchQueue.global(qos: .utility).async {
        continuation.resume(returning: Self.post(body, to: delivery.url, headers, policy))
      }
    }
  }

  private final class Destination {
    let url: String
    let policy: WebhookPolicy
    var refused: String?

    init(url: String, policy: WebhookPolicy) {
      self.url = url
      self.policy = policy
    }
  }

  private static let isReady: Void = { curl_global_init(Int(CURL_GLOBAL_DEFAULT)) }()

  private static func post(_ body: Data, to url: String, _ headers: [String], _ policy: WebhookPolicy) -> Outcome {
    _ = isReady
    guard let handle = curl_easy_init() else { return .failed("libcurl cannot start") }
    defer { curl_easy_cleanup(handle) }
    let destination = Destination(url: url, policy: policy)
    // The address is looked at where the connection is made: a name cannot lead elsewhere between check and use.
    var guardian = docq_curl_guard(
      check: { context, address in
        guard let context, let address else { return 0 }
        let destination = Unmanaged<Destination>.fromOpaque(context).takeUnretainedValue()
        let text = String(cString: address)
        guard !destination.policy.mayConnect(to: text, url: destination.url) else { return 1 }
        destination.refused = text
        return 0
      }, context: Unmanaged.passUnretained(destination).toOpaque())
    var list: UnsafeMutablePointer<curl_slist>?
    defer { curl_slist_free_all(list) }
    for header in headers { list = curl_slist_append(list, header) }
    _ = docq_curl_set_string(handle, CURLOPT_URL, url)
    _ = docq_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
    // Neither redirects nor a proxy of the environment: both would connect to what was not checked.
    _ = docq_curl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
    _ = docq_curl_set_string(handle, CURLOPT_PROXY, "")
    _ = docq_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
    _ = docq_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT, 5)
    _ = docq_curl_set_long(handle, CURLOPT_TIMEOUT, 15)
    _ = docq_curl_set_pointer(handle, CURLOPT_HTTPHEADER, list)
    _ = docq_curl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
    body.withUnsafeBytes { bytes in
      // libcurl copies the bytes here.
      _ = docq_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }
    // The answer's body is of no interest.
    _ = docq_curl_set_data_callback(handle, CURLOPT_WRITEFUNCTION) { _, size, count, _ in size * count }
    let code = withUnsafeMutablePointer(to: &guardian) { pointer in
      docq_curl_set_guard(handle, pointer)
      return withExtendedLifetime(destination) { curl_easy_perform(handle) }
    }
    if let address = destination.refused {
      return .refused("\(url) leads to \(address), a private address that is not on the list itself")
    }
    guard code == CURLE_OK else { return .failed("\(url): \(String(cString: curl_easy_strerror(code)))") }
    var status = 0
    _ = docq_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
    switch status {
    case 200..<300: return .delivered
    case 410: return .refused("\(url) answered 410: nobody wants it any more")
    case 300..<400: return .refused("\(url) answered \(status): redirects are not followed")
    default: return .failed("\(url) answered \(status)")
    }
  }
}
