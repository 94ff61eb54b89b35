// Pages as JSON; names and order are those of the `Codable` types.

extension JSONText {
  mutating func append(_ page: Page) {
    raw("{\"height\":")
    number(page.height)
    list(",\"images\":", page.images) { json, image in
      json.raw("{\"bbox\":")
      json.box(image.bbox)
      json.raw(",\"id\":")
      json.integer(image.id)
      json.raw("}")
    }
    raw(",\"index\":")
    integer(page.index)
    if let label = page.label {
      raw(",\"label\":")
      string(label)
    }
    list(",\"lines\":", page.lines) { json, line in
      json.raw("{\"bbox\":")
      json.box(line.bbox)
      json.raw(",\"text\":")
      json.string(line.text)
      json.list(",\"words\":", line.words) { $0.integer($1) }
      json.raw("}")
    }
    list(",\"links\":", page.links) { json, link in
      json.raw("{\"bbox\":")
      json.box(link.bbox)
      json.raw(",\"target\":")
      json.string(link.target)
      json.raw("}")
    }
    list(",\"regions\":", page.regions) { $0.append($1) }
    list(",\"rulings\":", page.rulings) { json, ruling in
      json.raw("{\"bbox\":")
      json.box(ruling.bbox)
      json.raw("}")
    }
    if let straightening = page.straightening {
      raw(",\"straightening\":{\"degrees\":")
      number(straightening.degrees)
      raw(",\"quarterTurns\":")
      integer(straightening.quarterTurns)
      raw("}")
    }
    list(",\"styles\":", page.styles) { $0.append($1) }
    raw(",\"textSource\":")
    string(page.textSource.rawValue)
    raw(",\"width\":")
    number(page.width)
    list(",\"words\":", page.words) { json, word in
      json.raw("{\"bbox\":")
      json.box(word.bbox)
      if let confidence = word.confidence {
        json.raw(",\"confidence\":")
        json.number(confidence)
      }
      json.raw(",\"style\":")
      json.integer(word.style)
      json.raw(",\"text\":")
      json.string(word.text)
      json.raw("}")
    }
    raw("}")
  }

  private mutating func append(_ style: TextStyle) {
    raw("{\"bold\":")
    boolean(style.bold)
    raw(",\"color\":")
    integer(Int(style.color))
    raw(",\"font\":")
    string(style.font)
    raw(",\"italic\":")
    boolean(style.italic)
    raw(",\"math\":")
    boolean(style.math)
    raw(",\"monospaced\":")
    boolean(style.monospaced)
    raw(",\"size\":")
    number(style.size)
    raw("}")
  }

  private mutating func append(_ region: Region) {
    raw("{\"bbox\":")
    box(region.bbox)
    if let next = region.continuedBy {
      raw(",\"continuedBy\":")
      integer(next)
    }
    if let level = region.headingLevel {
      raw(",\"headingLevel\":")
      integer(level)
    }
    raw(",\"id\":")
    integer(region.id)
    raw(",\"isFurniture\":")
    boolean(region.isFurniture)
    raw(",\"label\":")
    integer(region.label.rawValue)
    if let latex = region.latex {
      raw(",\"latex\":")
      string(latex)
    }
    list(",\"lines\":", region.lines) { $0.integer($1) }
    raw(",\"page\":")
    integer(region.page)
    if let table = region.table {
      list(",\"table\":{\"cells\":", table.cells) { $0.append($1) }
      raw(",\"columns\":")
      integer(table.columns)
      raw(",\"rows\":")
      integer(table.rows)
      raw("}")
    }
    raw(",\"text\":")
    string(region.text)
    raw("}")
  }

  private mutating func append(_ cell: TableCell) {
    raw("{\"bbox\":")
    box(cell.bbox)
    raw(",\"column\":")
    integer(cell.column)
    raw(",\"columnSpan\":")
    integer(cell.columnSpan)
    raw(",\"isHeader\":")
    boolean(cell.isHeader)
    raw(",\"row\":")
    integer(cell.row)
    raw(",\"rowSpan\":")
    integer(cell.rowSpan)
    raw(",\"text\":")
    string(cell.text)
    if let unit = cell.unit {
      raw(",\"unit\":")
      string(unit)
    }
    if let value = cell.value {
      raw(",\"value\":")
      number(value)
    }
    raw("}")
  }

  mutating func append(_ relation: Relation) {
    raw("{\"from\":")
    integer(relation.from)
    raw(",\"to\":")
    integer(relation.to)
    raw(",\"type\":")
    string(relation.type.rawValue)
    raw("}")
  }
}
