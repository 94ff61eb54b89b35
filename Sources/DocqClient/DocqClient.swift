import Foundation

/// A job as a server describes it. Times are ISO 8601.
public struct RemoteJob: Codable, Sendable {
  public struct Failure: Codable, Sendable {
    public var code: String
    public var message: String
  }

  public var id: String
  public var kind: String
  public var state: String
  public var progress: Double
  public var stage: String?
  public var attempts: Int
  public var maxAttempts: Int
  public var createdAt: String
  public var startedAt: String?
  public var finishedAt: String?
  public var error: Failure?

  public var isFinal: Bool { state != "queued" && state != "running" }

  private enum CodingKeys: String, CodingKey {
    case id, kind, state, progress, stage, attempts, error
    case maxAttempts = "max_attempts"
    case createdAt = "created_at"
    case startedAt = "started_at"
    case finishedAt = "finished_at"
  }
}

public struct RemoteJobPage: Codable, Sendable {
  public var jobs: [RemoteJob]
  public var nextCursor: String?

  private enum CodingKeys: String, CodingKey {
    case jobs
    case nextCursor = "next_cursor"
  }
}

/// A queue as a server describes it.
public struct RemoteQueue: Codable, Sendable {
  public var kind: String
  public var mode: String
  public var queued: Int
  public var running: Int
  public var oldestSeconds: Double?
  public var maxRunning: Int?
  public var maxQueued: Int?
  public var maxRunningPerKey: Int?
  public var maxQueuedPerKey: Int?
  public var retentionSeconds: Int?

  private enum CodingKeys: String, CodingKey {
    case kind, mode, queued, running
    case oldestSeconds = "oldest_seconds"
    case maxRunning = "max_running"
    case maxQueued = "max_queued"
    case maxRunningPerKey = "max_running_per_key"
    case maxQueuedPerKey = "max_queued_per_key"
    case retentionSeconds = "retention_seconds"
  }
}

/// Work for a server.
public enum RemoteRequest: Sendable {
  case ingest(file: URL, pages: String? = nil, password: String? = nil, ocr: String? = nil, ocrLanguage: String? = nil)
  case extract(file: URL, schema: String, ignoreEmbedded: Bool, password: String?)
  case forecast(Data, contentType: String, horizon: Int?, model: String?, quantiles: String?)
  /// JSON as `POST /impact` takes it.
  case impact(Data, explain: Bool = false, similar: Int = 0)
  case impactOfDocument(file: URL)
  /// JSON as `POST /embed` takes it.
  case embed(Data)
}

/// Talks to a docq server over HTTP.
public struct DocqClient: Sendable {
  private let server: String
  private let apiKey: String?
  private let caCertificate: String?

  /// - Parameter caCertificate: file of certificates (PEM) that an HTTPS server's may be signed by; nil for the system's.
  public init(server: URL, apiKey: String? = nil, caCertificate: String? = nil) {
    let text = server.absoluteString
    self.server = text.hasSuffix("/") ? String(text.dropLast()) : text
    self.apiKey = apiKey
    self.caCertificate = caCertificate
  }

  /// Hands work in and returns its job. `onUpload` gets the fraction of a document that was sent.
  public func submit(
    _ request: RemoteRequest, onUpload: (@Sendable (Double) -> Void)? = nil
  ) async throws -> RemoteJob {
    let exchange: HTTPExchange
    switch request {
    case .ingest(let file, let pages, let password, let ocr, let ocrLanguage):
      exchange = upload(
        file, "/v1/ingest", ["pages": pages, "ocr": ocr, "ocr_language": ocrLanguage], password)
    case .extract(let file, let schema, let ignoreEmbedded, let password):
      let query = ["schema": schema, "ignore_embedded": ignoreEmbedded ? "true" : nil]
      exchange = upload(file, "/v1/extract", query, password)
    case .impactOfDocument(let file):
      exchange = upload(file, "/v1/impact", [:], nil)
    case .forecast(let data, let contentType, let horizon, let model, let quantiles):
      let query = ["horizon": horizon.map { "\($0)" }, "model": model, "quantiles": quantiles]
      exchange = HTTPExchange(
        method: "POST", url: url("/v1/forecast", query), body: .data(data, contentType: contentType))
    case .impact(let data, let explain, let similar):
      let query = ["explain": explain ? "true" : nil, "similar": similar > 0 ? "\(similar)" : nil]
      exchange = HTTPExchange(
        method: "POST", url: url("/v1/impact", query), body: .data(data, contentType: "application/json"))
    case .embed(let data):
      exchange = HTTPExchange(method: "POST", url: url("/v1/embed"), body: .data(data, contentType: "application/json"))
    }
    var sent = exchange
    sent.onUpload = onUpload
    return try decode(RemoteJob.self, try await perform(sent).body)
  }

  public func job(_ id: String, wait seconds: Int? = nil) async throws -> RemoteJob {
    let query = ["wait": seconds.map { "\($0)" }]
    return try decode(RemoteJob.self, try await get("/v1/jobs/\(path(id))", query).body)
  }

  public func jobs(state: String? = nil, kind: String? = nil, limit: Int = 50) async throws -> RemoteJobPage {
    try decode(
      RemoteJobPage.self,
      try await get("/v1/jobs", ["state": state, "kind": kind, "limit": "\(limit)"]).body)
  }

  /// Waits until the job is final; `onChange` is called about once a second with how it stands.
  public func wait(for id: String, onChange: (RemoteJob) -> Void = { _ in }) async throws -> RemoteJob {
    while true {
      let job = try await job(id)
      if job.isFinal { return job }
      onChange(job)
      let later = try await self.job(id, wait: 1)
      if later.isFinal { return later }
      onChange(later)
    }
  }

  /// The result's bytes; `format` for documents ("markdown", "json", ...).
  public func result(of id: String, format: String? = nil) async throws -> Data {
    try await get("/v1/jobs/\(path(id))/result", ["format": format]).body
  }

  public func cancel(_ id: String) async throws -> RemoteJob {
    let exchange = HTTPExchange(method: "DELETE", url: url("/v1/jobs/\(path(id))"))
    return try decode(RemoteJob.self, try await perform(exchange).body)
  }

  public func retry(_ id: String) async throws -> RemoteJob {
    let exchange = HTTPExchange(method: "POST", url: url("/v1/jobs/\(path(id))/retry"))
    return try decode(RemoteJob.self, try await perform(exchange).body)
  }

  /// Jobs that were set aside.
  public func deadLetters(kind: String? = nil, limit: Int = 50) async throws -> RemoteJobPage {
    try decode(RemoteJobPage.self, try await get("/v1/dead-letters", ["kind": kind, "limit": "\(limit)"]).body)
  }

  /// Queues all jobs again that were set aside; returns how many.
  public func retryDead(kind: String? = nil) async throws -> Int {
    let exchange = HTTPExchange(method: "POST", url: url("/v1/dead-letters/retry", ["kind": kind]))
    return try decode([String: Int].self, try await perform(exchange).body)["retried"] ?? 0
  }

  public func queues() async throws -> [RemoteQueue] {
    try decode([String: [RemoteQueue]].self, try await get("/v1/queues", [:]).body)["queues"] ?? []
  }

  /// Changes settings of a queue; `patch` is a JSON object with their names as in `RemoteQueue`.
  public func configureQueue(_ kind: String, _ patch: Data) async throws -> RemoteQueue {
    let exchange = HTTPExchange(
      method: "PATCH", url: url("/v1/queues/\(path(kind))"), body: .data(patch, contentType: "application/json"))
    return try decode(RemoteQueue.self, try await perform(exchange).body)
  }

  /// Any GET, for example "/readyz".
  public func get(_ path: String) async throws -> Data { try await get(path, [:]).body }

  // MARK: - HTTP

  private func upload(
    _ file: URL, _ path: String, _ query: [String: String?], _ password: String?
  ) -> HTTPExchange {
    var query = query
    query["filename"] = file.lastPathComponent
    var exchange = HTTPExchange(
      method: "POST", url: url(path, query), body: .file(file, contentType: "application/octet-stream"))
    if let password { exchange.headers.append("X-Document-Password: \(headerValue(password))") }
    return exchange
  }

  private func get(_ path: String, _ query: [String: String?]) async throws -> HTTPExchange.Answer {
    try await perform(HTTPExchange(method: "GET", url: url(path, query)))
  }

  private func perform(_ exchange: HTTPExchange) async throws -> HTTPExchange.Answer {
    var exchange = exchange
    exchange.caCertificate = caCertificate
    if let apiKey { exchange.headers.append("Authorization: Bearer \(headerValue(apiKey))") }
    let sent = exchange
    // libcurl blocks: not on a thread of the cooperative pool.
    let answer = try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(with: Result { try sent.perform() })
      }
    }
    guard (200..<300).contains(answer.status) else { throw problem(answer) }
    return answer
  }

  private func problem(_ answer: HTTPExchange.Answer) -> DocqClientError {
    struct Problem: Decodable {
      var code: String
      var detail: String
    }
    guard let problem = try? JSONDecoder().decode(Problem.self, from: answer.body) else {
      return .unexpected("HTTP status \(answer.status)")
    }
    return .problem(status: answer.status, code: problem.code, detail: problem.detail)
  }

  private func decode<Value: Decodable>(_ type: Value.Type, _ data: Data) throws -> Value {
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw DocqClientError.unexpected("\(type) expected")
    }
  }

  private func url(_ path: String, _ query: [String: String?] = [:]) -> String {
    let pairs = query.compactMap { name, value in value.map { "\(name)=\(escaped($0))" } }.sorted()
    return server + path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
  }

  private func path(_ id: String) -> String { escaped(id) }

  private func escaped(_ text: String) -> String {
    let allowed = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
    return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
  }

  /// Without line breaks, which would start another header.
  private func headerValue(_ text: String) -> String {
    String(text.unicodeScalars.filter { $0.value >= 32 && $0.value != 127 })
  }
}
