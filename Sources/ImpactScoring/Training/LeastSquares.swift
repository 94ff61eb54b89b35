import Foundation

/// Ridge regression over sparse rows by conjugate gradients on the normal equations (Hestenes and Stiefel, 1952).
struct LeastSquares {
  /// One article: indices and values of its features.
  typealias Row = [(index: Int, value: Float)]

  let rows: [Row]
  let columns: Int

  /// w of the least sum of (y - rows . w)^2 + penalty |w|^2 over the chosen rows.
  func solve(_ y: [Double], chosen: [Int], penalty: Double, steps: Int = 60) -> [Double] {
    var w = [Double](repeating: 0, count: columns)
    var residual = transposed(chosen.map { y[$0] }, chosen)
    var direction = residual
    var size = Self.dot(residual, residual)
    let enough = size * 1e-10
    for _ in 0..<steps where size > enough {
      let along = chosen.map { product($0, direction) }
      var curved = transposed(along, chosen)
      for place in curved.indices { curved[place] += penalty * direction[place] }
      let step = size / max(Self.dot(direction, curved), 1e-300)
      for place in w.indices {
        w[place] += step * direction[place]
        residual[place] -= step * curved[place]
      }
      let next = Self.dot(residual, residual)
      for place in direction.indices { direction[place] = residual[place] + next / size * direction[place] }
      size = next
    }
    return w
  }

  func product(_ row: Int, _ w: [Double]) -> Double {
    rows[row].reduce(0) { $0 + Double($1.value) * w[$1.index] }
  }

  private func transposed(_ values: [Double], _ chosen: [Int]) -> [Double] {
    var result = [Double](repeating: 0, count: columns)
    for (value, row) in zip(values, chosen) {
      for entry in rows[row] { result[entry.index] += value * Double(entry.value) }
    }
    return result
  }

  private static func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
}

/// Figures that say how good predictions are.
public enum ImpactMetrics {
  public static func meanAbsoluteError(_ truth: [Double], _ predicted: [Double]) -> Double {
    zip(truth, predicted).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(max(1, truth.count))
  }

  /// Spearman's rank correlation; ties share their mean rank.
  public static func spearman(_ a: [Double], _ b: [Double]) -> Double {
    let (x, y) = (ranks(a), ranks(b))
    let mean = Double(max(0, a.count - 1)) / 2
    var both = 0.0, first = 0.0, second = 0.0
    for (p, q) in zip(x, y) {
      both += (p - mean) * (q - mean)
      first += (p - mean) * (p - mean)
      second += (q - mean) * (q - mean)
    }
    return first > 0 && second > 0 ? both / (first * second).squareRoot() : 0
  }

  /// From 0; ties share their mean rank.
  static func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var result = [Double](repeating: 0, count: values.count)
    var first = 0
    while first < order.count {
      var last = first
      while last + 1 < order.count, values[order[last + 1]] == values[order[first]] { last += 1 }
      for place in first...last { result[order[place]] = Double(first + last) / 2 }
      first = last + 1
    }
    return result
  }
}
