import DocumentModel

/// Makes running text of a region's lines.
enum TextJoiner {
  static func text(of region: Region, on page: Page) -> String {
    let lines = region.lines.map { page.lines[$0].text }
    if region.label == .code || region.label == .table { return lines.joined(separator: "\n") }
    return lines.reduce("") { join($0, $1) }
  }

  /// Joins two pieces; a word that was divided at the line's end is made whole again.
  static func join(_ first: String, _ second: String) -> String {
    guard !first.isEmpty, let next = second.first else { return first + second }
    guard let last = first.last else { return second }
    if last == "-" || last == "\u{AD}" {
      let before = first.dropLast().last
      // "well-\nknown" keeps its hyphen only when a capital or a digit follows.
      if before?.isLetter == true, next.isLowercase { return first.dropLast() + second }
      if before?.isLetter == true || before?.isNumber == true { return first + second }
    }
    return first + " " + second
  }
}

/// Joins paragraphs that go on in the next column or on the next page.
enum ParagraphJoiner {
  static func join(_ document: inout Document) {
    var last: (page: Int, region: Int, size: Double)?
    for page in document.pages.indices {
      for index in document.pages[page].regions.indices {
        let region = document.pages[page].regions[index]
        guard !region.isFurniture, [.text, .textEquation, .abstract].contains(region.label) else {
          // Floats and notes may stand between the halves of a paragraph; a heading may not.
          if [.title, .paperTitle, .list, .reference, .equation].contains(region.label) { last = nil }
          continue
        }
        let size =
          region.lines.first.map { document.pages[page].typography(of: document.pages[page].lines[$0]).size } ?? 0
        // Small print at the foot of a column is a float, too.
        if let last, size < 0.93 * last.size { continue }
        if let last, isBroken(document.pages[last.page].regions[last.region], region) {
          document.pages[last.page].regions[last.region].continuedBy = region.id
        }
        last = (page, index, size)
      }
    }
  }

  private static func isBroken(_ first: Region, _ second: Region) -> Bool {
    let apart = first.page != second.page || second.bbox.y0 < first.bbox.y0
    guard apart, first.lines.count > 1, let end = first.text.last, let start = second.text.first else { return false }
    return !".!?:;\"”".contains(end) && (start.isLowercase || end == "-" || end == ",")
  }
}
