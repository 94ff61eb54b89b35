/// How the gateway listens and what it accepts.
public struct GatewayConfiguration: Sendable {
  public var host: String
  /// 0 for any free port.
  public var port: Int
  public var maxUploadBytes: Int
  public var maxJSONBytes: Int
  /// SHA-256 digests (lower-case hex) of the accepted API keys; empty: no key is asked for.
  public var apiKeyDigests: [String]
  /// The longest `Prefer: wait` and `?wait=`, in seconds.
  public var maxWait: Int

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
}

public enum GatewayError: Error, Equatable, Sendable, CustomStringConvertible {
  case keyRequired(host: String)
  case cannotListen(host: String, port: Int, reason: String)

  public var description: String {
    switch self {
    case .keyRequired(let host):
      "will not listen on \(host) without an API key: anybody on the network could use it. "
        + "Set DOCQ_API_KEYS to a comma-separated list of keys, or listen on 127.0.0.1"
    case .cannotListen(let host, let port, let reason):
      "cannot listen on \(host):\(port): \(reason). Choose another port with --port"
    }
  }
}
