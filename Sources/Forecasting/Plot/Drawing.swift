import Foundation

/// Colours of all pictures.
enum Palette {
  static let ink = "#111827"
  static let muted = "#6b7280"
  static let grid = "#e5e7eb"
  static let accent = "#2563eb"
  static let alarm = "#dc2626"

  /// Colours that are told apart at a glance; more than ten go round the colour circle.
  static func category(_ index: Int, of count: Int) -> String {
    let named = [
      "#2563eb", "#f59e0b", "#059669", "#db2777", "#7c3aed", "#0891b2", "#65a30d", "#ea580c", "#475569", "#a16207",
    ]
    if count <= named.count { return named[index % named.count] }
    let hue = Double(index) * 360 / Double(count)
    return "hsl(\(Int(hue)),\(index % 2 == 0 ? 70 : 50)%,\(index % 3 == 0 ? 42 : index % 3 == 1 ? 55 : 66)%)"
  }

  /// From white to the accent colour.
  static func heat(_ share: Double) -> String {
    let t = pow(max(0, min(1, share)), 0.7)
    func mix(_ from: Double, _ to: Double) -> Int { Int(from + (to - from) * t) }
    return String(format: "#%02x%02x%02x", mix(248, 29), mix(250, 78), mix(252, 216))
  }
}

/// Pieces of an SVG picture.
struct Drawing {
  enum Anchor: String { case start, middle, end }

  private(set) var parts: [String] = []

  mutating func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ color: String, width: Double = 1, dash: String? = nil
  ) {
    parts.append(
      "<line x1=\"\(Self.number(x1))\" y1=\"\(Self.number(y1))\" x2=\"\(Self.number(x2))\" y2=\"\(Self.number(y2))\" "
        + "stroke=\"\(color)\" stroke-width=\"\(width)\"\(dash.map { " stroke-dasharray=\"\($0)\"" } ?? "")/>")
  }

  mutating func rectangle(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ color: String, opacity: Double = 1,
    round: Double = 0,
    title: String? = nil
  ) {
    let head =
      "<rect x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" width=\"\(Self.number(max(0, width)))\" "
      + "height=\"\(Self.number(max(0, height)))\" fill=\"\(color)\""
      + (opacity < 1 ? " fill-opacity=\"\(opacity)\"" : "") + (round > 0 ? " rx=\"\(round)\"" : "")
    parts.append(title.map { head + "><title>\(Self.escaped($0))</title></rect>" } ?? head + "/>")
  }

  mutating func text(
    _ x: Double, _ y: Double, _ text: String, _ color: String = Palette.muted, anchor: Anchor = .start,
    size: Double = 12, bold: Bool = false
  ) {
    parts.append(
      "<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" fill=\"\(color)\" font-size=\"\(Self.number(size))\""
        + (anchor == .start ? "" : " text-anchor=\"\(anchor.rawValue)\"") + (bold ? " font-weight=\"600\"" : "")
        + ">\(Self.escaped(text))</text>")
  }

  /// A line through what is finite; gaps stay gaps, single points become dots.
  mutating func curve(_ points: [(x: Double, y: Double)], _ color: String, width: Double = 1.5, opacity: Double = 1) {
    var run: [(x: Double, y: Double)] = []
    for point in points + [(0, .nan)] {
      if point.y.isFinite {
        run.append(point)
        continue
      }
      if run.count == 1 {
        circle(run[0].x, run[0].y, max(1, width * 0.8), color)
      } else if run.count > 1 {
        parts.append(
          "<polyline points=\"\(run.map { Self.point($0.x, $0.y) }.joined(separator: " "))\" fill=\"none\" stroke=\"\(color)\" "
            + "stroke-width=\"\(width)\" stroke-linejoin=\"round\""
            + (opacity < 1 ? " stroke-opacity=\"\(opacity)\"" : "") + "/>")
      }
      run = []
    }
  }

  mutating func area(
    _ upper: [(x: Double, y: Double)], _ lower: [(x: Double, y: Double)], _ color: String, opacity: Double
  ) {
    guard (upper + lower).allSatisfy({ $0.y.isFinite }) else { return }
    let points = (upper + lower.reversed()).map { Self.point($0.x, $0.y) }.joined(separator: " ")
    parts.append("<polygon points=\"\(points)\" fill=\"\(color)\" fill-opacity=\"\(opacity)\"/>")
  }

  mutating func circle(
    _ x: Double, _ y: Double, _ radius: Double, _ color: String, ring: String? = nil, title: String? = nil
  ) {
    let head =
      "<circle cx=\"\(Self.number(x))\" cy=\"\(Self.number(y))\" r=\"\(Self.number(radius))\" fill=\"\(color)\""
      + (ring.map { " stroke=\"\($0)\" stroke-width=\"1.5\"" } ?? "")
    parts.append(title.map { head + "><title>\(Self.escaped($0))</title></circle>" } ?? head + "/>")
  }

  /// The parts of another drawing, moved.
  mutating func place(_ other: Drawing, x: Double, y: Double) {
    parts.append("<g transform=\"translate(\(Self.number(x)),\(Self.number(y)))\">")
    parts += other.parts
    parts.append("</g>")
  }

  /// The whole picture on white.
  func svg(width: Double, height: Double, title: String) -> String {
    let head = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Self.number(width)) \(Self.number(height))\" "
        + "width=\"\(Self.number(width))\" height=\"\(Self.number(height))\" role=\"img\" "
        + "font-family=\"system-ui, 'Helvetica Neue', Arial, sans-serif\" font-size=\"12\">",
      "<title>\(Self.escaped(title))</title>", "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
    ]
    return (head + parts + ["</svg>"]).joined(separator: "\n") + "\n"
  }

  // MARK: - Text

  static func number(_ value: Double) -> String {
    let text = String(format: "%.1f", value)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private static func point(_ x: Double, _ y: Double) -> String { "\(number(x)),\(number(y))" }

  /// Text for XML: markup characters escaped, control characters left out.
  static func escaped(_ text: String) -> String {
    String(
      text.unicodeScalars.filter { $0.value >= 32 && $0.value != 0xFFFE && $0.value != 0xFFFF }.map(Character.init)
    )
    .replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
    .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
  }

  /// At most `most` characters, the rest as an ellipsis.
  static func shortened(_ text: String, _ most: Int) -> String {
    text.count <= most ? text : text.prefix(most - 1) + "…"
  }
}
