import Foundation

/// Groups documents whose first page has the same labels: forms of one template stay on one side of a split.
package enum TemplateGroups {
  /// For each document, words of its first page that look like labels and not like values.
  static func signature(_ document: DocumentTokens) -> Set<String> {
    guard let page = document.tokens.first?.page else { return [] }
    var result = Set<String>()
    for (row, cells) in document.cellsOfRow.enumerated() {
      guard document.tokens[document.rows[row].lowerBound].page == page else { break }
      for cell in cells {
        let range = document.cells[cell]
        guard range.count <= 4 else { continue }
        let text = document.tokens[range].map(\.folded).joined(separator: " ")
        if !text.contains("0"), text.utf8.count > 3 { result.insert(text) }
      }
    }
    return result
  }

  /// Number of its group for each document; alike is a share of common labels above `least`.
  ///
  /// Labels that only one document has are its values and are left out.
  static func groups(_ documents: [DocumentTokens], least: Double = 0.5) -> [Int] {
    var signatures = documents.map(signature)
    var counts: [String: Int] = [:]
    for signature in signatures { for word in signature { counts[word, default: 0] += 1 } }
    let common = max(3, documents.count / 60)
    for index in signatures.indices { signatures[index] = signatures[index].filter { counts[$0]! >= common } }
    var leaders: [Int] = []
    var groups: [Int] = []
    for signature in signatures {
      // Nearest to a group's first document, so that groups do not chain into one.
      var best: (group: Int, share: Double) = (-1, least)
      for (group, leader) in leaders.enumerated() {
        let other = signatures[leader]
        let union = signature.union(other).count
        let share = union > 0 ? Double(signature.intersection(other).count) / Double(union) : 1
        if share >= best.share { best = (group, share) }
      }
      if best.group >= 0 {
        groups.append(best.group)
      } else {
        groups.append(leaders.count)
        leaders.append(groups.count - 1)
      }
    }
    return groups
  }

  /// Folds of about the same size that no group is divided by.
  package static func folds(_ groups: [Int], _ count: Int) -> [Int] {
    var sizes = [Int](repeating: 0, count: count)
    var fold: [Int: Int] = [:]
    let bySize = Dictionary(grouping: groups, by: { $0 }).sorted { ($0.value.count, $1.key) > ($1.value.count, $0.key) }
    for (group, members) in bySize {
      let least = sizes.indices.min { sizes[$0] < sizes[$1] } ?? 0
      fold[group] = least
      sizes[least] += members.count
    }
    return groups.map { fold[$0] ?? 0 }
  }
}
