import CPoppler
import DocumentModel
import Foundation

/// Reads a PDF through poppler-glib and sends it on as frames. Runs in the confined child only.
struct PopplerParser {
  let options: PDFReadOptions
  let output: FrameOutput
  private let recognizer: PageRecognizer?

  init(options: PDFReadOptions, output: FrameOutput) {
    self.options = options
    self.output = output
    recognizer = options.ocr.mode == .never ? nil : PageRecognizer(options.ocr)
  }

  /// Loads what poppler, cairo and fontconfig load on first use, by reading a page that docq itself has written.
  static func warmUp() {
    g_log_set_default_handler({ _, _, _, _ in }, nil)
    let text = "BT /F 12 Tf 20 20 Td (warm) Tj ET 0.5 g 10 10 50 2 re f"
    let page = """
      %PDF-1.4
      1 0 obj <</Type/Catalog /Pages 2 0 R>> endobj
      2 0 obj <</Type/Pages /Kids [3 0 R] /Count 1>> endobj
      3 0 obj <</Type/Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 5 0 R /Resources <</Font <</F 4 0 R>>>>>> endobj
      4 0 obj <</Type/Font /Subtype/Type1 /BaseFont/Helvetica>> endobj
      5 0 obj <</Length \(text.utf8.count)>> stream
      \(text)
      endstream endobj
      trailer <</Root 1 0 R /Size 6>>
      %%EOF
      """
    let data = Data(page.utf8)
    data.withUnsafeBytes { bytes in
      let content = g_bytes_new_static(bytes.baseAddress, gsize(bytes.count))
      defer { g_bytes_unref(content) }
      guard let document = poppler_document_new_from_bytes(content, nil, nil) else { return }
      defer { g_object_unref(UnsafeMutableRawPointer(document)) }
      _ = DocumentFacts.metadata(document)
      guard let source = poppler_document_get_page(document, 0) else { return }
      defer { g_object_unref(UnsafeMutableRawPointer(source)) }
      var read = PageText.read(source, index: 0)
      if let picture = RulingFinder.picture(of: source, width: 100, height: 100) {
        RulingFinder.addMarks(picture, to: &read)
      }
    }
  }

  func run(_ data: Data) {
    let document = open(data)
    let pageCount = Int(poppler_document_get_n_pages(document))
    guard pageCount > 0 else {
      output.fail("damaged", isCutOff(data) ? "it looks cut off: it has no page" : "it has no page")
    }
    if let missing = options.pages?.firstMissing(pageCount: pageCount) {
      output.fail("no_such_page", "", number: missing, count: pageCount)
    }
    if isCutOff(data) { output.warn("the file looks cut off; what could be found was read") }
    var pages = options.pages?.indices(pageCount: pageCount) ?? Array(0..<pageCount)
    if pages.count > options.maxPages {
      output.warn("only the first \(options.maxPages) of \(pages.count) pages were read")
      pages = Array(pages.prefix(options.maxPages))
    }
    var frame = FrameEncoder(.document)
    frame.append(pageCount)
    frame.append(pages.count)
    frame.append(DocumentFacts.metadata(document))
    frame.append(DocumentFacts.outline(document))
    output.send(frame)
    for attachment in options.share == 0
      ? DocumentFacts.attachments(document, maxBytes: options.maxAttachmentBytes) : []
    {
      var frame = FrameEncoder(.attachment)
      frame.append(attachment)
      output.send(frame)
    }
    guard options.crops.isEmpty else {
      for crop in options.sharedCrops where crop.page >= 0 && crop.page < pageCount { send(crop, of: document) }
      return output.send(FrameEncoder(.done))
    }
    let placed = options.findRulings ? PlacedPictures(data, password: options.password) : nil
    for index in options.shared(pages) { send(page: index, of: document, placed) }
    output.send(FrameEncoder(.done))
  }

  private func open(_ data: Data) -> OpaquePointer {
    var error: UnsafeMutablePointer<GError>?
    let bytes = data.withUnsafeBytes { g_bytes_new_static($0.baseAddress, gsize($0.count)) }
    if let document = poppler_document_new_from_bytes(bytes, nil, &error) { return document }
    let isEncrypted =
      error.map {
        $0.pointee.domain == poppler_error_quark() && $0.pointee.code == Int32(POPPLER_ERROR_ENCRYPTED.rawValue)
      } ?? false
    guard isEncrypted else {
      let message = error.map { String(cString: $0.pointee.message) } ?? "poppler gave no reason"
      output.fail("damaged", isCutOff(data) ? "it looks cut off (\(message))" : message)
    }
    guard let password = options.password else { output.fail("encrypted", "") }
    // Given bytes, poppler 22.12 crashes on a wrong password; given a descriptor, it does not.
    guard let document = poppler_document_new_from_fd(dup(0), password, nil) else { output.fail("wrong_password", "") }
    return document
  }

  /// A whole PDF ends with %%EOF.
  private func isCutOff(_ data: Data) -> Bool { data.suffix(2048).range(of: Data("%%EOF".utf8)) == nil }

  private func send(page index: Int, of document: OpaquePointer, _ placed: PlacedPictures?) {
    output.begin(index)
    guard let source = poppler_document_get_page(document, Int32(index)) else {
      output.warn("page \(index + 1) cannot be read")
      var frame = FrameEncoder(.page)
      frame.append(Page(index: index, width: 612, height: 792))
      output.send(frame)
      return
    }
    defer { g_object_unref(UnsafeMutableRawPointer(source)) }
    var page = PageText.read(source, index: index, isPlain: index == options.plainPage)
    guard index != options.plainPage else { return send(page) }
    var scan: PageRecognizer.Outcome?
    let (width, height) = (page.width, page.height)
    if let recognizer, ScannedPage.needsRecognition(page, mode: options.ocr.mode) {
      output.begin(index, isRecognizing: true)
      scan = ScannedPage.read(source, &page, recognizer, options: options)
      if let warning = scan?.warning { output.warn("page \(index + 1) \(warning)") }
    }
    var small: CairoPicture?
    if let scan, page.straightening != nil {
      if options.findRulings {
        RulingFinder.addRulings(
          on: scan.raster, pixelsPerPoint: Double(scan.raster.width) / page.width, to: &page,
          keepsInk: options.keepsInk)
      }
    } else if options.findRulings || options.previews {
      small = RulingFinder.picture(of: source, width: width, height: height)
      if options.findRulings, let small {
        page.images += (placed?.boxes(onPage: index, width: width, height: height) ?? []).map {
          PageImage(.placed, bbox: $0)
        }
        RulingFinder.addMarks(small, to: &page, keepsInk: options.keepsInk)
      }
    }
    send(page)
    if options.previews {
      let scale = scan.map { RulingFinder.scale * page.width / Double($0.raster.width) } ?? 1
      output.send(preview: small?.raster() ?? scan?.raster.scaled(by: min(1, scale)), of: index)
    }
    if let dpi = options.imageDPI {
      if let picture = picture(of: source, page, index, dpi: dpi) {
        var frame = FrameEncoder(.image, reserving: picture.count + 16)
        frame.append(index)
        frame.append(data: picture)
        output.send(frame)
      } else {
        output.warn("page \(index + 1) could not be rendered")
      }
    }
  }

  private func send(_ page: Page) {
    var frame = FrameEncoder(.page, reserving: page.words.count * 64 + 1024)
    frame.append(page)
    output.send(frame)
  }

  private func send(_ crop: PageCrop, of document: OpaquePointer) {
    guard let dpi = options.imageDPI, let source = poppler_document_get_page(document, Int32(crop.page)) else { return }
    defer { g_object_unref(UnsafeMutableRawPointer(source)) }
    var width = 0.0
    var height = 0.0
    poppler_page_get_size(source, &width, &height)
    let scale = PageImageRenderer.scale(width: width, height: height, dpi: dpi)
    guard let straightening = crop.straightening else {
      // Only the part that is wanted is drawn.
      guard let box = crop.box.intersection(Rect(x0: 0, y0: 0, x1: width, y1: height)) else { return }
      let picture = PageImageRenderer.render(
        source, width: box.width, height: box.height, scale: scale, from: (box.x0, box.y0))
      if let raster = picture.flatMap({ CairoPicture($0).raster() }) { output.send(crop, raster) }
      return
    }
    let page = Page(index: crop.page, width: width, height: height)
    guard let raster = ScannedPage.picture(of: source, page, scale: scale),
      let part = (raster.straightened(straightening) ?? raster).part(crop.box.scaled(by: scale))
    else { return }
    output.send(crop, part)
  }

  /// The file of a page's picture; a scan comes as straight as its words were read.
  private func picture(of source: OpaquePointer, _ page: Page, _ index: Int, dpi: Double) -> [UInt8]? {
    if page.straightening == nil, options.imageFormat == .png {
      return PageImageRenderer.png(of: source, width: page.width, height: page.height, dpi: dpi)
    }
    var width = 0.0
    var height = 0.0
    poppler_page_get_size(source, &width, &height)
    let asInFile = Page(index: index, width: width, height: height)
    let scale = PageImageRenderer.scale(width: width, height: height, dpi: dpi)
    guard var raster = ScannedPage.picture(of: source, asInFile, scale: scale) else { return nil }
    if let straightening = page.straightening {
      guard let straight = raster.straightened(straightening) else { return nil }
      raster = straight
    }
    return options.imageFormat == .png ? raster.png() : PixelImage(raster)?.bytes
  }
}
