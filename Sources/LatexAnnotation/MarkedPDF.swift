import DocumentModel
import Foundation

/// Reads what the marked compile painted: every glyph, line and picture with its box and the marks around it.
///
/// Only the content streams of pages are interpreted (ISO 32000-1, 8 and 9); included pictures count as one box.
final class MarkedPDF {
  private let objects: PDFObjects
  private var fonts: [String: Font] = [:]

  private final class Font {
    var widths: [Double] = []
    var firstCharacter = 0
    var scale = 0.001
    var ascent = 0.7
    var descent = -0.2
    var isMath = false
  }

  init(_ file: URL, fileName: String) throws {
    guard let data = try? Data(contentsOf: file), let objects = PDFObjects(Array(data)) else {
      throw LatexAnnotationError.unexpected(file: fileName, reason: "the marked compile's PDF cannot be read back")
    }
    self.objects = objects
  }

  func trace(_ log: MarkLog, skipped: Set<Int>) -> PaintTrace {
    var result = PaintTrace()
    var marks = MarkStack(log, skipped: skipped)
    for page in pages() {
      marks.beginPage()
      result.pages.append(items(of: page, &marks))
    }
    result.stacks = marks.stacks
    result.markCount = marks.count
    return result
  }

  private func pages() -> [[String: PDFValue]] {
    var result: [[String: PDFValue]] = []
    func walk(_ node: PDFValue, _ inherited: [String: PDFValue], _ depth: Int) {
      guard depth < 50, result.count < 5000 else { return }
      var entries = objects.dictionary(node)
      for key in ["MediaBox", "CropBox", "Rotate", "Resources"] where entries[key] == nil {
        entries[key] = inherited[key]
      }
      if entries["Kids"] != nil {
        for kid in objects.array(entries["Kids"]) { walk(kid, entries, depth + 1) }
      } else {
        result.append(entries)
      }
    }
    walk(objects.dictionary(objects.trailer["Root"])["Pages"] ?? .null, [:], 0)
    return result
  }

  // MARK: - Content streams

  private struct Matrix {
    var a = 1.0, b = 0.0, c = 0.0, d = 1.0, e = 0.0, f = 0.0

    /// `self` first, then `other`.
    func then(_ o: Matrix) -> Matrix {
      Matrix(
        a: a * o.a + b * o.c, b: a * o.b + b * o.d, c: c * o.a + d * o.c, d: c * o.b + d * o.d,
        e: e * o.a + f * o.c + o.e, f: e * o.b + f * o.d + o.f)
    }
    func apply(_ x: Double, _ y: Double) -> (x: Double, y: Double) { (a * x + c * y + e, b * x + d * y + f) }

    init() {}
    init(a: Double, b: Double, c: Double, d: Double, e: Double, f: Double) {
      (self.a, self.b, self.c, self.d, self.e, self.f) = (a, b, c, d, e, f)
    }
    init?(_ v: [Double]) {
      guard v.count == 6 else { return nil }
      self.init(a: v[0], b: v[1], c: v[2], d: v[3], e: v[4], f: v[5])
    }

    /// The box around a rectangle's corners.
    func box(_ x0: Double, _ y0: Double, _ x1: Double, _ y1: Double) -> Rect {
      let corners = [apply(x0, y0), apply(x1, y0), apply(x0, y1), apply(x1, y1)]
      let xs = corners.map(\.x), ys = corners.map(\.y)
      return Rect(x0: xs.min()!, y0: ys.min()!, x1: xs.max()!, y1: ys.max()!)
    }
  }

  private struct GraphicsState {
    var matrix = Matrix()
    var clip: Rect?
    var font: Font?
    var size = 0.0
    var characterSpace = 0.0
    var wordSpace = 0.0
    var scaling = 1.0
    var leading = 0.0
    var rise = 0.0
    var lineWidth = 1.0
    var isInvisible = false
  }

  private func items(of page: [String: PDFValue], _ marks: inout MarkStack) -> [PaintedItem] {
    var media = objects.numbers(page["CropBox"])
    if media.count != 4 { media = objects.numbers(page["MediaBox"]) }
    if media.count != 4 { media = [0, 0, 612, 792] }
    let turns = Int(objects.number(page["Rotate"]) ?? 0) / 90
    let (left, top) = (min(media[0], media[2]), max(media[1], media[3]))
    let (width, height) = (abs(media[2] - media[0]), abs(media[3] - media[1]))
    let resources = objects.dictionary(page["Resources"])
    let fontTable = objects.dictionary(resources["Font"])
    let forms = objects.dictionary(resources["XObject"])
    var content: [UInt8] = []
    if case .array(let parts) = objects.resolve(page["Contents"]) {
      for part in parts { content += (objects.stream(part) ?? []) + [10] }
    } else {
      content = objects.stream(page["Contents"]) ?? []
    }

    var result: [PaintedItem] = []
    var state = GraphicsState()
    var saved: [GraphicsState] = []
    var text = Matrix(), line = Matrix()
    var operands: [PDFValue] = []
    var path: Rect?
    var clipPending = false

    func add(_ kind: PaintedItem.Kind, _ box: Rect, size: Double = 0, isMath: Bool = false) {
      var box = box
      if kind != .glyph, let clip = state.clip {
        box = Rect(
          x0: max(box.x0, clip.x0), y0: max(box.y0, clip.y0), x1: min(box.x1, clip.x1), y1: min(box.y1, clip.y1))
        guard box.x1 >= box.x0, box.y1 >= box.y0 else { return }
      }
      guard [box.x0, box.x1, box.y0, box.y1].allSatisfy({ $0.isFinite && abs($0) < 1e6 }) else { return }
      let shown = Rect(x0: box.x0 - left, y0: top - box.y1, x1: box.x1 - left, y1: top - box.y0)
      result.append(
        PaintedItem(
          kind: kind, box: shown.turned(by: turns, width: width, height: height), size: size, isMath: isMath,
          stack: marks.index(), behind: marks.behind))
    }
    func number(_ index: Int) -> Double {
      guard index < operands.count, case .number(let value) = operands[index] else { return 0 }
      return value
    }
    func extend(_ x: Double, _ y: Double) {
      let point = state.matrix.apply(x, y)
      let box = Rect(x0: point.x, y0: point.y, x1: point.x, y1: point.y)
      path = path?.union(box) ?? box
    }
    func show(_ string: [UInt8]) {
      guard let font = state.font else { return }
      for code in string {
        let index = Int(code) - font.firstCharacter
        let width = index >= 0 && index < font.widths.count ? font.widths[index] * font.scale : 0
        let full = text.then(state.matrix)
        let size = state.size
        let shown = abs(full.d) + abs(full.b)
        if !state.isInvisible {
          add(
            .glyph,
            full.box(
              0, font.descent * size + state.rise, max(0.01, width * size * state.scaling),
              font.ascent * size + state.rise),
            size: size * shown, isMath: font.isMath)
        }
        var advance = width * size + state.characterSpace
        if code == 32 { advance += state.wordSpace }
        text = Matrix(a: 1, b: 0, c: 0, d: 1, e: advance * state.scaling, f: 0).then(text)
      }
    }
    func paint(stroke: Bool) {
      if var box = path {
        let half = stroke ? 0.5 * state.lineWidth * (abs(state.matrix.a) + abs(state.matrix.b)) : 0
        box = Rect(x0: box.x0 - half, y0: box.y0 - half, x1: box.x1 + half, y1: box.y1 + half)
        add(.path, box)
      }
    }
    func endPath() {
      if clipPending, let box = path {
        state.clip =
          state.clip.map {
            Rect(x0: max($0.x0, box.x0), y0: max($0.y0, box.y0), x1: min($0.x1, box.x1), y1: min($0.y1, box.y1))
          } ?? box
      }
      clipPending = false
      path = nil
    }
    func nextLine(_ x: Double, _ y: Double) {
      line = Matrix(a: 1, b: 0, c: 0, d: 1, e: x, f: y).then(line)
      text = line
    }

    var lexer = PDFLexer(content)
    while let value = lexer.next() {
      guard case .keyword(let name) = value else {
        if operands.count < 100 { operands.append(value) }
        continue
      }
      switch name {
      case "MP":
        if case .name(let mark)? = operands.last, mark.hasPrefix("dq"), let serial = Int(mark.dropFirst(3)) {
          marks.pass(serial)
        }
      case "q": if saved.count < 1000 { saved.append(state) }
      case "Q": if let last = saved.popLast() { state = last }
      case "cm":
        if let matrix = Matrix((0..<6).map(number)) { state.matrix = matrix.then(state.matrix) }
      case "w": state.lineWidth = number(0)
      case "BT": (text, line) = (Matrix(), Matrix())
      case "Tf":
        if case .name(let key)? = operands.first { state.font = font(key, fontTable[key]) }
        state.size = number(1)
      case "Tm":
        if let matrix = Matrix((0..<6).map(number)) { (text, line) = (matrix, matrix) }
      case "Td": nextLine(number(0), number(1))
      case "TD":
        state.leading = -number(1)
        nextLine(number(0), number(1))
      case "T*": nextLine(0, -state.leading)
      case "TL": state.leading = number(0)
      case "Tc": state.characterSpace = number(0)
      case "Tw": state.wordSpace = number(0)
      case "Tz": state.scaling = number(0) / 100
      case "Ts": state.rise = number(0)
      case "Tr": state.isInvisible = number(0) == 3
      case "Tj": if case .string(let string)? = operands.last { show(string) }
      case "'", "\"":
        nextLine(0, -state.leading)
        if case .string(let string)? = operands.last { show(string) }
      case "TJ":
        if case .array(let parts)? = operands.last {
          for part in parts {
            switch part {
            case .string(let string): show(string)
            case .number(let shift):
              text = Matrix(a: 1, b: 0, c: 0, d: 1, e: -shift / 1000 * state.size * state.scaling, f: 0).then(text)
            default: break
            }
          }
        }
      case "m", "l": extend(number(0), number(1))
      case "c":
        extend(number(0), number(1))
        extend(number(2), number(3))
        extend(number(4), number(5))
      case "v", "y":
        extend(number(0), number(1))
        extend(number(2), number(3))
      case "re":
        extend(number(0), number(1))
        extend(number(0) + number(2), number(1) + number(3))
        extend(number(0) + number(2), number(1))
        extend(number(0), number(1) + number(3))
      case "W", "W*": clipPending = true
      case "S", "s", "B", "B*", "b", "b*":
        paint(stroke: true)
        endPath()
      case "f", "F", "f*":
        paint(stroke: false)
        endPath()
      case "n": endPath()
      case "Do":
        if case .name(let key)? = operands.last {
          let form = objects.dictionary(forms[key])
          if objects.name(form["Subtype"]) == "Image" {
            add(.image, state.matrix.box(0, 0, 1, 1))
          } else {
            let box = objects.numbers(form["BBox"])
            let matrix = (Matrix(objects.numbers(form["Matrix"])) ?? Matrix()).then(state.matrix)
            if box.count == 4 { add(.image, matrix.box(box[0], box[1], box[2], box[3])) }
          }
        }
      case "sh": if let clip = state.clip { add(.path, clip) }
      case "BI": skipInlineImage(&lexer)
      default: break
      }
      operands.removeAll(keepingCapacity: true)
    }
    return result
  }

  private func skipInlineImage(_ lexer: inout PDFLexer) {
    let bytes = lexer.bytes
    while lexer.position + 2 < bytes.count {
      if bytes[lexer.position] == 69, bytes[lexer.position + 1] == 73, lexer.position > 0,
        bytes[lexer.position - 1] <= 32, bytes[lexer.position + 2] <= 32
      {
        lexer.position += 2
        return
      }
      lexer.position += 1
    }
    lexer.position = bytes.count
  }

  private func font(_ key: String, _ value: PDFValue?) -> Font? {
    var cacheKey = key
    if case .reference(let number)? = value { cacheKey = "\(number)" }
    if let known = fonts[cacheKey] { return known }
    let entries = objects.dictionary(value)
    guard !entries.isEmpty else { return nil }
    let font = Font()
    font.widths = objects.numbers(entries["Widths"])
    font.firstCharacter = Int(objects.number(entries["FirstChar"]) ?? 0)
    if objects.name(entries["Subtype"]) == "Type3" {
      font.scale = objects.numbers(entries["FontMatrix"]).first ?? 0.001
    } else if let descriptor = Optional(objects.dictionary(entries["FontDescriptor"])), !descriptor.isEmpty {
      if let ascent = objects.number(descriptor["Ascent"]), ascent > 0 { font.ascent = min(1, ascent / 1000) }
      if let descent = objects.number(descriptor["Descent"]), descent < 0 { font.descent = max(-0.5, descent / 1000) }
    }
    let name = (objects.name(entries["BaseFont"]) ?? "").lowercased()
    font.isMath = ["cmmi", "msbm", "mathitalic", "eufm", "txmi", "mtmi", "eurm", "cmex", "rsfs", "cmmib", "lmmi"]
      .contains {
        name.contains($0)
      }
    fonts[cacheKey] = font
    return font
  }
}
