import Foundation
import MixtureOfExperts
import Tensor

/// Training batches as bytes, for a trainer in another language: Training/forecaster/train.py reads them, so that features,
/// augmentation and sampling exist once.
///
/// A batch is a line of JSON with the counts `tokens` and `asked`, then in native byte order: tokens [tokens, width] F32,
/// segments [tokens] I32, times [tokens] I32, asked [asked] I32, targets [asked, horizon] F32, counts [asked, horizon] F32.
public struct BatchStream {
  private let series: TrainingSeries
  private let configuration: QuantileConfiguration
  private let tokens: Int
  private let seed: UInt64

  /// - Throws: `CheckpointError` for a file that is no pool.
  public init(
    _ configuration: QuantileConfiguration, pools: [URL], real: [[Double]], realShare: Double, tokens: Int,
    seed: UInt64
  ) throws {
    self.configuration = configuration
    self.tokens = tokens
    self.seed = seed
    series = TrainingSeries(
      pools: try pools.flatMap { try SeriesPool.read($0, share: 0..<0.98) },
      real: real.map { MissingValues.fill($0, period: 1).0.map(Float.init) }.filter { $0.count >= 12 },
      realShare: realShare, configuration)
  }

  /// - Parameter index: the same index gives the same batch.
  public func batch(_ index: Int) throws -> Data {
    var random = CounterBasedRandom(seed: seed, stream: UInt64(index))
    let batch = ForecasterTraining.batch(series, tokens, configuration, &random)
    let segments = batch.layout.segments.enumerated().flatMap { number, range in range.map { _ in Int32(number) } }
    let header: [String: Int] = ["tokens": batch.layout.count, "asked": batch.asked.count]
    var data = try JSONSerialization.data(withJSONObject: header, options: .sortedKeys) + Data("\n".utf8)
    func append<Value>(_ values: [Value]) { values.withUnsafeBytes { data.append(contentsOf: $0) } }
    data.append(contentsOf: UnsafeRawBufferPointer(batch.tokens.buffer))
    append(segments)
    append(batch.layout.times)
    append(batch.asked.map { Int32($0) })
    data.append(contentsOf: UnsafeRawBufferPointer(batch.targets.buffer))
    data.append(contentsOf: UnsafeRawBufferPointer(batch.counts.buffer))
    return data
  }
}
