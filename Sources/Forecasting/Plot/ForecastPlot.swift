import Foundation

/// Draws contexts, medians and bands as SVG; several series as small multiples.
public struct ForecastPlot {
  private let width = 720.0
  private let height = 260.0
  private let left = 64.0, right = 16.0, top = 34.0, bottom = 34.0
  /// Values of the context that are shown: as many as make the forecast readable.
  private let contextShown: Int

  public init(contextShown: Int = 240) {
    self.contextShown = contextShown
  }

  /// One picture of all pairs; at most the first 64 are drawn.
  public func svg(_ pairs: [(series: TimeSeries, forecast: Forecast)]) -> String {
    let panels = pairs.prefix(64).flatMap { series, forecast in
      series.target.indices.map { (series, forecast, $0) }
    }.prefix(64)
    let columns = panels.count > 3 ? 2 : 1
    let rows = (panels.count + columns - 1) / columns
    let size = (width * Double(columns), height * Double(rows))
    var parts = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(number(size.0)) \(number(size.1))\" "
        + "width=\"\(number(size.0))\" height=\"\(number(size.1))\" font-family=\"system-ui, sans-serif\" font-size=\"12\">",
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
    ]
    for (index, panel) in panels.enumerated() {
      let x = Double(index % columns) * width, y = Double(index / columns) * height
      parts.append("<g transform=\"translate(\(number(x)),\(number(y)))\">")
      parts += draw(panel.0, panel.1, variate: panel.2)
      parts.append("</g>")
    }
    return (parts + ["</svg>"]).joined(separator: "\n") + "\n"
  }

  private func draw(_ series: TimeSeries, _ forecast: Forecast, variate: Int) -> [String] {
    let context = Array(series.target[variate].suffix(max(contextShown, forecast.mean[variate].count * 2)))
    let levels = forecast.quantileLevels
    let steps = forecast.quantiles[variate]
    let all = context.filter(\.isFinite) + steps.flatMap { $0 }.filter(\.isFinite)
    guard var low = all.min(), var high = all.max() else { return [] }
    if high - low < 1e-12 * max(1, abs(high)) { (low, high) = (low - 1, high + 1) }
    let ticks = Self.ticks(low, high)
    (low, high) = (min(low, ticks[0]), max(high, ticks[ticks.count - 1]))
    let count = Double(context.count + steps.count - 1)
    let x = { (index: Int) in left + (width - left - right) * Double(index) / max(1, count) }
    let y = { (value: Double) in top + (height - top - bottom) * (high - value) / (high - low) }

    var parts: [String] = []
    for tick in ticks {
      parts.append(
        "<line x1=\"\(number(left))\" x2=\"\(number(width - right))\" y1=\"\(number(y(tick)))\" y2=\"\(number(y(tick)))\" stroke=\"#e5e7eb\"/>"
      )
      parts.append(
        "<text x=\"\(number(left - 6))\" y=\"\(number(y(tick) + 4))\" text-anchor=\"end\" fill=\"#6b7280\">\(Self.label(tick, ticks))</text>"
      )
    }
    var bands: [String] = []
    for (index, lowLevel) in levels.enumerated() where lowLevel < 0.5 {
      guard let mirror = levels.lastIndex(where: { abs($0 - (1 - lowLevel)) < 1e-9 }) else { continue }
      let upper = steps.indices.map { point(x(context.count + $0), y(steps[$0][mirror])) }
      let lower = steps.indices.reversed().map { point(x(context.count + $0), y(steps[$0][index])) }
      parts.append(
        "<polygon points=\"\((upper + lower).joined(separator: " "))\" fill=\"#2563eb\" fill-opacity=\"0.13\"/>")
      bands.append("\(Int(((1 - 2 * lowLevel) * 100).rounded())) %")
    }
    // Gaps in the context stay gaps.
    var run: [String] = []
    for (index, value) in (context + [.nan]).enumerated() {
      if value.isFinite {
        run.append(point(x(index), y(value)))
      } else if !run.isEmpty {
        parts.append(
          "<polyline points=\"\(run.joined(separator: " "))\" fill=\"none\" stroke=\"#111827\" stroke-width=\"1.3\"/>")
        run = []
      }
    }
    let middle = levels.indices.min { abs(levels[$0] - 0.5) < abs(levels[$1] - 0.5) } ?? 0
    let median = steps.indices.map { point(x(context.count + $0), y(steps[$0][middle])) }
    parts.append(
      "<polyline points=\"\(median.joined(separator: " "))\" fill=\"none\" stroke=\"#2563eb\" stroke-width=\"2\"/>")
    let split = x(context.count) - (x(1) - x(0)) / 2
    parts.append(
      "<line x1=\"\(number(split))\" x2=\"\(number(split))\" y1=\"\(number(top))\" y2=\"\(number(height - bottom))\" stroke=\"#9ca3af\" stroke-dasharray=\"3 3\"/>"
    )
    let name = series.target.count > 1 ? "\(series.id) [\(variate + 1)]" : series.id
    parts.append(
      "<text x=\"\(number(left))\" y=\"20\" font-size=\"14\" font-weight=\"600\" fill=\"#111827\">\(Self.escaped(String(name.prefix(60))))</text>"
    )
    let legend = "\(forecast.model): median" + (bands.isEmpty ? "" : ", bands \(bands.joined(separator: ", "))")
    parts.append(
      "<text x=\"\(number(width - right))\" y=\"20\" text-anchor=\"end\" fill=\"#2563eb\">\(Self.escaped(legend))</text>"
    )
    parts.append(
      "<text x=\"\(number(left))\" y=\"\(number(height - 12))\" fill=\"#6b7280\">\(context.count) values shown</text>")
    parts.append(
      "<text x=\"\(number(width - right))\" y=\"\(number(height - 12))\" text-anchor=\"end\" fill=\"#6b7280\">+\(steps.count) steps</text>"
    )
    return parts
  }

  /// Three to seven round numbers that cover the range.
  static func ticks(_ low: Double, _ high: Double) -> [Double] {
    let rough = (high - low) / 4
    let magnitude = pow(10, floor(log10(rough)))
    let step = magnitude * ([1, 2, 2.5, 5, 10].first { $0 * magnitude >= rough } ?? 10)
    let first = Int((low / step).rounded(.down)), last = Int((high / step).rounded(.up))
    return (first...max(first + 1, last)).map { Double($0) * step }
  }

  private static func label(_ value: Double, _ ticks: [Double]) -> String {
    let step = ticks[1] - ticks[0]
    if abs(value) >= 1e6 || (step < 1e-3 && step > 0) { return String(format: "%.3g", value) }
    return String(format: "%.\(max(0, Int((-log10(step)).rounded(.up))))f", value)
  }

  private func point(_ x: Double, _ y: Double) -> String { "\(number(x)),\(number(y))" }
  private func number(_ value: Double) -> String { String(format: "%.1f", value) }

  /// Text for XML: markup characters escaped, control characters left out.
  static func escaped(_ text: String) -> String {
    String(
      text.unicodeScalars.filter { $0.value >= 32 && $0.value != 0xFFFE && $0.value != 0xFFFF }.map(Character.init)
    )
    .replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
    .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
  }
}
