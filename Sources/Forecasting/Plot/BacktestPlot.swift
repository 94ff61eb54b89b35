import Foundation

/// A backtest as SVG: bars by model above, the windows of the first series below.
public struct BacktestPlot: Sendable {
  private let width = 1120.0

  public init() {}

  public func svg(_ report: BacktestReport) -> String {
    let rows = report.models.sorted { ($0.wql ?? .infinity) < ($1.wql ?? .infinity) }
    var drawing = Drawing()
    let windows = report.series.reduce(0) { $0 + $1.windows }
    drawing.text(
      24, 32, "Backtest of \(report.series.count) series, \(windows) windows", Palette.ink, size: 16, bold: true)
    drawing.text(
      24, 52, "best model first; bars: shorter is better; intervals: the nearer to their line, the better calibrated",
      size: 12)
    let label = min(220, 24 + Double(rows.map { min(30, $0.model.count) }.max() ?? 8) * 7)
    let panel = (width - label - 24) / 4, line = 26.0, top = 92.0
    for (index, row) in rows.enumerated() {
      drawing.text(
        label - 4, top + Double(index) * line + 16, Drawing.shortened(row.model, 30),
        index == 0 ? Palette.accent : Palette.ink,
        anchor: .end, size: 12.5, bold: index == 0)
    }
    let metrics: [(String, (BacktestReport.Row) -> Double?, String)] = [
      ("MASE", \.mase, "%.3f"), ("WQL", \.wql, "%.4f"), ("ms per forecast", { $0.secondsPerForecast * 1000 }, "%.2f"),
    ]
    for (number, metric) in metrics.enumerated() {
      let x = label + 8 + Double(number == 2 ? 3 : number) * panel
      bars(rows, metric, x: x, width: panel - 28, top, line, into: &drawing)
    }
    coverage(rows, x: label + 8 + 2 * panel, width: panel - 28, top, line, into: &drawing)
    var y = top + Double(rows.count) * line + 24
    let columns = report.plotted.count > 1 ? 2 : 1
    let cell = (width - 24) / Double(columns), height = columns == 1 ? 280.0 : 220.0
    if let best = rows.first, !report.plotted.isEmpty {
      var x = 64.0
      drawing.line(x, y, x + 20, y, Palette.ink, width: 1.5)
      drawing.text(x + 26, y + 4, "observed")
      x += 110
      for (index, row) in rows.prefix(4).enumerated() {
        drawing.line(x, y, x + 20, y, color(index), width: index == 0 ? 2.2 : 1.4)
        let text = Drawing.shortened(row.model, 30) + (row.model == best.model ? ", median and 80 %" : "")
        drawing.text(x + 26, y + 4, text)
        x += 26 + Double(text.count) * 6.5 + 20
      }
      y += 14
    }
    for (index, plotted) in report.plotted.enumerated() {
      var own = Drawing()
      draw(plotted, rows, width: cell, height: height, into: &own)
      drawing.place(own, x: Double(index % columns) * cell, y: y + Double(index / columns) * height)
    }
    y += Double((report.plotted.count + columns - 1) / columns) * height
    return drawing.svg(width: width, height: y + 8, title: "Backtest of \(rows.map(\.model).joined(separator: ", "))")
  }

  private func color(_ rank: Int) -> String { [Palette.accent, "#f59e0b", "#059669", "#db2777"][min(rank, 3)] }

  private func bars(
    _ rows: [BacktestReport.Row], _ metric: (name: String, value: (BacktestReport.Row) -> Double?, format: String),
    x: Double, width: Double, _ top: Double, _ line: Double, into drawing: inout Drawing
  ) {
    drawing.text(x, top - 10, metric.name, Palette.ink, bold: true)
    let values = rows.map { metric.value($0) }
    let most = values.compactMap { $0 }.max() ?? 1
    for (index, value) in values.enumerated() {
      let y = top + Double(index) * line
      guard let value else {
        drawing.text(x, y + 16, "-")
        continue
      }
      let length = most > 0 ? value / most * (width - 56) : 0
      let isBest = value == values.compactMap { $0 }.min()
      drawing.rectangle(x, y + 3, max(1.5, length), line - 8, isBest ? Palette.accent : "#bfd3f8", round: 2)
      drawing.text(
        x + max(1.5, length) + 6, y + 16, String(format: metric.format, value), isBest ? Palette.accent : Palette.muted,
        size: 11.5)
    }
    drawing.line(x, top, x, top + Double(rows.count) * line, Palette.muted)
  }

  private func coverage(
    _ rows: [BacktestReport.Row], x: Double, width: Double, _ top: Double, _ line: Double, into drawing: inout Drawing
  ) {
    drawing.text(x, top - 10, "values within 50 % and 80 %", Palette.ink, bold: true)
    let bottom = top + Double(rows.count) * line
    for share in [0.5, 0.8] {
      let place = x + share * width
      drawing.line(place, top, place, bottom, share == 0.5 ? "#f59e0b" : Palette.accent, dash: "3 3")
    }
    for (index, row) in rows.enumerated() {
      let y = top + Double(index) * line + line / 2
      drawing.line(x, y, x + width, y, Palette.grid)
      for (value, nominal, color) in [(row.coverage50, 0.5, "#f59e0b"), (row.coverage80, 0.8, Palette.accent)] {
        guard let value else { continue }
        drawing.line(x + nominal * width, y, x + value * width, y, color, width: 2)
        drawing.circle(
          x + value * width, y, 4.5, color,
          title: "\(row.model): \(Int((value * 100).rounded())) % within \(Int(nominal * 100)) %")
      }
    }
  }

  private func draw(
    _ plotted: BacktestReport.Plotted, _ rows: [BacktestReport.Row], width: Double, height: Double,
    into drawing: inout Drawing
  ) {
    let series = plotted.series, values = series.target[0], horizon = plotted.horizon
    let begin = plotted.ends.min() ?? 0
    let first = max(0, begin - max(24, 2 * horizon, (values.count - begin) / 2))
    let levels = ForecastScore.levels
    let (low, middle, high) = (0, levels.firstIndex(of: 0.5)!, levels.count - 1)
    let shown = rows.prefix(4).map { plotted.forecasts[$0.model] ?? [] }
    let frame = SeriesFrame(
      x: 64, y: 30, width: width - 84, height: height - 64, steps: first..<values.count,
      values: values[first...] + (shown.first ?? []).flatMap { $0.quantiles[0].flatMap { [$0[low], $0[high]] } }
        + shown.flatMap { $0.flatMap { $0.quantiles[0].map { $0[middle] } } })
    drawing.text(64, 18, Drawing.shortened(series.id, 50), Palette.ink, size: 14, bold: true)
    for end in plotted.ends {
      let place = frame.across(end) - (frame.across(1) - frame.across(0)) / 2
      drawing.line(place, frame.y, place, frame.y + frame.height, "#9ca3af", dash: "2 3")
    }
    frame.draw(into: &drawing, series)
    for (forecast, end) in zip(shown.first ?? [], plotted.ends) {
      drawing.area(
        frame.points(forecast.quantiles[0].map { $0[high] }, from: end),
        frame.points(forecast.quantiles[0].map { $0[low] }, from: end), color(0), opacity: 0.2)
    }
    drawing.curve(frame.points(values[first...], from: first), Palette.ink, width: 1.4)
    for (rank, forecasts) in shown.enumerated().reversed() {
      for (forecast, end) in zip(forecasts, plotted.ends) {
        drawing.curve(
          frame.points(forecast.quantiles[0].map { $0[middle] }, from: end), color(rank), width: rank == 0 ? 2 : 1.2,
          opacity: rank == 0 ? 1 : 0.8)
      }
    }
  }
}
