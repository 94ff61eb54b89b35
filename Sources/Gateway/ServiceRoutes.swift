import Foundation
import HTTPTypes
import Hummingbird
import JobQueue

/// Health, metrics, the API's description and the web page.
struct ServiceRoutes: Sendable {
  let gateway: Gateway

  var routes: [Route] {
    [
      Route(method: .get, path: "/livez", isVersioned: false, access: .open) { _, _ in
        JSONOutput.data(Data("ok\n".utf8), contentType: "text/plain; charset=utf-8")
      },
      Route(method: .get, path: "/readyz", isVersioned: false, access: .open) { _, _ in try await ready() },
      Route(method: .get, path: "/metrics", isVersioned: false, access: .scope(.admin)) { _, _ in
        let now = WallClock.milliseconds()
        let text = gateway.metrics.text(
          jobs: try await gateway.store.counts(),
          ages: try await gateway.store.oldestDue().mapValues { max(0, Double(now - $0) / 1000) })
        return JSONOutput.data(Data(text.utf8), contentType: "text/plain; version=0.0.4; charset=utf-8")
      },
      Route(method: .get, path: "/openapi.json", isVersioned: false, access: .open) { _, _ in
        JSONOutput.data(try GatewayResource.openAPI.data(), contentType: "application/json")
      },
      Route(method: .get, path: "/docs", isVersioned: false, access: .open) { _, _ in try page(.documentation) },
      Route(method: .get, path: "/", isVersioned: false, access: .open) { _, _ in try page(.home) },
    ]
  }

  private func ready() async throws -> Response {
    guard !gateway.draining.hasBegun else { throw Problem(503, "stopping", "the service is stopping") }
    do {
      _ = try await gateway.store.counts()
    } catch {
      throw Problem(503, "store", "the queue does not answer: \(error)")
    }
    return JSONOutput.data(Data("ready\n".utf8), contentType: "text/plain; charset=utf-8")
  }

  private func page(_ resource: GatewayResource) throws -> Response {
    var response = JSONOutput.data(try resource.data(), contentType: "text/html; charset=utf-8")
    response.headers[.securityPolicy] =
      "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
      + "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    return response
  }
}

/// Files that the gateway carries.
enum GatewayResource: String {
  case openAPI = "openapi.json"
  case documentation = "docs.html"
  case home = "index.html"

  func data() throws -> Data {
    guard let url = Bundle.module.url(forResource: "Resources/\(rawValue)", withExtension: nil) else {
      throw Problem(500, "resource", "\(rawValue) is missing from this installation")
    }
    return try Data(contentsOf: url)
  }
}
