import HTTPTypes
import Hummingbird

/// The routes as registered: one list for the router, for 405 answers, for metrics and for checking openapi.json.
struct RouteTable: Sendable {
  struct Entry: Sendable {
    var method: HTTPRequest.Method
    /// As in OpenAPI: "/jobs/{id}/result".
    var path: String
  }

  private(set) var entries: [Entry] = []

  mutating func add(_ method: HTTPRequest.Method, _ path: String) {
    entries.append(Entry(method: method, path: path))
  }

  /// The pattern that a request's path falls under.
  func pattern(of path: String) -> String? {
    entries.first { matches($0.path, path) }?.path
  }

  /// Methods that exist for a path.
  func methods(of path: String) -> [String] {
    var methods = entries.filter { matches($0.path, path) }.map(\.method.rawValue)
    if methods.contains("GET") { methods.append("HEAD") }
    return Array(Set(methods)).sorted()
  }

  private func matches(_ pattern: String, _ path: String) -> Bool {
    let wanted = pattern.split(separator: "/"), found = path.split(separator: "/")
    return wanted.count == found.count && zip(wanted, found).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
  }
}
