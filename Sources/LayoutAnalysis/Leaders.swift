import DocumentModel

/// Rows of dots that lead from a title to its page number, as tables of contents have them.
enum Leaders {
  /// Pairs of pieces to join: what stands left and right of dots, right to left in each row.
  static func joins(_ groups: [[Int]], _ pieces: [Rect], on page: Page) -> [(left: Int, right: Int)] {
    let dots = groups.map { words in words.allSatisfy { isDots(page.words[$0].text) } }
    // Dots may stand at the end of the title's piece as well.
    let endsInDots = groups.map { words in words.last.map { isDots(page.words[$0].text) } ?? false }
    guard dots.contains(true) || endsInDots.contains(true), pieces.count < 20_000 else { return [] }
    var result: [(left: Int, right: Int)] = []
    for row in BaselineRows(pieces).rows where row.count > 1 {
      for (left, right) in zip(row, row.dropFirst()).reversed() where endsInDots[left] || dots[right] {
        guard pieces[left].verticalOverlap(pieces[right]) > 0.3 * min(pieces[left].height, pieces[right].height),
          pieces[right].x0 - pieces[left].x1 < 12 * pieces[left].height
        else { continue }
        result.append((left, right))
      }
    }
    return result
  }

  static func isDots(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 == 0x2E } && (text.utf8.count == 1 || text.utf8.count > 2)
  }

  /// Whether a line is an entry of a table of contents.
  static func leads(_ text: String) -> Bool {
    text.contains(". . . .") || text.contains("....") || text.contains(". . . ") && text.last?.isNumber == true
  }

  /// The text with each row of dots as one sign.
  static func shortened(_ text: String) -> String {
    leads(text) ? text.replacing(/\s*(?:\.\s?){4,}\s*/, with: " … ") : text
  }
}
