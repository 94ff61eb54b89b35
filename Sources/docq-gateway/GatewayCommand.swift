import ArgumentParser
import Crypto
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

  func run() async throws {
    let log = LogFormat.makeLogger("docq-gateway")
    let data = try DataFolder.open(URL(fileURLWithPath: data))
    let keys = (ProcessInfo.processInfo.environment["DOCQ_API_KEYS"] ?? "").split(separator: ",")
    let digests = keys.map { key in
      SHA256.hash(data: Data(key.trimmingCharacters(in: .whitespaces).utf8)).map { String(format: "%02x", $0) }.joined()
    }
    let gateway: Gateway
    do {
      gateway = try Gateway(
        store: try SQLiteJobStore(data: data), blobs: try FileBlobStore(data: data),
        changes: try DoorbellListener(data),
        configuration: GatewayConfiguration(host: host, port: port, apiKeyDigests: digests), log: log)
    } catch let error as GatewayError {
      throw ValidationError(error.description)
    }
    StopSignals.onSupervisorGone {
      gateway.drain()
      kill(getpid(), SIGTERM)
    }
    do {
      try await gateway.run { [host] port in log.info("listening on http://\(host):\(port)") }
    } catch let error as GatewayError {
      log.error("\(error)")
      throw ExitCode(2)
    }
  }
}
