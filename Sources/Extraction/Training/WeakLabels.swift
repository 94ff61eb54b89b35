import Foundation

/// What several labellers say about documents that nobody has labelled.
package struct WeakLabels {
  package struct Label: Codable, Sendable {
    package var value: ExtractedValue
    /// (votes / labellers) x (1/2 + mean calibrated probability / 2).
    package var confidence: Double
  }

  /// One opinion on a document.
  package typealias Opinion = [String: (value: ExtractedValue, probability: Double)]

  /// A value that a labeller thinks possible, how sure it is of it, and the words that stand before or above it.
  package typealias Place = (value: ExtractedValue, score: Double, context: [String])

  /// What one model says about a document.
  package struct Reading {
    package var opinion: Opinion = [:]
    package var places: [String: [Place]] = [:]
  }

  /// Per field the value that most labellers name, after normalisation, and how sure that is.
  ///
  /// Sarkhel et al. (arXiv 2404.00488) give no formula; this one is a reconstruction. A labeller that has no opinion on a field
  /// still counts among the labellers if it is a model; rules and the template's habit abstain where they find nothing.
  package static func combine(
    _ models: [Opinion], rules: Opinion, habit: Opinion = [:], _ schema: ExtractionSchema
  ) -> [String: Label] {
    var result: [String: Label] = [:]
    for (name, field) in schema.fields {
      var groups: [String: (value: ExtractedValue, probabilities: [Double], votes: Double)] = [:]
      var voters = Double(models.count)
      for opinion in models {
        guard let one = opinion[name], let key = ExtractionScore.normalised(name, one.value, type: field.type) else {
          continue
        }
        groups[key, default: (one.value, [], 0)].probabilities.append(one.probability)
        groups[key]!.votes += 1
      }
      for opinion in [rules, habit] {
        guard let one = opinion[name], let key = ExtractionScore.normalised(name, one.value, type: field.type) else {
          continue
        }
        voters += 1
        groups[key, default: (one.value, [], 0)].probabilities.append(one.probability)
        groups[key]!.votes += 1
      }
      guard
        let best = groups.values.max(by: { a, b in
          (a.votes, a.probabilities.reduce(0, +)) < (b.votes, b.probabilities.reduce(0, +))
        })
      else { continue }
      let mean = best.probabilities.reduce(0, +) / Double(best.probabilities.count)
      result[name] = Label(value: best.value, confidence: best.votes / max(1, voters) * (0.5 + mean / 2))
    }
    return result
  }
}

/// Calibration of confidences by logistic regression on the logarithm of the odds (Platt, 1999).
package struct PlattScaling: Codable, Sendable {
  var slope = 1.0
  var offset = 0.0

  /// - Parameter pairs: a model's score and whether the value was right.
  ///
  /// A pull towards slope 1 and offset 0 stands for what a few pairs cannot tell.
  package init(_ pairs: [(score: Double, isRight: Bool)], pull: Double = 2) {
    guard pairs.count >= 5 else { return }
    let points = pairs.map { pair -> (x: Double, y: Double) in
      let p = min(0.9999, max(0.0001, pair.score))
      return (log(p / (1 - p)), pair.isRight ? 1 : 0)
    }
    // Newton's method on two unknowns.
    for _ in 0..<30 {
      var (g0, g1, h00, h01, h11) = (pull * (slope - 1), pull * offset, pull, 0.0, pull)
      for (x, y) in points {
        let p = 1 / (1 + exp(-(slope * x + offset)))
        let w = max(1e-6, p * (1 - p))
        g0 += (p - y) * x
        g1 += p - y
        h00 += w * x * x
        h01 += w * x
        h11 += w
      }
      let determinant = h00 * h11 - h01 * h01
      guard abs(determinant) > 1e-9 else { break }
      let d0 = (h11 * g0 - h01 * g1) / determinant, d1 = (h00 * g1 - h01 * g0) / determinant
      slope -= max(-1, min(1, d0))
      offset -= max(-1, min(1, d1))
      if abs(d0) + abs(d1) < 1e-6 { break }
    }
    slope = max(0.05, slope)
  }

  package func callAsFunction(_ score: Double) -> Double {
    let p = min(0.9999, max(0.0001, score))
    return 1 / (1 + exp(-(slope * log(p / (1 - p)) + offset)))
  }

  /// Smallest confidence from which on 95 of 100 values are right.
  func reviewThreshold(_ pairs: [(score: Double, isRight: Bool)]) -> Double {
    let sorted = pairs.map { (self($0.score), $0.isRight) }.sorted { $0.0 > $1.0 }
    var right = 0, threshold = 0.99
    for (index, pair) in sorted.enumerated() {
      if pair.1 { right += 1 }
      if Double(right) >= 0.95 * Double(index + 1) { threshold = pair.0 }
    }
    return threshold
  }
}
