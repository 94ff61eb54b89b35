/// A message to an address that somebody named with a job: the job is final.
public struct WebhookDelivery: Sendable, Hashable, Identifiable {
  /// The same for every attempt, so that receivers can drop what they have seen.
  public var id: String
  public var jobID: String
  public var url: String
  /// How many attempts were started, this one included.
  public var attempts: Int

  public init(id: String, jobID: String, url: String, attempts: Int) {
    self.id = id
    self.jobID = jobID
    self.url = url
    self.attempts = attempts
  }
}
