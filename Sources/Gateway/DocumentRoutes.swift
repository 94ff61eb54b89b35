import Foundation
import HTTPTypes
import Hummingbird
import JobQueue

/// The routes about the documents that ingest jobs made: formats, pages, figures.
struct DocumentRoutes: Sendable {
  let gateway: Gateway
  private var jobs: JobRoutes { JobRoutes(gateway: gateway) }

  var routes: [Route] {
    [
      Route(method: .get, path: "/documents/{id}") { request, context in
        try await jobs.result(try await document(context), request)
      },
      Route(method: .get, path: "/documents/{id}/annotations") { request, context in
        try await jobs.result(try await document(context), request)
      },
      Route(method: .get, path: "/documents/{id}/pages/{page}") { request, context in try await page(request, context)
      },
      Route(method: .get, path: "/documents/{id}/figures") { request, context in try await figures(request, context) },
      Route(method: .get, path: "/documents/{id}/figures/{figure}") { request, context in
        try await figure(request, context)
      },
    ]
  }

  private func document(_ context: Gateway.Context) async throws -> Job {
    let job = try await jobs.job(context)
    guard job.kind == .ingest else {
      throw Problem(404, "no-document", "job \(job.id) is of kind \(job.kind.rawValue): it made no document")
    }
    return job
  }

  /// What was made of a document; a problem for one that is not there yet or could not be read.
  private func parts(_ context: Gateway.Context) async throws -> DocumentParts {
    let result = try await jobs.result(of: try await document(context))
    return try JSONDecoder().decode(DocumentParts.self, from: result.body)
  }

  private func page(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let name = try context.parameters.require("page")
    guard name.hasSuffix(".png") || name.hasSuffix(".svg"), let number = Int(name.dropLast(4)), number > 0 else {
      throw Problem(404, "no-page", "pages are named 1.png, 1.svg, 2.png, ...")
    }
    let parts = try await parts(context)
    guard number <= parts.pageCount else {
      throw Problem(404, "no-page", "there is no page \(number): the document has \(parts.pageCount)")
    }
    if name.hasSuffix(".svg") { return try await drawing(of: number, parts, request) }
    guard let blob = parts.pages["\(number)"] else {
      throw Problem(404, "no-page", "there is no image of page \(number); send the document with ?images=true")
    }
    return JSONOutput.tagged(try await gateway.blobs.read(blob), contentType: "image/png", tag: blob, request)
  }

  private func drawing(of number: Int, _ parts: DocumentParts, _ request: Request) async throws -> Response {
    guard let place = parts.overlay.pages["\(number)"] else {
      throw Problem(404, "no-page", "page \(number) is not among the pages that were read")
    }
    guard place.count == 3, parts.overlay.blobs.indices.contains(place[0]) else { throw Self.damaged(number) }
    let blob = parts.overlay.blobs[place[0]]
    let all = try await gateway.blobs.read(blob)
    guard place[1] >= 0, place[2] >= 0, place[1] + place[2] <= all.count else { throw Self.damaged(number) }
    let start = all.startIndex + place[1]
    var response = JSONOutput.tagged(
      all.subdata(in: start..<(start + place[2])), contentType: "image/svg+xml", tag: "\(blob)-\(number)", request)
    response.headers[.securityPolicy] = DocumentParts.securityPolicy
    return response
  }

  private static func damaged(_ page: Int) -> Problem {
    Problem(500, "damaged", "the drawing of page \(page) is damaged")
  }

  /// Where the pictures of the figures are, and their captions.
  private func figures(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let id = try context.parameters.require("id")
    let figures = try await parts(context).figures.enumerated().map { index, figure in
      FigureView(
        number: index + 1, page: figure.page, bbox: figure.bbox, caption: figure.caption,
        href: "/v1/documents/\(id)/figures/\(index + 1).png")
    }
    return JSONOutput.tagged(
      try JSONOutput.encoder.encode(["figures": figures]), contentType: "application/json", request)
  }

  private func figure(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let name = try context.parameters.require("figure")
    guard name.hasSuffix(".png"), let number = Int(name.dropLast(4)), number > 0 else {
      throw Problem(404, "no-figure", "figures are named 1.png, 2.png, ...")
    }
    let figures = try await parts(context).figures
    guard number <= figures.count else {
      throw Problem(404, "no-figure", "there is no figure \(number): \(figures.count) were found")
    }
    let blob = figures[number - 1].blob
    return JSONOutput.tagged(try await gateway.blobs.read(blob), contentType: "image/png", tag: blob, request)
  }
}

/// A figure as it is listed.
private struct FigureView: Encodable {
  var number: Int
  var page: Int
  var bbox: [Double]
  var caption: String?
  var href: String
}

/// The result of an ingest job: a blob for each format, and pictures.
struct DocumentParts: Decodable {
  static let contentType = "application/vnd.docq.document+json"
  /// What came out of a document is shown, not run; its pictures may come from here.
  static let securityPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data: 'self'"
  private static let types: [(format: String, accept: String, contentType: String)] = [
    ("json", "application/json", "application/json"), ("markdown", "text/markdown", "text/markdown; charset=utf-8"),
    ("html", "text/html", "text/html; charset=utf-8"), ("text", "text/plain", "text/plain; charset=utf-8"),
    ("docgenome", "application/vnd.docgenome+json", "application/json"),
    ("coco", "application/vnd.coco+json", "application/json"), ("latex", "application/x-latex", "application/x-latex"),
    ("csv", "text/csv", "text/csv; charset=utf-8"),
  ]

  var pageCount: Int
  var formats: [String: String]
  var pages: [String: String]
  var overlay: Overlay
  var figures: [Figure]

  /// Pages with what was found on them: which blob, where in it each begins, and how long it is.
  struct Overlay: Decodable {
    var blobs: [String]
    var pages: [String: [Int]]
  }

  struct Figure: Decodable {
    var page: Int
    var bbox: [Double]
    var caption: String?
    var blob: String
  }

  /// Refuses a `?format=` that no result has.
  static func checkName(_ request: Request) throws {
    guard let wanted = request.uri.queryParameters["format"], !types.contains(where: { $0.format == wanted }) else {
      return
    }
    throw Problem(
      406, "no-format",
      "there is no format '\(wanted.prefix(40))'; there are \(types.map(\.format).joined(separator: ", "))")
  }

  /// By `?format=`, else by Accept, else JSON.
  func choose(_ request: Request) throws -> (format: String, contentType: String) {
    let names = Self.types.map(\.format).joined(separator: ", ")
    if let wanted = request.uri.queryParameters["format"], let type = Self.types.first(where: { $0.format == wanted }) {
      return (type.format, type.contentType)
    }
    let accepted = (request.headers[.accept] ?? "*/*").split(separator: ",").map {
      $0.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
    }
    // A browser's address bar accepts HTML first, which is what a person wants to see.
    for wanted in accepted {
      if wanted == "*/*" || wanted == "application/*" { return ("json", "application/json") }
      if let type = Self.types.first(where: { $0.accept == wanted }) { return (type.format, type.contentType) }
    }
    throw Problem(406, "no-format", "none of the accepted types can be made; there are \(names)")
  }
}
