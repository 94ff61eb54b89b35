import ArgumentParser
import Foundation
import JobQueue

struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys",
    abstract: "Create, list and revoke the API keys of a data folder.",
    discussion: """
      A key has scopes: read (see its own jobs), submit (send, cancel and retry them), admin (everything, of all keys).
      Only its SHA-256 is kept. A running server follows within a second.

      EXAMPLES
        docq keys create office --scope read --scope submit
        docq keys list
        docq keys revoke k_0123456789ab
      """,
    subcommands: [Create.self, List.self, Revoke.self, WebhookSecret.self],
    defaultSubcommand: List.self)

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a key; it is printed once and never again.",
      discussion: """
        EXAMPLE
          export DOCQ_API_KEY=$(docq keys create office --data /srv/docq)
        """)
    @Argument(help: "What to call it.") var name: String
    @Option(help: "read, submit or admin; may be repeated. Without it: read and submit.")
    var scope: [String] = []
    @Option(help: "Requests a minute; without it, the server's own limit.")
    var rate: Int?
    @OptionGroup var folder: KeyFolder

    func run() async throws {
      let scopes = try (scope.isEmpty ? ["read", "submit"] : scope).map { text in
        guard let scope = APIKey.Scope(rawValue: text) else {
          throw CommandFailure.usage("there is no scope '\(text)'; there are read, submit and admin")
        }
        return scope
      }
      guard rate ?? 1 >= 1 else { throw CommandFailure.usage("--rate must be at least 1") }
      let store = try folder.open()
      let (key, secret) = APIKey.make(
        name: name, scopes: APIKey.Scope.allCases.filter(scopes.contains), requestsPerMinute: rate)
      do {
        try await store.add(key)
      } catch {
        throw CommandFailure.failed("\(error)")
      }
      if folder.json {
        try folder.print(["id": key.id, "name": key.name, "key": secret])
      } else {
        Terminal.note("\(key.id) for \(key.name) (\(key.scopes.map(\.rawValue).joined(separator: ", "))):")
        try Output.write(secret + "\n")
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "All keys, revoked ones included.")
    @OptionGroup var folder: KeyFolder

    func run() async throws {
      let keys = try await folder.open().keys()
      if folder.json {
        try folder.print(keys)
      } else if keys.isEmpty {
        Terminal.note("no keys")
      } else {
        for key in keys {
          let rate = key.requestsPerMinute.map { ", \($0) requests a minute" } ?? ""
          let state = key.revokedAt == nil ? "" : ", revoked"
          try Output.write(
            "\(key.id)  \(key.name)  \(key.scopes.map(\.rawValue).joined(separator: ", "))\(rate)\(state)\n")
        }
      }
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Make a key useless from now on.")
    @Argument(help: "The key's id, as `docq keys list` shows it.") var id: String
    @OptionGroup var folder: KeyFolder

    func run() async throws {
      do {
        let key = try await folder.open().revokeKey(id)
        if folder.json { try folder.print(key) } else { Terminal.note("\(key.id) (\(key.name)) is revoked") }
      } catch let error as JobStoreError {
        throw CommandFailure.failed("\(error)")
      }
    }
  }

  struct WebhookSecret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "webhook-secret",
      abstract: "Print what webhooks are signed with, for their receivers.")
    @OptionGroup var folder: KeyFolder

    func run() async throws {
      do {
        let secret = try folder.openFolder().webhookSecret()
        if folder.json { try folder.print(["secret": secret]) } else { try Output.write(secret + "\n") }
      } catch let error as DataFolderError {
        throw CommandFailure.failed("\(error)")
      }
    }
  }
}

/// The data folder whose keys are meant, and how to print them.
struct KeyFolder: ParsableArguments {
  @Option(help: "The data folder of the service.")
  var data = DataFolder.defaultPath
  @Flag(help: "Print JSON.")
  var json = false

  func openFolder() throws -> DataFolder {
    do {
      return try DataFolder.open(URL(fileURLWithPath: data))
    } catch {
      throw CommandFailure.failed("\(error)")
    }
  }

  func open() throws -> SQLiteJobStore {
    let folder = try openFolder()
    do {
      return try SQLiteJobStore(data: folder)
    } catch {
      throw CommandFailure.failed("\(error)")
    }
  }

  func print(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try Output.write(try encoder.encode(value) + Data("\n".utf8), to: nil)
  }
}
