/// The categories of DocGenome (Xia et al., arXiv 2406.11633) with their published ids.
///
/// Thirteen of them are scored; `others` (page furniture) and `reference` are labelled but left out of scores.
public enum RegionClass: Int, Codable, CaseIterable, Sendable {
  case algorithm = 0
  case caption, equation, figure, footnote, list, others, table, text, textEquation, title, reference
  case paperTitle, code, abstract

  /// The name that the published annotation files use.
  public var name: String {
    switch self {
    case .algorithm: "Algorithm"
    case .caption: "Caption"
    case .equation: "Equation"
    case .figure: "Figure"
    case .footnote: "Footnote"
    case .list: "List"
    case .others: "Others"
    case .table: "Table"
    case .text: "Text"
    case .textEquation: "Text-EQ"
    case .title: "Title"
    case .reference: "Reference"
    case .paperTitle: "PaperTitle"
    case .code: "Code"
    case .abstract: "Abstract"
    }
  }
}

/// A labelled area of one page.
public struct Region: Codable, Sendable {
  /// Unique in the document, counting up in reading order.
  public var id: Int
  public var label: RegionClass
  public var page: Int
  public var bbox: Rect
  /// Indices into the page's `lines`, in reading order.
  public var lines: [Int]
  public var text: String
  /// 1 for a section, 2 for a subsection, ...; only for `title`.
  public var headingLevel: Int?
  /// LaTeX of an equation, from the places of its glyphs; nil where it could not be told.
  public var latex: String?
  public var table: Table?
  /// Header, footer, page number or margin note: kept out of the text flow.
  public var isFurniture: Bool
  /// The paragraph goes on in the region with this id (next column or page).
  public var continuedBy: Int?

  public init(id: Int, label: RegionClass, page: Int, bbox: Rect, lines: [Int] = [], text: String = "") {
    self.id = id
    self.label = label
    self.page = page
    self.bbox = bbox
    self.lines = lines
    self.text = text
    isFurniture = false
  }
}

/// A table as a grid; cells may span rows and columns.
public struct Table: Codable, Sendable {
  public var rows: Int
  public var columns: Int
  public var cells: [TableCell]

  public init(rows: Int, columns: Int, cells: [TableCell]) {
    self.rows = rows
    self.columns = columns
    self.cells = cells
  }
}

public struct TableCell: Codable, Sendable {
  public var row: Int
  public var column: Int
  public var rowSpan: Int
  public var columnSpan: Int
  public var text: String
  public var bbox: Rect
  public var isHeader: Bool
  /// The number that the text says; nil for other text.
  public var value: Double?
  /// Its unit or currency as printed.
  public var unit: String?

  public init(
    row: Int, column: Int, rowSpan: Int = 1, columnSpan: Int = 1, text: String, bbox: Rect, isHeader: Bool = false
  ) {
    self.row = row
    self.column = column
    self.rowSpan = rowSpan
    self.columnSpan = columnSpan
    self.text = text
    self.bbox = bbox
    self.isHeader = isHeader
  }
}

/// The six relation types of DocGenome, spelled as in its files.
public enum RelationKind: String, Codable, CaseIterable, Sendable {
  case identical, peer, sub, adj
  case explicitCite = "explicit-cite"
  case implicitCite = "implicit-cite"
}

extension Region {
  private static let abstractHeadings: Set<String> = [
    "abstract", "zusammenfassung", "résumé", "resumen", "riassunto", "samenvatting",
  ]

  /// Whether it says "Abstract", in the languages that docq knows, and nothing else.
  public var isNamedAbstract: Bool { Self.abstractHeadings.contains(text.lowercased().filter(\.isLetter)) }
}

/// A directed relation between two regions, by id.
public struct Relation: Codable, Hashable, Sendable {
  public var type: RelationKind
  public var from: Int
  public var to: Int

  public init(type: RelationKind, from: Int, to: Int) {
    self.type = type
    self.from = from
    self.to = to
  }
}
