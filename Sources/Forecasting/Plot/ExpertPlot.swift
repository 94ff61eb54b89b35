import Foundation

/// Which experts serve which patches: shares by layer as a heat map, and each patch's experts under the series.
struct ExpertPlot {
  let width: Double

  /// - Returns: the drawing and its height.
  func draw(_ report: ExpertReport, _ series: TimeSeries) -> (Drawing, Double) {
    var drawing = Drawing()
    drawing.text(
      64, 26, "Experts for \(Drawing.shortened(series.id, 50))", Palette.ink, size: 14, bold: true)
    drawing.text(
      width - 20, 26,
      "\(report.model): \(report.experts) experts a layer, \(report.patches.first?.experts.first?.count ?? 0) for each patch of \(report.patchSize) values",
      anchor: .end)
    var y = 44.0
    y = shares(report, into: &drawing, y)
    for variate in series.target.indices.prefix(8) {
      let patches = report.patches.filter { $0.variate == variate }
      if !patches.isEmpty { y = strip(report, patches, series, variate, into: &drawing, y + 16) }
    }
    return (drawing, y + 24)
  }

  /// A row a layer, a column an expert; the darker, the more of the layer's choices.
  private func shares(_ report: ExpertReport, into drawing: inout Drawing, _ top: Double) -> Double {
    let left = 132.0, cell = min(64, (width - left - 20) / Double(report.experts)), row = 22.0
    drawing.text(left - 10, top + 12, "share of choices", anchor: .end, size: 11)
    for expert in 0..<report.experts {
      let x = left + (Double(expert) + 0.5) * cell
      drawing.rectangle(x - min(7, cell / 3), top, min(14, cell / 1.5), 4, color(expert, report), round: 2)
      if cell >= 14 || expert % 2 == 0 { drawing.text(x, top + 16, "\(expert)", anchor: .middle, size: 11) }
    }
    var y = top + 22
    for (layer, shares) in report.shares.enumerated() {
      drawing.text(left - 10, y + 15, "layer \(layer + 1)", anchor: .end, size: 11)
      let most = max(0.25, shares.max() ?? 1)
      for (expert, share) in shares.enumerated() {
        let x = left + Double(expert) * cell
        drawing.rectangle(
          x + 1, y + 1, cell - 2, row - 2, Palette.heat(share / most), round: 3,
          title: "layer \(layer + 1), expert \(expert): \(Int((share * 100).rounded())) %")
        if cell >= 26, share > 0 {
          drawing.text(
            x + cell / 2, y + 15, share < 0.005 ? "<1" : "\(Int((share * 100).rounded()))",
            share / most > 0.42 ? "#ffffff" : Palette.ink,
            anchor: .middle, size: 11)
        }
      }
      y += row
    }
    return y
  }

  /// The series, and under it a row a layer: each patch in the colours of its experts, as wide as their weights.
  private func strip(
    _ report: ExpertReport, _ patches: [ExpertReport.Patch], _ series: TimeSeries, _ variate: Int,
    into drawing: inout Drawing, _ top: Double
  ) -> Double {
    let shown = Array(patches.suffix(160))
    let steps = shown[0].first..<shown[shown.count - 1].last + 1
    let values = series.target[variate][steps]
    let frame = SeriesFrame(
      x: 64, y: top, width: width - 84, height: 90, steps: steps.lowerBound..<steps.upperBound + 1,
      values: Array(values))
    frame.draw(into: &drawing, series)
    drawing.curve(frame.points(values, from: steps.lowerBound), Palette.ink, width: values.count > 600 ? 0.8 : 1.2)
    var y = top + 90 + 26.0
    let row = 18.0
    for layer in report.shares.indices {
      drawing.text(56, y + 13, "layer \(layer + 1)", anchor: .end, size: 11)
      for patch in shown {
        let x = frame.across(patch.first), right = frame.across(patch.last + 1)
        var filled = y + 1
        for (expert, weight) in zip(patch.experts[layer], patch.weights[layer]) {
          let height = (row - 2) * weight
          drawing.rectangle(
            x + 0.5, filled, max(0.5, right - x - 1), height, color(expert, report), opacity: 0.85,
            title:
              "\(patch.time ?? "values \(patch.first)-\(patch.last)"), layer \(layer + 1): expert \(expert), weight \(weight)"
          )
          filled += height
        }
        if right - x >= 22, let first = patch.experts[layer].first {
          drawing.text(
            (x + right) / 2, y + 12.5, patch.experts[layer].dropFirst().reduce("\(first)") { "\($0)+\($1)" }, "#ffffff",
            anchor: .middle, size: right - x >= 30 ? 10.5 : 8.5)
        }
      }
      y += row
    }
    return y
  }

  private func color(_ expert: Int, _ report: ExpertReport) -> String {
    Palette.category(expert, of: report.experts)
  }
}
