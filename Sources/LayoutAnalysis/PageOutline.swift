import DocumentModel

extension Page {
  /// What headings, broken paragraphs and relations are found from: the regions, and of the lines only those whose words
  /// they look at. Lines keep their numbers.
  func outline() -> Page {
    var outline = Page(index: index, width: width, height: height)
    outline.textSource = textSource
    outline.straightening = straightening
    outline.regions = regions
    for region in outline.regions.indices { outline.regions[region].table?.cells = [] }
    var needed: Set<Int> = []
    for region in regions where [.title, .paperTitle, .caption, .equation].contains(region.label) {
      needed.formUnion(region.lines)
    }
    // A statement that begins like a heading is told from one by its words for mathematics.
    if regions.contains(where: { $0.label == .footnote }) {
      for (number, line) in lines.enumerated() where line.words.contains(where: { Self.mayBeMark(words[$0].text) }) {
        needed.insert(number)
      }
    }
    if !needed.isEmpty { outline.styles = styles }
    outline.lines = lines.enumerated().map { number, line in
      guard needed.contains(number) else { return Line(words: [], bbox: line.bbox, text: "") }
      let first = outline.words.count
      outline.words += line.words.map { words[$0] }
      return Line(words: Array(first..<outline.words.count), bbox: line.bbox, text: line.text)
    }
    return outline
  }

  /// A word that could be the mark of a footnote.
  private static func mayBeMark(_ word: String) -> Bool {
    word.utf8.count < 16 && word.contains { $0.isNumber || "*†‡§¶".contains($0) }
  }
}
