import Foundation

/// DocGenome's annotation files (Xia et al., arXiv 2406.11633), boxes in pixels of page images at `dpi`.
///
/// Without LaTeX sources `source_code` holds the text. Page furniture is labelled Others and has no relations.
struct DocGenomeWriter {
  private let document: Document
  private let scale: Double
  private let regions: [Region]

  init(_ document: Document, dpi: Double = 200) {
    self.document = document.withWholeUnits()
    scale = dpi / 72
    regions = self.document.regions
  }

  /// The four files of a folder.
  func files() throws -> [(name: String, data: Data)] {
    try [
      ("layout_annotation.json", writeLayout), ("reading_annotation.json", writeReading),
      ("order_annotation.json", writeOrder), ("quality_report.json", writeQuality),
    ].map { (name: String, write: (PrettyJSON) throws -> Void) in
      var data = Data()
      let output = TextOutput { data += $0 }
      try write(PrettyJSON(output))
      try output.finish()
      return (name, data)
    }
  }

  /// All four as one object, keyed by file name without its ending.
  func writeCombined(_ json: PrettyJSON) throws {
    try json.object([
      "layout_annotation": writeLayout, "order_annotation": writeOrder, "quality_report": writeQuality,
      "reading_annotation": writeReading,
    ])
  }

  // MARK: - Files

  private struct Info: Encodable {
    var version = "1.0"
    var description = "Document layout in DocGenome's categories"
    var contributor = "docq"
  }

  private struct Image: Encodable {
    var id, width, height: Int
    var fileName: String
  }

  private struct Annotation: Encodable {
    var id, imageID, categoryID: Int
    var bbox: [Int]
    var area: Int
    var iscrowd = 0
    var segmentation: [[Int]] = []
  }

  private struct Category: Encodable {
    var id: Int
    var name, supercategory: String
  }

  private struct Block: Encodable {
    var blockID: Int
    var bbox: [Int]
    var category, pageIndex: Int
    var sourceCode: String
    /// In the order file only; there null where nothing precedes, contains or follows.
    var previousBlock, parentBlock, nextBlock: Int??
  }

  private struct Edge: Encodable {
    var type: String
    var from, to: Int
  }

  private struct Quality: Encodable {
    struct Category: Encodable {
      var category: String
      var geometryCount, readingCount: Int
      var missingRate: Double
    }
    struct PageQuality: Encodable {
      var page, numBlocks: Int
      var area, overlap, ratio: Double
    }
    var numPages, numColumns: Int
    var categoryQuality: [Category]
    var pageQuality: [PageQuality]
  }

  func writeLayout(_ json: PrettyJSON) throws {
    try json.object([
      "annotations": { try $0.list(regions.lazy.map(annotation)) },
      "categories": {
        try $0.list(
          RegionClass.allCases.map { Category(id: $0.rawValue, name: $0.name, supercategory: $0.name) })
      },
      "images": {
        try $0.list(
          document.pages.lazy.map {
            Image(
              id: $0.index, width: pixels($0.width), height: pixels($0.height),
              fileName: String(format: "page_%04d.jpg", $0.index))
          })
      },
      "info": { try $0.value(Info()) },
    ])
  }

  private func annotation(_ region: Region) -> Annotation {
    let (x, y) = (pixels(region.bbox.x0), pixels(region.bbox.y0))
    let (w, h) = (pixels(region.bbox.x1) - x, pixels(region.bbox.y1) - y)
    return Annotation(
      id: region.id, imageID: region.page, categoryID: region.label.rawValue, bbox: [x, y, w, h], area: w * h)
  }

  private func writeReading(_ json: PrettyJSON) throws { try json.list(regions.lazy.map(block)) }

  private func writeOrder(_ json: PrettyJSON) throws {
    let flow = regions.filter { !$0.isFurniture }
    var parents: [Int: Int] = [:]
    for relation in document.relations where relation.type == .sub { parents[relation.from] = relation.to }
    try json.object([
      "annotations": {
        try $0.list(
          flow.indices.lazy.map { index in
            var block = block(flow[index])
            block.previousBlock = .some(index > 0 ? flow[index - 1].id : nil)
            block.nextBlock = .some(index + 1 < flow.count ? flow[index + 1].id : nil)
            block.parentBlock = .some(parents[flow[index].id])
            return block
          })
      },
      "orders": {
        try $0.list(document.relations.lazy.map { Edge(type: $0.type.rawValue, from: $0.from, to: $0.to) })
      },
    ])
  }

  private func writeQuality(_ json: PrettyJSON) throws { try json.value(quality) }

  private var quality: Quality {
    let counts = Dictionary(grouping: regions, by: \.label).mapValues(\.count)
    return Quality(
      numPages: document.pages.count, numColumns: columns,
      categoryQuality: RegionClass.allCases.compactMap { label in
        counts[label].map {
          Quality.Category(category: label.name, geometryCount: $0, readingCount: $0, missingRate: 0)
        }
      },
      pageQuality: document.pages.map { page in
        let boxes = page.regions.map(\.bbox)
        let area = boxes.reduce(0) { $0 + $1.area }
        var overlap = 0.0
        if boxes.count < 2000 {
          for (index, box) in boxes.enumerated() {
            for other in boxes[(index + 1)...] { overlap += box.intersection(other)?.area ?? 0 }
          }
        }
        let factor = scale * scale
        return Quality.PageQuality(
          page: page.index, numBlocks: boxes.count, area: (area * factor).rounded(),
          overlap: (overlap * factor).rounded(),
          ratio: area / max(1, page.width * page.height))
      })
  }

  /// Two when most text regions fill less than 55 % of the width and stand side by side.
  private var columns: Int {
    var narrow = 0, wide = 0
    for page in document.pages {
      for region in page.regions where [.text, .textEquation].contains(region.label) && region.lines.count > 2 {
        if region.bbox.width < 0.48 * page.width { narrow += region.lines.count } else { wide += region.lines.count }
      }
    }
    return narrow > 2 * wide ? 2 : 1
  }

  private func block(_ region: Region) -> Block {
    Block(
      blockID: region.id,
      bbox: [region.bbox.x0, region.bbox.y0, region.bbox.x1, region.bbox.y1].map(pixels),
      category: region.label.rawValue, pageIndex: region.page, sourceCode: region.text)
  }

  private func pixels(_ points: Double) -> Int { points.isFinite ? Int((points * scale).rounded()) : 0 }
}
