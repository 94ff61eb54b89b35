/// Why a request to a server did not work.
public enum DocqClientError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Nothing answers at the address.
  case unreachable(server: String, reason: String)
  /// The server's certificate is not signed by one that is known here.
  case untrusted(server: String, reason: String, caCertificate: String?)
  /// The server answered with an error.
  case problem(status: Int, code: String, detail: String)
  /// The answer is not what a docq server sends.
  case unexpected(String)
  case cannotRead(file: String)

  public var description: String {
    switch self {
    case .unreachable(let server, let reason):
      "no docq server answers at \(server) (\(reason)); start one with `docq serve`, or name another with --server"
    case .untrusted(let server, let reason, let file):
      "\(server) is not trusted (\(reason)): "
        + (file.map { "it is not for this name, or not signed by what is in \($0)" }
          ?? "name the certificate that signed its own with --ca-certificate FILE")
    case .problem(_, _, let detail): detail
    case .unexpected(let what): "the server's answer is not a docq server's: \(what)"
    case .cannotRead(let file): "\(file): cannot be read"
    }
  }
}
