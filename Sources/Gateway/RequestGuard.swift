import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import Logging

/// The outermost middleware: request ids, who may come in, errors as problems, counts, security headers.
struct RequestGuard<Context: RequestContext>: RouterMiddleware {
  let configuration: GatewayConfiguration
  let routes: RouteTable
  let metrics: GatewayMetrics
  let log: Logger

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    let requestID = incomingID(request) ?? UUID().uuidString.lowercased()
    let started = ContinuousClock.now
    var response: Response
    do {
      try admit(request)
      response = try await next(request, context)
    } catch {
      let problem = problem(for: error, request)
      if problem.status >= 500 {
        log.error("\(request.method) \(request.uri.path): \(error)", metadata: ["request": "\(requestID)"])
      }
      response = problem.response(requestID: requestID)
    }
    response.headers[.requestID] = requestID
    response.headers[.contentTypeOptions] = "nosniff"
    response.headers[.referrerPolicy] = "no-referrer"
    if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
    metrics.count(
      method: request.method.rawValue, route: routes.pattern(of: request.uri.path) ?? "other",
      status: response.status.code, seconds: (ContinuousClock.now - started).inSeconds)
    return response
  }

  private func problem(for error: any Error, _ request: Request) -> Problem {
    if let error = error as? HTTPError, error.status == .notFound, error.body == nil {
      let allowed = routes.methods(of: request.uri.path)
      guard allowed.isEmpty else {
        return Problem(
          405, "method-not-allowed", "\(request.method) is not possible here; use \(allowed.joined(separator: ", "))",
          headers: [HTTPField(name: .allow, value: allowed.joined(separator: ", "))])
      }
      return Problem(404, "no-such-route", "there is nothing at \(request.uri.path.prefix(200)); see /docs")
    }
    return Problem(describing: error)
  }

  private func incomingID(_ request: Request) -> String? {
    guard let id = request.headers[.requestID], (1...128).contains(id.count),
      id.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) })
    else { return nil }
    return id
  }

  private func admit(_ request: Request) throws {
    if configuration.isLoopback {
      // A web page elsewhere may point its own name at 127.0.0.1 (DNS rebinding): only our names come in.
      let name = hostName(request.head.authority ?? "")
      guard ["localhost", "127.0.0.1", "[::1]", configuration.host].contains(name) else {
        throw Problem(421, "wrong-host", "this server answers for localhost, not for '\(name.prefix(100))'")
      }
    }
    if request.method != .get, request.method != .head, let origin = request.headers[.origin],
      let authority = request.head.authority, origin != "http://\(authority)", origin != "https://\(authority)"
    {
      throw Problem(403, "cross-origin", "requests from pages of '\(origin.prefix(100))' are not accepted")
    }
    let isOpen = ["/livez", "/readyz"].contains(request.uri.path)
    guard configuration.apiKeyDigests.isEmpty || isOpen || hasKey(request) else {
      throw Problem(
        401, "no-key", "an API key is needed: send 'Authorization: Bearer dq_...'",
        headers: [HTTPField(name: .wwwAuthenticate, value: "Bearer")])
    }
  }

  private func hasKey(_ request: Request) -> Bool {
    guard let value = request.headers[.authorization], value.lowercased().hasPrefix("bearer ") else { return false }
    let digest = SHA256.hash(data: Data(value.dropFirst(7).utf8)).map { String(format: "%02x", $0) }.joined()
    return configuration.apiKeyDigests.contains(digest)
  }

  private func hostName(_ authority: String) -> String {
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") { return String(authority[...end]) }
    return String(authority.prefix { $0 != ":" }).lowercased()
  }
}

extension HTTPField.Name {
  static let requestID = HTTPField.Name("X-Request-Id")!
  static let contentTypeOptions = HTTPField.Name("X-Content-Type-Options")!
  static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
  static let prefer = HTTPField.Name("Prefer")!
  static let preferenceApplied = HTTPField.Name("Preference-Applied")!
  static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
  static let documentPassword = HTTPField.Name("X-Document-Password")!
  static let lastEventID = HTTPField.Name("Last-Event-ID")!
  static let securityPolicy = HTTPField.Name("Content-Security-Policy")!
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
