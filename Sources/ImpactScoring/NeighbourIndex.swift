import Foundation
import Tensor

/// Papers of the training set with their embeddings in 8 bits, for looking up the most alike.
struct NeighbourIndex: Sendable {
  private struct Paper: Codable {
    var title: String
    var tncsiSP: Double

    enum CodingKeys: String, CodingKey {
      case title
      case tncsiSP = "tncsi_sp"
    }
  }

  /// [papers, size], each of length 1.
  private let vectors: Tensor
  private let papers: [Paper]

  /// nil where the model has no `neighbours`.
  /// - Throws: `ImpactModelError`, `CheckpointError`.
  init?(_ file: SafeTensors, directory: URL, size: Int) throws {
    guard file.entries["neighbours"] != nil else { return nil }
    let url = directory.appendingPathComponent("neighbours.json")
    guard let data = try? Data(contentsOf: url) else { throw ImpactModelError.missing(url.lastPathComponent) }
    do {
      papers = try JSONDecoder().decode([Paper].self, from: data)
    } catch {
      throw ImpactModelError.malformed(url.lastPathComponent, reason: "\(error)")
    }
    vectors = try file.floats("neighbours", shape: [papers.count, size])
    for row in 0..<vectors.rows { TextEncoder.normalize(vectors.row(row), size) }
  }

  func nearest(to vector: UnsafePointer<Float>, count: Int) -> [SimilarPaper] {
    let size = vectors.rowSize
    let length = Kernels.best.sum_of_squares(vector, size).squareRoot()
    guard length > 0 else { return [] }
    let found = papers.indices.map { index in
      let row = vectors.row(index)
      var sum: Float = 0
      for place in 0..<size { sum += row[place] * vector[place] }
      return (index: index, cosine: Double(sum) / length)
    }
    return found.sorted { ($0.cosine, $1.index) > ($1.cosine, $0.index) }.prefix(count).map {
      SimilarPaper(
        title: papers[$0.index].title, similarity: ($0.cosine * 10_000).rounded() / 10_000,
        tncsiSP: papers[$0.index].tncsiSP)
    }
  }
}
