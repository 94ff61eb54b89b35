import DocumentModel

/// The numbers at the edge of displayed formulas, "(3)" or "(A.12b)": they belong to a formula but are no part of its box.
package struct EquationNumbers {
  private let page: Page
  private let em: Double

  package init(_ page: Page, em: Double) { (self.page, self.em) = (page, em) }

  package static func isNumber(_ text: String) -> Bool {
    text.utf8.count <= 9 && text.first == "(" && text.last == ")" && text.contains(where: \.isNumber)
  }

  /// The box of a formula's line without the number at its right or left end; nil for a number alone.
  package func boxWithoutNumber(_ line: Int) -> Rect? {
    if Self.isNumber(page.lines[line].text) { return nil }
    let words = page.lines[line].words.map { page.words[$0] }
    guard words.count > 1 else { return page.lines[line].bbox }
    var rest = words[...]
    if Self.isNumber(words[words.count - 1].text),
      words[words.count - 1].bbox.x0 - words[words.count - 2].bbox.x1 > em
    {
      rest = words.dropLast()
    } else if Self.isNumber(words[0].text), words[1].bbox.x0 - words[0].bbox.x1 > em {
      rest = words.dropFirst()
    } else {
      return page.lines[line].bbox
    }
    return rest.dropFirst().reduce(rest[rest.startIndex].bbox) { $0.union($1.bbox) }
  }

  /// A number that stands alone goes to the formula beside it.
  ///
  /// - Parameter areApart: whether a gutter stands between the left and the right one of two boxes.
  func attach(to regions: inout [Region], areApart: (Rect, Rect) -> Bool) {
    for index in regions.indices {
      let number = regions[index]
      guard number.lines.count == 1, !number.isFurniture, Self.isNumber(page.lines[number.lines[0]].text) else {
        continue
      }
      let beside = regions.indices.filter { other in
        let box = regions[other].bbox
        return other != index && regions[other].label == .equation && !regions[other].lines.isEmpty
          && box.y0 - em < number.bbox.midY && box.y1 + em > number.bbox.midY
          && !(number.bbox.x0 < box.x0 ? areApart(number.bbox, box) : areApart(box, number.bbox))
      }
      guard
        let host = beside.min(by: {
          abs(regions[$0].bbox.midY - number.bbox.midY) < abs(regions[$1].bbox.midY - number.bbox.midY)
        })
      else { continue }
      regions[host].lines += number.lines
      regions[index].lines = []
    }
    regions.removeAll { $0.lines.isEmpty }
  }
}
