import DocumentModel

/// What rulings and type say of lines beyond doubt; it goes before what the model takes for likely.
package struct LineEvidence {
  private let page: Page
  private let em: Double

  package init(_ page: Page, em: Double) { (self.page, self.em) = (page, em) }

  package func applied(to predictions: [LayoutModel.Prediction]) -> [LayoutModel.Prediction] {
    placedPictures(footnotes(figuresNeedPictures(codeNeedsTypewriterType(predictions))))
  }

  // MARK: - Code

  /// Lines without typewriter type are no code; only fonts with names tell it.
  private func codeNeedsTypewriterType(_ predictions: [LayoutModel.Prediction]) -> [LayoutModel.Prediction] {
    let code = RegionClass.code.rawValue
    return zip(page.lines, predictions).map { line, prediction in
      guard prediction.classes.count > code, prediction.classes[code] > 0.2 else { return prediction }
      var mono = 0, named = 0
      for index in line.words where page.styles.indices.contains(page.words[index].style) {
        let style = page.styles[page.words[index].style], letters = page.words[index].text.utf8.count
        if style.monospaced { mono += letters }
        if !style.font.isEmpty { named += letters }
      }
      guard named > 0, mono * 5 < named else { return prediction }
      return prediction.without(code)
    }
  }

  // MARK: - Figures

  /// Words of a drawing are in it or right beside it.
  private func figuresNeedPictures(_ predictions: [LayoutModel.Prediction]) -> [LayoutModel.Prediction] {
    let figure = RegionClass.figure.rawValue
    let pictures = page.images.map(\.bbox)
    return zip(page.lines, predictions).map { line, prediction in
      guard prediction.classes.count > figure, prediction.classes[figure] > 0.2 else { return prediction }
      let isNear = pictures.contains { picture in
        max(picture.x0 - line.bbox.x1, line.bbox.x0 - picture.x1) < 3 * em
          && max(picture.y0 - line.bbox.y1, line.bbox.y0 - picture.y1) < 3 * em
      }
      return isNear ? prediction : prediction.without(figure)
    }
  }

  /// The words of a picture that was placed as a whole are part of it.
  private func placedPictures(_ predictions: [LayoutModel.Prediction]) -> [LayoutModel.Prediction] {
    var result = predictions
    for line in PlacedFigures(page, em: em).regions().flatMap(\.lines) {
      result[line].classes = result[line].classes.indices.map { $0 == RegionClass.figure.rawValue ? 1 : 0 }
      (result[line].continues, result[line].resumes) = (0, 0)
    }
    return result
  }

  // MARK: - Footnotes

  /// The lines under a footnote rule are notes: TeX and word processors draw it at the left edge of a column, 0.25 to 0.5 of it wide, with
  /// nothing but smaller type below.
  private func footnotes(_ predictions: [LayoutModel.Prediction]) -> [LayoutModel.Prediction] {
    var result = predictions
    for ruling in page.rulings where ruling.isHorizontal {
      let notes = lines(under: ruling.bbox, predictions)
      var bottom = ruling.bbox.y1
      for (place, line) in notes.enumerated() {
        let starts = startsNote(line) || place == 0
        // A notice of the publisher stands further down.
        if !starts, page.lines[line].bbox.y0 - bottom > 1.2 * em { break }
        bottom = max(bottom, page.lines[line].bbox.y1)
        result[line].classes = result[line].classes.indices.map { $0 == RegionClass.footnote.rawValue ? 1 : 0 }
        result[line].continues = starts ? 0 : 1
        if !starts { result[line].resumes = 0 }
      }
    }
    return result
  }

  /// The notes below a rule from top to bottom; none when it is another kind of rule.
  private func lines(under rule: Rect, _ predictions: [LayoutModel.Prediction]) -> [Int] {
    guard rule.width > 5 * em, rule.width < 0.42 * page.width, rule.midY > 0.25 * page.height else { return [] }
    // One edge of the column is the rule's; the other is where the lines above it end.
    let above = page.lines.indices.filter {
      let box = page.lines[$0].bbox
      return box.midY < rule.midY && rule.midY - box.midY < 12 * em && abs(box.x0 - rule.x0) < 2 * em
        && box.width > 4 * em
    }
    let right = above.map { page.lines[$0].bbox.x1 }.max() ?? 0
    guard right > rule.x1 + 2 * em || above.isEmpty else { return [] }
    let columnEnd = max(right, rule.x0 + 2 * rule.width)
    let below = page.lines.indices.filter {
      let box = page.lines[$0].bbox
      return box.midY > rule.midY && box.x0 > rule.x0 - em && box.x0 < columnEnd - em
        && ((predictions[$0].classes.last ?? 0) < 0.5 || MathEvidence.isProse(page.lines[$0], page))
    }.sorted { page.lines[$0].bbox.midY < page.lines[$1].bbox.midY }
    guard let first = below.first(where: { page.lines[$0].bbox.width > 2 * em }), below.count <= 40,
      page.lines[first].bbox.y0 - rule.midY < 2 * em, !Captions.startsCaption(page.lines[first].text)
    else { return [] }
    let isSmall = below.allSatisfy { page.typography(of: page.lines[$0]).size < 0.96 * em }
    return isSmall ? below : []
  }

  /// Notes begin with a number or a mark, raised as a rule.
  private func startsNote(_ line: Int) -> Bool {
    guard let word = page.lines[line].words.first.map({ page.words[$0] }), let sign = word.text.first else {
      return false
    }
    guard sign.isNumber || "*∗†‡§¶".contains(sign) else { return false }
    let size = page.styles.indices.contains(word.style) ? page.styles[word.style].size : 0
    return word.text.count <= 3 && size < 0.85 * page.typography(of: page.lines[line]).size
      || !sign.isNumber || word.text.count > 1 && word.text.dropFirst().first?.isLetter == true
  }
}

extension LayoutModel.Prediction {
  /// The same without one of the classes.
  func without(_ number: Int) -> Self {
    var changed = self
    changed.classes[number] = 0
    let rest = changed.classes.reduce(0, +)
    guard rest > 1e-6 else {
      changed.classes[RegionClass.text.rawValue] = 1
      return changed
    }
    changed.classes = changed.classes.map { $0 / rest }
    return changed
  }
}
