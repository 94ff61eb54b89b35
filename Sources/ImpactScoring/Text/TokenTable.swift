import Foundation
import Tensor

/// Vectors for the pieces of a vocabulary of which only the frequent ones were kept.
///
/// Text is always split with the whole vocabulary, exactly as the reference does; a rare piece without a vector of its
/// own is then split again into those that have one.
struct TokenTable: Sendable {
  /// [kept pieces, model size]
  let vectors: Tensor
  /// For each id of the vocabulary its rows.
  private let rows: [[Int32]]

  /// - Parameter kept: the id of each row.
  init(_ vectors: Tensor, kept: [Int], tokenizer: WordPieceTokenizer) {
    self.vectors = vectors
    let vocabulary = tokenizer.vocabulary
    var rowOfID = [Int32](repeating: -1, count: vocabulary.count)
    for (row, id) in kept.enumerated() where vocabulary.indices.contains(id) { rowOfID[id] = Int32(row) }
    let table = PieceTable(vocabulary, included: Set(kept.map { Int32($0) }))
    let unknown = max(0, rowOfID[Int(tokenizer.unknown)])
    rows = vocabulary.indices.map { id in
      if rowOfID[id] >= 0 { return [rowOfID[id]] }
      let continues = PieceTable.continues(vocabulary[id])
      var parts: [Int32] = []
      let text = Array(vocabulary[id].utf8.dropFirst(continues ? 2 : 0))
      return table.cut(text, continues: continues, into: &parts) ? parts.map { rowOfID[Int($0)] } : [unknown]
    }
  }

  func rows(of ids: some Sequence<Int32>) -> [Int32] { ids.flatMap { rows[Int($0)] } }
}
