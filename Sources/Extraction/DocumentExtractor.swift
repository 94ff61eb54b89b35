import DocumentModel
import Foundation

/// Reads a document by what serves best: an embedded electronic invoice first, else the page.
public struct DocumentExtractor: Sendable {
  private let model: LearnedExtractor?

  /// - Parameter model: nil for rules alone.
  public init(model: LearnedExtractor?) { self.model = model }

  /// - Parameter name: "rules", "docq-extract-1" or a folder that `docq train extractor` wrote.
  /// - Throws: `CheckpointError`.
  public init(modelNamed name: String = ExtractorModels.standard) throws { model = try ExtractorModels.named(name) }

  /// The schema that the model was trained for; nil for the general one.
  public var trainedSchema: ExtractionSchema? { model?.schema }

  /// What the model and the rules propose for every field of an invoice, as one line of JSON.
  public func proposals(_ document: Document) throws -> Data {
    guard let model else { return Data() }
    let object = InvoiceReader(model: model, schema: .invoice).proposals(document)
    return try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]) + Data("\n".utf8)
  }

  /// - Parameter ignoreEmbedded: read the page only.
  /// - Throws: `ExtractionError.badXML` when there is an embedded invoice and it cannot be read.
  public func extract(
    _ document: Document, schema: ExtractionSchema = .invoice, ignoreEmbedded: Bool = false
  ) throws -> ExtractionResult {
    let page = extractFromPages(document, schema)
    guard !ignoreEmbedded, schema.isBuiltIn, schema.documentType == "invoice",
      let attachment = EInvoiceXML.embedded(in: document), let xml = attachment.data
    else { return page }
    var result = try EInvoiceXML.parse(xml, fileName: document.fileName)
    result.file = document.fileName
    for name in result.fields.keys { locate(name, &result, in: document) }
    for name in ["invoice_number", "invoice_total", "subtotal", "total_tax"] {
      guard let given = result.fields[name], let read = page.fields[name], read.confidence > 0.6 else { continue }
      let same: Bool
      if let a = given.value.number, let b = read.value.number {
        same = abs(a - b) < 0.006
      } else {
        same = given.value.text.lowercased() == read.value.text.lowercased()
      }
      result.checks.append(
        ExtractionCheck(
          rule: "page-\(name)", ok: same,
          detail: "the XML says \(given.value.text), the page \(read.value.text)"))
      if !same { result.needsReview.append(name) }
    }
    return result
  }

  private func extractUpright(_ document: Document, _ schema: ExtractionSchema) -> ExtractionResult {
    var result = byModelOrRules(document, schema)
    if document.pages.contains(where: { $0.textSource == .ocr }) {
      result.notes = (result.notes ?? []) + ["the text comes from text recognition (OCR)"]
    }
    return result
  }

  private func byModelOrRules(_ document: Document, _ schema: ExtractionSchema) -> ExtractionResult {
    guard let model else { return RuleBasedExtractor(schema: schema).extract(document) }
    if let own = model.schema, !schema.isBuiltIn {
      return TrainedFormReader(model: model, schema: own).extract(document)
    }
    return schema.isBuiltIn && model.schema == nil
      ? InvoiceReader(model: model, schema: schema).extract(document)
      : RuleBasedExtractor(schema: schema).extract(document)
  }

  /// Reads pages that are printed sideways as if they were turned; boxes are those of the pages as they are.
  private func extractFromPages(_ document: Document, _ schema: ExtractionSchema) -> ExtractionResult {
    let turns = document.pages.map(\.quarterTurnsToUpright)
    guard turns.contains(where: { $0 != 0 }) else { return extractUpright(document, schema) }
    var upright = document
    for index in document.pages.indices { upright.pages[index] = document.pages[index].turned(by: turns[index]) }
    var result = extractUpright(upright, schema)
    func turnedBack(_ box: Rect?, _ number: Int?) -> Rect? {
      guard let box, let number, let index = upright.pages.firstIndex(where: { $0.index == number - 1 }) else {
        return box
      }
      let page = upright.pages[index]
      return box.turned(by: -turns[index], width: page.width, height: page.height)
    }
    for (name, field) in result.fields { result.fields[name]?.bbox = turnedBack(field.bbox, field.page) }
    for (index, item) in result.lineItems.enumerated() {
      result.lineItems[index].bbox = turnedBack(item.bbox, item.page)
    }
    for (name, field) in result.fields {
      if let label = field.label, let box = turnedBack(label.bbox, field.page) {
        result.fields[name]?.label?.bbox = box
      }
    }
    return result
  }

  /// Finds the value on the page, to give its box.
  private func locate(_ name: String, _ result: inout ExtractionResult, in document: Document) {
    guard let field = result.fields[name] else { return }
    for page in document.pages {
      for (index, word) in page.words.enumerated() {
        var box: Rect?
        if let number = field.value.number {
          if ValueParsing.looksLikeMoney(word.text), ValueParsing.amount(word.text) == number { box = word.bbox }
        } else if name.hasSuffix("_date") {
          if ValueParsing.date(word.text) == field.value.text { box = word.bbox }
        } else {
          let parts = field.value.text.split(separator: " ").map(String.init)
          if word.text == parts.first, index + parts.count <= page.words.count,
            zip(page.words[index...], parts).allSatisfy({ $0.text == $1 })
          {
            box = page.words[index..<(index + parts.count)].map(\.bbox).reduce(word.bbox) { $0.union($1) }
          }
        }
        if let box {
          result.fields[name]?.page = page.index + 1
          result.fields[name]?.bbox = box
          return
        }
      }
    }
  }
}
