import Foundation
import HTTPTypes
import Hummingbird
import JobQueue
import Logging

/// The outermost middleware: request ids, who may come in, errors as problems, counts, security headers.
struct RequestGuard: RouterMiddleware {
  typealias Context = GatewayContext

  let configuration: GatewayConfiguration
  let routes: RouteTable
  let keys: KeyRing
  let limiter: RateLimiter
  let metrics: GatewayMetrics
  let log: Logger

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    let requestID = incomingID(request) ?? RandomDigits.make(2)
    let started = ContinuousClock.now
    let route = context.endpointPath ?? routes.entries(of: request.uri.path).first?.path ?? "other"
    let method: HTTPRequest.Method = request.method == .head ? .get : request.method
    var context = context
    context.origin = JobOrigin(
      requestID: requestID, traceparent: TraceContext.next(after: request.headers[.traceparent]))
    var response: Response
    do {
      try checkSender(request)
      context.caller = try await caller(request)
      try admit(context.caller, method, routes.access(method, route))
      response = try await next(request, context)
    } catch {
      let problem = problem(for: error, request)
      if problem.status >= 500 {
        log.error(
          "\(request.method) \(request.uri.path): \(error)",
          metadata: ["request": "\(requestID)", "trace_id": "\(context.origin.traceID ?? "")"])
      }
      response = problem.response(requestID: requestID)
    }
    response.headers[.requestID] = requestID
    response.headers[.traceparent] = context.origin.traceparent
    response.headers[.contentTypeOptions] = "nosniff"
    response.headers[.referrerPolicy] = "no-referrer"
    if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
    let elapsed = ContinuousClock.now - started
    metrics.count(
      method: methods.contains(request.method) ? request.method.rawValue : "other",
      route: route, status: response.status.code, seconds: elapsed.inSeconds)
    log.debug(
      "\(request.method) \(request.uri.path) \(response.status.code)",
      metadata: [
        "request": "\(requestID)", "trace_id": "\(context.origin.traceID ?? "")", "key": "\(context.caller.owner)",
        "ms": "\(Int(elapsed.inSeconds * 1000))",
      ])
    return response
  }

  private let ownNames = ["localhost", "127.0.0.1", "[::1]"]
  // Anything else would let a sender make up label values without end.
  private let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options]

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

  private func checkSender(_ request: Request) throws {
    if configuration.isLoopback {
      // A web page elsewhere may point its own name at 127.0.0.1 (DNS rebinding): only our names come in.
      let name = hostName(request.head.authority ?? "")
      guard ownNames.contains(name) || name == configuration.host || configuration.publicHosts.contains(name) else {
        throw Problem(421, "wrong-host", "this server answers for localhost, not for '\(name.prefix(100))'")
      }
    }
    if request.method != .get, request.method != .head, let origin = request.headers[.origin],
      let authority = request.head.authority, origin != "http://\(authority)", origin != "https://\(authority)"
    {
      throw Problem(403, "cross-origin", "requests from pages of '\(origin.prefix(100))' are not accepted")
    }
  }

  private func caller(_ request: Request) async throws -> Caller {
    guard let value = request.headers[.authorization] else { return configuration.needsKey ? .nobody : .local }
    guard value.lowercased().hasPrefix("bearer "), let caller = try await keys.caller(with: value.dropFirst(7)) else {
      throw Problem(
        401, "bad-key", "this API key is unknown or revoked: send 'Authorization: Bearer dq_...'",
        headers: [HTTPField(name: .wwwAuthenticate, value: "Bearer error=\"invalid_token\"")])
    }
    return caller
  }

  private func admit(_ caller: Caller, _ method: HTTPRequest.Method, _ access: Access) throws {
    let scope: APIKey.Scope
    switch access {
    case .open: return
    case .byMethod: scope = method == .get ? .read : .submit
    case .scope(let needed): scope = needed
    }
    guard !caller.scopes.isEmpty else {
      throw Problem(
        401, "no-key", "an API key is needed: send 'Authorization: Bearer dq_...'",
        headers: [HTTPField(name: .wwwAuthenticate, value: "Bearer")])
    }
    guard caller.may(scope) else {
      throw Problem(
        403, "scope", "this API key may not do that: it needs the scope '\(scope.rawValue)'",
        headers: [HTTPField(name: .wwwAuthenticate, value: "Bearer error=\"insufficient_scope\"")])
    }
    guard let limit = caller.requestsPerMinute ?? configuration.requestsPerMinute,
      let seconds = limiter.delay(for: caller.owner, perMinute: limit)
    else { return }
    throw Problem(
      429, "rate-limit", "more than \(limit) requests a minute; try again in \(seconds) s",
      headers: [HTTPField(name: .retryAfter, value: "\(seconds)")])
  }

  private func hostName(_ authority: String) -> String {
    let bytes = authority.utf8
    if bytes.first == UInt8(ascii: "["), let end = bytes.firstIndex(of: UInt8(ascii: "]")) {
      return String(authority[...end])
    }
    return authority[..<(bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex)].lowercased()
  }
}

extension HTTPField.Name {
  static let requestID = HTTPField.Name("X-Request-Id")!
  static let traceparent = HTTPField.Name("traceparent")!
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
