import Foundation

/// Divides a document into stretches of whole rows that the model sees at once: a page, or pieces of a long one.
enum DocumentWindows {
  static func ranges(_ document: DocumentTokens, limit: Int) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var start = 0
    var end = 0
    var page = -1
    for row in document.rows {
      let own = document.tokens[row.lowerBound].page
      if end > start, own != page || row.upperBound - start > limit {
        result.append(start..<end)
        start = row.lowerBound
      }
      page = own
      end = row.upperBound
      // A row that is too long by itself.
      while end - start > limit {
        result.append(start..<start + limit)
        start += limit
      }
    }
    if end > start { result.append(start..<end) }
    return result
  }

  /// The window of a range, without tags.
  static func window(_ features: TokenFeatures, _ range: Range<Int>) -> TrainingWindow {
    let first = features.starts[range.lowerBound], last = features.starts[range.upperBound]
    let top = features.y[range].min() ?? 0
    return TrainingWindow(
      rows: Array(features.rows[Int(first)..<Int(last)]),
      starts: features.starts[range.lowerBound...range.upperBound].map { $0 - first }, x: Array(features.x[range]),
      y: features.y[range].map { $0 - top }, tags: [Int32](repeating: 0, count: range.count),
      weights: [Float](repeating: 1, count: range.count), documentType: -1)
  }
}
