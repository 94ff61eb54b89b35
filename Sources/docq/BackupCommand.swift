import ArgumentParser
import Foundation
import JobQueue

struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Copy a data folder, also while its service runs, and verify the copy.",
    discussion: """
      The copy is a folder that holds the queue as of one moment and all documents and results that it refers to.

      EXAMPLES
        docq backup /backups/docq-monday --data /srv/docq
        docq backup --verify /backups/docq-monday
      """)

  @Argument(help: "Folder to make; must not exist.")
  var target: String
  @Option(help: "The data folder.")
  var data = DataFolder.defaultPath
  @Flag(help: "Make nothing; read the backup that is there and say whether it is whole.")
  var verify = false
  @Flag(help: "Print JSON.")
  var json = false

  func run() async throws {
    let target = URL(fileURLWithPath: target)
    do {
      let backup: Backup
      if verify {
        backup = try await Backup.verify(target)
      } else {
        guard FileManager.default.fileExists(atPath: "\(data)/queue.sqlite") else {
          throw CommandFailure.unreadable("\(data) is not a data folder: it has no queue.sqlite; name one with --data")
        }
        backup = try await Backup.make(of: try DataFolder.open(URL(fileURLWithPath: data)), at: target)
      }
      try BackupReport(json: json).write(backup, verify ? "verified" : "copied and verified")
    } catch {
      throw BackupReport.failure(error)
    }
  }
}

struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Make a data folder of a backup, after verifying it.",
    discussion: """
      Jobs that ran when the backup was made run again. The backup stays as it is.

      EXAMPLE
        docq restore /backups/docq-monday --data /srv/docq-restored
      """)

  @Argument(help: "The backup.")
  var backup: String
  @Option(help: "Folder to make; must not hold a queue.")
  var data = DataFolder.defaultPath
  @Flag(help: "Print JSON.")
  var json = false

  func run() async throws {
    do {
      let restored = try await Backup.restore(URL(fileURLWithPath: backup), to: URL(fileURLWithPath: data))
      try BackupReport(json: json).write(restored, "restored to \(data)")
    } catch {
      throw BackupReport.failure(error)
    }
  }
}

private struct BackupReport {
  var json: Bool

  func write(_ backup: Backup, _ what: String) throws {
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      try Output.write(try encoder.encode(backup) + Data("\n".utf8), to: nil)
    } else {
      try Output.write("\(what): \(backup.jobs) job(s), \(backup.blobs) file(s)\n")
    }
  }

  static func failure(_ error: any Error) -> any Error {
    switch error {
    case let error as CommandFailure: error
    case BackupError.noBackup, BackupError.damaged: CommandFailure.unreadable("\(error)")
    default: CommandFailure.failed("\(error)")
    }
  }
}
