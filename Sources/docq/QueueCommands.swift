import ArgumentParser
import DocqClient
import Foundation

struct QueuesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queues", abstract: "Every kind of job: how many wait and run, and its settings.")
  @OptionGroup var output: JobOutput

  func run() async throws {
    let queues = try await reportingFailures { try await output.client().queues() }
    if output.json {
      try output.print(queues)
    } else {
      for queue in queues { try Output.write(QueueTable.describe(queue)) }
    }
  }
}

struct PauseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Start no more jobs of a kind; what comes waits.")
  @Argument(help: "ingest, extract, forecast or impact.") var kind: String
  @OptionGroup var output: JobOutput

  func run() async throws { try await QueueTable.configure(kind, ["mode": "paused"], output) }
}

struct DrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain", abstract: "Take no more jobs of a kind in; finish those that wait.")
  @Argument(help: "ingest, extract, forecast or impact.") var kind: String
  @OptionGroup var output: JobOutput

  func run() async throws { try await QueueTable.configure(kind, ["mode": "draining"], output) }
}

struct ResumeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Take jobs of a kind in and work on them again.")
  @Argument(help: "ingest, extract, forecast or impact.") var kind: String
  @OptionGroup var output: JobOutput

  func run() async throws { try await QueueTable.configure(kind, ["mode": "open"], output) }
}

struct LimitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limit",
    abstract: "Set limits of a queue; 'none' takes one away.",
    discussion: """
      EXAMPLE
        docq jobs limit extract --running 2 --running-per-key 1 --queued-per-key 500 --retention 30d
      """)
  @Argument(help: "ingest, extract, forecast or impact.") var kind: String
  @Option(help: "Jobs that run at once, over all workers.") var running: String?
  @Option(help: "Jobs that wait.") var queued: String?
  @Option(help: "Jobs of one API key that run at once.") var runningPerKey: String?
  @Option(help: "Jobs of one API key that wait.") var queuedPerKey: String?
  @Option(help: "How long finished jobs are kept: 90s, 15m, 12h, 30d.") var retention: String?
  @OptionGroup var output: JobOutput

  func run() async throws {
    var patch: [String: Any] = [:]
    for (name, text, option) in [
      ("max_running", running, "--running"), ("max_queued", queued, "--queued"),
      ("max_running_per_key", runningPerKey, "--running-per-key"),
      ("max_queued_per_key", queuedPerKey, "--queued-per-key"),
    ] {
      guard let text else { continue }
      guard text == "none" || Int(text) != nil else {
        throw CommandFailure.usage("\(option) '\(text)' is not a number; write for example 10, or none")
      }
      patch[name] = Int(text) ?? NSNull()
    }
    if let retention {
      patch["retention_seconds"] = retention == "none" ? NSNull() : try Self.seconds(retention)
    }
    guard !patch.isEmpty else { throw CommandFailure.usage("name a limit, for example --running 2") }
    try await QueueTable.configure(kind, patch, output)
  }

  private static func seconds(_ text: String) throws -> Int {
    let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), let number = Int(text.dropLast()), (0...36_500).contains(number)
    else { throw CommandFailure.usage("--retention '\(text)' is not a time; write for example 12h, 30d or none") }
    return number * unit
  }
}

/// Queues as text for people.
enum QueueTable {
  static func describe(_ queue: RemoteQueue) -> String {
    var parts = ["\(queue.queued) queued", "\(queue.running) running"]
    if let seconds = queue.oldestSeconds { parts.append("oldest waits \(Int(seconds.rounded())) s") }
    if let limit = queue.maxRunning { parts.append("at most \(limit) running") }
    if let limit = queue.maxQueued { parts.append("at most \(limit) queued") }
    if let limit = queue.maxRunningPerKey { parts.append("at most \(limit) running per key") }
    if let limit = queue.maxQueuedPerKey { parts.append("at most \(limit) queued per key") }
    if let seconds = queue.retentionSeconds { parts.append("kept for \(seconds) s") }
    return "\(queue.kind)  \(queue.mode)  \(parts.joined(separator: ", "))\n"
  }

  static func configure(_ kind: String, _ patch: [String: Any], _ output: JobOutput) async throws {
    let body = try JSONSerialization.data(withJSONObject: patch)
    let queue = try await reportingFailures { try await output.client().configureQueue(kind, body) }
    if output.json { try output.print(queue) } else { try Output.write(describe(queue)) }
  }
}
