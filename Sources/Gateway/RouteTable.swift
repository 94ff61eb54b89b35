import HTTPTypes
import Hummingbird

/// The routes as registered: one list for the router, for 405 answers, for metrics and for checking openapi.json.
struct RouteTable: Sendable {
  struct Entry: Sendable {
    var method: HTTPRequest.Method
    /// As in OpenAPI: "/jobs/{id}/result".
    var path: String
    var parts: [Substring.UTF8View]
  }

  /// By the number of parts of the path.
  private var entries: [Int: [Entry]] = [:]
  /// By the path as the router names it.
  private var access: [String: [HTTPRequest.Method: Access]] = [:]

  mutating func add(_ method: HTTPRequest.Method, _ routerPath: RouterPath, _ access: Access) {
    let path = routerPath.description
    let parts = Self.parts(path)
    entries[parts.count, default: []].append(Entry(method: method, path: path, parts: parts))
    self.access[path, default: [:]][method] = access
  }

  /// Who may use a route that the router found.
  func access(_ method: HTTPRequest.Method, _ path: String) -> Access { access[path]?[method] ?? .byMethod }

  /// The entries that a request's path falls under, one for each method: for paths that the router did not find.
  func entries(of path: String) -> [Entry] {
    let found = Self.parts(path)
    return (entries[found.count] ?? []).filter { entry in
      zip(entry.parts, found).allSatisfy { $0.first == UInt8(ascii: "{") || $0.elementsEqual($1) }
    }
  }

  private static func parts(_ path: String) -> [Substring.UTF8View] {
    path.utf8.split(separator: UInt8(ascii: "/"))
  }

  /// Methods that exist for a path.
  func methods(of path: String) -> [String] {
    var methods = entries(of: path).map(\.method.rawValue)
    if methods.contains("GET") { methods.append("HEAD") }
    return Array(Set(methods)).sorted()
  }
}
