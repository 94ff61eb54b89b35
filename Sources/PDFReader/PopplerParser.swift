import CPoppler
import DocumentModel
import Foundation

/// Reads a PDF through poppler-glib and sends it on as frames. Runs in the confined child only.
struct PopplerParser {
  let options: PDFReadOptions
  let output: FrameOutput

  /// Loads what poppler and fontconfig load on first use.
  static func warmUp() {
    g_log_set_default_handler({ _, _, _, _ in }, nil)
    let surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 8, 8)
    let context = cairo_create(surface)
    cairo_select_font_face(context, "Helvetica", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL)
    cairo_show_text(context, "x")
    cairo_destroy(context)
    cairo_surface_destroy(surface)
  }

  func run() {
    let input = FileHandle(fileDescriptor: 0)
    let data: Data
    var status = stat()
    if fstat(0, &status) == 0, status.st_size > 0,
      let mapped = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, 0, 0), mapped != MAP_FAILED
    {
      data = Data(bytesNoCopy: mapped, count: Int(status.st_size), deallocator: .none)
    } else {
      data = input.readDataToEndOfFile()
    }
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
    for attachment in DocumentFacts.attachments(document, maxBytes: options.maxAttachmentBytes) {
      var frame = FrameEncoder(.attachment)
      frame.append(attachment)
      output.send(frame)
    }
    for index in pages { send(page: index, of: document) }
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
  private func isCutOff(_ data: Data) -> Bool {
    data.suffix(2048).range(of: Data("%%EOF".utf8)) == nil
  }

  private func send(page index: Int, of document: OpaquePointer) {
    guard let source = poppler_document_get_page(document, Int32(index)) else {
      output.warn("page \(index + 1) cannot be read")
      var frame = FrameEncoder(.page)
      frame.append(Page(index: index, width: 612, height: 792))
      output.send(frame)
      return
    }
    defer { g_object_unref(UnsafeMutableRawPointer(source)) }
    var page = PageText.read(source, index: index)
    if options.findRulings { page.rulings = RulingFinder.rulings(on: source, width: page.width, height: page.height) }
    var frame = FrameEncoder(.page, reserving: page.words.count * 64 + 1024)
    frame.append(page)
    output.send(frame)
    if let dpi = options.imageDPI {
      let image =
        options.imageFormat == .png
        ? PageImageRenderer.png(of: source, width: page.width, height: page.height, dpi: dpi)
        : PageImageRenderer.pixels(of: source, width: page.width, height: page.height, dpi: dpi)
      if let png = image {
        var frame = FrameEncoder(.image, reserving: png.count + 16)
        frame.append(index)
        frame.append(data: png)
        output.send(frame)
      } else {
        output.warn("page \(index + 1) could not be rendered")
      }
    }
  }
}
