import DocumentModel

/// What stands before the text of a document: its title, its authors, its abstract.
enum FrontPage {
  /// Text under the heading "Abstract", up to the next heading, is the abstract.
  static func completeAbstract(_ document: inout Document) {
    for page in document.pages.indices.prefix(3) {
      let regions = document.pages[page].regions
      guard
        let heading = regions.firstIndex(where: {
          $0.label == .title
            && $0.isNamedAbstract
        })
      else { continue }
      let height = regions[heading].bbox.height
      var column: Rect?
      for index in regions.indices.dropFirst(heading + 1) {
        let region = regions[index]
        let above = column ?? regions[heading].bbox
        // What stands beside it, such as key words, does not end it.
        guard !region.isFurniture, region.bbox.y0 > above.y0, region.bbox.horizontalOverlap(above) > 0 else { continue }
        // Further paragraphs are as wide as the first one.
        guard [.text, .textEquation, .abstract].contains(region.label),
          region.bbox.y0 - above.y1 < (column == nil ? 3 : 1) * height,
          column.map({ abs($0.x0 - region.bbox.x0) < height && abs($0.x1 - region.bbox.x1) < height }) ?? true
        else { return }
        document.pages[page].regions[index].label = .abstract
        column = above == column ? above.union(region.bbox) : region.bbox
      }
      return
    }
  }

  /// A document has one title, the one in the largest type; what else looks like one is a heading.
  static func keepOneTitle(_ document: inout Document) {
    var best: (page: Int, index: Int, size: Double)?
    for page in document.pages.indices.prefix(3) {
      for (index, region) in document.pages[page].regions.enumerated() where !region.isFurniture {
        // On the first page a heading in larger type is the title that the model missed.
        let isCandidate = region.label == .paperTitle || region.label == .title && page == 0 && best?.page == 0
        guard isCandidate, !region.lines.isEmpty else { continue }
        let size = typeSize(region, document.pages[page])
        if size > (best.map { 1.15 * $0.size } ?? 0) { best = (page, index, size) }
      }
    }
    if best == nil { best = largestHeading(document) }
    for page in document.pages.indices {
      for index in document.pages[page].regions.indices where document.pages[page].regions[index].label == .paperTitle {
        guard let best else { break }
        let isTitle = page == best.page && index == best.index
        // A title in two pieces, one right under the other.
        let isPart =
          page == best.page && index == best.index + 1
          && abs(typeSize(document.pages[page].regions[index], document.pages[page]) - best.size) < 0.1 * best.size
        if isTitle || isPart { continue }
        let isLong = document.pages[page].regions[index].lines.count > 3
        document.pages[page].regions[index].label = isLong ? .text : .title
      }
    }
    if let best { document.pages[best.page].regions[best.index].label = .paperTitle }
  }

  /// A heading in the upper half of the first page that is set larger than all others.
  private static func largestHeading(_ document: Document) -> (page: Int, index: Int, size: Double)? {
    guard let first = document.pages.first else { return nil }
    var sizes: [Double] = []
    for page in document.pages {
      for region in page.regions where region.label == .title && !region.isFurniture && !region.lines.isEmpty {
        sizes.append(typeSize(region, page))
      }
    }
    guard let largest = sizes.max(), sizes.count > 1, sizes.count(where: { $0 > 0.87 * largest }) == 1,
      let index = first.regions.firstIndex(where: {
        $0.label == .title && !$0.isFurniture && !$0.lines.isEmpty && $0.bbox.y1 < 0.5 * first.height
          && typeSize($0, first) == largest && !Headings.isUsual($0)
      })
    else { return nil }
    return (0, index, largest)
  }

  /// The size of most of a region's type.
  private static func typeSize(_ region: Region, _ page: Page) -> Double {
    let sizes = region.lines.map { (page.typography(of: page.lines[$0]).size, page.lines[$0].text.utf8.count) }
    return sizes.max { $0.1 < $1.1 }?.0 ?? 0
  }

  /// Names and addresses under the title, set in columns, are no table.
  static func takeAuthorsForOthers(_ document: inout Document) {
    guard let page = document.pages.first, let title = page.regions.first(where: { $0.label == .paperTitle }) else {
      return
    }
    let body =
      page.regions.filter {
        !$0.isFurniture && ($0.label == .title || $0.label == .abstract) && $0.bbox.y0 > title.bbox.y1
      }.map(\.bbox.y0).min() ?? title.bbox.y1
    for (index, region) in page.regions.enumerated() where region.label == .table && !region.isFurniture {
      let isRuled = page.rulings.contains {
        $0.bbox.intersection(region.bbox) != nil && $0.bbox.width > 0.3 * region.bbox.width
      }
      guard region.bbox.y0 > title.bbox.y0, region.bbox.y1 < body, !isRuled else { continue }
      document.pages[0].regions[index].label = .others
      document.pages[0].regions[index].table = nil
    }
  }

  /// Emblems at the edge of a page are no figures; an abstract is made of sentences and stands on the first pages.
  static func takeEmblemsForOthers(_ document: inout Document) {
    for page in document.pages.indices {
      let height = document.pages[page].height
      for (index, region) in document.pages[page].regions.enumerated() where !region.isFurniture {
        switch region.label {
        case .figure:
          guard region.bbox.y1 < 0.1 * height || region.bbox.y0 > 0.93 * height else { continue }
          document.pages[page].regions[index].label = .others
        case .abstract:
          if page > 2 {
            document.pages[page].regions[index].label = .text
          } else if region.text.split(separator: " ").count < 8 {
            document.pages[page].regions[index].label = .others
          }
        default: break
        }
      }
    }
  }
}
