/// One page. Coordinates are points from the top left of the page as shown (after its rotation).
public struct Page: Codable, Sendable {
  /// Position in the file, counting from 0.
  public var index: Int
  public var width: Double
  public var height: Double
  /// The page's printed label where the file has one ("iv").
  public var label: String?
  /// Words in the order in which the file paints them.
  public var words: [Word]
  /// The styles that words refer to by index.
  public var styles: [TextStyle]
  public var images: [PageImage]
  /// Horizontal and vertical ruling lines.
  public var rulings: [Ruling]
  public var links: [Link]
  /// Lines of words, filled by layout analysis.
  public var lines: [Line]
  /// Regions in reading order, filled by layout analysis.
  public var regions: [Region]
  /// Where the words came from.
  public var textSource: TextSource
  /// How the page was turned before its text was recognised; nil when it was not. Coordinates and pictures of the page
  /// are those after turning.
  public var straightening: Straightening?
  /// On pages with fonts of mathematics, every glyph by itself; not part of exports.
  public var glyphs: [Glyph] = []
  /// On such pages, short horizontal lines outside of glyphs, such as fraction bars; not part of exports.
  public var bars: [Rect] = []
  /// The page's image for the layout model; not part of exports.
  public var ink: InkGrid?

  private enum CodingKeys: String, CodingKey {
    case index, width, height, label, words, styles, images, rulings, links, lines, regions, textSource, straightening
  }

  public init(index: Int, width: Double, height: Double) {
    self.index = index
    self.width = width
    self.height = height
    words = []
    styles = []
    images = []
    rulings = []
    links = []
    lines = []
    regions = []
    textSource = .embedded
  }

  public func style(of word: Word) -> TextStyle { styles[word.style] }
}

public enum TextSource: String, Codable, Sendable { case embedded, ocr, none }

/// What was done to a scanned page so that its lines are level: quarter turns first, then the small angle.
public struct Straightening: Codable, Hashable, Sendable {
  /// Clockwise, 0 to 3.
  public var quarterTurns: Int
  /// Clockwise about the page's centre.
  public var degrees: Double

  public init(quarterTurns: Int, degrees: Double) {
    self.quarterTurns = quarterTurns
    self.degrees = degrees
  }

  public var isNothing: Bool { quarterTurns == 0 && degrees == 0 }
}

/// A run of glyphs without a space in it.
public struct Word: Codable, Hashable, Sendable {
  public var text: String
  public var bbox: Rect
  /// Index into the page's `styles`.
  public var style: Int
  /// Recognition confidence in [0, 1]; nil for text that the file carries.
  public var confidence: Double?

  public init(text: String, bbox: Rect, style: Int, confidence: Double? = nil) {
    self.text = text
    self.bbox = bbox
    self.style = style
    self.confidence = confidence
  }
}

/// One character as it is painted. Its code is that of the font where a font has no map to Unicode.
public struct Glyph: Hashable, Sendable {
  public var scalar: Unicode.Scalar
  public var bbox: Rect
  /// Index into the page's `styles`.
  public var style: Int

  public init(scalar: Unicode.Scalar, bbox: Rect, style: Int) {
    self.scalar = scalar
    self.bbox = bbox
    self.style = style
  }
}

/// Font, size in points and colour of a word.
public struct TextStyle: Codable, Hashable, Sendable {
  /// Font name as in the file, subset prefix ("ABCDEF+") removed.
  public var font: String
  public var size: Double
  /// 0xRRGGBB.
  public var color: UInt32
  public var bold: Bool
  public var italic: Bool
  public var monospaced: Bool
  /// A mathematical font (Computer Modern Math, Symbol, ...).
  public var math: Bool

  public init(
    font: String, size: Double, color: UInt32 = 0, bold: Bool = false, italic: Bool = false,
    monospaced: Bool = false, math: Bool = false
  ) {
    self.font = font
    self.size = size
    self.color = color
    self.bold = bold
    self.italic = italic
    self.monospaced = monospaced
    self.math = math
  }
}

/// A picture on the page; see `Kind`.
public struct PageImage: Codable, Hashable, Sendable {
  /// What a picture is by its nature.
  public enum Kind: Sendable {
    /// An image of the file.
    case raster
    /// Lines and areas, found in the picture of the page.
    case drawing
    /// A picture that was made elsewhere and placed on the page as a whole, with the letters in it: a form XObject.
    case placed
  }

  /// The number of an image in the file; negative for the other kinds.
  public var id: Int
  public var bbox: Rect

  public init(id: Int, bbox: Rect) {
    self.id = id
    self.bbox = bbox
  }

  public init(_ kind: Kind, bbox: Rect) {
    self.init(id: kind == .placed ? -2 : kind == .drawing ? -1 : 0, bbox: bbox)
  }

  public var kind: Kind { id >= 0 ? .raster : id == -2 ? .placed : .drawing }
}

/// A straight horizontal or vertical line, as table rules, boxes and underlines are made of.
public struct Ruling: Codable, Hashable, Sendable {
  public var bbox: Rect
  public var isHorizontal: Bool { bbox.width >= bbox.height }

  public init(bbox: Rect) { self.bbox = bbox }
}

/// A hyperlink: `target` is a URI, or "page:N" (from 1) within the document.
public struct Link: Codable, Hashable, Sendable {
  public var bbox: Rect
  public var target: String

  public init(bbox: Rect, target: String) {
    self.bbox = bbox
    self.target = target
  }
}

/// Words on one baseline, left to right, within one column.
public struct Line: Codable, Hashable, Sendable {
  /// Indices into the page's `words`.
  public var words: [Int]
  public var bbox: Rect
  public var text: String

  public init(words: [Int], bbox: Rect, text: String) {
    self.words = words
    self.bbox = bbox
    self.text = text
  }
}
