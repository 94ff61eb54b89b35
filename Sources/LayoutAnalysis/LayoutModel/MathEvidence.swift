import DocumentModel

/// What fonts for mathematics tell, in documents that have them.
enum MathEvidence {
  /// How many words are in fonts for mathematics.
  struct Counts {
    private var mathematics = 0, all = 0

    mutating func add(_ page: Page) {
      let styles = page.styles.map(\.math)
      for word in page.words where styles.indices.contains(word.style) {
        all += 1
        if styles[word.style] { mathematics += 1 }
      }
    }

    /// Some words, but not most of them, are in fonts for mathematics.
    var isToldByFonts: Bool { mathematics > 4 && mathematics * 5 < all * 2 }
  }

  /// Whether a line has a formula: a word in a font for mathematics that is no bullet and no mark of a note, or a Greek letter or two
  /// among Latin ones.
  static func hasMathematics(_ line: Line, _ page: Page) -> Bool {
    line.words.contains { index in
      let word = page.words[index]
      guard page.styles.indices.contains(word.style) else { return false }
      if page.styles[word.style].math, word.text.contains(where: { !"•∗*†‡§·–−◦■□▪.,;:".contains($0) }) { return true }
      let greek = word.text.unicodeScalars.count { (0x391...0x3C9).contains($0.value) || $0.value == 0x2206 }
      return greek == 1 || greek == 2
    }
  }

  /// Whether a line is a sentence or a good part of one: five words of letters outside of fonts for mathematics.
  static func isProse(_ line: Line, _ page: Page) -> Bool {
    var words = 0
    for index in line.words {
      let word = page.words[index]
      guard word.text.utf8.count > 2, page.styles.indices.contains(word.style), !page.styles[word.style].math,
        word.text.allSatisfy({ $0.isLetter || ".,;:-".contains($0) })
      else { continue }
      words += 1
      if words == 5 { return true }
    }
    return false
  }

  /// Lines of symbols with hardly a word in them are formulas, also where the model takes them for code or a heading.
  static func applied(to predictions: [LayoutModel.Prediction], _ page: Page) -> [LayoutModel.Prediction] {
    let equation = RegionClass.equation.rawValue
    let mistaken = [RegionClass.code, .title, .caption, .others, .paperTitle].map(\.rawValue)
    return zip(page.lines, predictions).map { line, prediction in
      guard prediction.classes.count > equation,
        let best = prediction.classes.indices.max(by: { prediction.classes[$0] < prediction.classes[$1] }),
        mistaken.contains(best)
      else {
        return isProse(line, page) || Headings.beginsStatement(line.text) ? prediction.without(equation) : prediction
      }
      let share = page.typography(of: line).mathShare
      let words = line.words.count { index in
        let word = page.words[index]
        return word.text.count > 3 && word.text.allSatisfy(\.isLetter) && !page.styles[word.style].math
      }
      guard share > 0.25, words <= 1 else { return prediction }
      var changed = prediction
      changed.classes[equation] += changed.classes[best]
      changed.classes[best] = 0
      return changed
    }
  }
}
