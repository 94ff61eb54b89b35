import ArgumentParser
import DocqClient
import Foundation

/// `--server URL` sends the work to a server as a job; without it the work runs in this process.
struct RemoteOptions: ParsableArguments {
  @Option(help: "Send the work to this server (also: DOCQ_SERVER).")
  var server: String?
  @OptionGroup var trust: TrustOptions
  @Flag(help: "With --server: print the job's id and do not wait for the result.")
  var noWait = false

  /// The client when a server was named, else nil.
  func client() throws -> DocqClient? {
    let address = server ?? ProcessInfo.processInfo.environment["DOCQ_SERVER"]
    guard let address, !address.isEmpty else {
      guard !noWait else { throw CommandFailure.usage("--no-wait needs --server") }
      return nil
    }
    return try trust.makeClient(address)
  }
}

/// Whom to believe that it is the server.
struct TrustOptions: ParsableArguments {
  @Option(help: "PEM file of certificates that an HTTPS server's may be signed by (also: DOCQ_CA_CERTIFICATE).")
  var caCertificate: String?

  func makeClient(_ address: String) throws -> DocqClient {
    guard let url = URL(string: address), ["http", "https"].contains(url.scheme ?? ""), url.host != nil else {
      throw CommandFailure.usage("'\(address)' is not a server address: write for example http://127.0.0.1:8080")
    }
    let environment = ProcessInfo.processInfo.environment
    return DocqClient(
      server: url, apiKey: environment["DOCQ_API_KEY"],
      caCertificate: caCertificate ?? environment["DOCQ_CA_CERTIFICATE"])
  }
}

extension DocqClient {
  /// Hands work in and waits for it with a progress line; nil with `--no-wait`, which prints the job's id.
  func submit(_ request: RemoteRequest, label: String, options: RemoteOptions) async throws -> String? {
    let job = try await submit(request, onUpload: { Terminal.progress($0, "\(label) upload") })
    if options.noWait {
      Terminal.clearProgress()
      try Output.write(job.id + "\n")
      return nil
    }
    let done = try await wait(for: job.id) { Terminal.progress($0.progress, "\(label) \($0.stage ?? $0.state)") }
    Terminal.clearProgress()
    guard done.state == "succeeded" else {
      let message = done.error?.message ?? "job \(job.id) is \(done.state)"
      // What the server found wrong with the input is the input's fault here as well.
      throw done.error.map { $0.code == "internal" || $0.code == "lost" } ?? true
        ? CommandFailure.failed(message) : CommandFailure.unreadable(message)
    }
    return job.id
  }
}

/// Turns a client's errors into the statuses that the command line promises.
func reportingFailures<Value>(_ body: () async throws -> Value) async throws -> Value {
  do {
    return try await body()
  } catch {
    throw CommandFailure(describing: error)
  }
}
