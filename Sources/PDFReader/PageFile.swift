import DocumentModel
import Foundation

/// Pages that wait outside of memory: all but the first few stand in a temporary file.
public final class PageFile: PageStore {
  /// So many pages stay in memory.
  private let kept: Int
  private var first: [Page] = []
  private let file: TemporaryBytes
  private var places: [TemporaryBytes.Place] = []

  /// - Parameters:
  ///   - kept: shorter documents need no file.
  ///   - folder: where the file is; nil for the system's.
  public init(keeping kept: Int = 48, folder: String? = nil) {
    self.kept = kept
    file = TemporaryBytes(folder: folder)
  }

  public var count: Int { first.count + places.count }

  /// - Throws: `TemporaryBytesError` when the disk is full.
  public func append(_ page: Page) throws {
    if first.count < kept { return first.append(page) }
    places.append(try file.write(Self.bytes(page)))
  }

  public func replace(_ number: Int, with page: Page) throws {
    if number < first.count {
      first[number] = page
    } else {
      places[number - first.count] = try file.write(Self.bytes(page), over: places[number - first.count])
    }
  }

  public func page(_ number: Int) throws -> Page {
    if number < first.count { return first[number] }
    return try file.read(places[number - first.count]).withUnsafeBytes { bytes in
      var frame = FrameDecoder(UnsafeRawBufferPointer(rebasing: bytes[frameHeaderBytes...]))
      do {
        var page = try frame.page()
        page.lines = try frame.array(minimumBytes: 40) { try $0.line() }
        page.regions = try frame.array(minimumBytes: 60) { try $0.region() }
        return page
      } catch is FrameError {
        throw TemporaryBytesError(reason: EIO)
      }
    }
  }

  private static func bytes(_ page: Page) -> [UInt8] {
    var frame = FrameEncoder(.page, reserving: page.words.count * 100 + 4096)
    frame.append(page)
    frame.append(page.lines) { $0.append($1) }
    frame.append(page.regions) { $0.append($1) }
    return frame.finished()
  }
}

extension FrameEncoder {
  fileprivate mutating func append(_ line: Line) {
    append(line.words) { encoder, word in encoder.append(UInt32(truncatingIfNeeded: word)) }
    append(line.bbox)
    append(line.text)
  }

  fileprivate mutating func append(_ region: Region) {
    append(region.id)
    append(UInt8(truncatingIfNeeded: region.label.rawValue))
    append(region.page)
    append(region.bbox)
    append(region.lines) { encoder, line in encoder.append(UInt32(truncatingIfNeeded: line)) }
    append(region.text)
    append(region.headingLevel ?? -1)
    append(region.latex)
    append(region.isFurniture)
    append(region.continuedBy ?? -1)
    append(region.table != nil)
    guard let table = region.table else { return }
    append(table.rows)
    append(table.columns)
    append(table.cells) { encoder, cell in
      for number in [cell.row, cell.column, cell.rowSpan, cell.columnSpan] { encoder.append(number) }
      encoder.append(cell.text)
      encoder.append(cell.bbox)
      encoder.append(cell.isHeader)
      encoder.append(cell.value != nil)
      // A number in a table may be larger than any place on a page.
      encoder.append((cell.value ?? 0).bitPattern)
      encoder.append(cell.unit)
    }
  }
}

extension FrameDecoder {
  fileprivate mutating func line() throws -> Line {
    Line(words: try numbers(), bbox: try rect(), text: try string())
  }

  private mutating func numbers() throws -> [Int] { try array(minimumBytes: 4) { Int(try $0.uint32()) } }

  fileprivate mutating func region() throws -> Region {
    let id = try int()
    guard let label = RegionClass(rawValue: Int(try byte())) else { throw FrameError(reason: "has an unknown class") }
    var region = Region(
      id: id, label: label, page: try int(), bbox: try rect(), lines: try numbers(), text: try string())
    let level = try int()
    region.headingLevel = level < 0 ? nil : level
    region.latex = try optionalString()
    region.isFurniture = try bool()
    let next = try int()
    region.continuedBy = next < 0 ? nil : next
    guard try bool() else { return region }
    let (rows, columns) = (try int(), try int())
    region.table = Table(
      rows: rows, columns: columns,
      cells: try array(minimumBytes: 79) { frame in
        let place = (try frame.int(), try frame.int(), try frame.int(), try frame.int())
        var cell = TableCell(
          row: place.0, column: place.1, rowSpan: place.2, columnSpan: place.3, text: try frame.string(),
          bbox: try frame.rect(), isHeader: try frame.bool())
        let hasValue = try frame.bool()
        let value = Double(bitPattern: try frame.uint64())
        cell.value = hasValue ? value : nil
        cell.unit = try frame.optionalString()
        return cell
      })
    return region
  }
}
