import MixtureOfExperts

/// Which experts of a checkpoint served which patches of a series.
public struct ExpertReport: Sendable, Encodable, Equatable {
  /// A patch and the experts that it was sent to.
  public struct Patch: Sendable, Encodable, Equatable {
    /// From 0.
    public var variate: Int
    /// Its first and last value in the series.
    public var first: Int
    public var last: Int
    /// Time of the first, where the series has times.
    public var time: String?
    /// [layer][slot], the one with the largest weight first; numbers as in the checkpoint's names.
    public var experts: [[Int]]
    /// [layer][slot], one in all for a layer.
    public var weights: [[Double]]
  }

  public var model: String
  /// Experts of a layer.
  public var experts: Int
  /// Values of a patch.
  public var patchSize: Int
  /// Share of the choices that went to each expert, [layer][expert]; one in all for a layer.
  public var shares: [[Double]]
  public var patches: [Patch]

  /// - Parameters:
  ///   - routing: of one pass over the context's tokens.
  ///   - spans: which variate and values each token of the pass stands for; nil for tokens to leave out.
  init(
    model: String, _ configuration: EncoderConfiguration, patchSize: Int, _ routing: RoutingReport,
    spans: [(variate: Int, values: Range<Int>)?], of series: TimeSeries
  ) {
    self.model = model
    self.patchSize = patchSize
    experts = configuration.experts
    let kept = spans.indices.filter { spans[$0] != nil }
    shares = routing.choices.map { tokens in
      var counts = [Double](repeating: 0, count: configuration.experts)
      for token in kept { for choice in tokens[token] { counts[choice.expert] += 1 } }
      let all = max(1, counts.reduce(0, +))
      return counts.map { $0 / all }
    }
    patches = kept.map { token in
      let (variate, values) = spans[token]!
      return Patch(
        variate: variate, first: values.lowerBound, last: values.upperBound - 1, time: series.time(values.lowerBound),
        experts: routing.choices.map { $0[token].map(\.expert) },
        weights: routing.choices.map { $0[token].map { (Double($0.weight) * 1e4).rounded() / 1e4 } })
    }
  }

  /// A table of shares and one of patches, the most recent last.
  /// - Parameter mostPatches: older ones are left out.
  public func text(id: String, mostPatches: Int = 24) -> String {
    func padded(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    let slots = patches.first?.experts.first?.count ?? 0
    var lines = [
      "'\(id)': \(patches.count) patches of \(patchSize) values, each served by \(slots) of \(experts) experts of \(model)"
    ]
    lines.append("share of an expert, %" + (0..<experts).map { padded("\($0)", 4) }.joined())
    for (layer, shares) in shares.enumerated() {
      lines.append(
        padded("layer \(layer + 1)", 20)
          + shares.map { padded($0 == 0 ? "." : "\(Int(($0 * 100).rounded()))", 4) }.joined())
    }
    let shown = patches.suffix(mostPatches)
    lines.append(
      "patch" + String(repeating: " ", count: 28) + shares.indices.map { padded("layer \($0 + 1)", 10) }.joined())
    if shown.count < patches.count { lines.append("  (\(patches.count - shown.count) before these)") }
    let isMultivariate = patches.contains { $0.variate > 0 }
    for patch in shown {
      var place = "\(patch.first)-\(patch.last)"
      if isMultivariate { place = "[\(patch.variate + 1)] " + place }
      let name = place + (patch.time.map { "  " + $0 } ?? "")
      lines.append(
        "  " + name + String(repeating: " ", count: max(1, 31 - name.count))
          + patch.experts.map { padded($0.map(String.init).joined(separator: "+"), 10) }.joined())
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

/// A model that can say which of its experts serve which patches.
public protocol ExpertRouting: SeriesForecaster {
  /// One pass over the context of a series.
  /// - Throws: `ForecastError` naming the series, where the model cannot take it.
  func experts(_ series: TimeSeries, _ request: ForecastRequest) throws -> ExpertReport
}

extension QuantileForecaster: ExpertRouting {
  func experts(_ series: TimeSeries, _ request: ForecastRequest) throws -> ExpertReport {
    if let reason = series.reasonAgainstModels() { throw ForecastError.badSeries(id: series.id, reason: reason) }
    let configuration = model.configuration, patch = configuration.patchSize
    var spans: [(variate: Int, values: Range<Int>)?] = []
    let contexts = series.target.enumerated().map { variate, values -> QuantileFeatures in
      let known = Array(values.suffix(configuration.maxContext).drop { !$0.isFinite })
      let period = SeasonalPeriod.forModel(values.suffix(configuration.maxContext), series.frequency)
      let features = QuantileFeatures(known, known: known.count, period: period, configuration)
      let start = values.count - known.count
      spans += (0..<features.patches).map { index in
        let first = start + index * patch - features.padding
        return (variate, max(start, first)..<first + patch)
      }
      return features
    }
    let routing = RoutingReport(configuration.encoder, keepsChoices: true)
    let (_, vectors, layout) = model.embed(contexts)
    model.encoder.forward(vectors, layout, routing: routing)
    return ExpertReport(
      model: name, configuration.encoder, patchSize: patch, routing, spans: spans, of: series)
  }
}

extension MoiraiForecaster: ExpertRouting {
  func experts(_ series: TimeSeries, _ request: ForecastRequest) throws -> ExpertReport {
    if let reason = series.reasonAgainstModels() { throw ForecastError.badSeries(id: series.id, reason: reason) }
    var notes: [String] = []
    let input = try input(series, request, &notes)
    let patch = model.configuration.patchSize
    let tokens = MoiraiTokens(input, patchSize: patch)
    let (location, scale) = model.configuration.isScaling ? tokens.scaling() : tokens.noScaling
    let last = tokens.times[tokens.lastContextToken(0)]
    let context = (0..<tokens.count).filter { !tokens.isPredicted[$0] && tokens.times[$0] <= last }
    let layout = TokenLayout(
      segments: [0..<context.count], times: context.map { tokens.times[$0] },
      variates: context.map { tokens.variates[$0] })
    let routing = RoutingReport(model.configuration.encoder, keepsChoices: true)
    model.encoder.forward(model.embed(model.scaled(tokens, context, location, scale)), layout, routing: routing)
    // Covariates' patches are served as well, but they are not the series.
    let start = series.length - input.contextLength
    let padding = tokens.contextPatches * patch - input.contextLength
    let spans = context.map { token -> (variate: Int, values: Range<Int>)? in
      guard token < tokens.targetCount * tokens.contextPatches else { return nil }
      let first = start + token % tokens.contextPatches * patch - padding
      return (token / tokens.contextPatches, max(start, first)..<first + patch)
    }
    return ExpertReport(
      model: name, model.configuration.encoder, patchSize: patch, routing, spans: spans, of: series)
  }
}
