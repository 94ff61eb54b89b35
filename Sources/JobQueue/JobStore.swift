import Foundation

/// Why a store refused. Messages name the job and say what to do.
public enum JobStoreError: Error, Equatable, Sendable {
  /// The job was cancelled, finished or given to another worker since the claim.
  case leaseLost(jobID: String)
  case notFound(jobID: String)
  /// The key was used before with another payload.
  case idempotencyConflict(key: String)
  /// The state does not allow it (retry of a running job, cancel of a finished one).
  case wrongState(jobID: String, state: JobState)
  case queueFull(limit: Int)
  /// The queue of a kind is draining: it finishes what it holds and takes nothing in.
  case draining(JobKind)
  /// A job that another was to run after does not exist.
  case noSuchDependency(jobID: String)
  /// A job that this one has to run after failed or was cancelled.
  case dependencyFailed(jobID: String, dependency: String)
  case noSuchKey(id: String)
  case diskFull
  /// The disk or the file did not do what it was asked to; nothing was written. Trying again may help.
  case unavailable(detail: String)
  /// The file was written by a newer docq.
  case newerSchema(found: Int, supported: Int)
  case corrupt(detail: String)
}

/// Which jobs to list, newest first. `cursor` is the id after which the next page starts.
public struct JobFilter: Sendable {
  public var state: JobState?
  public var kind: JobKind?
  /// Only jobs of this API key.
  public var owner: String?
  /// Only jobs that were set aside.
  public var onlyDead: Bool
  public var cursor: String?
  public var limit: Int

  public init(
    state: JobState? = nil, kind: JobKind? = nil, owner: String? = nil, onlyDead: Bool = false, cursor: String? = nil,
    limit: Int = 50
  ) {
    self.state = state
    self.kind = kind
    self.owner = owner
    self.onlyDead = onlyDead
    self.cursor = cursor
    self.limit = limit
  }
}

/// The queue: at-least-once execution with exactly-once effect.
///
/// A claim takes a lease and a higher fencing token. Whatever a worker writes carries the lease and touches the job
/// only while it still holds; otherwise it throws `leaseLost`. State change, result and event are one transaction.
/// Every store passes `JobStoreConformance`.
public protocol JobStore: Sendable {
  /// Durable when it returns. `existing` is true when the idempotency key matched an earlier job.
  ///
  /// - Throws: `queueFull` beyond a limit of the queue (see `QueueSettings`), `draining`, `noSuchDependency`,
  ///   `dependencyFailed`, `idempotencyConflict`.
  func enqueue(_ job: NewJob) async throws -> (job: Job, existing: Bool)
  func job(_ id: String) async throws -> Job?
  func jobs(_ filter: JobFilter) async throws -> (jobs: [Job], nextCursor: String?)

  /// Takes up to `limit` queued jobs of these kinds for `leaseMilliseconds`.
  ///
  /// Owners take turns: the owner whose last turn in the kind is longest ago comes first, however many jobs the others
  /// have. An owner's own jobs come by priority, then age; so do the kinds. Jobs that wait for others or for their time,
  /// paused kinds and what is beyond a limit of `QueueSettings` are passed over.
  func claim(kinds: [JobKind], worker: String, limit: Int, leaseMilliseconds: Int64) async throws -> [Job]
  /// Extends the lease; true when somebody asked to cancel the job.
  func heartbeat(_ lease: Lease, leaseMilliseconds: Int64) async throws -> Bool
  func report(_ lease: Lease, progress: Double, stage: String?) async throws
  func complete(_ lease: Lease, result: JobResult) async throws
  /// Fails the job, or queues it again with backoff when attempts are left and the failure is not permanent.
  func fail(_ lease: Lease, failure: JobFailure) async throws
  /// Gives the job back unspent: queued again, the attempt not counted.
  func release(_ lease: Lease) async throws
  /// Confirms that a running job stopped because it was asked to.
  func confirmCancelled(_ lease: Lease) async throws

  /// A queued job is cancelled at once; a running one is asked to stop.
  func cancel(_ id: String) async throws -> Job
  /// Queues a failed or cancelled job again with its attempts reset, and with it the jobs that failed only because
  /// they were to run after it.
  func retry(_ id: String) async throws -> Job
  /// Queues all jobs again that were set aside, of one kind or of all; returns how many.
  func retryDead(kind: JobKind?) async throws -> Int
  func result(_ id: String) async throws -> JobResult?
  /// A job's events after the one numbered `after`, oldest first; none for a job that does not exist.
  func events(ofJob id: String, after: Int64, limit: Int) async throws -> [JobEvent]

  /// Queues jobs again whose lease ran out; jobs out of attempts fail with code "lost". Returns how many.
  func expireLeases() async throws -> Int
  /// Queues again at once what a worker held that is known to be dead. Returns how many.
  func releaseAll(ofWorker worker: String) async throws -> Int
  /// Number of jobs by kind and state.
  func counts() async throws -> [JobKind: [JobState: Int]]
  /// Deletes final jobs of a kind (nil: of all) that finished before `time` and that no open job was to run after;
  /// returns the blobs that nothing refers to any more.
  func deleteFinal(before time: Int64, kind: JobKind?) async throws -> [String]
  /// Of these blobs, the ones that no job refers to.
  func unreferenced(_ blobs: [String]) async throws -> [String]
  /// Drops the job's hold on its blobs; returns the ones that nothing refers to any more.
  func forgetBlobs(ofJob id: String) async throws -> [String]

  /// Every kind's settings.
  func queues() async throws -> [JobKind: QueueSettings]
  func configure(_ kind: JobKind, _ settings: QueueSettings) async throws
  /// Creation time of the oldest queued job that could run now, by kind: how far the workers are behind.
  func oldestDue() async throws -> [JobKind: Int64]

  /// All keys, revoked ones included, oldest first.
  func keys() async throws -> [APIKey]
  func add(_ key: APIKey) async throws
  /// Makes the key useless from now on. Revoking twice is fine.
  func revokeKey(_ id: String) async throws -> APIKey

  /// Takes up to `limit` deliveries that are due; whoever took one has `leaseMilliseconds` before it is due again.
  func claimDeliveries(limit: Int, leaseMilliseconds: Int64) async throws -> [WebhookDelivery]
  /// Ends a delivery. With an error it is due again after `retryAfter` milliseconds, or given up where that is nil.
  func settle(_ delivery: WebhookDelivery, error: String?, retryAfter: Int64?) async throws
}
