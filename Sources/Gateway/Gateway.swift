import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import JobQueue
import Logging
import NIOCore
import Synchronization

/// The REST front of the queue: takes requests in as jobs, gives their states and results out.
///
/// It loads no model and parses no document.
public struct Gateway: Sendable {
  typealias Context = GatewayContext

  let store: any JobStore
  let blobs: any BlobStore
  let changes: any ChangeSignal
  let configuration: GatewayConfiguration
  let log: Logger
  let metrics = GatewayMetrics()
  let draining = Draining()
  let keys: KeyRing

  /// - Throws: `GatewayError.keyRequired` for an address beyond loopback without a key.
  public init(
    store: any JobStore, blobs: any BlobStore, changes: any ChangeSignal, configuration: GatewayConfiguration,
    log: Logger
  ) async throws {
    keys = KeyRing(store: store, fixedDigests: configuration.apiKeyDigests)
    if configuration.needsKey, try await keys.isEmpty() { throw GatewayError.keyRequired(host: configuration.host) }
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
      server: try makeServer(),
      configuration: .init(
        address: .hostname(configuration.host, port: configuration.port), serverName: "docq",
        availableConnectionsDelegate: .maximum(configuration.maxConnections, logger: log)),
      onServerRunning: { channel in onListening(channel.localAddress?.port ?? 0) },
      logger: Logger(label: log.label) { _ in WarningsOnly(log: log) })
    let courier = WebhookCourier(
      store: store, changes: changes, policy: configuration.webhooks, secret: configuration.webhookSecret, log: log)
    let deliveries = Task { await courier.run() }
    defer { deliveries.cancel() }
    do {
      try await application.runService()
    } catch let error as IOError {
      throw GatewayError.cannotListen(
        host: configuration.host, port: configuration.port, reason: String(cString: strerror(error.errnoCode)))
    }
  }

  private func makeServer() throws -> HTTPServerBuilder {
    let (limits, metrics) = (configuration.deadlines, metrics)
    let server = HTTPServerBuilder { responder in
      EventLoopChannel(
        base: HTTP1Channel(
          responder: responder,
          configuration: .init(
            additionalChannelHandlers: [ConnectionDeadlines(limits: limits) { metrics.countSlowConnection() }],
            idleTimeout: .seconds(60),
            httpDecoderConfiguration: .init(maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 64 << 10))))
    }
    guard let tls = configuration.tls else { return server }
    return try .tls(server, tlsConfiguration: try tls.configuration())
  }

  /// Refuses new work in time: running jobs need room for their results.
  ///
  /// - Throws: `BlobError.diskFull`.
  func checkRoom(for bytes: Int) throws {
    if let free = blobs.freeBytes, free < bytes + DiskReserve.margin { throw BlobError.diskFull }
  }

  /// Stops being ready: /readyz says 503 from now on.
  public func drain() { draining.begin() }

  private var routes: [Route] {
    // The router looks through them in this order.
    JobRoutes(gateway: self).routes + SubmitRoutes(gateway: self).routes + TrainRoutes(gateway: self).routes
      + DocumentRoutes(gateway: self).routes + QueueRoutes(gateway: self).routes
      + InferRoutes(gateway: self).routes + ServiceRoutes(gateway: self).routes
  }

  /// "GET /jobs/{id}" and so on, without the versioned twins.
  package var operations: [String] { routes.map { "\($0.method.rawValue) \($0.path)" } }

  /// The OpenAPI document that is served.
  package static func openAPI() throws -> Data { try GatewayResource.openAPI.data() }

  func makeRouter() throws -> Router<Context> {
    let router = Router(context: Context.self, options: .autoGenerateHeadEndpoints)
    var table = RouteTable()
    for route in routes {
      for prefix in route.isVersioned ? ["", "/v1"] : [""] {
        table.add(route.method, RouterPath(prefix + route.path), route.access)
      }
    }
    router.add(
      middleware: RequestGuard(
        configuration: configuration, routes: table, keys: keys, limiter: RateLimiter(), metrics: metrics, log: log))
    for route in routes {
      for prefix in route.isVersioned ? ["", "/v1"] : [""] {
        router.on(RouterPath(prefix + route.path), method: route.method) { request, context in
          if route.isShort { return try await route.answer(request, context) }
          return try await withTaskExecutorPreference(globalConcurrentExecutor) {
            try await route.answer(request, context)
          }
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
  var access = Access.byMethod
  /// Done within a fraction of a millisecond, without waiting for a disk or another thread.
  var isShort = false
  var answer: @Sendable (Request, Gateway.Context) async throws -> Response
}

/// Who may use a route.
enum Access: Sendable {
  /// Everybody, without a key.
  case open
  /// Reading needs the scope `read`, everything else `submit`.
  case byMethod
  case scope(APIKey.Scope)
}

/// Set once the service is about to stop.
final class Draining: Sendable {
  private let flag = Atomic(false)
  var hasBegun: Bool { flag.load(ordering: .relaxed) }
  func begin() { flag.store(true, ordering: .relaxed) }
}

/// What Hummingbird logs: every request at debug level, of which warnings are enough. The number that it gives to every
/// request is dropped: requests have an id of ours.
private struct WarningsOnly: LogHandler {
  let log: Logger
  var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }
  var logLevel = Logger.Level.warning

  subscript(metadataKey _: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }

  func log(event: LogEvent) {
    log.log(
      level: event.level, event.message, metadata: event.metadata, source: event.source, file: event.file,
      function: event.function, line: event.line)
  }
}
