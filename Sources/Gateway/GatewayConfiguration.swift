import Foundation

/// How the gateway listens and what it accepts.
public struct GatewayConfiguration: Sendable {
  public var host: String
  /// 0 for any free port.
  public var port: Int
  public var maxUploadBytes: Int
  public var maxJSONBytes: Int
  /// SHA-256 digests (lower-case hex) of API keys that are accepted besides those in the store.
  public var apiKeyDigests: [String]
  /// The longest `Prefer: wait` and `?wait=`, in seconds.
  public var maxWait: Int
  /// Asks for a key on loopback, too.
  public var requiresKey = false
  /// Names besides the address that requests may come in under: those of a reverse proxy.
  public var publicHosts: [String] = []
  /// Requests a minute of each key without a limit of its own, and of all that send none; nil: as many as they like.
  public var requestsPerMinute: Int?
  /// nil for plain HTTP.
  public var tls: TLSFiles?
  /// Connections at the same time; more wait in the system's queue.
  public var maxConnections = 16_384
  var deadlines = ConnectionDeadlines.Limits()
  /// Where webhooks may go.
  public var webhooks = WebhookPolicy.none
  /// What webhooks are signed with.
  public var webhookSecret = Data()

  public init(
    host: String = "127.0.0.1", port: Int = 8080, maxUploadBytes: Int = 512 << 20, maxJSONBytes: Int = 32 << 20,
    apiKeyDigests: [String] = [], maxWait: Int = 60
  ) {
    self.host = host
    self.port = port
    self.maxUploadBytes = maxUploadBytes
    self.maxJSONBytes = maxJSONBytes
    self.apiKeyDigests = apiKeyDigests
    self.maxWait = maxWait
  }

  /// Only programs on this machine can reach a loopback address.
  public var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

  /// Whether requests need a key: always where others than this machine's programs can send some.
  public var needsKey: Bool { !isLoopback || requiresKey || !publicHosts.isEmpty || !apiKeyDigests.isEmpty }
}

public enum GatewayError: Error, Equatable, Sendable, CustomStringConvertible {
  case keyRequired(host: String)
  case cannotListen(host: String, port: Int, reason: String)
  case badWebhookHost(String)
  case badTLSFile(String, reason: String)

  public var description: String {
    switch self {
    case .keyRequired(let host):
      "will not listen on \(host) without an API key: anybody who reaches it could use it. "
        + "Make one with `docq keys create NAME --data DIR`, or listen on 127.0.0.1"
    case .cannotListen(let host, let port, let reason):
      "cannot listen on \(host):\(port): \(reason). Choose another port with --port"
    case .badWebhookHost(let text):
      "'\(text)' is not a host that webhooks may go to: write a name (example.org), *.example.org or ADDRESS:PORT"
    case .badTLSFile(let file, let reason):
      "cannot serve HTTPS with \(file): \(reason)"
    }
  }
}
