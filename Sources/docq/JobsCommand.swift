import ArgumentParser
import DocqClient
import Foundation

struct JobsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs",
    abstract: "List, show, watch, cancel and retry the jobs of a server; pause and limit its queues.",
    discussion: """
      EXAMPLES
        docq jobs list --state failed
        docq jobs watch 01938c5e-6f2a-7c3e-9b1d-2f7a1c0de001
        docq jobs retry 01938c5e-6f2a-7c3e-9b1d-2f7a1c0de001
        docq jobs dead && docq jobs retry --dead
        docq jobs pause ingest; docq jobs resume ingest
        docq jobs limit extract --running 2 --queued 1000 --retention 30d
      """,
    subcommands: [
      List.self, Show.self, Watch.self, Cancel.self, Retry.self, Dead.self, QueuesCommand.self, PauseCommand.self,
      DrainCommand.self, ResumeCommand.self, LimitCommand.self,
    ],
    defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Jobs, newest first.")
    @Option(help: "queued, running, succeeded, failed or cancelled.")
    var state: String?
    @Option(help: "ingest, extract, forecast or impact.")
    var kind: String?
    @Option(help: "How many.")
    var limit = 50
    @OptionGroup var output: JobOutput

    func run() async throws {
      let page = try await reportingFailures {
        try await output.client().jobs(state: state, kind: kind, limit: limit)
      }
      if output.json {
        try output.print(page.jobs)
      } else if page.jobs.isEmpty {
        Terminal.note("no jobs")
      } else {
        try Output.write(JobTable.render(page.jobs))
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "One job.")
    @Argument(help: "The job's id.") var id: String
    @OptionGroup var output: JobOutput

    func run() async throws {
      let job = try await reportingFailures { try await output.client().job(id) }
      try output.show(job)
    }
  }

  struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Follow a job until it ends; exit 1 if it failed.")
    @Argument(help: "The job's id.") var id: String
    @OptionGroup var output: JobOutput

    func run() async throws {
      let client = try output.client()
      let job = try await reportingFailures {
        try await client.wait(for: id) { Terminal.progress($0.progress, "\($0.state) \($0.stage ?? "")") }
      }
      Terminal.clearProgress()
      try output.show(job)
      if job.state != "succeeded" {
        throw CommandFailure.failed(job.error?.message ?? "job \(id) is \(job.state)")
      }
    }
  }

  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Cancel a queued or running job.")
    @Argument(help: "The job's id.") var id: String
    @OptionGroup var output: JobOutput

    func run() async throws {
      let job = try await reportingFailures { try await output.client().cancel(id) }
      try output.show(job)
    }
  }

  struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run a failed or cancelled job again, or all that were set aside.")
    @Argument(help: "The job's id.") var id: String?
    @Flag(help: "All jobs that were set aside (see `docq jobs dead`).")
    var dead = false
    @Option(help: "With --dead: only jobs of this kind.")
    var kind: String?
    @OptionGroup var output: JobOutput

    func validate() throws {
      guard dead != (id != nil) else { throw ValidationError("name a job, or give --dead for all that were set aside") }
      guard kind == nil || dead else { throw ValidationError("--kind goes with --dead") }
    }

    func run() async throws {
      if let id {
        let job = try await reportingFailures { try await output.client().retry(id) }
        try output.show(job)
      } else {
        let count = try await reportingFailures { try await output.client().retryDead(kind: kind) }
        if output.json {
          try output.print(["retried": count])
        } else {
          try Output.write("\(count) job(s) queued again\n")
        }
      }
    }
  }

  struct Dead: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Jobs that were set aside: they failed, and not because of their input, until no attempt was left.")
    @Option(help: "ingest, extract, forecast or impact.")
    var kind: String?
    @Option(help: "How many.")
    var limit = 50
    @OptionGroup var output: JobOutput

    func run() async throws {
      let page = try await reportingFailures { try await output.client().deadLetters(kind: kind, limit: limit) }
      if output.json {
        try output.print(page.jobs)
      } else if page.jobs.isEmpty {
        Terminal.note("no job was set aside")
      } else {
        try Output.write(JobTable.render(page.jobs))
      }
    }
  }
}

/// Where the jobs are and how to print them.
struct JobOutput: ParsableArguments {
  @Option(help: "Address of the server.")
  var server = ProcessInfo.processInfo.environment["DOCQ_SERVER"] ?? "http://127.0.0.1:8080"
  @OptionGroup var trust: TrustOptions
  @Flag(help: "Print JSON.")
  var json = false

  func client() throws -> DocqClient { try trust.makeClient(server) }

  func show(_ job: RemoteJob) throws {
    if json { try print(job) } else { try Output.write(JobTable.describe(job)) }
  }

  func print(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try Output.write(try encoder.encode(value) + Data("\n".utf8), to: nil)
  }
}

/// Jobs as text for people.
enum JobTable {
  static func render(_ jobs: [RemoteJob]) -> String {
    let rows =
      [["ID", "KIND", "STATE", "PROGRESS", "CREATED", "STAGE"]]
      + jobs.map { job in
        [
          job.id, job.kind, job.state, "\(Int((job.progress * 100).rounded())) %", job.createdAt,
          job.error?.message ?? job.stage ?? "",
        ]
      }
    let widths = (0..<6).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
      return cells.joined(separator: "  ").trimmingCharacters(in: .whitespaces) + "\n"
    }.joined()
  }

  static func describe(_ job: RemoteJob) -> String {
    var lines = ["\(job.id)  \(job.kind)  \(job.state)"]
    if let stage = job.stage { lines += ["  stage     \(stage) (\(Int((job.progress * 100).rounded())) %)"] }
    lines += ["  attempts  \(job.attempts) of \(job.maxAttempts)", "  created   \(job.createdAt)"]
    if let started = job.startedAt { lines += ["  started   \(started)"] }
    if let finished = job.finishedAt { lines += ["  finished  \(finished)"] }
    if let error = job.error { lines += ["  error     \(error.message) [\(error.code)]"] }
    return lines.joined(separator: "\n") + "\n"
  }
}
