import DocumentModel
import Foundation

/// Rows of the embedding table that each token of a document adds up.
package struct TokenFeatures: Sendable {
  /// The parts of the table: hashed words and phrases, then places and shapes in steps, then flags.
  package enum Part: Int, CaseIterable, Sendable {
    case word, left, secondLeft, leftPhrase, leftCell, above, aboveCell, secondAboveCell, header, right, ownCell, shape,
      prefix, suffix
    case x0, x1, y, page, rowsToEnd, gapLeft, gapRight, height, cellInRow, cellsInRow, wordInCell, wordsInCell,
      sinceHeader, aboveGap
    case flag

    var rows: Int {
      switch self {
      case .word: 8192
      case .left, .leftPhrase, .leftCell, .aboveCell, .header: 4096
      case .secondLeft, .above, .secondAboveCell, .right, .ownCell: 2048
      case .prefix, .suffix: 1024
      case .shape: 512
      case .x0, .x1: 32
      case .y: 48
      case .flag: 48
      default: 12
      }
    }

    /// Read from words, so that training may leave it out at times.
    var isLexical: Bool { rawValue <= Part.suffix.rawValue }

    static let offsets: [Int] = allCases.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.rows) }
    package static var totalRows: Int { offsets[allCases.count] }
    static let firstPlace = Int32(offsets[Part.x0.rawValue])
    var offset: Int { Self.offsets[rawValue] }
  }

  /// Table rows of all tokens, one token behind the other.
  package private(set) var rows: [Int32] = []
  /// Where a token's rows begin; one more entry than tokens.
  package private(set) var starts: [Int32] = [0]
  /// For each token, its middle in median word heights: what attention turns by.
  private(set) var x: [Float] = []
  private(set) var y: [Float] = []
  private(set) var types: [TokenTypes]

  package init(_ document: DocumentTokens) {
    let tokens = document.tokens
    types = tokens.map { TokenTypes($0.text, folded: $0.folded) }
    markDates(tokens)
    markAmounts(document)
    let phrases = document.cells.map { Self.phrase(tokens, $0) }
    let headers = Self.headers(document, types)
    rows.reserveCapacity(tokens.count * 32)
    let unit = document.medianHeight
    let lastRow = document.rows.count
    for (rowIndex, row) in document.rows.enumerated() {
      let cells = document.cellsOfRow[rowIndex]
      for cellIndex in cells {
        let cell = document.cells[cellIndex]
        let place = Self.cellsAbove(document, rowIndex, document.cellBoxes[cellIndex])
        let header = headers.cell(rowIndex, document.cellBoxes[cellIndex])
        let leftCell = document.cellBefore(cellIndex)
        // The words before the cell: those of its row, or of a label that is printed a little higher or lower.
        let isBeside = leftCell.map { $0 < cells.lowerBound || $0 >= cells.upperBound } ?? false
        let outer = isBeside ? document.cells[leftCell!] : row.lowerBound..<cell.lowerBound
        for index in cell {
          let token = tokens[index]
          let size =
            document.pageSizes.indices.contains(token.pagePosition)
            ? document.pageSizes[token.pagePosition] : (width: 595, height: 842)
          add(.word, token.folded)
          let before = Array((Array(outer.suffix(3)) + Array(cell.lowerBound..<index)).suffix(3))
          if let last = before.last {
            add(.left, tokens[last].folded)
            if before.count > 1 { add(.secondLeft, tokens[before[before.count - 2]].folded) }
            add(.leftPhrase, before.map { tokens[$0].folded }.joined(separator: " "))
          } else {
            add(.left, "^")
          }
          add(.leftCell, leftCell.map { phrases[$0] } ?? "^")
          if let above = place.first {
            add(.aboveCell, phrases[above])
            add(
              .above,
              tokens[
                document.cells[above].min {
                  abs(tokens[$0].box.midX - token.box.midX) < abs(tokens[$1].box.midX - token.box.midX)
                } ?? 0
              ].folded)
            add(.aboveGap, steps: (token.box.y0 - document.cellBoxes[above].y1) / unit * 2 + 1)
          } else {
            add(.aboveCell, "^")
          }
          if place.count > 1 { add(.secondAboveCell, phrases[place[1]]) }
          if let header {
            add(.header, phrases[header.cell])
            add(.sinceHeader, steps: min(11, 1 + 2 * log2(Double(1 + header.rows))))
          }
          if index + 1 < row.upperBound { add(.right, tokens[index + 1].folded) } else { add(.right, "$") }
          if cell.count <= 4 { add(.ownCell, phrases[cellIndex]) }
          add(.shape, Self.shape(token.text))
          add(.prefix, String(token.folded.prefix(3)))
          add(.suffix, String(token.folded.suffix(3)))
          add(.x0, steps: token.box.x0 / size.width * 32)
          add(.x1, steps: token.box.x1 / size.width * 32)
          add(.y, steps: token.box.midY / size.height * 48)
          let isLast = token.pagePosition == document.pageSizes.count - 1
          add(.page, steps: Double(min(token.pagePosition, 2)) * 2 + (isLast ? 1 : 0))
          add(.rowsToEnd, steps: 2 * log2(Double(lastRow - rowIndex)))
          add(.gapLeft, steps: Self.gap(before.last.map { token.box.x0 - tokens[$0].box.x1 }, unit))
          add(
            .gapRight, steps: Self.gap(index + 1 < row.upperBound ? tokens[index + 1].box.x0 - token.box.x1 : nil, unit)
          )
          add(.height, steps: 4 + 4 * log2(max(0.3, token.box.height / unit)))
          add(.cellInRow, steps: Double(cellIndex - cells.lowerBound))
          add(.cellsInRow, steps: Double(cells.count))
          add(.wordInCell, steps: Double(index - cell.lowerBound))
          add(.wordsInCell, steps: Double(cell.count))
          var flags = types[index].flags
          if token.bold { flags.insert(.bold) }
          if token.box.height > 1.25 * unit { flags.insert(.large) }
          for flag in flags.sorted(by: { $0.rawValue < $1.rawValue }) {
            rows.append(Int32(Part.flag.offset + flag.rawValue))
          }
          starts.append(Int32(rows.count))
          x.append(Float(token.box.midX / unit))
          y.append(Float(token.box.midY / unit))
        }
      }
    }
  }

  private mutating func add(_ part: Part, _ text: String) {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash ^= hash >> 29
    rows.append(Int32(part.offset + Int(hash % UInt64(part.rows))))
  }

  private mutating func add(_ part: Part, steps: Double) {
    let step = steps.isFinite ? max(0, min(Double(part.rows - 1), steps)) : 0
    rows.append(Int32(part.offset + Int(step)))
  }

  private static func gap(_ gap: Double?, _ unit: Double) -> Double {
    guard let gap else { return 11 }
    return min(10, max(0, 2 + 2 * log2(max(0.25, gap / unit))))
  }

  /// Up to four words of a cell, its last ones: a label's end stands next to its value.
  private static func phrase(_ tokens: [DocumentTokens.Token], _ range: Range<Int>) -> String {
    tokens[range].suffix(4).map(\.folded).joined(separator: " ")
  }

  /// "Aa", "A-0", "0.0": runs count once.
  static func shape(_ text: String) -> String {
    var result: [UInt8] = []
    var run = 0
    for scalar in text.unicodeScalars {
      let kind: UInt8
      switch scalar {
      case "0"..."9": kind = 48
      case "A"..."Z", "À"..."Þ": kind = 65
      case "a"..."z", "ß"..."ÿ": kind = 97
      default: kind = scalar.isASCII ? UInt8(scalar.value) : 126
      }
      if result.last == kind {
        run += 1
        // Digits are counted up to four: years, postcodes and cents differ.
        if kind != 48 || run > 4 { continue }
      } else {
        run = 1
      }
      result.append(kind)
      if result.count > 16 { break }
    }
    return String(decoding: result, as: UTF8.self)
  }

  // MARK: - Neighbours

  /// The nearest cells above on the page that share its extent, at most two.
  private static func cellsAbove(_ document: DocumentTokens, _ row: Int, _ box: Rect) -> [Int] {
    var found: [Int] = []
    var other = row - 1
    let page = document.tokens[document.rows[row].lowerBound].page
    while other >= 0, row - other <= 6, found.count < 2 {
      guard document.tokens[document.rows[other].lowerBound].page == page else { break }
      for cell in document.cellsOfRow[other] {
        let above = document.cellBoxes[cell]
        if above.horizontalOverlap(box) > 0.25 * min(above.width, box.width) || abs(above.x0 - box.x0) < 3
          || abs(above.x1 - box.x1) < 3
        {
          found.append(cell)
          break
        }
      }
      other -= 1
    }
    return found
  }

  /// Rows that look like a table's head: three cells and more, no digits.
  struct Headers: Sendable {
    /// For each row the nearest head at or above it, or -1.
    fileprivate var nearest: [Int]
    fileprivate var boxes: [Int: [(cell: Int, box: Rect)]]

    func cell(_ row: Int, _ box: Rect) -> (cell: Int, rows: Int)? {
      let head = nearest[row]
      guard head >= 0, head < row, let cells = boxes[head] else { return nil }
      func distance(_ other: Rect) -> Double {
        let overlap = other.horizontalOverlap(box)
        return overlap > 0
          ? -overlap / max(1, min(other.width, box.width)) : min(abs(other.x0 - box.x1), abs(other.x1 - box.x0))
      }
      guard let best = cells.min(by: { distance($0.box) < distance($1.box) }) else { return nil }
      return (best.cell, row - head)
    }
  }

  static func headers(_ document: DocumentTokens, _ types: [TokenTypes]) -> Headers {
    var nearest: [Int] = [], current = -1
    var boxes: [Int: [(cell: Int, box: Rect)]] = [:]
    for row in document.rows.indices {
      let cells = document.cellsOfRow[row]
      let isHead =
        cells.count >= 3 && document.rows[row].count <= 4 * cells.count
        && document.rows[row].allSatisfy { !types[$0].flags.contains(.hasDigit) }
      if isHead {
        // A second line of a head belongs to the first.
        if current == row - 1, current >= 0, cells.count < document.cellsOfRow[current].count {
          nearest.append(current)
          continue
        }
        current = row
        boxes[row] = cells.map { ($0, document.cellBoxes[$0]) }
      }
      nearest.append(current)
    }
    return Headers(nearest: nearest, boxes: boxes)
  }

  // MARK: - The document as a whole

  private mutating func markDates(_ tokens: [DocumentTokens.Token]) {
    var found: [(index: Int, date: String)] = []
    for index in tokens.indices {
      if types[index].flags.contains(.date) {
        if let date = ValueParsing.date(tokens[index].text) { found.append((index, date)) }
      } else if types[index].flags.contains(.month) {
        // "5 March 2020", "March 5, 2020", "5 de marzo de 2020".
        let low = max(0, index - 2), high = min(tokens.count, index + 4)
        let near = (low..<high).filter { tokens[$0].row == tokens[index].row }
        guard near.contains(where: { types[$0].flags.contains(.year) }),
          near.contains(where: { types[$0].flags.contains(.hasDigit) && tokens[$0].folded.utf8.count <= 4 })
        else { continue }
        for other in near where types[other].flags.contains(.hasDigit) || other == index {
          types[other].flags.insert(.datePart)
        }
        if let date = ValueParsing.date(near.map { tokens[$0].text }.joined(separator: " ")) {
          found.append((index, date))
        }
      }
    }
    guard let first = found.min(by: { $0.date < $1.date })?.date, let last = found.max(by: { $0.date < $1.date })?.date
    else { return }
    for (index, date) in found {
      if first == last {
        types[index].flags.insert(.onlyDate)
      } else {
        if date == first { types[index].flags.insert(.firstDate) }
        if date == last { types[index].flags.insert(.lastDate) }
      }
    }
  }

  private mutating func markAmounts(_ document: DocumentTokens) {
    var counts: [Int: Int] = [:]
    for type in types { if let cents = type.cents { counts[cents, default: 0] += 1 } }
    let distinct = counts.keys.filter { $0 != 0 }.sorted { abs($0) > abs($1) }
    let some = Array(distinct.prefix(120))
    let known = Set(some)
    var totals = Set<Int>(), nets = Set<Int>(), taxes = Set<Int>()
    for total in some.prefix(12) {
      for net in some
      where net != total && abs(net) < abs(total) && abs(net) * 2 >= abs(total) && known.contains(total - net) {
        totals.insert(total)
        nets.insert(net)
        taxes.insert(total - net)
      }
    }
    // Amounts under each other that add up.
    var columns: [Int: [(index: Int, cents: Int)]] = [:]
    for (index, type) in types.enumerated() {
      if let cents = type.cents { columns[Int(document.tokens[index].box.x1 / 4), default: []].append((index, cents)) }
    }
    for entries in columns.values where entries.count > 1 && entries.count < 200 {
      var sum = entries[0].cents
      for (index, entry) in entries.enumerated().dropFirst() {
        if entry.cents == sum, index > 1 || entry.cents != 0 { types[entry.index].flags.insert(.columnSum) }
        sum += entry.cents
      }
    }
    for index in types.indices {
      guard let cents = types[index].cents, cents != 0 else { continue }
      if cents == distinct.first { types[index].flags.insert(.largest) }
      if distinct.count > 1, cents == distinct[1] { types[index].flags.insert(.secondLargest) }
      if totals.contains(cents) { types[index].flags.insert(.isTotal) }
      if nets.contains(cents) { types[index].flags.insert(.isNet) }
      if taxes.contains(cents) { types[index].flags.insert(.isTax) }
      if counts[cents] ?? 0 > 1 { types[index].flags.insert(.repeated) }
    }
    for row in document.rows where row.count > 2 {
      let numbers = row.filter { types[$0].number != nil && types[$0].number != 0 }.prefix(10)
      guard numbers.count >= 3 else { continue }
      search: for a in numbers {
        for b in numbers where b > a {
          for c in numbers where c > b && types[c].cents != nil {
            let product = types[a].number! * types[b].number!
            if abs(product - types[c].number!) < 0.006 + 0.0001 * abs(product) {
              types[a].flags.insert(.factor)
              types[b].flags.insert(.factor)
              types[c].flags.insert(.product)
              break search
            }
          }
        }
      }
    }
  }
}
