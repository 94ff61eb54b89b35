import Foundation
import Testing

private let docq = products.appendingPathComponent("docq").path
private let openssl = "/usr/bin/openssl"
private let series = #"{"id": "a", "target": [1, 2, 3, 4, 5, 6, 7, 8], "prediction_length": 3}"#

/// HTTPS as curl and openssl see it, with a certificate that openssl made.
@Suite(.serialized, .enabled(if: FileManager.default.isExecutableFile(atPath: openssl))) struct TLSTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("docq-\(UUID().uuidString)")

  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  /// A certificate for 127.0.0.1 that signs itself, NAME.pem, and its key, NAME-key.pem.
  private func makeCertificate(_ name: String) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let made = try launch(
      openssl,
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=docq test", "-addext", "subjectAltName=IP:127.0.0.1", "-out", path("\(name).pem"),
        "-keyout", path("\(name)-key.pem"),
      ])
    #expect(made.status == 0, "\(made.errors)")
  }

  @Test func requestsAreAnsweredOverTLSAndOnlyThere() async throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try makeCertificate("docq")
    let service = try await RunningService(
      ["--tls-certificate", path("docq.pem"), "--tls-key", path("docq-key.pem")], caCertificate: path("docq.pem"))
    let address = "https://127.0.0.1:\(service.port)"
    func curl(_ arguments: String...) throws -> Outcome {
      try launch("/usr/bin/curl", ["-sS", "--max-time", "20"] + arguments)
    }
    #expect(try curl("--cacert", path("docq.pem"), "\(address)/livez").output == "ok\n")
    // 60: the certificate is not one that this system knows.
    #expect(try curl("\(address)/livez").status == 60)
    #expect(try curl("http://127.0.0.1:\(service.port)/livez").status != 0)
    // Curl as Debian builds it cannot go below TLS 1.2 at all; openssl can.
    for (version, isSpoken) in [("-tls1_3", true), ("-tls1_2", true), ("-tls1_1", false)] {
      let result = try launch(
        openssl, ["s_client", "-connect", "127.0.0.1:\(service.port)", "-cipher", "ALL:@SECLEVEL=0", version])
      #expect((result.status == 0) == isSpoken, "\(version): \(result.errors)")
    }

    // The command line, with and without the certificate.
    let forecast = ["forecast", "-", "--model", "naive", "--server", address]
    let trusting = try launch(docq, forecast + ["--ca-certificate", path("docq.pem")], input: series)
    #expect(trusting.status == 0 && trusting.output.contains("\"quantile_levels\""), "\(trusting.errors)")
    let doubting = try launch(docq, forecast, input: series)
    #expect(doubting.status == 4 && doubting.errors.contains("--ca-certificate"))
    let listed = try launch(docq, ["jobs", "list", "--server", address, "--ca-certificate", path("docq.pem")])
    #expect(listed.status == 0 && listed.output.contains("forecast"))
    #expect(try await service.stop())
  }

  @Test func filesThatCannotServeAreNamed() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try makeCertificate("docq")
    try makeCertificate("other")
    try Data("no PEM".utf8).write(to: folder.appendingPathComponent("text.pem"))
    func start(_ certificate: String, _ key: String) throws -> Outcome {
      try launch(
        docq,
        [
          "serve", "--data", path("data"), "--port", "0", "--tls-certificate", path(certificate), "--tls-key",
          path(key),
        ])
    }
    for (certificate, key, message) in [
      ("missing.pem", "docq-key.pem", "missing.pem: there is no such file"),
      ("docq.pem", "missing.pem", "missing.pem: there is no such file"),
      ("text.pem", "docq-key.pem", "text.pem: it holds no certificate"),
      ("docq.pem", "text.pem", "text.pem: it holds no private key"),
      ("docq.pem", "other-key.pem", "other-key.pem: it is not the key of the certificate"),
    ] {
      let result = try start(certificate, key)
      #expect(result.status == 1 && result.errors.contains(message), "\(result.errors)")
    }
    let half = try launch(docq, ["serve", "--data", path("data"), "--tls-certificate", path("docq.pem")])
    #expect(half.status == 2 && half.errors.contains("--tls-certificate and --tls-key go together"))
  }
}
