import Foundation

/// Comma-separated text: RFC 4180, with the separator and the decimal sign found out.
struct DelimitedText {
  struct Row {
    /// From 1, where the row begins in the file.
    let line: Int
    let cells: [String]
  }

  let separator: UInt8
  /// Rows with any text in them.
  let rows: [Row]

  init(_ data: Data) {
    let bytes = [UInt8](data)
    let first = bytes.prefix { $0 != 10 && $0 != 13 }
    separator = [UInt8(ascii: ";"), 9, UInt8(ascii: ",")].first { first.contains($0) } ?? UInt8(ascii: ",")
    rows = Self.parse(bytes, separator)
  }

  /// Quoted cells may hold separators, quotes and line breaks.
  private static func parse(_ bytes: [UInt8], _ separator: UInt8) -> [Row] {
    let quote = UInt8(ascii: "\"")
    var rows: [Row] = [], cells: [String] = [], cell: [UInt8] = []
    var line = 1, rowLine = 1, isQuoted = false, index = 0
    func text() -> String {
      var part = cell[...]
      while let byte = part.first, byte == 32 || byte == 9 { part.removeFirst() }
      while let byte = part.last, byte == 32 || byte == 9 { part.removeLast() }
      return String(decoding: part, as: UTF8.self)
    }
    func endRow() {
      cells.append(text())
      if cells.count > 1 || !cells[0].isEmpty { rows.append(Row(line: rowLine, cells: cells)) }
      cells.removeAll()
      cell.removeAll(keepingCapacity: true)
    }
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == 10 || byte == 13 && !(index < bytes.count && bytes[index] == 10) { line += 1 }
      if isQuoted {
        if byte != quote {
          cell.append(byte)
        } else if index < bytes.count, bytes[index] == quote {
          cell.append(quote)
          index += 1
        } else {
          isQuoted = false
        }
      } else if byte == quote {
        isQuoted = true
      } else if byte == separator {
        cells.append(text())
        cell.removeAll(keepingCapacity: true)
      } else if byte == 10 {
        endRow()
        rowLine = line
      } else if byte == 13 {
        if !(index < bytes.count && bytes[index] == 10) {
          endRow()
          rowLine = line
        }
      } else {
        cell.append(byte)
      }
    }
    if !cell.isEmpty || !cells.isEmpty { endRow() }
    return rows
  }

  static func isMissing(_ text: String) -> Bool {
    text.isEmpty || text.utf8.count <= 4 && ["na", "nan", "null", "none", "n/a", "-", "?"].contains(text.lowercased())
  }

  /// A decimal comma counts where the separator is not a comma.
  func number(_ text: String) -> Double? {
    guard text.utf8.first.map({ ($0 >= 48 && $0 <= 57) || $0 == 45 || $0 == 43 || $0 == 46 }) ?? false else {
      return nil
    }
    if let value = Double(text) { return value.isFinite ? value : nil }
    guard separator != UInt8(ascii: ","), text.contains(",") else { return nil }
    return Double(text.replacingOccurrences(of: ".", with: "").replacingOccurrences(of: ",", with: "."))
  }
}
