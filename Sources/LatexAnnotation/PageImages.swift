import DocumentModel
import Foundation
import PDFReader
import Synchronization

/// Renders the pages once: each becomes a JPEG, and the regions' boxes are fitted to its ink.
struct PageImages {
  let reader: PDFReader
  let pdf: URL
  let fileName: String
  let dpi: Double

  /// Writes page_0000.jpg ... into the folder and fits the document's boxes.
  func render(
    into folder: URL, fitting document: inout Document, progress: @escaping @Sendable (Int) -> Void,
    isCancelled: @escaping @Sendable () -> Bool
  ) throws {
    var options = PDFReadOptions()
    options.findRulings = false
    options.imageDPI = dpi
    options.imageFormat = .pixels
    let fitted = Mutex([Int: Rect]())
    let pages = document.pages
    let onImage: @Sendable (Int, [UInt8]) throws -> Void = { index, bytes in
      guard let image = PixelImage(bytes), index < pages.count, let jpeg = image.jpeg() else { return }
      do {
        try Data(jpeg).write(to: folder.appendingPathComponent(Self.name(index)))
      } catch {
        throw LatexAnnotationError.cannotWrite(folder: folder.path, reason: (error as NSError).localizedDescription)
      }
      // Very large pages come at a lower resolution.
      let ink = InkMap(image, dpi: Double(image.width) / pages[index].width * 72)
      for region in pages[index].regions where region.label != .figure {
        guard let first = region.lines.first, let last = region.lines.last else { continue }
        let box = ink.fitted(region.bbox, first: pages[index].lines[first].bbox, last: pages[index].lines[last].bbox)
        fitted.withLock { $0[region.id] = box }
      }
      progress(index)
    }
    _ = try reader.read(
      pdf, fileName: fileName, options: options, keepPages: false, onImage: onImage, isCancelled: isCancelled)
    let boxes = fitted.withLock { $0 }
    for page in document.pages.indices {
      for index in document.pages[page].regions.indices {
        if let box = boxes[document.pages[page].regions[index].id] { document.pages[page].regions[index].bbox = box }
      }
    }
  }

  static func name(_ index: Int) -> String { String(format: "page_%04d.jpg", index) }
}
