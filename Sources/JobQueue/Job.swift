import Foundation

/// What kind of work a job is; each worker executable claims its own kinds.
public enum JobKind: String, Codable, CaseIterable, Sendable { case ingest, extract, forecast, impact, embed, train }

/// Where a job stands. `succeeded`, `failed` and `cancelled` are final (until somebody retries the job).
public enum JobState: String, Codable, CaseIterable, Sendable {
  case queued, running, succeeded, failed, cancelled
  public var isFinal: Bool { self != .queued && self != .running }
}

/// Why a job failed, in the words that the user will read.
public struct JobFailure: Codable, Hashable, Sendable, Error {
  /// A stable word for programs: "invalid-input", "timeout", "crashed", "internal", "lost", ...
  public var code: String
  /// One line that names the input and the reason.
  public var message: String
  /// Permanent failures (bad input) are never retried.
  public var permanent: Bool

  public init(code: String, message: String, permanent: Bool) {
    self.code = code
    self.message = message
    self.permanent = permanent
  }
}

/// A job as stored. Times are Unix milliseconds.
public struct Job: Codable, Sendable, Identifiable {
  /// UUIDv7, lower case: sorts by time of creation.
  public var id: String
  public var kind: JobKind
  public var state: JobState
  /// Higher runs first; 0 unless told.
  public var priority: Int
  /// JSON of the kind's payload type (see Payloads.swift).
  public var payload: Data
  /// SHA-256 names (lower-case hex) of the blobs that the payload refers to.
  public var inputBlobs: [String]
  public var attempts: Int
  public var maxAttempts: Int
  /// 0...1.
  public var progress: Double
  /// For people: "page 7/12, layout".
  public var stage: String?
  public var failure: JobFailure?
  public var cancelRequested: Bool
  public var createdAt: Int64
  /// Not claimed before this time.
  public var runAfter: Int64
  public var startedAt: Int64?
  public var finishedAt: Int64?
  /// The fencing token: grows with every claim.
  public var leaseToken: Int64
  public var worker: String?
  /// The API key that sent it; empty for none. Owners take turns (see `JobStore.claim`).
  public var owner: String
  /// How many of the jobs that it was to run after have not succeeded yet; not claimed before that is 0.
  public var waitingFor: Int
  /// Set aside: it failed, and not because of its input, until no attempt was left.
  public var isDead: Bool
  /// Who asked: the id of the request and its W3C trace context, for logs.
  public var origin: JobOrigin

  public init(
    id: String, kind: JobKind, state: JobState, priority: Int, payload: Data, inputBlobs: [String], attempts: Int,
    maxAttempts: Int, progress: Double, stage: String?, failure: JobFailure?, cancelRequested: Bool, createdAt: Int64,
    runAfter: Int64, startedAt: Int64?, finishedAt: Int64?, leaseToken: Int64, worker: String?, owner: String = "",
    waitingFor: Int = 0, isDead: Bool = false, origin: JobOrigin = JobOrigin()
  ) {
    self.id = id
    self.kind = kind
    self.state = state
    self.priority = priority
    self.payload = payload
    self.inputBlobs = inputBlobs
    self.attempts = attempts
    self.maxAttempts = maxAttempts
    self.progress = progress
    self.stage = stage
    self.failure = failure
    self.cancelRequested = cancelRequested
    self.createdAt = createdAt
    self.runAfter = runAfter
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.leaseToken = leaseToken
    self.worker = worker
    self.owner = owner
    self.waitingFor = waitingFor
    self.isDead = isDead
    self.origin = origin
  }
}

/// Where a job came from, carried into the logs of whoever works on it.
public struct JobOrigin: Codable, Sendable, Hashable {
  public var requestID: String?
  /// A `traceparent` as W3C Trace Context defines it.
  public var traceparent: String?
  /// The trace's id: the second of the four fields of `traceparent`.
  public var traceID: Substring? { traceparent?.split(separator: "-").dropFirst().first }

  public init(requestID: String? = nil, traceparent: String? = nil) {
    self.requestID = requestID
    self.traceparent = traceparent
  }
}

/// What a caller asks the queue to do.
public struct NewJob: Sendable {
  public var kind: JobKind
  public var payload: Data
  public var inputBlobs: [String]
  public var priority: Int
  public var maxAttempts: Int
  public var runAfter: Int64?
  /// Same key and same payload: the earlier job is returned. Same key, other payload: `JobStoreError.idempotencyConflict`.
  public var idempotencyKey: String?
  /// Ids of jobs that have to succeed first. Should one of them fail or be cancelled, this one fails, too.
  public var after: [String]
  /// The API key that sends it; empty for none.
  public var owner: String
  public var origin: JobOrigin
  /// Where to tell that the job is final (see `JobStore.claimDeliveries`).
  public var webhook: String?

  public init(
    kind: JobKind, payload: Data, inputBlobs: [String] = [], priority: Int = 0, maxAttempts: Int = 3,
    runAfter: Int64? = nil, idempotencyKey: String? = nil, after: [String] = [], owner: String = "",
    origin: JobOrigin = JobOrigin(), webhook: String? = nil
  ) {
    self.kind = kind
    self.payload = payload
    self.inputBlobs = inputBlobs
    self.priority = priority
    self.maxAttempts = maxAttempts
    self.runAfter = runAfter
    self.idempotencyKey = idempotencyKey
    self.after = after
    self.owner = owner
    self.origin = origin
    self.webhook = webhook
  }
}

/// What a finished job answers with.
public struct JobResult: Sendable, Hashable {
  public var contentType: String
  public var body: Data
  /// Names of the blobs that the body refers to; kept as long as the job is.
  public var blobs: [String]

  public init(contentType: String, body: Data, blobs: [String] = []) {
    self.contentType = contentType
    self.body = body
    self.blobs = blobs
  }
}

/// The right to work on a job until it expires; every write a worker makes carries it.
public struct Lease: Sendable, Hashable {
  public var jobID: String
  public var token: Int64

  public init(jobID: String, token: Int64) {
    self.jobID = jobID
    self.token = token
  }
}

/// One step in a job's life, numbered within the job: later ones have higher numbers. `data` is a JSON object.
public struct JobEvent: Sendable, Hashable {
  public var id: Int64
  public var jobID: String
  /// "queued", "running", "progress", "succeeded", "failed", "cancelled", "retried", "released", "webhook".
  public var type: String
  public var time: Int64
  public var data: Data

  public init(id: Int64, jobID: String, type: String, time: Int64, data: Data) {
    self.id = id
    self.jobID = jobID
    self.type = type
    self.time = time
    self.data = data
  }
}
