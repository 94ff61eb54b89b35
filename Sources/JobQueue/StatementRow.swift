import Foundation
import GRDB
import GRDBSQLite

/// A row of a statement, read where it stands: GRDB's own rows index their columns and box their values anew each time.
///
/// Columns count from 0. What a damaged file holds in place of the type that the schema asks for throws
/// `JobStoreError.corrupt`.
struct StatementRow {
  /// Stands on the row until its next step.
  fileprivate let statement: SQLiteStatement

  func integer(_ column: Int32) throws -> Int64 {
    try expect(SQLITE_INTEGER, column)
    return sqlite3_column_int64(statement, column)
  }

  func real(_ column: Int32) throws -> Double {
    try expect(SQLITE_FLOAT, column)
    return sqlite3_column_double(statement, column)
  }

  func text(_ column: Int32) throws -> String {
    try expect(SQLITE_TEXT, column)
    let start = sqlite3_column_text(statement, column)
    let count = Int(sqlite3_column_bytes(statement, column))
    return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }

  func bytes(_ column: Int32) throws -> Data {
    try expect(SQLITE_BLOB, column)
    guard let start = sqlite3_column_blob(statement, column) else { return Data() }
    return Data(bytes: start, count: Int(sqlite3_column_bytes(statement, column)))
  }

  /// nil where the column is NULL: `try row.optional(8, row.text)`.
  func optional<Value>(_ column: Int32, _ read: (Int32) throws -> Value) rethrows -> Value? {
    sqlite3_column_type(statement, column) == SQLITE_NULL ? nil : try read(column)
  }

  private func expect(_ type: Int32, _ column: Int32) throws {
    guard sqlite3_column_type(statement, column) == type else {
      throw JobStoreError.corrupt(detail: "a row's column \(column) is not what it should be")
    }
  }
}

extension Database {
  /// What `read` makes of each row of a query, up to `limit` of them.
  func rows<Value>(
    _ sql: String, _ arguments: StatementArguments, limit: Int = .max, _ read: (StatementRow) throws -> Value
  ) throws -> [Value] {
    let statement = try cachedStatement(sql: sql)
    try statement.setArguments(arguments)
    defer { sqlite3_reset(statement.sqliteStatement) }
    var values: [Value] = []
    while values.count < limit {
      switch sqlite3_step(statement.sqliteStatement) {
      case SQLITE_ROW: values.append(try read(StatementRow(statement: statement.sqliteStatement)))
      case SQLITE_DONE: return values
      case let code:
        throw DatabaseError(
          resultCode: ResultCode(rawValue: code), message: String(cString: sqlite3_errmsg(sqliteConnection)))
      }
    }
    return values
  }
}
