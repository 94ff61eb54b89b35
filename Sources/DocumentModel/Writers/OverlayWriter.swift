import Foundation

/// A page as SVG with what was found on it: regions by class, reading order, relations, cells of tables.
public struct OverlayWriter {
  /// Relations by the region that they start from.
  private let relations: [Int: [Relation]]
  private let pageOfRegion: [Int: Int]

  /// - Parameter document: its pages need not have more than their regions.
  public init(_ document: Document) {
    let drawn = document.relations.filter { Self.color($0.type) != nil || $0.type == .sub }
    relations = Dictionary(grouping: drawn, by: \.from)
    pageOfRegion = Dictionary(
      document.pages.flatMap { page in page.regions.map { ($0.id, page.index) } },
      uniquingKeysWith: { first, _ in first })
  }

  /// One page.
  ///
  /// - Parameter background: what an `<image>` behind it links to, a data URI or a relative address; without one, the
  ///   page's words are drawn.
  public func svg(_ page: Page, background: String? = nil) -> String {
    let legend = OverlayLegend(page, kinds: kinds(on: page))
    let (width, height) = (n(page.width), n(page.height + legend.height))
    var parts = [
      """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(n(page.width * 1.25))" \
      font-family="Helvetica, Arial, Liberation Sans, sans-serif">
      <defs><marker id="tip" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="4.5" markerHeight="4.5" \
      orient="auto-start-reverse"><path d="M0 0L6 3L0 6z" fill="context-stroke"/></marker></defs>
      <rect width="\(width)" height="\(height)" fill="#fff"/>
      """
    ]
    if let background {
      parts.append(
        "<image href=\"\(HTMLWriter.escaped(background))\" width=\"\(n(page.width))\" height=\"\(n(page.height))\"/>")
    } else {
      parts += words(page)
    }
    let order = page.regions.filter { !$0.isFurniture }
    for region in page.regions { parts += shape(of: region) }
    parts += sections(page)
    parts += arrows(order)
    parts += relations(page)
    for (number, region) in order.enumerated() { parts.append(badge(number + 1, region)) }
    parts += legend.parts(top: page.height)
    return parts.joined(separator: "\n") + "\n</svg>\n"
  }

  // MARK: - Parts

  private func words(_ page: Page) -> [String] {
    page.words.prefix(20_000).map { word in
      let style = page.styles.indices.contains(word.style) ? page.styles[word.style] : TextStyle(font: "", size: 10)
      let weight = style.bold ? " font-weight=\"bold\"" : ""
      return """
        <text x="\(n(word.bbox.x0))" y="\(n(word.bbox.y1 - 0.22 * word.bbox.height))" font-size="\(n(word.bbox.height * 0.85))"\
        \(weight) textLength="\(n(word.bbox.width))" lengthAdjust="spacingAndGlyphs" fill="#222">\(HTMLWriter.escaped(word.text))</text>
        """
    }
  }

  private func shape(of region: Region) -> [String] {
    let color = Self.color(region.label, region.isFurniture)
    let box = region.bbox
    var tag = region.isFurniture ? "Furniture" : region.label.name
    if let level = region.headingLevel { tag += " \(level)" }
    var parts = [
      """
      <g><title>\(HTMLWriter.escaped("\(tag), region \(region.id): \(region.text.prefix(300))"))</title>\
      <rect x="\(n(box.x0 - 1))" y="\(n(box.y0 - 1))" width="\(n(box.width + 2))" height="\(n(box.height + 2))" rx="1.5" \
      fill="\(color)" fill-opacity="0.1" stroke="\(color)" stroke-width="0.9"\
      \(region.isFurniture ? " stroke-dasharray=\"3 2\"" : "")/></g>
      """
    ]
    for cell in region.table?.cells ?? [] {
      let spans = cell.rowSpan > 1 || cell.columnSpan > 1
      parts.append(
        """
        <rect x="\(n(cell.bbox.x0 - 1))" y="\(n(cell.bbox.y0 - 1))" width="\(n(cell.bbox.width + 2))" \
        height="\(n(cell.bbox.height + 2))" fill="\(cell.isHeader ? color : "none")" fill-opacity="0.15" stroke="\(color)" \
        stroke-width="0.4"\(spans ? " stroke-dasharray=\"2 1\"" : "")><title>row \(cell.row + 1), column \(cell.column + 1)\
        \(spans ? ", spans \(cell.rowSpan) x \(cell.columnSpan)" : "")</title></rect>
        """)
    }
    return parts
  }

  /// The place in the reading order, with the level of a heading, left of a region's first line.
  private func badge(_ number: Int, _ region: Region) -> String {
    let text = region.headingLevel.map { "\(number) H\($0)" } ?? "\(number)"
    let width = 6 + 4.2 * Double(text.count)
    let (right, y) = Self.corner(region.bbox)
    let x = max(width / 2 + 1, right - width / 2)
    return """
      <rect x="\(n(x - width / 2))" y="\(n(y - 5))" width="\(n(width))" height="10" rx="5" fill="\
      \(Self.color(region.label, false))" stroke="#fff" stroke-width="0.8"/><text x="\(n(x))" y="\(n(y + 2.6))" \
      font-size="7.5" font-weight="bold" fill="#fff" text-anchor="middle">\(text)</text>
      """
  }

  private static func corner(_ box: Rect) -> (x: Double, y: Double) { (box.x0 - 0.5, max(6, box.y0 + 3)) }

  /// From the badge of each region to that of the next.
  private func arrows(_ order: [Region]) -> [String] {
    zip(order, order.dropFirst()).compactMap { from, to in
      var (a, b) = (Self.corner(from.bbox), Self.corner(to.bbox))
      // From the middle of a badge to the middle of the next.
      (a.x, b.x) = (max(6, a.x - 5), max(6, b.x - 5))
      let length = ((b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y)).squareRoot()
      guard length > 14 else { return nil }
      // The tip stops before the badge.
      let (x, y) = (b.x - (b.x - a.x) / length * 7, b.y - (b.y - a.y) / length * 7)
      return """
        <path d="M\(n(a.x)) \(n(a.y))L\(n(x)) \(n(y))" fill="none" stroke="\(Self.orderColor)" stroke-width="0.9" \
        stroke-opacity="0.75" marker-end="url(#tip)"/>
        """
    }
  }

  /// A bracket from each heading along what stands in its section on this page.
  private func sections(_ page: Page) -> [String] {
    let regions = Dictionary(page.regions.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    var members: [Int: [Region]] = [:]
    for region in page.regions {
      for relation in relations[region.id] ?? [] where relation.type == .sub && regions[relation.to] != nil {
        members[relation.to, default: []].append(region)
      }
    }
    return members.sorted { $0.key < $1.key }.flatMap { heading, parts -> [String] in
      guard let top = regions[heading] else { return [] }
      // A section that goes on in the next column has a bracket there, too.
      let columns = Dictionary(grouping: parts) { Int(($0.bbox.x0 / page.width * 4).rounded(.down)) }
      return columns.sorted { $0.key < $1.key }.map { _, parts in
        let boxes = parts.map(\.bbox) + (parts.contains { $0.bbox.horizontalOverlap(top.bbox) > 0 } ? [top.bbox] : [])
        let x = max(2, boxes.map(\.x0).min()! - 21 + 3 * Double(min(3, top.headingLevel ?? 1)))
        let (y0, y1) = (boxes.map(\.midY).min()!, boxes.map(\.midY).max()!)
        let ticks = boxes.map { "M\(n(x)) \(n($0.midY))h3" }.joined()
        return """
          <path d="M\(n(x)) \(n(y0))L\(n(x)) \(n(y1))\(ticks)" fill="none" stroke="\(Self.sectionColor)" stroke-width="0.8">\
          <title>in the section \(HTMLWriter.escaped(String(top.text.prefix(80))))</title></path>
          """
      }
    }
  }

  /// Curves for what belongs together on this page; a note where the other end is on another page.
  private func relations(_ page: Page) -> [String] {
    let regions = Dictionary(page.regions.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    var parts: [String] = []
    for from in page.regions {
      var notes: [(text: String, color: String)] = []
      for relation in (relations[from.id] ?? []).prefix(50) {
        guard let color = Self.color(relation.type) else { continue }
        if let to = regions[relation.to] {
          let (x0, y0, x1, y1) = (from.bbox.x1, from.bbox.midY, to.bbox.x1, to.bbox.midY)
          let bend = max(x0, x1) + 10 + min(24, abs(y1 - y0) / 12)
          parts.append(
            """
            <path d="M\(n(x0)) \(n(y0))C\(n(bend)) \(n(y0)) \(n(bend)) \(n(y1)) \(n(x1 + 1.5)) \(n(y1))" fill="none" \
            stroke="\(color)" stroke-width="1" stroke-dasharray="4 2" marker-end="url(#tip)">\
            <title>\(relation.type.rawValue)</title></path>
            """)
        } else if let other = pageOfRegion[relation.to] {
          notes.append(("\(Self.name(relation.type)) page \(other + 1)", color))
        }
      }
      for (line, note) in notes.prefix(3).enumerated() {
        parts.append(
          """
          <text x="\(n(from.bbox.x1))" y="\(n(from.bbox.y1 + 5.5 + 6 * Double(line)))" font-size="5.5" fill="\(note.color)" \
          stroke="#fff" stroke-width="1.5" paint-order="stroke" text-anchor="end">\(note.text)</text>
          """)
      }
    }
    return parts
  }

  /// Kinds of relations that are drawn on the page.
  private func kinds(on page: Page) -> Set<RelationKind> {
    Set(page.regions.flatMap { relations[$0.id] ?? [] }.map(\.type))
  }

  // MARK: - Colours

  static let orderColor = "#334155"
  static let sectionColor = "#94a3b8"

  static func color(_ kind: RelationKind) -> String? {
    switch kind {
    case .implicitCite: "#b0176f"
    case .explicitCite: "#0a7d38"
    case .identical: "#a65b00"
    default: nil
    }
  }

  static func name(_ kind: RelationKind) -> String {
    switch kind {
    case .implicitCite: "caption of"
    case .explicitCite: "refers to"
    case .identical: "goes on from"
    default: kind.rawValue
    }
  }

  static func color(_ label: RegionClass, _ isFurniture: Bool) -> String {
    if isFurniture { return "#888888" }
    return switch label {
    case .algorithm: "#5b2a86"
    case .caption: "#b0176f"
    case .equation: "#c2410c"
    case .figure: "#15803d"
    case .footnote: "#7c6f00"
    case .list: "#0e7490"
    case .others: "#888888"
    case .table: "#b91c1c"
    case .text: "#1d4ed8"
    case .textEquation: "#6d28d9"
    case .title: "#be123c"
    case .reference: "#475569"
    case .paperTitle: "#9d174d"
    case .code: "#3f6212"
    case .abstract: "#0369a1"
    }
  }

  private func n(_ value: Double) -> String { OverlayLegend.number(value) }
}

/// What the colours of a page mean, in a strip below it.
private struct OverlayLegend {
  private enum Sample { case area(String), line(String, dashes: String) }

  private var entries: [(name: String, sample: Sample)] = []
  private let columns: Int
  private let step: Double

  init(_ page: Page, kinds: Set<RelationKind>) {
    for label in RegionClass.allCases where page.regions.contains(where: { $0.label == label && !$0.isFurniture }) {
      entries.append((label.name, .area(OverlayWriter.color(label, false))))
    }
    if page.regions.contains(where: \.isFurniture) { entries.append(("Furniture", .area("#888888"))) }
    entries.append(("reading order", .line(OverlayWriter.orderColor, dashes: "")))
    if kinds.contains(.sub) { entries.append(("section", .line(OverlayWriter.sectionColor, dashes: ""))) }
    for kind in RelationKind.allCases where kinds.contains(kind) {
      guard let color = OverlayWriter.color(kind) else { continue }
      entries.append((OverlayWriter.name(kind), .line(color, dashes: " stroke-dasharray=\"4 2\"")))
    }
    columns = max(1, Int((page.width - 20) / 82))
    step = (page.width - 20) / Double(columns)
  }

  var height: Double { 12 + 14 * Double((entries.count + columns - 1) / columns) }

  func parts(top: Double) -> [String] {
    let n = Self.number
    let line = "<path d=\"M0 \(n(top + 0.5))H100000\" stroke=\"#cbd5e1\" stroke-width=\"1\"/>"
    return [line]
      + entries.enumerated().map { index, entry in
        let x = 10 + Double(index % columns) * step
        let y = top + 9 + 14 * Double(index / columns)
        let sample =
          switch entry.sample {
          case .area(let color):
            """
            <rect x="\(n(x))" y="\(n(y))" width="12" height="8" rx="1.5" fill="\(color)" fill-opacity="0.25" stroke="\(color)"/>
            """
          case .line(let color, let dashes):
            "<path d=\"M\(n(x)) \(n(y + 4))h12\" stroke=\"\(color)\" stroke-width=\"1.2\"\(dashes)/>"
          }
        return
          "\(sample)<text x=\"\(n(x + 16))\" y=\"\(n(y + 6.8))\" font-size=\"8\" fill=\"#222\">\(entry.name)</text>"
      }
  }

  static func number(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    let rounded = (value * 10).rounded() / 10
    return rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)"
  }
}
