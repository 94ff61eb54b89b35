import DocumentModel

/// Finds bullets and numbers that hang left of their text, further than a space away.
enum HangingMarkers {
  private static let widestGap = 4.0
  private static let bookParts: Set<String> = ["section", "article", "chapter", "clause", "artikel", "kapitel", "§"]

  /// Pairs of pieces to join.
  ///
  /// - Parameters:
  ///   - groups: the words of each piece, by index into the page's words.
  ///   - pieces: their boxes.
  static func joins(
    _ groups: [[Int]], _ pieces: [Rect], on page: Page, _ gutters: GutterFinder
  ) -> [(left: Int, right: Int)] {
    guard pieces.count > 1, pieces.count < 20_000 else { return [] }
    var result: [(left: Int, right: Int)] = []
    for row in BaselineRows(pieces).rows where row.count > 1 {
      for (place, (left, right)) in zip(row, row.dropFirst()).enumerated() {
        let (marker, text) = (pieces[left], pieces[right])
        let em = max(1, max(marker.height, text.height))
        guard text.x0 > marker.x1, text.x0 - marker.x1 < widestGap * em, marker.width < 6 * em,
          marker.verticalOverlap(text) > 0.4 * min(marker.height, text.height), !gutters.separates(marker, text)
        else { continue }
        // Only what begins a line hangs before it.
        if place > 0, marker.x0 - pieces[row[place - 1]].x1 < 2 * em { continue }
        if isMarker(groups[left], before: groups[right], on: page, cells: row.count) { result.append((left, right)) }
      }
    }
    return result
  }

  private static func isMarker(_ marker: [Int], before text: [Int], on page: Page, cells: Int) -> Bool {
    guard marker.count <= 2, let first = marker.first, let next = text.first else { return false }
    let word = page.words[first].text, follower = page.words[next].text
    if marker.count == 2 {
      return bookParts.contains(word.lowercased()) && page.words[marker[1]].text.first?.isNumber == true
    }
    if ListMarker.isBullet(word) { return true }
    // Numbers in front of three or more cells are the first column of a table.
    guard cells <= 3, follower.contains(where: \.isLetter) else { return false }
    if ListMarker.length(of: word + " x") != nil { return true }
    guard HeadingNumber.depth(of: word + " X") != nil, page.styles.indices.contains(page.words[first].style),
      page.styles.indices.contains(page.words[next].style)
    else { return false }
    let (number, heading) = (page.style(of: page.words[first]), page.style(of: page.words[next]))
    return number.bold && heading.bold && abs(number.size - heading.size) < 0.15 * heading.size
  }
}
