import CKernels
import DocumentModel
import Foundation
import MixtureOfExperts
import Tensor

/// docq's layout model: a small sparse mixture-of-experts transformer over the lines of a page. Each line is a token made of
/// numbers (place, type, surroundings; see `LineFeatures`) and of hashed words; heads tell its class, whether it goes on
/// with the region above it, and whether it takes up a paragraph from an earlier column or page.
public final class LayoutModel: Sendable {
  public let configuration: LayoutConfiguration
  private let encoder: Encoder
  private let words: Tensor
  private let inputProjection: ModelProjection
  private let featureProjection: ModelProjection
  private let heads: ModelProjection

  /// Lines that see each other at most; longer pages go through in pieces from top to bottom.
  static let window = 384

  /// - Parameter directory: holds config.json and model.safetensors.
  /// - Throws: `CheckpointError` naming the file and the tensor or key.
  public init(_ directory: URL) throws {
    let file = try SafeTensors(directory.appendingPathComponent("model.safetensors"))
    guard let config = FileManager.default.contents(atPath: directory.appendingPathComponent("config.json").path)
    else { throw CheckpointError.cannotOpen("config.json", reason: "no such file beside model.safetensors") }
    configuration = try LayoutConfiguration(config)
    let size = configuration.encoder.modelSize
    words = try file.floats("words.weight", shape: [configuration.buckets, size])
    inputProjection = try ModelProjection(file, "in_proj", size, configuration.featureCount)
    featureProjection = try ModelProjection(file, "feat_proj", size, size)
    heads = try ModelProjection(file, "heads", LayoutHeads.count, size)
    encoder = try Encoder(configuration.encoder, file: file)
  }

  /// The model that comes with docq.
  public static let shipped: LayoutModel? = try? LayoutModel(shippedFolder)
  public static var shippedFolder: URL { Bundle.module.bundleURL.appendingPathComponent("Resources/docq-layout-1") }

  /// What the model says of one line.
  package struct Prediction: Sendable {
    /// Probabilities of the classes; the last one is page furniture.
    package var classes: [Float]
    package var continues: Float
    package var resumes: Float

    package init(classes: [Float], continues: Float, resumes: Float) {
      (self.classes, self.continues, self.resumes) = (classes, continues, resumes)
    }
  }

  /// - Returns: a prediction for each line of each page.
  func predict(_ pages: [(page: Page, features: LineFeatures)]) -> [[Prediction]] {
    var tokens = PageTokens(configuration)
    for (page, features) in pages { tokens.append(page, features) }
    guard tokens.count > 0 else { return pages.map { _ in [] } }
    let x = Tensor(shape: [tokens.count, configuration.featureCount], tokens.features)
    let hidden = inputProjection(x)
    Kernels.best.silu(hidden.pointer, hidden.count)
    let embedded = featureProjection(hidden)
    tokens.addWords(words.pointer, to: embedded)
    let logits = heads(encoder.forward(embedded, tokens.layout))
    var result = pages.map { page in
      [Prediction](repeating: Prediction(classes: [], continues: 0, resumes: 0), count: page.page.lines.count)
    }
    for (token, place) in tokens.places.enumerated() {
      let row = logits.row(token)
      let most = (0..<LayoutHeads.classes).reduce(-Float.infinity) { max($0, row[$1]) }
      let exponentials = (0..<LayoutHeads.classes).map { expf(row[$0] - most) }
      let sum = exponentials.reduce(0, +)
      result[place.page][place.line] = Prediction(
        classes: exponentials.map { $0 / sum }, continues: Self.sigmoid(row[LayoutHeads.continues]),
        resumes: Self.sigmoid(row[LayoutHeads.resumes]))
    }
    return result
  }

  private static func sigmoid(_ x: Float) -> Float { 1 / (1 + expf(-x)) }
}

/// y = x W^T + b with packed weights.
struct ModelProjection: Sendable {
  private let weight: PackedMatrix
  private let bias: Tensor

  init(_ file: SafeTensors, _ name: String, _ outputs: Int, _ inputs: Int) throws {
    let values = try file.floats(name + ".weight", shape: [outputs, inputs])
    weight = PackedMatrix([values], precision: file.precision(of: name + ".weight"), arena: nil)
    bias = try file.floats(name + ".bias", shape: [outputs])
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let y = Tensor(shape: [x.rows, weight.outputs])
    weight.multiplyInParallel(
      x.pointer, stride: x.rowSize, count: x.rows, into: y.pointer, stride: weight.outputs, accumulate: true)
    for row in 0..<y.rows { Kernels.best.add_scaled(y.row(row), bias.pointer, 1, weight.outputs) }
    return y
  }
}

/// Lines of several pages as one packed batch, each window of lines a sequence of its own.
struct PageTokens {
  private let configuration: LayoutConfiguration
  private(set) var features: [Float] = []
  private(set) var places: [(page: Int, line: Int)] = []
  private var hashes: [[UInt16]] = []
  private var segments: [Range<Int>] = []
  private var coordinates: [[Float]] = [[], []]
  private var pages = 0

  init(_ configuration: LayoutConfiguration) { self.configuration = configuration }

  var count: Int { places.count }

  var layout: TokenLayout {
    TokenLayout(
      segments: segments, times: [Int32](repeating: 0, count: count), coordinates: coordinates)
  }

  mutating func append(_ page: Page, _ lines: LineFeatures) {
    append(
      features: lines.values, coordinates: lines.coordinates,
      hashes: page.lines.map { LineWords.hashes(of: $0.text, buckets: configuration.buckets) })
  }

  mutating func append(features values: [Float], coordinates own: [[Float]], hashes words: [[UInt16]]) {
    let lines = words.count
    let order = lines > LayoutModel.window ? (0..<lines).sorted { own[1][$0] < own[1][$1] } : Array(0..<lines)
    for first in stride(from: 0, to: lines, by: LayoutModel.window) {
      let chosen = order[first..<min(lines, first + LayoutModel.window)]
      segments.append(count..<count + chosen.count)
      for line in chosen {
        // A model without an eye for images takes the first numbers of each line.
        let row = line * (values.count / lines)
        features += values[row..<row + configuration.featureCount]
        coordinates[0].append(own[0][line])
        coordinates[1].append(own[1][line])
        hashes.append(words[line])
        places.append((pages, line))
      }
    }
    pages += 1
  }

  /// Adds the mean of each line's word vectors, scaled by the square root of their number.
  func addWords(_ table: UnsafePointer<Float>, to x: Tensor) {
    let size = x.rowSize
    for (token, words) in hashes.enumerated() where !words.isEmpty {
      let scale = 1 / Float(words.count).squareRoot()
      for word in words { Kernels.best.add_scaled(x.row(token), table + Int(word) * size, scale, size) }
    }
  }

  /// Adds to the gradient of the table.
  func wordGradients(_ dx: Tensor, into table: UnsafeMutablePointer<Float>) {
    let size = dx.rowSize
    for (token, words) in hashes.enumerated() where !words.isEmpty {
      let scale = 1 / Float(words.count).squareRoot()
      for word in words { Kernels.best.add_scaled(table + Int(word) * size, dx.row(token), scale, size) }
    }
  }
}
