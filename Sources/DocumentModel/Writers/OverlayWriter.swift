import Foundation

/// A page as SVG with what was found on it: regions by class, reading order, relations, cells of tables.
public struct OverlayWriter {
  private let document: Document
  private let flow: [Int]
  private let pageOfRegion: [Int: Int]

  public init(_ document: Document) {
    self.document = document
    let regions = document.regions
    flow = regions.filter { !$0.isFurniture }.map(\.id)
    pageOfRegion = Dictionary(regions.map { ($0.id, $0.page) }, uniquingKeysWith: { first, _ in first })
  }

  /// One page.
  ///
  /// - Parameter background: what an `<image>` behind it links to, a data URI or a relative address; without one, the
  ///   page's words are drawn.
  public func svg(_ page: Page, background: String? = nil) -> String {
    let legend = 34.0
    var parts = [
      """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(n(page.width)) \(n(page.height + legend))" \
      width="\(n(page.width * 1.5))" font-family="sans-serif">
      <defs><marker id="tip" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="5" markerHeight="5" orient="auto-start-reverse">\
      <path d="M0 0L6 3L0 6z" fill="#444"/></marker></defs>
      <rect width="\(n(page.width))" height="\(n(page.height + legend))" fill="#fff"/>
      """
    ]
    if let background {
      parts.append(
        "<image href=\"\(HTMLWriter.escaped(background))\" width=\"\(n(page.width))\" height=\"\(n(page.height))\"/>")
    } else {
      parts += words(page)
    }
    for region in page.regions { parts += shape(of: region) }
    parts += readingOrder(page)
    parts += relations(page)
    parts += self.legend(page, top: page.height)
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
    let number = flow.firstIndex(of: region.id).map { "\($0 + 1) " } ?? ""
    var parts = [
      """
      <g><title>\(HTMLWriter.escaped("\(tag): \(region.text.prefix(300))"))</title>\
      <rect x="\(n(box.x0))" y="\(n(box.y0))" width="\(n(box.width))" height="\(n(box.height))" fill="\(color)" \
      fill-opacity="0.13" stroke="\(color)" stroke-width="0.8"/>\
      <text x="\(n(box.x0))" y="\(n(max(5, box.y0 - 1)))" font-size="5" fill="\(color)">\(number)\(tag)</text></g>
      """
    ]
    for cell in region.table?.cells ?? [] {
      let spans = cell.rowSpan > 1 || cell.columnSpan > 1
      parts.append(
        """
        <rect x="\(n(cell.bbox.x0 - 1))" y="\(n(cell.bbox.y0 - 1))" width="\(n(cell.bbox.width + 2))" \
        height="\(n(cell.bbox.height + 2))" fill="none" stroke="\(cell.isHeader ? "#c00" : color)" stroke-width="0.4"\
        \(spans ? " stroke-dasharray=\"2 1\"" : "")><title>row \(cell.row + 1), column \(cell.column + 1)\
        \(spans ? ", spans \(cell.rowSpan) x \(cell.columnSpan)" : "")</title></rect>
        """)
    }
    return parts
  }

  /// An arrow from the end of each region to the start of the next.
  private func readingOrder(_ page: Page) -> [String] {
    let boxes = page.regions.filter { !$0.isFurniture }.map(\.bbox)
    return zip(boxes, boxes.dropFirst()).map { from, to in
      """
      <path d="M\(n(from.x0 + min(12, from.width / 2))) \(n(from.y1))L\(n(to.x0 + min(12, to.width / 2))) \(n(to.y0))" \
      fill="none" stroke="#444" stroke-width="0.6" stroke-opacity="0.7" marker-end="url(#tip)"/>
      """
    }
  }

  /// Curves for what belongs together on this page; a note where the other end is on another page.
  private func relations(_ page: Page) -> [String] {
    let regions = Dictionary(page.regions.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let drawn: [RelationKind: String] = [.implicitCite: "#b0176f", .explicitCite: "#0a7d38", .identical: "#a65b00"]
    var parts: [String] = []
    for relation in document.relations.prefix(20_000) {
      guard let color = drawn[relation.type], let from = regions[relation.from] else { continue }
      if let to = regions[relation.to] {
        let (x0, y0, x1, y1) = (from.bbox.x1, from.bbox.midY, to.bbox.x1, to.bbox.midY)
        let bend = max(x0, x1) + 14
        parts.append(
          """
          <path d="M\(n(x0)) \(n(y0))C\(n(bend)) \(n(y0)) \(n(bend)) \(n(y1)) \(n(x1)) \(n(y1))" fill="none" stroke="\(color)" \
          stroke-width="0.8" stroke-dasharray="3 2" marker-end="url(#tip)"><title>\(relation.type.rawValue)</title></path>
          """)
      } else if let page = pageOfRegion[relation.to] {
        parts.append(
          """
          <text x="\(n(from.bbox.x1))" y="\(n(from.bbox.y1))" font-size="4.5" fill="\(color)" text-anchor="end">\
          \(relation.type.rawValue) page \(page + 1)</text>
          """)
      }
    }
    return parts
  }

  private func legend(_ page: Page, top: Double) -> [String] {
    var labels: [(String, String)] = []
    for label in RegionClass.allCases where page.regions.contains(where: { $0.label == label && !$0.isFurniture }) {
      labels.append((label.name, Self.color(label, false)))
    }
    if page.regions.contains(where: \.isFurniture) { labels.append(("Furniture", Self.color(.others, true))) }
    labels += [("reading order", "#444"), ("caption of", "#b0176f"), ("refers to", "#0a7d38"), ("goes on", "#a65b00")]
    let step = min(75, (page.width - 20) / Double((labels.count + 1) / 2))
    return labels.enumerated().map { index, entry in
      let x = 10 + Double(index / 2) * step
      let y = top + 8 + Double(index % 2) * 13
      return """
        <rect x="\(n(x))" y="\(n(y))" width="7" height="7" fill="\(entry.1)" fill-opacity="0.4" stroke="\(entry.1)"/>\
        <text x="\(n(x + 10))" y="\(n(y + 6.5))" font-size="7" fill="#222">\(entry.0)</text>
        """
    }
  }

  private static func color(_ label: RegionClass, _ isFurniture: Bool) -> String {
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

  private func n(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    let rounded = (value * 10).rounded() / 10
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }
}
