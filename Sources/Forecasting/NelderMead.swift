/// Minimisation without derivatives (Nelder and Mead, Computer Journal 7, 1965).
enum NelderMead {
  static func minimize(
    from start: [Double], steps: [Double], evaluations: Int, _ value: ([Double]) -> Double
  ) -> [Double] {
    let n = start.count
    var simplex =
      [start]
      + (0..<n).map { axis in
        var point = start
        point[axis] += steps[axis]
        return point
      }
    var values = simplex.map(value)
    var used = n + 1
    func along(_ centre: [Double], _ worst: [Double], _ factor: Double) -> [Double] {
      zip(centre, worst).map { $0 + factor * ($1 - $0) }
    }
    while used < evaluations {
      let order = values.indices.sorted { values[$0] < values[$1] }
      simplex = order.map { simplex[$0] }
      values = order.map { values[$0] }
      if values[n].isFinite, values[n] - values[0] <= 1e-8 * (abs(values[0]) + 1e-12) { break }
      let centre = (0..<n).map { axis in simplex[..<n].reduce(0) { $0 + $1[axis] } / Double(n) }
      let reflected = along(centre, simplex[n], -1)
      let reflectedValue = value(reflected)
      used += 1
      if reflectedValue < values[0] {
        let expanded = along(centre, simplex[n], -2)
        let expandedValue = value(expanded)
        used += 1
        (simplex[n], values[n]) =
          expandedValue < reflectedValue ? (expanded, expandedValue) : (reflected, reflectedValue)
      } else if reflectedValue < values[n - 1] {
        (simplex[n], values[n]) = (reflected, reflectedValue)
      } else {
        let inside = along(centre, simplex[n], reflectedValue < values[n] ? -0.5 : 0.5)
        let insideValue = value(inside)
        used += 1
        if insideValue < min(values[n], reflectedValue) {
          (simplex[n], values[n]) = (inside, insideValue)
        } else {
          for index in 1...n {
            simplex[index] = along(simplex[0], simplex[index], 0.5)
            values[index] = value(simplex[index])
          }
          used += n
        }
      }
    }
    return simplex[values.indices.min { values[$0] < values[$1] } ?? 0]
  }
}
