import Foundation
import JobQueue
import Logging

/// A worker executable: opens the data folder, claims jobs of its handlers' kinds, stops when told to.
public struct WorkerProcess: Sendable {
  private let name: String
  private let folder: URL
  private let handlers: [any JobHandler]
  private let options: WorkerOptions

  /// - Parameters:
  ///   - name: the executable's name, for logs.
  ///   - dataPath: the data folder; created when missing.
  public init(
    name: String, dataPath: String, handlers: [any JobHandler], options: WorkerOptions = WorkerOptions()
  ) {
    self.name = name
    self.options = options
    folder = URL(fileURLWithPath: dataPath)
    self.handlers = handlers
  }

  /// Works until SIGTERM, SIGINT or the end of the supervisor; running jobs get time to finish.
  public func run() async throws {
    let log = LogFormat.makeLogger(name)
    let data = try DataFolder.open(folder)
    let store = try SQLiteJobStore(data: data)
    let blobs = try FileBlobStore(data: data)
    let worker = Worker(
      name: name, data: data, store: store, blobs: blobs, handlers: handlers, options: options, log: log)
    StopSignals.onStop { worker.stop() }
    try await worker.run()
  }
}
