import GRDB
import Synchronization

/// Writes of many callers in few transactions: those that come while one is being committed share the next.
///
/// Every caller's statements run in a savepoint of their own, so that one refusal does not touch the others, and every
/// caller returns only when the transaction is on the disk.
final class GroupCommit: Sendable {
  /// A write of one caller, from its first attempt to its answer.
  private struct Item: Sendable {
    var isRinging: Bool
    /// Runs the statements and returns what tells the caller, or throws.
    var attempt: @Sendable (Database) throws -> @Sendable () -> Void
    var fail: @Sendable (any Error) -> Void
  }

  private struct State {
    var waiting: [Item] = []
    var isBusy = false
  }

  private static let largestGroup = 256
  private let database: DatabasePool
  private let onChange: @Sendable () -> Void
  private let state = Mutex(State())

  init(_ database: DatabasePool, onChange: @escaping @Sendable () -> Void) {
    self.database = database
    self.onChange = onChange
  }

  /// Durable when it returns. `onChange` is called after the commit unless nothing changed or `ringing` is false.
  func write<Value: Sendable>(
    ringing: Bool, _ updates: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      let item = Item(
        isRinging: ringing,
        attempt: { db in
          let value = try updates(db)
          return { continuation.resume(returning: value) }
        },
        fail: { continuation.resume(throwing: $0) })
      let isFirst = state.withLock { state in
        state.waiting.append(item)
        defer { state.isBusy = true }
        return !state.isBusy
      }
      if isFirst { database.asyncWriteWithoutTransaction { self.work($0) } }
    }
  }

  /// On the writing connection's queue, until nobody waits.
  private func work(_ db: Database) {
    while true {
      let group = state.withLock { state in
        let group = Array(state.waiting.prefix(Self.largestGroup))
        state.waiting.removeFirst(group.count)
        if group.isEmpty { state.isBusy = false }
        return group
      }
      if group.isEmpty { return }
      if group.count == 1 || !commit(db, group) {
        for item in group { commitAlone(db, item) }
      }
    }
  }

  /// False when the group has to be taken apart: the transaction as a whole did not work, and nobody was told anything.
  private func commit(_ db: Database, _ group: [Item]) -> Bool {
    var outcomes: [@Sendable () -> Void] = []
    var rings = false
    do {
      try db.inTransaction(.immediate) {
        for item in group {
          let before = db.totalChangesCount
          do {
            var succeed: (@Sendable () -> Void)?
            try db.inSavepoint {
              succeed = try item.attempt(db)
              return .commit
            }
            if let succeed { outcomes.append(succeed) }
            if item.isRinging && db.totalChangesCount > before { rings = true }
          } catch {
            // A full disk and the like end the whole transaction, whoever caused it.
            guard db.isInsideTransaction, !Self.isOfTheFile(error) else { throw error }
            outcomes.append { item.fail(error) }
          }
        }
        return .commit
      }
    } catch {
      return false
    }
    if rings { onChange() }
    for outcome in outcomes { outcome() }
    return true
  }

  private func commitAlone(_ db: Database, _ item: Item) {
    do {
      let before = db.totalChangesCount
      var succeed: (@Sendable () -> Void)?
      try db.inTransaction(.immediate) {
        succeed = try item.attempt(db)
        return .commit
      }
      if item.isRinging && db.totalChangesCount > before { onChange() }
      succeed?()
    } catch {
      item.fail(error)
    }
  }

  /// Whether an error concerns the file and not only the statement.
  private static func isOfTheFile(_ error: any Error) -> Bool {
    guard let code = (error as? DatabaseError)?.resultCode else { return false }
    return code != .SQLITE_CONSTRAINT
  }
}
