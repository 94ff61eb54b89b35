import Foundation
import Tensor

/// The linear part of a model: one weight for each hashed word and word pair, so that what each phrase adds is exact.
struct WideBranch: Sendable {
  let bits: Int
  /// Inverse document frequencies and weights, [2^bits].
  let idf: [Float]
  let weight: [Float]

  init(bits: Int, idf: [Float], weight: [Float]) {
    (self.bits, self.idf, self.weight) = (bits, idf, weight)
  }

  init(_ file: SafeTensors, bits: Int) throws {
    self.bits = bits
    idf = try file.floats("idf", shape: [1 << bits]).values
    weight = try file.floats("weight", shape: [1 << bits]).values
  }

  /// What a term adds, by term.
  func contributions(title: String, abstract: String) -> [(term: [UInt8], value: Double)] {
    features(title: title, abstract: abstract).terms.map { ($0.term, $0.value * Double(weight[$0.index])) }
  }

  func sum(title: String, abstract: String) -> Double {
    features(title: title, abstract: abstract).vector.reduce(0) { $0 + Double($1.value) * Double(weight[$1.index]) }
  }

  /// TF-IDF of an article, its length 1: by index, and shared out to the terms of each index.
  func features(
    title: String, abstract: String
  ) -> (vector: [(index: Int, value: Float)], terms: [(term: [UInt8], index: Int, value: Double)]) {
    // Terms that share an index are counted together, as in training.
    var counts: [Int: Int] = [:]
    var terms: [(term: [UInt8], index: Int, count: Int)] = []
    let found = HashedFeatures.terms(title: title, abstract: abstract)
    for (term, count) in found.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      let index = HashedFeatures.index(term, bits: bits)
      counts[index, default: 0] += count
      terms.append((term, index, count))
    }
    let values = counts.mapValues { 1 + log(Double($0)) }
    let ordered = values.sorted { $0.key < $1.key }
    let length = ordered.reduce(0) { $0 + pow($1.value * Double(idf[$1.key]), 2) }.squareRoot()
    guard length > 1e-9 else { return ([], []) }
    func value(_ index: Int) -> Double { (values[index] ?? 0) * Double(idf[index]) / length }
    return (
      ordered.compactMap { idf[$0.key] > 0 ? ($0.key, Float(value($0.key))) : nil },
      terms.map { ($0.term, $0.index, value($0.index) * Double($0.count) / Double(counts[$0.index] ?? 1)) }
    )
  }
}
