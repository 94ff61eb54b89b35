import CTesseract
import DocumentModel
import Foundation

/// Reads PNG, JPEG and TIFF files as documents: every picture is a page. Runs in the confined child only.
struct ImageParser {
  let kind: InputKind
  let options: PDFReadOptions
  let output: FrameOutput

  /// Larger pictures are refused before they are unpacked.
  static let maxPixels = 100_000_000
  /// The long side of an A3 sheet in points; a picture without a believable resolution is taken for A4.
  private static let longestSide = 1191.0
  private static let usualSide = 842.0

  func run(_ data: Data) {
    let count = pageCount(data)
    guard count > 0 else { output.fail("damaged", "its \(kind.rawValue) header cannot be read") }
    if let missing = options.pages?.firstMissing(pageCount: count) {
      output.fail("no_such_page", "", number: missing, count: count)
    }
    var pages = options.pages?.indices(pageCount: count) ?? Array(0..<count)
    if pages.count > options.maxPages {
      output.warn("only the first \(options.maxPages) of \(pages.count) pages were read")
      pages = Array(pages.prefix(options.maxPages))
    }
    var metadata = Metadata()
    metadata.formatVersion = kind.rawValue
    var frame = FrameEncoder(.document)
    frame.append(count)
    frame.append(pages.count)
    frame.append(metadata)
    frame.append([OutlineEntry]())
    output.send(frame)
    guard options.crops.isEmpty else {
      for crop in options.sharedCrops {
        guard let size = header(data, crop.page), var picture = decoded(data, crop.page, size) else { continue }
        let scale = pixelsPerPoint(picture)
        if let straightening = crop.straightening { picture = picture.straightened(straightening) ?? picture }
        if let part = picture.part(crop.box.scaled(by: scale)) { output.send(crop, part) }
      }
      return output.send(FrameEncoder(.done))
    }
    let recognizer = options.ocr.mode == .never ? nil : PageRecognizer(options.ocr)
    if recognizer == nil { output.warn("a picture has no text of its own, and text recognition is off") }
    for index in options.shared(pages) { send(page: index, of: data, isOnly: count == 1, recognizer) }
    output.send(FrameEncoder(.done))
  }

  private func send(page index: Int, of data: Data, isOnly: Bool, _ recognizer: PageRecognizer?) {
    output.begin(index)
    guard let size = header(data, index), let picture = decoded(data, index, size) else {
      if isOnly { output.fail("damaged", "its pixels cannot be read; it may be cut off") }
      output.warn("page \(index + 1) cannot be read")
      var frame = FrameEncoder(.page)
      frame.append(Page(index: index, width: 612, height: 792))
      output.send(frame)
      return
    }
    let scale = pixelsPerPoint(picture)
    var page = Page(index: index, width: Double(picture.width) / scale, height: Double(picture.height) / scale)
    page.textSource = .none
    page.images = [PageImage(id: 0, bbox: Rect(x0: 0, y0: 0, x1: page.width, y1: page.height))]
    var shown = picture
    let recognizer = index == options.plainPage ? nil : recognizer
    if recognizer != nil { output.begin(index, isRecognizing: true) }
    if let outcome = recognizer?.read(picture, scale: scale, into: &page) {
      page.straightening = outcome.straightening
      if let warning = outcome.warning { output.warn("page \(index + 1) \(warning)") }
      if let straightening = outcome.straightening { shown = picture.straightened(straightening) ?? picture }
      if options.findRulings {
        RulingFinder.addRulings(
          on: outcome.raster, pixelsPerPoint: Double(outcome.raster.width) / page.width, to: &page,
          keepsInk: options.keepsInk)
      }
    }
    var frame = FrameEncoder(.page, reserving: page.words.count * 64 + 1024)
    frame.append(page)
    output.send(frame)
    if options.previews { output.send(preview: shown.scaled(by: min(1, RulingFinder.scale / scale)), of: index) }
    guard let dpi = options.imageDPI else { return }
    if let png = shown.scaled(by: min(1, dpi / 72 / scale))?.png() {
      var frame = FrameEncoder(.image, reserving: png.count + 16)
      frame.append(index)
      frame.append(data: png)
      output.send(frame)
    } else {
      output.warn("page \(index + 1) could not be rendered")
    }
  }

  // MARK: - Pictures in files

  private func pageCount(_ data: Data) -> Int {
    guard kind == .tiff else { return header(data, 0) == nil ? 0 : 1 }
    // Each header is found from the one before; the limit keeps a ring of them from going on for ever.
    var count = 0
    while count < min(10_000, options.maxPages + 1), header(data, count, checked: false) != nil { count += 1 }
    return count
  }

  /// Width and height. Ends the process for a picture that is too large to unpack.
  private func header(_ data: Data, _ index: Int, checked: Bool = true) -> (width: Int, height: Int)? {
    var width: Int32 = 0
    var height: Int32 = 0
    var bits: Int32 = 0
    var samples: Int32 = 0
    let status = data.withUnsafeBytes { bytes -> Int32 in
      let start = bytes.bindMemory(to: UInt8.self).baseAddress
      switch kind {
      case .tiff:
        return readHeaderMemTiff(start, bytes.count, Int32(index), &width, &height, &bits, &samples, nil, nil, nil)
      default: return pixReadHeaderMem(start, bytes.count, nil, &width, &height, &bits, &samples, nil)
      }
    }
    guard status == 0, width > 0, height > 0 else { return nil }
    if checked, Int(width) * Int(height) > Self.maxPixels {
      output.fail("image_too_large", "", number: Int(width), count: Int(height))
    }
    return (Int(width), Int(height))
  }

  private func decoded(_ data: Data, _ index: Int, _ size: (width: Int, height: Int)) -> Raster? {
    let pix = data.withUnsafeBytes { bytes in
      let start = bytes.bindMemory(to: UInt8.self).baseAddress
      return kind == .tiff ? pixReadMemTiff(start, bytes.count, Int32(index)) : pixReadMem(start, bytes.count)
    }
    guard let raster = Raster(pix), raster.width == size.width, raster.height == size.height else { return nil }
    // What is transparent shows paper.
    return pixGetSpp(raster.pix) == 4 ? Raster(pixAlphaBlendUniform(raster.pix, 0xFFFF_FF00)) ?? raster : raster
  }

  /// The resolution that the file states, where it makes a sheet of a size that there is.
  private func pixelsPerPoint(_ picture: Raster) -> Double {
    let long = Double(max(picture.width, picture.height))
    let stated = Double(pixGetXRes(picture.pix)) / 72
    if stated >= 0.9, stated < 40, long / stated <= Self.longestSide, long / stated > 60 { return stated }
    return long <= Self.longestSide ? 1 : long / Self.usualSide
  }
}

extension Raster {
  /// As `PageRecognizer` does it, for the picture in its full size and colour.
  func straightened(_ straightening: Straightening) -> Raster? {
    guard let upright = straightening.quarterTurns == 0 ? self : turned(by: straightening.quarterTurns) else {
      return nil
    }
    return straightening.degrees == 0 ? upright : upright.rotated(by: straightening.degrees)
  }
}
