import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import JobQueue

/// An error as `application/problem+json` (RFC 9457).
struct Problem: Error, Encodable, Sendable {
  struct Field: Encodable, Sendable {
    /// JSON pointer (RFC 6901) into the request.
    var pointer: String
    var detail: String

    /// "/target/3: must be a number"; the whole body has the empty pointer.
    var description: String { pointer.isEmpty ? "the body: \(detail)" : "\(pointer): \(detail)" }
  }

  var status: Int
  /// A stable word for programs.
  var code: String
  var title: String
  var detail: String
  var errors: [Field]?
  var requestID: String?
  var headers: [HTTPField] = []

  init(_ status: Int, _ code: String, _ detail: String, errors: [Field]? = nil, headers: [HTTPField] = []) {
    self.status = status
    self.code = code
    self.detail = detail
    self.errors = errors
    self.headers = headers
    title = Self.titles[status] ?? "Error"
  }

  private static let titles = [
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    406: "Not Acceptable", 409: "Conflict", 410: "Gone", 413: "Content Too Large", 415: "Unsupported Media Type",
    421: "Misdirected Request", 422: "Unprocessable Content", 429: "Too Many Requests",
    500: "Internal Server Error", 503: "Service Unavailable", 507: "Insufficient Storage",
  ]

  private enum CodingKeys: String, CodingKey {
    case type, title, status, detail, code, errors
    case requestID = "request_id"
  }

  func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode("urn:docq:problem:\(code)", forKey: .type)
    try values.encode(title, forKey: .title)
    try values.encode(status, forKey: .status)
    try values.encode(detail, forKey: .detail)
    try values.encode(code, forKey: .code)
    try values.encodeIfPresent(errors, forKey: .errors)
    try values.encodeIfPresent(requestID, forKey: .requestID)
  }

  func response(requestID: String) -> Response {
    var problem = self
    problem.requestID = requestID
    let body = (try? JSONOutput.encoder.encode(problem)) ?? Data("{}".utf8)
    var fields = HTTPFields()
    fields[.contentType] = "application/problem+json"
    for field in headers { fields.append(field) }
    return Response(
      status: .init(code: status), headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }

  /// What a store or a blob store refused, in HTTP's terms.
  init(describing error: any Error) {
    let later = [HTTPField(name: .retryAfter, value: "5")]
    switch error {
    case let problem as Problem: self = problem
    case JobStoreError.notFound(let id): self = .noSuchJob(id)
    case JobStoreError.wrongState(let id, let state):
      self.init(409, "wrong-state", "job \(id) is \(state.rawValue)")
    case JobStoreError.idempotencyConflict:
      self.init(422, "idempotency-conflict", "this Idempotency-Key was used with another request; choose a new one")
    case JobStoreError.queueFull(let limit):
      self.init(429, "queue-full", "the queue holds \(limit) jobs already; try again later", headers: later)
    case JobStoreError.draining(let kind):
      self.init(503, "draining", "no \(kind.rawValue) jobs are taken in at the moment; try again later", headers: later)
    case JobStoreError.noSuchDependency(let id):
      self.init(422, "no-such-dependency", "after: there is no job '\(id.prefix(80))'")
    case JobStoreError.dependencyFailed(_, let other):
      self.init(409, "dependency-failed", "job \(other), which has to come first, did not succeed; retry that one")
    case JobStoreError.diskFull, BlobError.diskFull:
      self.init(507, "disk-full", "the disk of the data folder is full", headers: later)
    case JobStoreError.unavailable, BlobError.failed:
      self.init(503, "storage-unavailable", "the disk of the data folder does not answer; try again", headers: later)
    case BlobError.tooLarge(let limit):
      self.init(413, "too-large", "the upload is larger than \(limit) bytes")
    case BlobError.notFound:
      self.init(410, "gone", "the content was removed")
    case let error as HTTPError:
      self.init(error.status.code, "http", error.body ?? error.status.reasonPhrase)
    default:
      self.init(500, "internal", "something went wrong inside docq; the log has the details")
    }
  }

  static func noSuchJob(_ id: String) -> Problem {
    Problem(404, "no-such-job", "there is no job '\(id.prefix(80))'")
  }
}

enum JSONOutput {
  static let encoder: JSONEncoder = {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }()

  /// Sorted, so that the same request under the same Idempotency-Key gives the same bytes.
  static let payload: JSONEncoder = {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }()

  static func response(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
    data(try encoder.encode(value), contentType: "application/json", status: status)
  }

  static func response(_ job: JobView, status: HTTPResponse.Status) -> Response {
    data(job.json, contentType: "application/json", status: status)
  }

  private static func digest(of body: some DataProtocol) -> String {
    SHA256.hash(data: body).withUnsafeBytes { digest in
      String(unsafeUninitializedCapacity: 32) { text in
        for place in 0..<32 {
          let digit = digest[place / 2] >> (place % 2 == 0 ? 4 : 0) & 15
          text[place] = digit < 10 ? 48 + digit : 87 + digit
        }
        return 32
      }
    }
  }

  /// With an ETag; 304 where the client has the same already.
  static func tagged(
    _ body: some DataProtocol, contentType: String, tag: String? = nil, _ request: Request
  ) -> Response {
    let tag = "\"\(tag ?? digest(of: body))\""
    let known = request.headers[.ifNoneMatch]?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    var response =
      known?.contains { $0 == tag || $0 == "W/" + tag || $0 == "*" } ?? false
      ? Response(status: .notModified) : data(body, contentType: contentType)
    response.headers[.eTag] = tag
    response.headers[.cacheControl] = "private, no-cache"
    return response
  }

  static func data(
    _ body: some DataProtocol, contentType: String, status: HTTPResponse.Status = .ok
  ) -> Response {
    Response(
      status: status, headers: [.contentType: contentType], body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }
}
