import ArgumentParser
import Foundation
import Gateway
import JobHandlers
import JobQueue

@main
struct GatewayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "docq-gateway",
    abstract: "Answers HTTP requests: takes jobs into the queue and gives their results out.",
    discussion: """
      Usually started by `docq serve`. Loads no model and parses no document.

      EXAMPLE
        docq-gateway --data /srv/docq --port 8080
      """)

  @Option(help: "Folder for the queue and the uploads; created when missing.")
  var data = DataFolder.defaultPath
  @Option(help: "Address to listen on.")
  var host = "127.0.0.1"
  @Option(help: "Port to listen on; 0 for any free one.")
  var port = 8080
  @Flag(help: "Ask for an API key on loopback, too.")
  var requireKey = false
  @Option(help: "Name of a reverse proxy that requests come in under; implies --require-key. May be repeated.")
  var publicHost: [String] = []
  @Option(help: "Requests a minute for each key without a limit of its own; without it, no limit.")
  var rateLimit: Int?
  @Option(help: "Host that webhooks may go to: example.org, *.example.org or ADDRESS:PORT. May be repeated.")
  var webhookHost: [String] = []
  @Option(help: "Connections at the same time.")
  var maxConnections = 16_384
  @Option(help: "Serve HTTPS with this certificate (PEM, with those that signed it behind it).")
  var tlsCertificate: String?
  @Option(help: "The certificate's private key (PEM).")
  var tlsKey: String?

  func validate() throws {
    guard rateLimit ?? 1 >= 1 else { throw ValidationError("--rate-limit must be at least 1") }
    guard maxConnections >= 1 else { throw ValidationError("--max-connections must be at least 1") }
    guard (tlsCertificate == nil) == (tlsKey == nil) else {
      throw ValidationError("--tls-certificate and --tls-key go together")
    }
  }

  func run() async throws {
    let log = LogFormat.makeLogger("docq-gateway")
    let data = try DataFolder.open(URL(fileURLWithPath: data))
    let keys = (ProcessInfo.processInfo.environment["DOCQ_API_KEYS"] ?? "").split(separator: ",")
    var configuration = GatewayConfiguration(
      host: host, port: port, apiKeyDigests: keys.map { APIKey.digest(of: $0.trimmingCharacters(in: .whitespaces)) })
    configuration.requiresKey = requireKey
    configuration.publicHosts = publicHost.map { $0.lowercased() }
    configuration.requestsPerMinute = rateLimit
    if let tlsCertificate, let tlsKey {
      configuration.tls = TLSFiles(certificate: tlsCertificate, key: tlsKey)
    }
    configuration.maxConnections = min(maxConnections, descriptorsForConnections())
    if configuration.maxConnections < maxConnections {
      log.warning(
        "only \(configuration.maxConnections) connections: the limit on open files (ulimit -n) allows no more")
    }
    let gateway: Gateway
    do {
      if !webhookHost.isEmpty {
        configuration.webhooks = try WebhookPolicy(allowed: webhookHost)
        let secret = try data.webhookSecret()
        guard let bytes = Data(base64Encoded: String(secret.dropFirst("whsec_".count))), !bytes.isEmpty else {
          throw ValidationError("\(data.root.path)/webhook-secret is damaged; delete it to get a new secret")
        }
        configuration.webhookSecret = bytes
      }
      gateway = try await Gateway(
        store: try SQLiteJobStore(data: data), blobs: try FileBlobStore(data: data),
        changes: try DoorbellListener(data), configuration: configuration, log: log)
    } catch let error as GatewayError {
      log.error("\(error)")
      throw ExitCode(2)
    }
    StopSignals.onSupervisorGone {
      gateway.drain()
      kill(getpid(), SIGTERM)
    }
    do {
      try await gateway.run { [host, scheme = tlsKey == nil ? "http" : "https"] port in
        log.info("listening on \(scheme)://\(host):\(port)")
      }
    } catch let error as GatewayError {
      log.error("\(error)")
      throw ExitCode(2)
    }
  }

  /// Raises the limit on open files to what this user may have, and says how many connections fit.
  private func descriptorsForConnections() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return maxConnections }
    limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, rlim_t(maxConnections + 512)))
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return max(16, Int(clamping: limit.rlim_cur) - 256)
  }
}
