import CPoppler
import CTesseract
import Foundation

/// Pictures of pages through cairo.
enum PageImageRenderer {
  private static let maxPixels = 40_000_000.0

  /// PNG bytes of a page on white; nil when it cannot be rendered. Very large pages get a lower resolution.
  static func png(of page: OpaquePointer, width: Double, height: Double, dpi: Double) -> [UInt8]? {
    let scale = scale(width: width, height: height, dpi: dpi)
    guard let surface = render(page, width: width, height: height, scale: scale) else { return nil }
    defer { cairo_surface_destroy(surface) }
    final class Sink { var bytes: [UInt8] = [] }
    let sink = Sink()
    let status = cairo_surface_write_to_png_stream(
      surface,
      { context, data, length in
        guard let context, let data else { return CAIRO_STATUS_WRITE_ERROR }
        Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue().bytes.append(
          contentsOf: UnsafeBufferPointer(start: data, count: Int(length)))
        return CAIRO_STATUS_SUCCESS
      }, Unmanaged.passUnretained(sink).toOpaque())
    return status == CAIRO_STATUS_SUCCESS ? sink.bytes : nil
  }

  /// Pixels per point.
  static func scale(width: Double, height: Double, dpi: Double) -> Double {
    min(dpi / 72, (maxPixels / max(1, width * height)).squareRoot())
  }

  /// The page on a white surface of width x height x scale² pixels.
  ///
  /// - Parameter corner: the point of the page that is the surface's upper left corner.
  static func render(
    _ page: OpaquePointer, width: Double, height: Double, scale: Double, from corner: (x: Double, y: Double) = (0, 0)
  ) -> OpaquePointer? {
    let columns = Int32(max(1, min(30_000, (width * scale).rounded(.up)))),
      rows = Int32(max(1, min(30_000, (height * scale).rounded(.up))))
    guard let surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, columns, rows),
      cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS, let context = cairo_create(surface)
    else { return nil }
    cairo_set_source_rgb(context, 1, 1, 1)
    cairo_paint(context)
    cairo_scale(context, scale, scale)
    cairo_translate(context, -corner.x, -corner.y)
    poppler_page_render(page, context)
    let ok = cairo_status(context) == CAIRO_STATUS_SUCCESS
    cairo_destroy(context)
    cairo_surface_flush(surface)
    guard ok else {
      cairo_surface_destroy(surface)
      return nil
    }
    return surface
  }
}

/// A picture in cairo's form. Owns its pixels.
///
/// Invariant: `surface` is valid until deinit and nobody else destroys it.
final class CairoPicture {
  let surface: OpaquePointer

  init(_ surface: OpaquePointer) { self.surface = surface }

  deinit { cairo_surface_destroy(surface) }

  /// In leptonica's form.
  func raster() -> Raster? {
    let columns = Int(cairo_image_surface_get_width(surface)), rows = Int(cairo_image_surface_get_height(surface))
    let stride = Int(cairo_image_surface_get_stride(surface))
    guard let pixels = cairo_image_surface_get_data(surface),
      let raster = Raster(pixCreate(Int32(columns), Int32(rows), 32)), let data = pixGetData(raster.pix)
    else { return nil }
    let wordsPerLine = Int(pixGetWpl(raster.pix))
    for y in 0..<rows {
      let from = UnsafeRawPointer(pixels + y * stride).assumingMemoryBound(to: UInt32.self)
      let to = data + y * wordsPerLine
      // Cairo keeps 0x00RRGGBB in a word, leptonica 0xRRGGBBAA.
      for x in 0..<columns { to[x] = from[x] << 8 }
    }
    return raster
  }
}
