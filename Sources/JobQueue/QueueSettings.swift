/// How the jobs of one kind are taken in and worked on.
public struct QueueSettings: Codable, Sendable, Hashable {
  public enum Mode: String, Codable, CaseIterable, Sendable {
    /// Takes jobs in and works on them.
    case open
    /// Takes jobs in; none is started.
    case paused
    /// Finishes what it holds; takes nothing in.
    case draining
  }

  public var mode: Mode
  /// At most so many jobs run at once, over all workers.
  public var maxRunning: Int?
  /// At most so many jobs wait.
  public var maxQueued: Int?
  /// At most so many jobs of one API key run at once.
  public var maxRunningPerKey: Int?
  /// At most so many jobs of one API key wait.
  public var maxQueuedPerKey: Int?
  /// Seconds that final jobs are kept with their documents and results; nil: until somebody deletes them.
  public var retentionSeconds: Int?

  public init(
    mode: Mode = .open, maxRunning: Int? = nil, maxQueued: Int? = nil, maxRunningPerKey: Int? = nil,
    maxQueuedPerKey: Int? = nil, retentionSeconds: Int? = nil
  ) {
    self.mode = mode
    self.maxRunning = maxRunning
    self.maxQueued = maxQueued
    self.maxRunningPerKey = maxRunningPerKey
    self.maxQueuedPerKey = maxQueuedPerKey
    self.retentionSeconds = retentionSeconds
  }
}
