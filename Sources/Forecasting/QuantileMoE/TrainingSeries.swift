import Foundation
import Tensor

/// Where training sequences come from: synthetic series in pools by length (Training/forecaster/make_pool.py) and real ones.
final class TrainingSeries: Sendable {
  /// Pools [series, length], shortest first.
  private let pools: [SeriesPool]
  /// Real series without gaps.
  private let real: [[Float]]
  /// Chance that a sequence comes from a real series.
  private let realShare: Double
  private let coarsens: Bool
  private let configuration: QuantileConfiguration

  /// - Parameters:
  ///   - pools: each [series, length].
  ///   - coarsens: averages real series over random spans, so that they stand for other sampling intervals, too.
  init(
    pools: [SeriesPool], real: [[Float]], realShare: Double, coarsens: Bool = true,
    _ configuration: QuantileConfiguration
  ) {
    self.coarsens = coarsens
    self.pools = pools.sorted { $0.length < $1.length }
    self.real = real
    self.realShare = pools.isEmpty ? 1 : real.isEmpty ? 0 : realShare
    self.configuration = configuration
  }

  /// One random sequence: context of 1 to `maxPatches` patches, all lengths' logarithms equally likely, and one horizon to
  /// come.
  func sequence(_ random: inout CounterBasedRandom) -> (features: QuantileFeatures, firstAsked: Int) {
    let patch = configuration.patchSize, horizon = configuration.horizon
    let patches = max(1, Int(exp(random.uniform() * log(Double(configuration.maxPatches) + 1))))
    let length = patches * patch
    var keep = length
    if random.uniform() < 0.7 {
      keep -= Int(random.uniform() * Double(patch))
    } else {
      keep = Int(Double(length) * (0.3 + 0.7 * random.uniform()))
    }
    keep = max(3, keep)
    var values = draw(keep + horizon, &random)
    // A real series may be shorter than that.
    if values.count < keep + horizon { keep = max(1, values.count - min(horizon, max(1, values.count / 4))) }
    augment(&values, &random)
    return cut(values, keep: keep, &random)
  }

  /// - Parameter keep: values of context; the rest is to come.
  func cut(
    _ values: [Double], keep: Int, _ random: inout CounterBasedRandom
  ) -> (features: QuantileFeatures, firstAsked: Int) {
    let patch = configuration.patchSize
    let patches = (keep + patch - 1) / patch
    // Half of the sequences are asked at their end only; the others from a random patch on.
    var split = patches
    if random.uniform() >= 0.5 { split = 1 + Int(random.uniform() * Double(patches)) }
    // Patches end where the context does, so the first may be short.
    let known = max(2, keep - (patches - split) * patch)
    let period = Self.period(values, known, &random)
    return (QuantileFeatures(values, known: known, period: period, configuration), split - 1)
  }

  /// What a detector finds, or in one case of ten what it should not.
  static func period(_ values: [Double], _ known: Int, _ random: inout CounterBasedRandom) -> Int {
    let chance = random.uniform()
    if chance < 0.9 { return SeasonalPeriod.mostRepeating(values.prefix(known), SeasonalPeriod.calendar) }
    return chance < 0.93 ? SeasonalPeriod.calendar[random.below(SeasonalPeriod.calendar.count)] : 1
  }

  // MARK: - Drawing

  private func draw(_ count: Int, _ random: inout CounterBasedRandom) -> [Double] {
    var values = one(count, &random)
    // TSMixup (Ansari et al., Chronos, arXiv 2403.07815): a convex mix of standardised series.
    if random.uniform() < 0.15 {
      let weight = 0.2 + 0.6 * random.uniform()
      let other = Self.standardised(one(count, &random))
      values = zip(Self.standardised(values), other).map { weight * $0 + (1 - weight) * $1 }
    }
    return values
  }

  /// At most `count` values of one series.
  private func one(_ count: Int, _ random: inout CounterBasedRandom) -> [Double] {
    if random.uniform() < realShare {
      for attempt in 0..<10 {
        let series = real[random.below(real.count)]
        // Coarser sampling: means over a few, a day's or a week's values.
        let widths = [1, 1, 1, 2, 4, 6, 12, 24, 168].filter { series.count / $0 >= count }
        if widths.isEmpty {
          // Without pools there may be no longer ones; with pools only a few tries are worth it.
          if pools.isEmpty, attempt > 2 || series.count >= count / 2 { return series.map(Double.init) }
          continue
        }
        let width = coarsens ? widths[random.below(widths.count)] : 1
        let start = random.below(series.count - width * count + 1)
        return (0..<count).map { step in
          let first = start + step * width
          return series[first..<first + width].reduce(0) { $0 + Double($1) } / Double(width)
        }
      }
    }
    guard let pool = pools.first(where: { $0.length >= count }) ?? pools.last else {
      return real.isEmpty ? [0, 0, 0] : real[random.below(real.count)].suffix(count).map(Double.init)
    }
    return pool.window(min(count, pool.length), &random)
  }

  private static func standardised(_ values: [Double]) -> [Double] {
    let (location, scale) = QuantileFeatures.statistics(values[...])
    return values.map { ($0 - location) / scale }
  }

  /// Signs, direction, gaps.
  private func augment(_ values: inout [Double], _ random: inout CounterBasedRandom) {
    if random.uniform() < 0.1 { values = values.map { -$0 } }
    if random.uniform() < 0.05 { values.reverse() }
    // The base forecasts treat positive series differently, as users' series mostly are.
    if random.uniform() < 0.5, let least = values.filter(\.isFinite).min(), let most = values.filter(\.isFinite).max() {
      let lift = (most - least) * (0.02 + 2 * random.uniform()) + 1e-6
      values = values.map { $0 - least + lift }
    }
    if random.uniform() < 0.04 {
      let share = 0.3 * random.uniform()
      for index in values.indices where random.uniform() < share { values[index] = .nan }
    }
    if random.uniform() < 0.03 {
      let start = random.below(values.count), length = 1 + random.below(max(1, values.count / 5))
      for index in start..<min(values.count, start + length) { values[index] = .nan }
    }
    if !values.prefix(3).contains(where: \.isFinite) { values[0] = values.first(where: \.isFinite) ?? 0 }
  }
}

/// Synthetic series of one length, in a memory map.
struct SeriesPool: Sendable {
  let length: Int
  /// Which series of the file belong to it.
  let members: Range<Int>
  private let file: SafeTensors
  private let name: String

  /// All pools of a file.
  /// - Parameter share: which of the series to use, by their order.
  /// - Throws: `CheckpointError`.
  static func read(_ url: URL, share: Range<Double>) throws -> [SeriesPool] {
    let file = try SafeTensors(url)
    return try file.names.map { name in
      let entry = try file.entry(name)
      guard entry.shape.count == 2, entry.shape[0] >= 100, entry.shape[1] > 16, file.mapped(name) != nil else {
        throw CheckpointError.badTensor(name, file: file.fileName, reason: "is no pool of 100 or more F32 series")
      }
      let count = Double(entry.shape[0])
      return SeriesPool(
        length: entry.shape[1], members: Int(share.lowerBound * count)..<Int(share.upperBound * count), file: file,
        name: name)
    }
  }

  /// A random stretch of a random series.
  func window(_ count: Int, _ random: inout CounterBasedRandom) -> [Double] {
    guard let values = file.mapped(name) else { return [] }
    let row = members.lowerBound + random.below(members.count)
    let start = row * length + random.below(length - count + 1)
    return (0..<count).map { Double(values[start + $0]) }
  }
}

extension CounterBasedRandom {
  /// An index below `count`.
  mutating func below(_ count: Int) -> Int { min(count - 1, Int(uniform() * Double(count))) }
}

extension SeasonalPeriod {
  /// Periods of the usual sampling intervals, from quarters to minutes.
  static let calendar = [4, 7, 12, 24, 30, 48, 52, 96, 168, 288, 336, 365]

  /// The candidate at which a series repeats itself, else 1.
  ///
  /// It repeats where the mean difference at the lag is below 0.8 of that at one half and at three halves of the lag,
  /// which no trend and no random walk achieves. Of several the one with the smallest difference counts, a longer one
  /// only if it is smaller by a tenth.
  static func mostRepeating(_ values: ArraySlice<Double>, _ candidates: [Int]) -> Int {
    let values = Array(values)
    func difference(_ lag: Int) -> Double { repetitionError(values, period: lag, from: 0) }
    var best = 1, least = Double.infinity
    for candidate in candidates.sorted() where values.count >= 2 * candidate + 1 && candidate > 1 {
      let own = difference(candidate)
      let half = difference(max(1, candidate / 2))
      let longer = difference(min(candidate + candidate / 2, values.count - 1))
      if own.isFinite, half.isFinite, longer.isFinite, own < 0.8 * (half + longer) / 2, own < 0.9 * least {
        (best, least) = (candidate, own)
      }
    }
    return best
  }
}
