import CQPDF
import DocumentModel
import Foundation

/// Finds where pages paint form XObjects (ISO 32000-1, 8.10): pictures that were made elsewhere and placed as a whole, as LaTeX's
/// \includegraphics places PDF files. Poppler paints them without telling. Runs in the confined child only.
final class PlacedPictures {
  private var file: qpdf_data?
  /// qpdf reads from it as long as it is open.
  private let data: Data

  private static let leastSide = 24.0
  /// More of the page than this is the page itself; what it places is looked for inside of it.
  private static let mostOfPage = 0.85
  private static let mostBoxes = 200
  private static let mostBytes = 16 << 20
  private static let mostDepth = 4

  /// - Returns: nil for files that qpdf cannot read.
  init?(_ data: Data, password: String?) {
    self.data = data
    file = qpdf_init()
    qpdf_silence_errors(file)
    qpdf_set_suppress_warnings(file, 1)
    let code = data.withUnsafeBytes {
      qpdf_read_memory(
        file, "document", $0.baseAddress?.assumingMemoryBound(to: CChar.self), UInt64($0.count), password)
    }
    guard code & 2 == 0, qpdf_get_num_pages(file) > 0 else {
      qpdf_cleanup(&file)
      return nil
    }
  }

  deinit { if file != nil { qpdf_cleanup(&file) } }

  /// - Parameters:
  ///   - index: counting from 0.
  ///   - width, height: size of the page as shown, in points.
  /// - Returns: boxes of the placed pictures in points from the top left of the page as shown, largest first.
  func boxes(onPage index: Int, width: Double, height: Double) -> [Rect] {
    defer { qpdf_oh_release_all(file) }
    let page = qpdf_get_page_n(file, index)
    guard qpdf_oh_is_dictionary(file, page) != 0 else { return [] }
    let resources = inherited("/Resources", page)
    guard !forms(resources).isEmpty, let frame = frame(of: page, width, height) else { return [] }
    var bytes: UnsafeMutablePointer<UInt8>?
    var count = 0
    guard qpdf_oh_get_page_content_data(file, page, &bytes, &count) & 2 == 0, let bytes else { return [] }
    defer { free(bytes) }
    var search = Search(page: frame.box)
    run(UnsafeBufferPointer(start: bytes, count: min(count, Self.mostBytes)), resources, Matrix(), 0, &search)
    let area = width * height
    return Set(search.found.map(frame.shown)).filter {
      $0.width >= Self.leastSide && $0.height >= Self.leastSide && $0.area < Self.mostOfPage * area
    }.sorted { ($0.area, $0.y0, $0.x0) > ($1.area, $1.y0, $1.x0) }
  }

  // MARK: - The page

  /// The visible part of a page in the space of its content, and how it comes to be shown.
  private struct Frame {
    var box: Rect
    var quarterTurns: Int

    /// A rectangle of the content as it is shown, from the top left.
    func shown(_ rect: Rect) -> Rect {
      let upright = Rect(x0: rect.x0 - box.x0, y0: box.y1 - rect.y1, x1: rect.x1 - box.x0, y1: box.y1 - rect.y0)
      return upright.turned(by: quarterTurns, width: box.width, height: box.height)
    }
  }

  private func frame(of page: qpdf_oh, _ width: Double, _ height: Double) -> Frame? {
    guard let media = rect(inherited("/MediaBox", page)) else { return nil }
    let crop = rect(inherited("/CropBox", page)).flatMap { $0.intersection(media) } ?? media
    var angle = 0.0
    _ = qpdf_oh_get_value_as_number(file, inherited("/Rotate", page), &angle)
    guard angle.isFinite, abs(angle) < 1e4 else { return nil }
    let turns = ((Int(angle / 90) % 4) + 4) % 4
    let shown = turns % 2 == 0 ? (crop.width, crop.height) : (crop.height, crop.width)
    // A page that is shown in another size has units of its own.
    guard abs(shown.0 - width) < 1.5, abs(shown.1 - height) < 1.5 else { return nil }
    return Frame(box: crop, quarterTurns: turns)
  }

  /// The value of a page's attribute, its own or that of the nodes above it.
  private func inherited(_ key: String, _ page: qpdf_oh) -> qpdf_oh {
    var node = page
    for _ in 0..<32 {
      let value = qpdf_oh_get_key_if_dict(file, node, key)
      if qpdf_oh_is_null(file, value) == 0 { return value }
      node = qpdf_oh_get_key_if_dict(file, node, "/Parent")
      guard qpdf_oh_is_dictionary(file, node) != 0 else { break }
    }
    return qpdf_oh_new_null(file)
  }

  private func numbers(_ array: qpdf_oh, _ count: Int32) -> [Double]? {
    guard qpdf_oh_is_array(file, array) != 0, qpdf_oh_get_array_n_items(file, array) >= count else { return nil }
    var result: [Double] = []
    for item in 0..<count {
      var value = 0.0
      guard qpdf_oh_get_value_as_number(file, qpdf_oh_get_array_item(file, array, item), &value) != 0, value.isFinite,
        abs(value) < 1e7
      else { return nil }
      result.append(value)
    }
    return result
  }

  private func rect(_ array: qpdf_oh) -> Rect? {
    guard let n = numbers(array, 4) else { return nil }
    return Rect(x0: min(n[0], n[2]), y0: min(n[1], n[3]), x1: max(n[0], n[2]), y1: max(n[1], n[3]))
  }

  /// The names of a resource dictionary's forms.
  private func forms(_ resources: qpdf_oh) -> Set<String> {
    let objects = qpdf_oh_get_key_if_dict(file, resources, "/XObject")
    guard qpdf_oh_is_dictionary(file, objects) != 0 else { return [] }
    var names: [String] = []
    qpdf_oh_begin_dict_key_iter(file, objects)
    while qpdf_oh_dict_more_keys(file) != 0, names.count < 2000 {
      if let name = qpdf_oh_dict_next_key(file) { names.append(String(cString: name)) }
    }
    return Set(names.filter { isForm(qpdf_oh_get_key(file, objects, $0)) })
  }

  private func isForm(_ object: qpdf_oh) -> Bool {
    guard qpdf_oh_is_stream(file, object) != 0 else { return false }
    return qpdf_oh_is_name_and_equals(
      file, qpdf_oh_get_key(file, qpdf_oh_get_dict(file, object), "/Subtype"), "/Form") != 0
  }

  // MARK: - Content

  private struct Search {
    /// The visible part of the page.
    let page: Rect
    var found: [Rect] = []
    /// Streams that may still be run.
    var streams = 64
  }

  private func run(
    _ content: UnsafeBufferPointer<UInt8>, _ resources: qpdf_oh, _ matrix: Matrix, _ depth: Int, _ search: inout Search
  ) {
    let objects = qpdf_oh_get_key_if_dict(file, resources, "/XObject")
    let names = forms(resources)
    guard !names.isEmpty, search.streams > 0 else { return }
    search.streams -= 1
    var state = GraphicsState(matrix: matrix, clip: search.page)
    var saved: [GraphicsState] = []
    var path: Rect?, clips = false
    var scanner = ContentScanner(content)
    while search.found.count < Self.mostBoxes, let operation = scanner.next() {
      let n = scanner.operands
      switch operation {
      case "q": if saved.count < 512 { saved.append(state) }
      case "Q": if let last = saved.popLast() { state = last }
      case "cm": if n.count >= 6 { state.matrix = Matrix(Array(n.suffix(6))).then(state.matrix) }
      case "re":
        guard n.count >= 4 else { break }
        let box = n.suffix(4).map { $0 }
        path = joined(
          path, Rect(x0: box[0], y0: box[1], x1: box[0] + box[2], y1: box[1] + box[3]), state.matrix)
      case "m", "l", "c", "v", "y":
        for place in stride(from: 0, to: n.count - 1, by: 2) {
          path = joined(path, Rect(x0: n[place], y0: n[place + 1], x1: n[place], y1: n[place + 1]), state.matrix)
        }
      case "W", "W*": clips = true
      case "n", "f", "F", "f*", "S", "s", "B", "B*", "b", "b*":
        if clips, let path { state.clip = path.intersection(state.clip) ?? Rect(x0: 0, y0: 0, x1: 0, y1: 0) }
        (path, clips) = (nil, false)
      case "Do":
        guard let name = scanner.name, names.contains(name) else { break }
        paint(qpdf_oh_get_key(file, objects, name), resources, state, depth, &search)
      default: break
      }
    }
  }

  private func paint(
    _ form: qpdf_oh, _ resources: qpdf_oh, _ state: GraphicsState, _ depth: Int, _ search: inout Search
  ) {
    let dictionary = qpdf_oh_get_dict(file, form)
    guard let box = rect(qpdf_oh_get_key(file, dictionary, "/BBox")) else { return }
    let own = numbers(qpdf_oh_get_key(file, dictionary, "/Matrix"), 6).map { Matrix($0) } ?? Matrix()
    let matrix = own.then(state.matrix)
    guard let visible = matrix.applied(to: box).intersection(state.clip) else { return }
    guard visible.area > Self.mostOfPage * search.page.area else {
      search.found.append(visible)
      return
    }
    guard depth < Self.mostDepth else { return }
    var bytes: UnsafeMutablePointer<UInt8>?
    var count = 0
    guard qpdf_oh_get_stream_data(file, form, qpdf_dl_generalized, nil, &bytes, &count) & 2 == 0, let bytes else {
      return
    }
    defer { free(bytes) }
    let inner = qpdf_oh_get_key(file, dictionary, "/Resources")
    run(
      UnsafeBufferPointer(start: bytes, count: min(count, Self.mostBytes)),
      qpdf_oh_is_dictionary(file, inner) != 0 ? inner : resources, matrix, depth + 1, &search)
  }

  private func joined(_ path: Rect?, _ part: Rect, _ matrix: Matrix) -> Rect {
    let part = matrix.applied(to: part)
    return path?.union(part) ?? part
  }

  private struct GraphicsState {
    var matrix: Matrix
    var clip: Rect
  }
}

/// A transformation of the plane, [a b c d e f] as PDF has it.
struct Matrix {
  private var a = 1.0, b = 0.0, c = 0.0, d = 1.0, e = 0.0, f = 0.0

  init() {}

  /// - Parameter numbers: six of them.
  init(_ numbers: [Double]) {
    (a, b, c, d, e, f) = (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5])
  }

  /// This one first, then the other.
  func then(_ other: Matrix) -> Matrix {
    Matrix([
      a * other.a + b * other.c, a * other.b + b * other.d, c * other.a + d * other.c, c * other.b + d * other.d,
      e * other.a + f * other.c + other.e, e * other.b + f * other.d + other.f,
    ])
  }

  /// The box around a rectangle's image.
  func applied(to rect: Rect) -> Rect {
    let xs = [rect.x0, rect.x1].flatMap { x in [rect.y0, rect.y1].map { y in a * x + c * y + e } }
    let ys = [rect.x0, rect.x1].flatMap { x in [rect.y0, rect.y1].map { y in b * x + d * y + f } }
    return Rect(x0: xs.min()!, y0: ys.min()!, x1: xs.max()!, y1: ys.max()!)
  }
}

/// Reads operators and the numbers and names in front of them from a content stream (ISO 32000-1, 7.8.2).
struct ContentScanner {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0
  /// The numbers in front of the last operator.
  private(set) var operands: [Double] = []
  /// The last name in front of it, with its slash.
  private(set) var name: String?

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// The next operator; nil at the end.
  mutating func next() -> String? {
    operands.removeAll(keepingCapacity: true)
    name = nil
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case 0, 9, 10, 12, 13, 32, UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"),
        UInt8(ascii: ")"), UInt8(ascii: ">"):
        position += 1
      case UInt8(ascii: "%"): skip { $0 != 10 && $0 != 13 }
      case UInt8(ascii: "("): skipString()
      case UInt8(ascii: "<"):
        position += 1
        if position < bytes.count, bytes[position] != UInt8(ascii: "<") {
          skip { $0 != UInt8(ascii: ">") }
        } else {
          position += 1
        }
      case UInt8(ascii: "/"):
        let start = position
        position += 1
        skip(Self.isRegular)
        name = String(decoding: bytes[start..<position], as: UTF8.self)
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
        let value = number()
        if operands.count < 64 { operands.append(value) }
      default:
        let start = position
        skip(Self.isRegular)
        if position == start { position += 1 }
        let operation = String(decoding: bytes[start..<position], as: UTF8.self)
        if operation == "ID" {
          skipImage()
          return "BI"
        }
        return operation
      }
    }
    return nil
  }

  private mutating func skip(_ isPart: (UInt8) -> Bool) {
    while position < bytes.count, isPart(bytes[position]) { position += 1 }
  }

  /// Neither white space nor a delimiter.
  private static func isRegular(_ byte: UInt8) -> Bool {
    byte > 32 && !"()<>[]{}/%".utf8.contains(byte)
  }

  private mutating func number() -> Double {
    var value = 0.0, scale = 0.0, isNegative = false
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "-"): isNegative = true
      case UInt8(ascii: "+"): break
      case UInt8(ascii: "."): scale = 1
      case let digit where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit):
        if scale > 0 {
          scale /= 10
          value += scale * Double(digit - UInt8(ascii: "0"))
        } else {
          value = min(1e9, value * 10 + Double(digit - UInt8(ascii: "0")))
        }
      default: return isNegative ? -value : value
      }
      position += 1
    }
    return isNegative ? -value : value
  }

  private mutating func skipString() {
    var depth = 0
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\\"): position += 1
      case UInt8(ascii: "("): depth += 1
      case UInt8(ascii: ")"):
        depth -= 1
        if depth == 0 {
          position += 1
          return
        }
      default: break
      }
      position += 1
    }
  }

  /// Bytes of an inline image, up to EI between white space.
  private mutating func skipImage() {
    while position + 3 < bytes.count {
      if bytes[position] <= 32, bytes[position + 1] == UInt8(ascii: "E"), bytes[position + 2] == UInt8(ascii: "I"),
        bytes[position + 3] <= 32
      {
        position += 3
        return
      }
      position += 1
    }
    position = bytes.count
  }
}
