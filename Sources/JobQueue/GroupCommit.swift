import GRDB
import Synchronization

/// Writes of many callers in few transactions: those that come while one is being committed share the next.
///
/// Every caller's statements run in a savepoint of their own, so that one refusal does not touch the others, and every
/// caller returns only when the transaction is on the disk. Where commits take less than a millisecond, a short write that
/// comes alone is committed on its caller's thread: handing it to another and back would take as long again. On a slower disk
/// no caller's thread is held up.
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
    /// Long work on the writing connection that is going on or wants to begin.
    var longWork = 0
    /// Whether the last commit took less than `shortCommit`.
    var isFast = false
  }

  /// Whether the connection waits where another process is writing.
  @TaskLocal static var waitsForOthers = true

  private static let largestGroup = 256
  private static let shortCommit = Duration.milliseconds(1)
  private let database: DatabasePool
  private let onChange: @Sendable () -> Void
  private let state = Mutex(State())

  init(_ database: DatabasePool, onChange: @escaping @Sendable () -> Void) {
    self.database = database
    self.onChange = onChange
  }

  /// Durable when it returns. `onChange` is called after the commit unless nothing changed or `ringing` is false.
  /// - Parameter atOnce: a few rows, which may be written on the calling thread.
  func write<Value: Sendable>(
    ringing: Bool, atOnce: Bool, _ updates: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      let item = Item(
        isRinging: ringing,
        attempt: { db in
          let value = try updates(db)
          return { continuation.resume(returning: value) }
        },
        fail: { continuation.resume(throwing: $0) })
      let (isFirst, isQuick) = state.withLock { state in
        state.waiting.append(item)
        defer { state.isBusy = true }
        return (!state.isBusy, state.isFast && state.longWork == 0)
      }
      guard isFirst else { return }
      if atOnce, isQuick, database.writeWithoutTransaction({ self.workAtOnce($0) }) { return }
      database.asyncWriteWithoutTransaction { self.work($0) }
    }
  }

  /// Long work on the writing connection: whoever writes meanwhile waits without a thread.
  func withoutHaste<Value>(_ body: () async throws -> Value) async rethrows -> Value {
    state.withLock { $0.longWork += 1 }
    defer { state.withLock { $0.longWork -= 1 } }
    return try await body()
  }

  /// One write on the calling thread, which is not held up by writes of other processes. False while somebody waits.
  private func workAtOnce(_ db: Database) -> Bool {
    let item = state.withLock { $0.waiting.count == 1 ? $0.waiting.removeFirst() : nil }
    guard let item else { return false }
    let isDone = Self.$waitsForOthers.withValue(false) { commitAlone(db, item) }
    return state.withLock { state in
      if !isDone { state.waiting.insert(item, at: 0) }
      state.isBusy = !state.waiting.isEmpty
      return !state.isBusy
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
      try transaction(db) {
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
      }
    } catch {
      return false
    }
    if rings { onChange() }
    for outcome in outcomes { outcome() }
    return true
  }

  /// False when another process is writing and this one does not wait for it.
  @discardableResult private func commitAlone(_ db: Database, _ item: Item) -> Bool {
    do {
      let before = db.totalChangesCount
      var succeed: (@Sendable () -> Void)?
      try transaction(db) { succeed = try item.attempt(db) }
      if item.isRinging && db.totalChangesCount > before { onChange() }
      succeed?()
    } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY && !Self.waitsForOthers {
      return false
    } catch {
      item.fail(error)
    }
    return true
  }

  /// As GRDB's `inTransaction`, without compiling its two statements anew each time.
  private func transaction(_ db: Database, _ updates: () throws -> Void) throws {
    let start = ContinuousClock.now
    defer {
      let isFast = ContinuousClock.now - start < Self.shortCommit
      state.withLock { $0.isFast = isFast }
    }
    try db.cachedStatement(sql: "BEGIN IMMEDIATE TRANSACTION").execute()
    do {
      try updates()
      try db.cachedStatement(sql: "COMMIT TRANSACTION").execute()
    } catch {
      if db.isInsideTransaction { try? db.rollback() }
      throw error
    }
  }

  /// Whether an error concerns the file and not only the statement.
  private static func isOfTheFile(_ error: any Error) -> Bool {
    guard let code = (error as? DatabaseError)?.resultCode else { return false }
    return code != .SQLITE_CONSTRAINT
  }
}
