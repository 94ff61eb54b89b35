import DocumentModel

// How the document model crosses the pipe.

extension FrameEncoder {
  mutating func append(_ box: Rect) {
    append(box.x0)
    append(box.y0)
    append(box.x1)
    append(box.y1)
  }

  /// With the precision of a Float, which is enough for one glyph.
  mutating func append(compact box: Rect) {
    for value in [box.x0, box.y0, box.x1, box.y1] { append(Float(value).bitPattern) }
  }

  mutating func append(_ page: Page) {
    append(page.index)
    append(page.width)
    append(page.height)
    append(page.label)
    append((page.textSource == .embedded ? 1 : page.textSource == .ocr ? 2 : 0) as UInt8)
    append(page.straightening != nil)
    if let straightening = page.straightening {
      append(straightening.quarterTurns)
      append(straightening.degrees)
    }
    append(page.styles) { encoder, style in
      encoder.append(style.font)
      encoder.append(style.size)
      encoder.append(style.color)
      encoder.append(
        (style.bold ? 1 : 0) | (style.italic ? 2 : 0) | (style.monospaced ? 4 : 0) | (style.math ? 8 : 0) as UInt8)
    }
    append(page.words) { encoder, word in
      encoder.append(word.text)
      encoder.append(word.bbox)
      encoder.append(UInt32(truncatingIfNeeded: word.style))
      encoder.append(word.confidence != nil)
      if let confidence = word.confidence { encoder.append(confidence) }
    }
    append(page.glyphs) { encoder, glyph in
      encoder.append(glyph.scalar.value)
      encoder.append(UInt32(truncatingIfNeeded: glyph.style))
      encoder.append(compact: glyph.bbox)
    }
    append(page.bars) { encoder, bar in encoder.append(bar) }
    append(page.images) { encoder, image in
      encoder.append(image.id)
      encoder.append(image.bbox)
    }
    append(page.rulings) { encoder, ruling in encoder.append(ruling.bbox) }
    append(page.ink != nil)
    if let ink = page.ink {
      append(ink.cell)
      append(ink.columns)
      append(ink.rows)
      append(data: ink.darkness)
    }
    append(page.links) { encoder, link in
      encoder.append(link.bbox)
      encoder.append(link.target)
    }
  }

  mutating func append(_ metadata: Metadata) {
    append(metadata.title)
    append(metadata.author)
    append(metadata.subject)
    append(metadata.keywords)
    append(metadata.creator)
    append(metadata.producer)
    append(metadata.created)
    append(metadata.modified)
    append(metadata.formatVersion)
    append(metadata.encrypted)
  }

  mutating func append(_ outline: [OutlineEntry]) {
    append(outline) { encoder, entry in
      encoder.append(entry.title)
      encoder.append(entry.level)
      encoder.append(entry.page ?? 0)
    }
  }

  mutating func append(_ attachment: Attachment) {
    append(attachment.name)
    append(attachment.description)
    append(attachment.byteCount)
    append(attachment.data != nil)
    if let data = attachment.data { append(data: data) }
  }
}

extension FrameDecoder {
  mutating func rect() throws -> Rect {
    Rect(x0: try double(), y0: try double(), x1: try double(), y1: try double())
  }

  mutating func compactRect() throws -> Rect {
    func float() throws -> Double {
      let value = Double(Float(bitPattern: try uint32()))
      guard value.isFinite, abs(value) < 1e9 else { throw FrameError(reason: "has a number that is out of range") }
      return value
    }
    return Rect(x0: try float(), y0: try float(), x1: try float(), y1: try float())
  }

  mutating func page() throws -> Page {
    var page = Page(index: try int(), width: try double(), height: try double())
    page.label = try optionalString()
    page.textSource =
      switch try byte() {
      case 1: .embedded
      case 2: .ocr
      default: .none
      }
    if try bool() { page.straightening = Straightening(quarterTurns: try int(), degrees: try double()) }
    page.styles = try array(minimumBytes: 17) { decoder in
      var style = TextStyle(font: try decoder.string(), size: try decoder.double(), color: try decoder.uint32())
      let flags = try decoder.byte()
      style.bold = flags & 1 != 0
      style.italic = flags & 2 != 0
      style.monospaced = flags & 4 != 0
      style.math = flags & 8 != 0
      return style
    }
    let styleCount = page.styles.count
    page.words = try array(minimumBytes: 41) { decoder in
      var word = Word(text: try decoder.string(), bbox: try decoder.rect(), style: Int(try decoder.uint32()))
      if try decoder.bool() { word.confidence = try decoder.double() }
      guard word.style < styleCount else { throw FrameError(reason: "names a text style that is not there") }
      return word
    }
    page.glyphs = try array(minimumBytes: 24) { decoder in
      let scalar = Unicode.Scalar(try decoder.uint32()) ?? "?"
      let glyph = Glyph(scalar: scalar, bbox: Rect(x0: 0, y0: 0, x1: 0, y1: 0), style: Int(try decoder.uint32()))
      guard glyph.style < styleCount else { throw FrameError(reason: "names a text style that is not there") }
      return Glyph(scalar: glyph.scalar, bbox: try decoder.compactRect(), style: glyph.style)
    }
    page.bars = try array(minimumBytes: 32) { try $0.rect() }
    page.images = try array(minimumBytes: 40) { PageImage(id: try $0.int(), bbox: try $0.rect()) }
    page.rulings = try array(minimumBytes: 32) { Ruling(bbox: try $0.rect()) }
    if try bool() {
      page.ink = InkGrid(cell: try double(), columns: try int(), rows: try int(), darkness: try data())
    }
    page.links = try array(minimumBytes: 36) { Link(bbox: try $0.rect(), target: try $0.string()) }
    return page
  }

  mutating func metadata() throws -> Metadata {
    var metadata = Metadata()
    metadata.title = try optionalString()
    metadata.author = try optionalString()
    metadata.subject = try optionalString()
    metadata.keywords = try optionalString()
    metadata.creator = try optionalString()
    metadata.producer = try optionalString()
    metadata.created = try optionalString()
    metadata.modified = try optionalString()
    metadata.formatVersion = try optionalString()
    metadata.encrypted = try bool()
    return metadata
  }

  mutating func outline() throws -> [OutlineEntry] {
    try array(minimumBytes: 20) { decoder in
      let title = try decoder.string()
      let level = try decoder.int()
      let page = try decoder.int()
      return OutlineEntry(title: title, level: level, page: page >= 1 ? page : nil)
    }
  }

  mutating func attachment() throws -> Attachment {
    let name = try string()
    let description = try optionalString()
    let byteCount = try int()
    return Attachment(
      name: name, description: description, byteCount: byteCount, data: try bool() ? try data() : nil)
  }
}
