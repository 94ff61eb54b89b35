import Foundation
import HummingbirdCore
import HummingbirdTLS

/// The certificate and the key that HTTPS is served with, as PEM files.
public struct TLSFiles: Sendable {
  /// The server's certificate first, then those that signed it.
  public var certificate: String
  public var key: String

  public init(certificate: String, key: String) {
    self.certificate = certificate
    self.key = key
  }

  /// TLS 1.2 and 1.3 with this certificate.
  /// - Throws: `GatewayError.badTLSFile` naming the file and what is wrong with it.
  func configuration() throws -> TLSConfiguration {
    let chain: [NIOSSLCertificate]
    do {
      chain = try NIOSSLCertificate.fromPEMBytes([UInt8](try bytes(of: certificate)))
    } catch let error as GatewayError {
      throw error
    } catch {
      throw GatewayError.badTLSFile(certificate, reason: "it holds no certificate in PEM")
    }
    let privateKey: NIOSSLPrivateKey
    do {
      privateKey = try NIOSSLPrivateKey(bytes: [UInt8](try bytes(of: key)), format: .pem)
    } catch let error as GatewayError {
      throw error
    } catch {
      throw GatewayError.badTLSFile(key, reason: "it holds no private key in PEM without a passphrase")
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
    configuration.minimumTLSVersion = .tlsv12
    do {
      // A channel that nobody uses: what would fail at the first connection fails now.
      _ = try TLSChannel(HTTP1Channel { _, _, _ in }, tlsConfiguration: configuration)
    } catch {
      throw GatewayError.badTLSFile(key, reason: "it is not the key of the certificate in \(certificate)")
    }
    return configuration
  }

  private func bytes(of path: String) throws -> Data {
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      let isThere = FileManager.default.fileExists(atPath: path)
      throw GatewayError.badTLSFile(path, reason: isThere ? "it cannot be read" : "there is no such file")
    }
  }
}
