import DocumentModel
import Foundation

/// From what was painted to a labelled document: regions with class, source and relations.
struct DocumentLabeller {
  let marked: MarkedCompile.Result
  let plain: PaperCompile.Plain
  let pages: [Page]
  let fileName: String

  struct Labelled {
    var document: Document
    var quality: AnnotationQuality
  }

  func label() throws -> Labelled {
    var builder = RegionBuilder(marked.log)
    for (page, items) in zip(pages, marked.trace.pages) { builder.add(page, items, marked.trace) }
    builder.mergeFigureLabels(pages)
    FrontMatter.apply(to: &builder, pages)
    let units = builder.resolver.units
    let text = SourceText(marked.source, others: marked.others)
    var sources: [Int: String] = [:]
    func source(_ unit: Int) -> String {
      if let known = sources[unit] { return known }
      var part = 0
      if case .paragraph(_, let segment) = units[unit].key { part = segment }
      let found = units[unit].key == .furniture ? "" : text.source(of: units[unit], part: part, marked.log)
      sources[unit] = found
      return found
    }
    let pieces = builder.pieces.filter { isWorthARegion($0, units[$0.unit]) }
    let mathInUnit = pieces.reduce(into: [Int: Int]()) { $0[$1.unit, default: 0] += $1.mathGlyphs }

    var document = Document(fileName: fileName, pageCount: pages.count, pages: pages)
    var entries: [RelationBuilder.Entry] = []
    var lastRegion: [Int: (page: Int, index: Int)] = [:]
    for page in document.pages.indices {
      let here = pieces.filter { $0.page == page }.sorted { place($0, units) < place($1, units) }
      for piece in here {
        guard let box = piece.box?.intersection(Rect(x0: 0, y0: 0, x1: pages[page].width, y1: pages[page].height))
        else {
          continue
        }
        let unit = units[piece.unit]
        var region = Region(id: entries.count, label: unit.label, page: page, bbox: box)
        let code = source(piece.unit)
        if region.label == .text, mathInUnit[piece.unit, default: 0] > 0 || SourceMath.hasFormula(code) {
          region.label = .textEquation
        }
        region.isFurniture = unit.key == .furniture
        region.headingLevel = unit.level.map { max(1, $0) }
        region.text = code.isEmpty || unit.label == .others ? words(piece, pages[page]) : code
        addLines(of: piece, to: &region, &document.pages[page])
        if let last = lastRegion[piece.unit], !region.isFurniture, continues(unit) {
          document.pages[last.page].regions[last.index].continuedBy = region.id
        }
        document.pages[page].regions.append(region)
        lastRegion[piece.unit] = (page, document.pages[page].regions.count - 1)
        entries.append(RelationBuilder.Entry(region: region, unit: piece.unit, source: code))
      }
    }
    document.relations = RelationBuilder(entries: entries, units: units, log: marked.log).relations()
    document.warnings = plain.warnings + marked.warnings
    var quality = AnnotationQuality()
    for entry in entries { quality.unitsOnPages[entry.region.label.name, default: 0] += 1 }
    quality.labelledGlyphs = builder.labelled
    quality.unlabelledGlyphs = builder.unlabelled
    quality.marks = marked.trace.markCount
    quality.skippedMarks = marked.skipped
    return Labelled(document: document, quality: quality)
  }

  /// The order on a page: as in the source, furniture last.
  private func place(_ piece: RegionBuilder.Piece, _ units: [SourceUnit]) -> (Int, Int, Int) {
    let unit = units[piece.unit]
    var part = 0
    if case .paragraph(_, let segment) = unit.key { part = segment }
    return (unit.key == .furniture ? 1 : 0, unit.order * 1000 + part, piece.first)
  }

  private func continues(_ unit: SourceUnit) -> Bool {
    [.text, .list, .abstract, .footnote, .reference, .code, .table, .algorithm, .equation].contains(unit.label)
  }

  private func isWorthARegion(_ piece: RegionBuilder.Piece, _ unit: SourceUnit) -> Bool {
    guard let box = piece.box, box.width > 0.5, box.height > 0.5 else { return false }
    switch unit.label {
    case .figure:
      // A logo within a line is part of the line.
      let chain = marked.log.chain(unit.context).map { marked.log.contexts[$0].name }
      return box.area > 400 && (unit.float != nil || box.height > 16 || !chain.contains("p"))
    case .table, .algorithm, .code: return !piece.words.isEmpty || box.area > 400
    default: return !piece.words.isEmpty
    }
  }

  private func words(_ piece: RegionBuilder.Piece, _ page: Page) -> String {
    piece.words.map { page.words[$0].text }.joined(separator: " ")
  }

  /// Words on one baseline are a line.
  private func addLines(of piece: RegionBuilder.Piece, to region: inout Region, _ page: inout Page) {
    var lines: [Line] = []
    for index in piece.words {
      let word = page.words[index]
      if let last = lines.indices.last,
        word.bbox.verticalOverlap(lines[last].bbox) > 0.5 * min(word.bbox.height, lines[last].bbox.height),
        word.bbox.x0 > lines[last].bbox.x1 - 2
      {
        lines[last].words.append(index)
        lines[last].bbox = lines[last].bbox.union(word.bbox)
        lines[last].text += " " + word.text
      } else {
        lines.append(Line(words: [index], bbox: word.bbox, text: word.text))
      }
    }
    region.lines = Array(page.lines.count..<(page.lines.count + lines.count))
    page.lines += lines
  }
}

/// Whether LaTeX text has an inline formula.
enum SourceMath {
  static func hasFormula(_ source: String) -> Bool {
    var previous: Character = " "
    for character in source {
      if character == "$", previous != "\\" { return true }
      if character == "(", previous == "\\" { return true }
      previous = character
    }
    return source.contains("\\ensuremath") || source.contains("\\begin{math}")
  }
}
