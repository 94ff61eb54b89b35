import GRDB
import Synchronization

/// Reading connections for what takes microseconds, used on the caller's thread.
///
/// Waiting there for one of the pool's readers could wait for ever: those are given back by threads that the waiting ones may
/// have used up. Who holds one of these is running.
final class Lookups: Sendable {
  private static let limit = 4
  private let path: String
  private let configuration: Configuration
  private let first: DatabaseQueue
  private let idle: Mutex<(connections: [DatabaseQueue], opened: Int)>

  /// - Parameter configuration: of the store; the file has to be in WAL mode by now.
  init(path: String, configuration: Configuration) throws {
    var reading = configuration
    reading.readonly = true
    self.path = path
    self.configuration = reading
    first = try DatabaseQueue(path: path, configuration: reading)
    idle = Mutex(([first], 1))
  }

  /// Runs one statement, which needs no transaction around it: it sees one state of the file in any case.
  func read<Value>(_ value: (Database) throws -> Value) throws -> Value {
    let taken = idle.withLock { idle -> (connection: DatabaseQueue?, opens: Bool) in
      if let connection = idle.connections.popLast() { return (connection, false) }
      guard idle.opened < Self.limit else { return (nil, false) }
      idle.opened += 1
      return (nil, true)
    }
    // With as many readers at once the first connection serves several, one after the other.
    guard let connection = try taken.connection ?? (taken.opens ? open() : nil) else {
      return try first.unsafeRead(value)
    }
    defer { idle.withLock { $0.connections.append(connection) } }
    return try connection.unsafeRead(value)
  }

  private func open() throws -> DatabaseQueue {
    do {
      return try DatabaseQueue(path: path, configuration: configuration)
    } catch {
      idle.withLock { $0.opened -= 1 }
      throw error
    }
  }
}
