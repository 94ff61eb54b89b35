/// Draws contexts, medians and bands as SVG, several series as small multiples, with anomalies and, below, which experts
/// served the patches where the forecasts have these.
public struct ForecastPlot: Sendable {
  /// Levels that the bands of 95, 80 and 50 % are drawn from.
  public static let bandLevels = [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975]
  /// Series that are drawn at most.
  public static let mostSeries = 48

  private let width = 760.0
  private let height = 250.0
  /// Values of the context that are shown: as many as make the forecast readable.
  private let contextShown: Int

  public init(contextShown: Int = 240) {
    self.contextShown = contextShown
  }

  /// One picture of all pairs; at most the first 48 panels are drawn.
  public func svg(_ pairs: [(series: TimeSeries, forecast: Forecast)]) -> String {
    let panels = pairs.prefix(Self.mostSeries).flatMap { series, forecast in
      series.target.indices.map { (series, forecast, $0) }
    }.prefix(Self.mostSeries)
    let columns = panels.count > 2 ? 2 : 1
    let rows = (panels.count + columns - 1) / columns
    var drawing = Drawing()
    let total = width * Double(columns)
    var y = legend(panels.map { $0.1 }, into: &drawing, width: total)
    for (index, panel) in panels.enumerated() {
      var own = Drawing()
      draw(panel.0, panel.1, variate: panel.2, into: &own)
      drawing.place(own, x: Double(index % columns) * width, y: y + Double(index / columns) * height)
    }
    y += Double(rows) * height
    for (series, forecast) in pairs.filter({ $0.forecast.experts != nil }).prefix(8) {
      let (own, used) = ExpertPlot(width: total).draw(forecast.experts!, series)
      drawing.place(own, x: 0, y: y)
      y += used
    }
    return drawing.svg(width: total, height: y, title: "Forecasts of \(pairs.count) series")
  }

  /// Pairs of levels around the median, the widest first: those of 95, 80 and 50 % where there are any, else all.
  static func bands(_ levels: [Double]) -> [(low: Int, high: Int, percent: Int)] {
    let all = levels.indices.filter { levels[$0] < 0.5 - 1e-9 }.compactMap {
      low -> (low: Int, high: Int, percent: Int)? in
      guard let high = levels.lastIndex(where: { abs($0 - (1 - levels[low])) < 1e-9 }) else { return nil }
      return (low, high, Int(((1 - 2 * levels[low]) * 100).rounded()))
    }
    let usual = all.filter { [95, 80, 50].contains($0.percent) }
    return usual.count >= 2 ? usual : all
  }

  private func legend(_ forecasts: [Forecast], into drawing: inout Drawing, width: Double) -> Double {
    guard let first = forecasts.first else { return 0 }
    var x = 64.0
    let y = 22.0
    func entry(_ text: String, _ mark: (inout Drawing, Double) -> Void) {
      mark(&drawing, x)
      drawing.text(x + 26, y + 4, text)
      x += 26 + Double(text.count) * 6.4 + 22
    }
    entry("observed") { $0.line($1, y, $1 + 20, y, Palette.ink, width: 1.5) }
    let models = Set(forecasts.map { Drawing.shortened($0.model, 40) })
    entry(models.count == 1 ? "\(models.first!), median" : "median") {
      $0.line($1, y, $1 + 20, y, Palette.accent, width: 2.2)
    }
    let bands = Self.bands(first.quantileLevels)
    for (index, band) in bands.enumerated().reversed() {
      entry("\(band.percent) %") { drawing, x in
        for _ in 0...index { drawing.rectangle(x, y - 6, 20, 12, Palette.accent, opacity: Self.opacity(bands.count)) }
      }
    }
    if forecasts.contains(where: { $0.anomalies.contains { !$0.flagged.isEmpty } }) {
      entry("unexpected value") { $0.circle($1 + 10, y, 4, "none", ring: Palette.alarm) }
    }
    return 36
  }

  private static func opacity(_ bands: Int) -> Double { bands <= 3 ? 0.17 : 0.13 }

  private func draw(_ series: TimeSeries, _ forecast: Forecast, variate: Int, into drawing: inout Drawing) {
    let values = series.target[variate], steps = forecast.quantiles[variate]
    let flags = forecast.anomalies.isEmpty ? [] : forecast.anomalies[variate].flagged
    // Anomalies are looked for in all of the history, so all of it is of interest.
    let wanted = forecast.anomalies.isEmpty ? max(contextShown, 2 * steps.count) : 2000
    let first = max(0, values.count - wanted)
    let context = values[first...]
    let bands = Self.bands(forecast.quantileLevels)
    let frame = SeriesFrame(
      x: 64, y: 30, width: width - 64 - 20, height: height - 30 - 34, steps: first..<values.count + steps.count,
      values: context + steps.flatMap { $0 })
    let split = frame.across(values.count) - (frame.across(1) - frame.across(0)) / 2
    drawing.rectangle(split, frame.y, frame.x + frame.width - split, frame.height, "#f8fafc")
    frame.draw(into: &drawing, series)
    for band in bands {
      drawing.area(
        frame.points(steps.map { $0[band.high] }, from: values.count),
        frame.points(steps.map { $0[band.low] }, from: values.count), Palette.accent, opacity: Self.opacity(bands.count)
      )
    }
    drawing.curve(frame.points(context, from: first), Palette.ink, width: context.count > 600 ? 0.8 : 1.3)
    let levels = forecast.quantileLevels
    let middle = levels.indices.min { abs(levels[$0] - 0.5) < abs(levels[$1] - 0.5) } ?? 0
    // From the last observed value on, so that the eye need not jump.
    let joint = values.last.map { $0.isFinite ? [$0] : [] } ?? []
    drawing.curve(
      frame.points(joint + steps.map { $0[middle] }, from: values.count - joint.count), Palette.accent, width: 2)
    for flag in flags where flag.index >= first {
      let chance = flag.probability < 1e-6 ? "< 0.000001" : "\((flag.probability * 1e6).rounded() / 1e6)"
      drawing.circle(
        frame.across(flag.index), frame.up(flag.value), 4, "none", ring: Palette.alarm,
        title: "\(flag.time ?? "value \(flag.index)"): \(flag.value), expected \(flag.expected), probability \(chance)")
    }
    let name = series.target.count > 1 ? "\(series.id) [\(variate + 1)]" : series.id
    drawing.text(64, 18, Drawing.shortened(name, 60), Palette.ink, size: 14, bold: true)
    let facts = ["\(steps.count) steps"] + (forecast.fallback.map { ["fallen back on \($0)"] } ?? [])
    drawing.text(
      width - 20, 18, facts.joined(separator: ", "), forecast.fallback == nil ? Palette.muted : Palette.alarm,
      anchor: .end)
  }
}
