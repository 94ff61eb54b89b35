import Foundation
import HTTPTypes
import Hummingbird
import JobQueue
import Logging
import NIOCore
import Synchronization

/// The REST front of the queue: takes requests in as jobs, gives their states and results out.
///
/// It loads no model and parses no document.
public struct Gateway: Sendable {
  typealias Context = BasicRequestContext

  let store: any JobStore
  let blobs: any BlobStore
  let changes: any ChangeSignal
  let configuration: GatewayConfiguration
  let log: Logger
  let metrics = GatewayMetrics()
  let draining = Draining()

  /// - Throws: `GatewayError.keyRequired` for an address beyond loopback without a key.
  public init(
    store: any JobStore, blobs: any BlobStore, changes: any ChangeSignal, configuration: GatewayConfiguration,
    log: Logger
  ) throws {
    guard configuration.isLoopback || !configuration.apiKeyDigests.isEmpty else {
      throw GatewayError.keyRequired(host: configuration.host)
    }
    self.store = store
    self.blobs = blobs
    self.changes = changes
    self.configuration = configuration
    self.log = log
  }

  /// Serves until SIGTERM or SIGINT. `onListening` is called with the port once connections are accepted.
  public func run(onListening: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
    let application = Application(
      router: try makeRouter(),
      server: .http1(configuration: .init(idleTimeout: .seconds(60))),
      configuration: .init(
        address: .hostname(configuration.host, port: configuration.port), serverName: "docq",
        availableConnectionsDelegate: .maximum(10_000, logger: log)),
      onServerRunning: { channel in onListening(channel.localAddress?.port ?? 0) },
      logger: quiet(log))
    do {
      try await application.runService()
    } catch let error as IOError {
      throw GatewayError.cannotListen(
        host: configuration.host, port: configuration.port, reason: String(cString: strerror(error.errnoCode)))
    }
  }

  /// Stops being ready: /readyz says 503 from now on.
  public func drain() { draining.begin() }

  /// Hummingbird logs every request at debug level; warnings are enough.
  private func quiet(_ log: Logger) -> Logger {
    var log = log
    log.logLevel = max(log.logLevel, .warning)
    return log
  }

  private var routes: [Route] {
    SubmitRoutes(gateway: self).routes + JobRoutes(gateway: self).routes + ServiceRoutes(gateway: self).routes
  }

  /// "GET /jobs/{id}" and so on, without the versioned twins.
  package var operations: [String] { routes.map { "\($0.method.rawValue) \($0.path)" } }

  /// The OpenAPI document that is served.
  package static func openAPI() throws -> Data { try GatewayResource.openAPI.data() }

  func makeRouter() throws -> Router<Context> {
    let router = Router(context: Context.self, options: .autoGenerateHeadEndpoints)
    var table = RouteTable()
    for route in routes {
      for prefix in route.isVersioned ? ["", "/v1"] : [""] { table.add(route.method, prefix + route.path) }
    }
    router.add(
      middleware: RequestGuard(configuration: configuration, routes: table, metrics: metrics, log: log))
    for route in routes {
      for prefix in route.isVersioned ? ["", "/v1"] : [""] {
        router.on(RouterPath(prefix + route.path), method: route.method) { request, context in
          try await route.answer(request, context)
        }
      }
    }
    return router
  }
}

/// One line of the routing table. Paths are written as in OpenAPI.
struct Route: Sendable {
  var method: HTTPRequest.Method
  var path: String
  /// Also under /v1.
  var isVersioned = true
  var answer: @Sendable (Request, Gateway.Context) async throws -> Response
}

/// Set once the service is about to stop.
final class Draining: Sendable {
  private let flag = Atomic(false)
  var hasBegun: Bool { flag.load(ordering: .relaxed) }
  func begin() { flag.store(true, ordering: .relaxed) }
}
