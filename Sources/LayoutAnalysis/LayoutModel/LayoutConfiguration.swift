import DocumentModel
import Foundation
import MixtureOfExperts
import Tensor

/// The shape of the layout model, as its config.json has it.
public struct LayoutConfiguration: Codable, Equatable, Sendable {
  static let architecture = "docq-layout-moe"

  public var architecture = Self.architecture
  /// Numbers that describe a line; see `LineFeatures`.
  public var featureCount: Int
  /// Rows of the table that words and character n-grams are hashed into.
  public var buckets = 4096
  public var encoder: EncoderConfiguration

  /// Whether the model sees the page's image around each line.
  public var seesImage: Bool { featureCount == LineFeatures.countWithImage }

  public init(
    modelSize: Int = 128, layers: Int = 3, heads: Int = 4, feedForwardSize: Int = 128, experts: Int = 8,
    seesImage: Bool = false
  ) {
    featureCount = seesImage ? LineFeatures.countWithImage : LineFeatures.count
    encoder = EncoderConfiguration(
      modelSize: modelSize, layers: layers, heads: heads, feedForwardSize: feedForwardSize)
    encoder.experts = experts
    encoder.expertsPerToken = min(2, experts)
    encoder.balanceLoss = 0.01
    encoder.queryKeyNorm = true
    encoder.positions = .rotary2D(base: 100)
  }

  /// - Throws: `CheckpointError.badConfiguration` naming the key.
  public init(_ data: Data) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      self = try decoder.decode(Self.self, from: data)
    } catch DecodingError.keyNotFound(let key, _) {
      throw CheckpointError.badConfiguration("config.json", key: key.stringValue, reason: "is missing")
    } catch {
      throw CheckpointError.malformed("config.json", reason: "it is no JSON object of this architecture")
    }
    func need(_ condition: Bool, _ key: String, _ reason: String) throws {
      guard condition else { throw CheckpointError.badConfiguration("config.json", key: key, reason: reason) }
    }
    try need(architecture == Self.architecture, "architecture", "'\(architecture)' is not \(Self.architecture)")
    try need(
      [LineFeatures.count, LineFeatures.countWithImage].contains(featureCount), "feature_count",
      "\(featureCount) is neither \(LineFeatures.count) nor \(LineFeatures.countWithImage), those of this version: the model is of another version of docq"
    )
    try need((64...1_000_000).contains(buckets), "buckets", "\(buckets) is not from 64 to 1000000")
    try encoder.validate(file: "config.json")
  }

  public func json() throws -> Data {
    let coder = JSONEncoder()
    coder.keyEncodingStrategy = .convertToSnakeCase
    coder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return try coder.encode(self) + Data("\n".utf8)
  }

  /// All arrays of a checkpoint.
  public var parameters: [ParameterSpecification] {
    let size = encoder.modelSize
    func linear(_ name: String, _ outputs: Int, _ inputs: Int, gain: Double = 1) -> [ParameterSpecification] {
      [
        ParameterSpecification(name + ".weight", [outputs, inputs], .normal(gain / Double(inputs).squareRoot())),
        ParameterSpecification(name + ".bias", [outputs], .zeros),
      ]
    }
    return [ParameterSpecification("words.weight", [buckets, size], .normal(0.1), decays: false)]
      + linear("in_proj", size, featureCount) + linear("feat_proj", size, size) + encoder.parameters()
      + linear("heads", LayoutHeads.count, size, gain: 0.2)
  }
}

/// What the numbers behind the last layer mean.
package enum LayoutHeads {
  /// The categories by number, then page furniture.
  package static let classes = RegionClass.allCases.count + 1
  static let furniture = classes - 1
  /// Logit: the line goes on with the region of its neighbour above (see `LineNeighbours`).
  static let continues = classes
  /// Logit: the line is the first one of a part whose region began in an earlier column or on an earlier page.
  static let resumes = classes + 1
  static let count = classes + 2
}
