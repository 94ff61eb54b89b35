import Foundation
import Gateway
import JobQueue
import Testing

@Suite struct JobViewTests {
  /// The encoder of all other answers is the oracle.
  @Test(arguments: 0..<64) func aJobIsWrittenAsAnEncoderWould(_ seed: Int) throws {
    let has = (0..<6).map { seed >> $0 & 1 == 1 }
    let job = Job(
      id: "01a22b9b-ee1d-70ff-a33e-06a3612c7d30", kind: .forecast, state: has[0] ? .queued : .failed,
      priority: has[1] ? -7 : 0, payload: Data(), inputBlobs: [], attempts: 2, maxAttempts: 3,
      progress: has[2] ? 0.1 : 1, stage: has[3] ? "page 7/12, \"layout\" \\ Überschrift\u{1}\n\u{2028} €/" : nil,
      failure: has[4] ? JobFailure(code: "internal", message: has[3] ? "tab\there" : "", permanent: false) : nil,
      cancelRequested: has[5], createdAt: 1_764_490_769_055, runAfter: has[1] ? 1_764_490_999_999 : 0,
      startedAt: has[2] ? 951_782_400_000 : nil, finishedAt: has[4] ? 0 : nil, leaseToken: 4, worker: nil,
      waitingFor: has[3] ? 2 : 0, isDead: has[5])
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let view = JobView(job)
    #expect(String(decoding: view.json, as: UTF8.self) == String(decoding: try encoder.encode(view), as: UTF8.self))
  }
}
