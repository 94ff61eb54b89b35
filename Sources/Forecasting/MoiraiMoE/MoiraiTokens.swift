import Foundation
import MixtureOfExperts

/// Values that a forecast is made from, all on one time axis.
struct MoiraiInput: Sendable {
  /// A variate's values, and which of them were observed; what was not still holds a number.
  struct Variate: Sendable {
    var values: [Float]
    var observed: [Bool]
  }

  /// Context only.
  var targets: [Variate]
  /// Context and horizon.
  var futureCovariates: [Variate] = []
  /// Context only.
  var pastCovariates: [Variate] = []
  var horizon: Int
  /// Of the sample paths.
  var seed: UInt64 = 0

  var contextLength: Int { targets[0].values.count }
}

/// A request as patches, in the order of the reference implementation: targets' context, targets' horizon, then each
/// kind of covariate; within these one variate behind the other.
struct MoiraiTokens: Sendable {
  let patchSize: Int
  let contextPatches: Int
  let horizonPatches: Int
  let targetCount: Int
  /// [tokens x patch size]
  var values: [Float]
  var observed: [Bool]
  var times: [Int32]
  var variates: [Int32]
  /// True for the patches that are to be predicted.
  var isPredicted: [Bool]

  var count: Int { times.count }

  init(_ input: MoiraiInput, patchSize: Int) {
    self.patchSize = patchSize
    let context = (input.contextLength + patchSize - 1) / patchSize
    let horizon = (input.horizon + patchSize - 1) / patchSize
    contextPatches = context
    horizonPatches = horizon
    targetCount = input.targets.count
    values = []
    observed = []
    times = []
    variates = []
    isPredicted = []

    // Time begins with the first patch in which any target was observed.
    let left = context * patchSize - input.contextLength
    var isSeen = false
    var time: Int32 = -1
    let contextTimes = (0..<context).map { patch -> Int32 in
      let range = max(0, patch * patchSize - left)..<(patch + 1) * patchSize - left
      if input.targets.contains(where: { $0.observed[range].contains(true) }) { isSeen = true }
      if isSeen { time += 1 }
      return max(0, time)
    }
    let last = contextTimes.last ?? -1
    let horizonTimes = (0..<horizon).map { last + 1 + Int32($0) }

    var variate: Int32 = 0
    func add(_ part: ArraySlice<Float>, _ seen: ArraySlice<Bool>, padLeft: Bool, _ number: Int32, _ isHorizon: Bool) {
      let patches = isHorizon ? horizon : context
      let padding = patches * patchSize - part.count
      if padLeft {
        values += [Float](repeating: 0, count: padding)
        observed += [Bool](repeating: false, count: padding)
      }
      values += part
      observed += seen
      if !padLeft {
        values += [Float](repeating: 0, count: padding)
        observed += [Bool](repeating: false, count: padding)
      }
      times += isHorizon ? horizonTimes : contextTimes
      variates += [Int32](repeating: number, count: patches)
    }
    for (index, target) in input.targets.enumerated() {
      add(target.values[...], target.observed[...], padLeft: true, Int32(index), false)
    }
    isPredicted += [Bool](repeating: false, count: count)
    let empty = ([Float](repeating: 0, count: input.horizon), [Bool](repeating: true, count: input.horizon))
    for index in input.targets.indices { add(empty.0[...], empty.1[...], padLeft: false, Int32(index), true) }
    isPredicted += [Bool](repeating: true, count: count - isPredicted.count)
    variate = Int32(input.targets.count)
    let contextLength = input.contextLength
    for (index, covariate) in input.futureCovariates.enumerated() {
      add(
        covariate.values[..<contextLength], covariate.observed[..<contextLength], padLeft: true, variate + Int32(index),
        false)
    }
    for (index, covariate) in input.futureCovariates.enumerated() {
      add(
        covariate.values[contextLength...], covariate.observed[contextLength...], padLeft: false,
        variate + Int32(index), true)
    }
    variate += Int32(input.futureCovariates.count)
    for (index, covariate) in input.pastCovariates.enumerated() {
      add(covariate.values[...], covariate.observed[...], padLeft: true, variate + Int32(index), false)
    }
    isPredicted += [Bool](repeating: false, count: count - isPredicted.count)
  }

  /// The token of a target's horizon patch.
  func horizonToken(_ target: Int, _ patch: Int) -> Int {
    targetCount * contextPatches + target * horizonPatches + patch
  }

  /// The last token of a target's context.
  func lastContextToken(_ target: Int) -> Int { (target + 1) * contextPatches - 1 }

  /// Location and scale of each token's variate: mean and standard deviation (one degree of freedom less) of what was
  /// observed and is not to be predicted, in double precision.
  func scaling() -> (location: [Double], scale: [Double]) {
    let variateCount = Int(variates.max() ?? 0) + 1
    var counts = [Double](repeating: 0, count: variateCount), sums = counts, squares = counts
    func each(_ body: (Int, Double) -> Void) {
      for token in 0..<count where !isPredicted[token] {
        for index in token * patchSize..<(token + 1) * patchSize where observed[index] {
          body(Int(variates[token]), Double(values[index]))
        }
      }
    }
    each { variate, value in
      counts[variate] += 1
      sums[variate] += value
    }
    let means = zip(sums, counts).map { $1 > 0 ? $0 / $1 : 0 }
    each { variate, value in squares[variate] += (value - means[variate]) * (value - means[variate]) }
    let scales = zip(squares, counts).map { square, count in
      ((count == 1 ? square : square / (count - 1)) + 1e-5).squareRoot()
    }
    return (variates.map { means[Int($0)] }, variates.map { scales[Int($0)] })
  }
}
