import DocumentModel

/// Joins paragraphs, list items and code that go on in the next column or on the next page.
enum BrokenRegions {
  /// - Parameter resumed: ids of regions that take up an earlier one, as the model says.
  static func join(_ document: inout Document, resumed: Set<Int>) {
    var last: (page: Int, region: Int)?
    for page in document.pages.indices {
      for index in document.pages[page].regions.indices {
        let region = document.pages[page].regions[index]
        if region.isFurniture { continue }
        switch region.label {
        case .text, .textEquation, .abstract, .list, .code, .reference:
          if let last {
            let before = document.pages[last.page].regions[last.region]
            if isBroken(before, region, says: resumed.contains(region.id)) {
              document.pages[last.page].regions[last.region].continuedBy = region.id
            }
          }
          last = (page, index)
        // Floats and notes may stand between the halves of a paragraph; a heading may not.
        case .figure, .table, .caption, .footnote, .algorithm, .others: continue
        default: last = nil
        }
      }
    }
  }

  private static func isBroken(_ first: Region, _ second: Region, says: Bool) -> Bool {
    let apart = first.page != second.page || second.bbox.y0 < first.bbox.y0
    guard apart, let end = first.text.last, let start = second.text.first else { return false }
    if first.label == .code || second.label == .code { return says && first.label == second.label }
    if ListMarker.length(of: second.text) != nil, !says { return false }
    let isOpen = !".!?:;\"”".contains(end)
    if says { return isOpen || start.isLowercase }
    return isOpen && first.lines.count > 1 && (start.isLowercase || end == "-" || end == ",")
  }
}
