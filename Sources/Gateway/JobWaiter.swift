import JobQueue

/// Waits for a job without polling: woken by the doorbell, with a slow look as a safety net.
struct JobWaiter: Sendable {
  let store: any JobStore
  let changes: any ChangeSignal

  /// The job once it is final, or as it stands after `seconds`.
  func wait(for id: String, seconds: Int) async throws -> Job {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      let generation = changes.generation
      guard let job = try await store.job(id) else { throw Problem.noSuchJob(id) }
      let rest = deadline - ContinuousClock.now
      if job.state.isFinal || rest <= .zero { return job }
      await changes.wait(after: generation, timeout: min(rest, .seconds(1)))
      try Task.checkCancellation()
    }
  }
}
