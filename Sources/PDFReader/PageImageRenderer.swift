import CPoppler
import Foundation

/// Pictures of pages through cairo.
enum PageImageRenderer {
  private static let maxPixels = 40_000_000.0

  /// PNG bytes of a page on white; nil when it cannot be rendered. Very large pages get a lower resolution.
  static func png(of page: OpaquePointer, width: Double, height: Double, dpi: Double) -> [UInt8]? {
    guard let surface = render(page, width: width, height: height, scale: scale(width, height, dpi)) else { return nil }
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

  private static func scale(_ width: Double, _ height: Double, _ dpi: Double) -> Double {
    min(dpi / 72, (maxPixels / (width * height)).squareRoot())
  }

  /// A page on white as `PixelImage` reads it; nil when it cannot be rendered.
  static func pixels(of page: OpaquePointer, width: Double, height: Double, dpi: Double) -> [UInt8]? {
    guard let surface = render(page, width: width, height: height, scale: scale(width, height, dpi)),
      let data = cairo_image_surface_get_data(surface)
    else { return nil }
    defer { cairo_surface_destroy(surface) }
    let columns = Int(cairo_image_surface_get_width(surface)), rows = Int(cairo_image_surface_get_height(surface))
    let stride = Int(cairo_image_surface_get_stride(surface))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 + columns * rows * 3)
    for number in [columns, rows] {
      for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * shift))) }
    }
    for row in 0..<rows {
      for column in 0..<columns {
        // Cairo keeps blue first.
        let pixel = data + row * stride + column * 4
        bytes.append(pixel[2])
        bytes.append(pixel[1])
        bytes.append(pixel[0])
      }
    }
    return bytes
  }

  /// The page on a white surface of width x height x scale² pixels.
  static func render(_ page: OpaquePointer, width: Double, height: Double, scale: Double) -> OpaquePointer? {
    let columns = Int32(max(1, min(30_000, (width * scale).rounded(.up)))),
      rows = Int32(max(1, min(30_000, (height * scale).rounded(.up))))
    guard let surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, columns, rows),
      cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS, let context = cairo_create(surface)
    else { return nil }
    cairo_set_source_rgb(context, 1, 1, 1)
    cairo_paint(context)
    cairo_scale(context, scale, scale)
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
