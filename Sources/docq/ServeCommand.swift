import ArgumentParser
import Foundation
import JobHandlers
import JobQueue
import Logging

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Start the gateway and the workers on one data folder.",
    discussion: """
      Starts docq-gateway, docq-ingestor, docq-forecaster and docq-scorer, restarts what dies, and stops all of them
      on SIGTERM or Ctrl-C after running jobs had time to finish.

      EXAMPLES
        docq serve
        docq serve --data /srv/docq --port 9000
        docq keys create office --data /srv/docq && docq serve --data /srv/docq --host 0.0.0.0 \\
          --tls-certificate docq.pem --tls-key docq-key.pem
      """)

  @Option(help: "Folder for the queue and the uploads; created when missing.")
  var data = DataFolder.defaultPath
  @Option(help: "Address to listen on.")
  var host = "127.0.0.1"
  @Option(help: "Port to listen on.")
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
    guard (0...65535).contains(port) else { throw ValidationError("--port must be between 0 and 65535") }
  }

  func run() async throws {
    do {
      _ = try DataFolder.open(URL(fileURLWithPath: data))
    } catch {
      throw CommandFailure.failed("\(error)")
    }
    let log = LogFormat.makeLogger("docq")
    let folder = try executableFolder()
    let common = ["--data", data]
    let programs = try [
      ("docq-gateway", common + gatewayOptions),
      ("docq-ingestor", common), ("docq-forecaster", common), ("docq-scorer", common),
    ].map { name, arguments in
      let executable = folder.appendingPathComponent(name)
      guard FileManager.default.isExecutableFile(atPath: executable.path) else {
        throw CommandFailure.failed("\(SupervisorError.missingExecutable(name, folder: folder.path))")
      }
      return Supervisor.Program(name: name, executable: executable, arguments: arguments)
    }
    let supervisor = Supervisor(programs: programs, log: log)
    StopSignals.onStop {
      log.info("stopping")
      supervisor.stop()
    }
    do {
      try await supervisor.run()
    } catch let error as SupervisorError {
      throw CommandFailure.failed(error.description)
    }
  }

  private var gatewayOptions: [String] {
    var options = ["--host", host, "--port", "\(port)", "--max-connections", "\(maxConnections)"]
    if requireKey { options.append("--require-key") }
    if let rateLimit { options += ["--rate-limit", "\(rateLimit)"] }
    if let tlsCertificate, let tlsKey { options += ["--tls-certificate", tlsCertificate, "--tls-key", tlsKey] }
    for name in publicHost { options += ["--public-host", name] }
    for name in webhookHost { options += ["--webhook-host", name] }
    return options
  }

  /// The folder of the running executable; its companions stand beside it.
  private func executableFolder() throws -> URL {
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
  }
}
