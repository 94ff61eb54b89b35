import Foundation
import Gateway
import JobQueue
import Logging
import Testing

@Suite struct OpenAPITests {
  private func gateway(host: String = "127.0.0.1") async throws -> Gateway {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("docq-\(UUID().uuidString)")
    let data = try DataFolder.open(folder)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await Gateway(
      store: InMemoryJobStore(), blobs: try FileBlobStore(data: data), changes: try DoorbellListener(data),
      configuration: GatewayConfiguration(host: host), log: Logger(label: "test"))
  }

  private func described() throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Gateway.openAPI()) as? [String: Any])
  }

  @Test func everyRouteIsDescribedAndNoOther() async throws {
    let paths = try #require(try described()["paths"] as? [String: [String: Any]])
    let written = paths.flatMap { path, methods in methods.keys.map { "\($0.uppercased()) \(path)" } }
    #expect(Set(written) == Set(try await gateway().operations))
  }

  @Test func everyReferenceHasItsTarget() throws {
    let text = String(decoding: try Gateway.openAPI(), as: UTF8.self)
    let document = try described()
    let references = Set(text.matches(of: /"#\/components\/(\w+)\/(\w+)"/).map { [String($0.1), String($0.2)] })
    #expect(references.count > 10)
    let components = try #require(document["components"] as? [String: [String: Any]])
    for reference in references { #expect(components[reference[0]]?[reference[1]] != nil, "\(reference)") }
  }

  @Test func bothRoutesToADocumentNameTheSameTypes() throws {
    let paths = try #require(try described()["paths"] as? [String: [String: [String: Any]]])
    func types(_ path: String) throws -> Set<String> {
      let responses = try #require(paths[path]?["get"]?["responses"] as? [String: [String: Any]])
      return Set(try #require(responses["200"]?["content"] as? [String: Any]).keys)
    }
    #expect(try types("/documents/{id}") == types("/documents/{id}/annotations"))
    #expect(try types("/documents/{id}").isSuperset(of: ["text/csv", "application/x-latex"]))
  }

  @Test func beyondLoopbackAKeyIsRequired() async {
    await #expect(throws: GatewayError.keyRequired(host: "0.0.0.0")) { try await gateway(host: "0.0.0.0") }
  }
}
