import Foundation

/// What the model says about an article.
public struct ImpactScore: Codable, Sendable {
  public var id: String
  public var title: String
  /// Predicted TNCSI_SP in [0, 1].
  public var score: Double
  /// 80 % band of the score.
  public var low: Double
  public var high: Double
  /// Share of the reference set that scores lower, in percent.
  public var percentile: Double
  public var notes: [String]?

  public init(
    id: String, title: String, score: Double, low: Double, high: Double, percentile: Double, notes: [String]? = nil
  ) {
    self.id = id
    self.title = title
    self.score = score
    self.low = low
    self.high = high
    self.percentile = percentile
    self.notes = notes
  }
}

/// A phrase and what it added to the score.
public struct PhraseContribution: Codable, Sendable {
  public var phrase: String
  public var contribution: Double
}

public enum ImpactModelError: Error, Equatable, Sendable, CustomStringConvertible {
  case missing(String)
  case malformed(String, reason: String)

  public var description: String {
    switch self {
    case .missing(let file): "the model file \(file) is missing; reinstall docq or name another model"
    case .malformed(let file, let reason): "the model file \(file) is damaged: \(reason)"
    }
  }
}

/// docq-impact-linear-1: a ridge over hashed words and word pairs (see Training/impact).
public struct ImpactModel: Sendable {
  /// What the number is not; shown with every report.
  public static let limitations =
    "The score predicts later citations from title and abstract alone, relative to papers of the same topic and time. "
    + "It does not measure quality and is no basis for decisions about people."

  private struct Config: Codable {
    var name: String
    var bits: Int
    var intercept, slope, offset: Double
    var bandKnots, bandLow, bandHigh, reference: [Double]
    var referenceName: String
  }

  private let config: Config
  private let idf: [Float]
  private let weight: [Float]

  public var name: String { config.name }
  /// What percentiles refer to.
  public var referenceSet: String { config.referenceName }

  /// Name of the model that comes with docq.
  public static let standardName = "docq-impact-linear-1"

  /// The model that comes with docq.
  public static func shipped() throws -> ImpactModel {
    guard let folder = Bundle.module.url(forResource: "Resources/\(standardName)", withExtension: nil) else {
      throw ImpactModelError.missing(standardName)
    }
    return try ImpactModel(directory: folder)
  }

  /// Loads config.json and model.safetensors of a folder.
  public init(directory: URL) throws {
    let file = directory.appendingPathComponent("config.json")
    guard let data = try? Data(contentsOf: file) else { throw ImpactModelError.missing(file.lastPathComponent) }
    do {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      config = try decoder.decode(Config.self, from: data)
    } catch {
      throw ImpactModelError.malformed("config.json", reason: "\(error)")
    }
    guard (8...22).contains(config.bits), config.bandKnots.count > 1, config.reference.count == 101,
      config.bandKnots.count == config.bandLow.count, config.bandKnots.count == config.bandHigh.count
    else { throw ImpactModelError.malformed("config.json", reason: "bits, band or reference are out of range") }
    let tensors = directory.appendingPathComponent("model.safetensors")
    idf = try BFloat16File.read("idf", from: tensors, count: 1 << config.bits)
    weight = try BFloat16File.read("weight", from: tensors, count: 1 << config.bits)
  }

  public func score(_ article: Article) -> ImpactScore {
    let (title, abstract, notes) = cleaned(article)
    let linear = contributions(title, abstract).reduce(config.intercept) { $0 + $1.value }
    let score = min(1, max(0, config.slope * linear + config.offset))
    let low = interpolate(config.bandLow, at: score), high = interpolate(config.bandHigh, at: score)
    let below = config.reference.lastIndex { $0 <= score } ?? 0
    return ImpactScore(
      id: article.id, title: article.title, score: score, low: min(score, max(0, score + low)),
      high: max(score, min(1, score + high)), percentile: Double(below), notes: notes.isEmpty ? nil : notes)
  }

  /// The phrases that moved the score most; exact, as the model is linear.
  public func explain(_ article: Article, count: Int = 10) -> [PhraseContribution] {
    let (title, abstract, _) = cleaned(article)
    return contributions(title, abstract).map { term, value in
      PhraseContribution(
        phrase: String(decoding: term.dropFirst(2), as: UTF8.self)
          + (term.first == UInt8(ascii: "t") ? " (title)" : ""),
        contribution: value * config.slope)
    }.sorted { (abs($0.contribution), $1.phrase) > (abs($1.contribution), $0.phrase) }.prefix(count).map { $0 }
  }

  /// The linear part of the score before calibration, without the intercept, by term.
  private func contributions(_ title: String, _ abstract: String) -> [(key: [UInt8], value: Double)] {
    // Terms that share an index are counted together, as in training.
    let terms = HashedFeatures.terms(title: title, abstract: abstract)
    var counts: [Int: Int] = [:]
    var indices: [([UInt8], Int, Int)] = []
    for (term, count) in terms.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      let index = HashedFeatures.index(term, bits: config.bits)
      counts[index, default: 0] += count
      indices.append((term, index, count))
    }
    let values = counts.mapValues { 1 + log(Double($0)) }
    let length = values.reduce(0) { $0 + pow($1.value * Double(idf[$1.key]), 2) }.squareRoot()
    guard length > 1e-9 else { return [] }
    return indices.map { term, index, count in
      let share = Double(count) / Double(counts[index]!)
      return (term, share * values[index]! * Double(idf[index]) * Double(weight[index]) / length)
    }
  }

  private func cleaned(_ article: Article) -> (String, String, [String]) {
    var notes: [String] = []
    let abstract = article.abstract.replacing(/<[A-Za-z\/][^<>]{0,200}>/, with: " ")
    let title = article.title.replacing(/<[A-Za-z\/][^<>]{0,200}>/, with: " ")
    if abstract.allSatisfy(\.isWhitespace) { notes.append("no abstract: scored from the title alone") }
    if abstract.utf8.count > 200_000 { notes.append("very long abstract: only its first 5,000 words were used") }
    let letters = (title + abstract).unicodeScalars.prefix(5000).filter { $0.properties.isAlphabetic }
    if letters.count > 20, letters.filter({ !$0.isASCII }).count * 5 > letters.count {
      notes.append("the text does not look English: the model was trained on English only")
    }
    return (title, abstract, notes)
  }

  private func interpolate(_ values: [Double], at score: Double) -> Double {
    let knots = config.bandKnots
    guard let after = knots.firstIndex(where: { $0 > score }) else { return values[values.count - 1] }
    guard after > 0 else { return values[0] }
    let share = (score - knots[after - 1]) / max(1e-12, knots[after] - knots[after - 1])
    return values[after - 1] + share * (values[after] - values[after - 1])
  }
}

/// BF16 vectors of a safetensors file.
enum BFloat16File {
  static func read(_ name: String, from file: URL, count: Int) throws -> [Float] {
    let title = file.lastPathComponent
    guard let data = try? Data(contentsOf: file, options: .mappedIfSafe) else { throw ImpactModelError.missing(title) }
    func fail(_ reason: String) -> ImpactModelError { .malformed(title, reason: reason) }
    guard data.count >= 8 else { throw fail("it is shorter than its header") }
    let length = data.prefix(8).enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << (8 * UInt64($1.offset)) }
    guard length <= 1 << 20, data.count >= 8 + Int(length) else { throw fail("the header is cut off") }
    guard let header = try? JSONSerialization.jsonObject(with: data[8..<(8 + Int(length))]) as? [String: Any],
      let entry = header[name] as? [String: Any], entry["dtype"] as? String == "BF16",
      let shape = entry["shape"] as? [Int], shape == [count], let offsets = entry["data_offsets"] as? [Int],
      offsets.count == 2, offsets[0] >= 0, offsets[1] - offsets[0] == 2 * count
    else { throw fail("'\(name)' is missing or is not \(count) BF16 values") }
    let start = 8 + Int(length) + offsets[0]
    guard start + 2 * count <= data.count else { throw fail("'\(name)' is cut off") }
    return data[start..<(start + 2 * count)].withUnsafeBytes { bytes in
      (0..<count).map { index in
        // BF16 is the upper half of a float.
        let half = bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
        return Float(bitPattern: UInt32(UInt16(littleEndian: half)) << 16)
      }
    }
  }
}
