import DocumentModel
import Foundation
import Tensor

/// Makes up documents with exact labels: words and boxes come straight from a layout, thousands a second.
///
/// The same seed and index give the same document anywhere.
public struct DocumentGenerator: Sendable {
  public struct Mix: Sendable {
    /// Kinds and their shares.
    public var kinds: [(type: String, share: Double)]

    public static let all = Mix(kinds: [
      ("invoice", 0.62), ("credit_note", 0.05), ("receipt", 0.13), ("purchase_order", 0.04), ("statement", 0.03),
      ("ad_order", 0.13),
    ])
    public static let invoices = Mix(kinds: [("invoice", 0.92), ("credit_note", 0.08)])
    public static let adOrders = Mix(kinds: [("ad_order", 1)])
    public static let receipts = Mix(kinds: [("receipt", 1)])
  }

  private let seed: UInt64
  private let mix: Mix

  public init(seed: UInt64, mix: Mix = .all) { (self.seed, self.mix) = (seed, mix) }

  public func document(_ index: Int) -> TaggedDocument {
    var random = CounterBasedRandom(seed: seed, stream: UInt64(index))
    var draw = random.uniform() * mix.kinds.reduce(0) { $0 + $1.share }
    var type = mix.kinds[mix.kinds.count - 1].type
    for kind in mix.kinds {
      draw -= kind.share
      if draw < 0 {
        type = kind.type
        break
      }
    }
    let language =
      type == "ad_order" ? "en" : random.pick(["de", "de", "de", "en", "en", "en", "fr", "fr", "nl", "nl", "es", "it"])
    let facts = DocumentFacts(type: type, language: language, &random)
    var tagged: TaggedDocument
    let rest = CounterBasedRandom(seed: seed ^ 0x5bd1, stream: UInt64(index))
    switch type {
    case "receipt":
      var composer = ReceiptComposer(facts, rest)
      tagged = composer.compose()
    case "ad_order":
      var composer = AdOrderComposer(facts, rest)
      tagged = composer.compose()
    default:
      var composer = InvoiceComposer(facts, rest)
      tagged = composer.compose()
    }
    tagged.document.fileName = "made-\(index).pdf"
    PrintNoise.apply(to: &tagged, &random)
    fillTruth(&tagged, facts)
    return tagged
  }

  /// What is printed, as truth.jsonl has it.
  private func fillTruth(_ tagged: inout TaggedDocument, _ facts: DocumentFacts) {
    let printed = Set(tagged.tags.flatMap { $0 }.compactMap { $0?.field })
    func set(_ name: String, _ value: ExtractedValue) { if printed.contains(name) { tagged.fields[name] = value } }
    set("invoice_number", .string(facts.number))
    set("invoice_date", .string(PrintStyle.iso(facts.date)))
    set("due_date", .string(PrintStyle.iso(facts.due)))
    set("vendor_name", .string(facts.vendor.name))
    set("customer_name", .string(facts.customer.name))
    set("vendor_tax_id", .string(facts.vendor.taxID))
    set("customer_tax_id", .string(facts.customer.taxID))
    set("purchase_order", .string(facts.purchaseOrder))
    set("subtotal", .number(facts.subtotal))
    set("total_tax", .number(facts.totalTax))
    set("invoice_total", .number(facts.total))
    set("amount_due", .number(facts.amountDue))
    set("iban", .string(facts.iban))
    set("bic", .string(facts.bic))
  }
}

/// What printing, scanning and reading do to words.
enum PrintNoise {
  static func apply(to tagged: inout TaggedDocument, _ random: inout CounterBasedRandom) {
    let isScan = random.chance(tagged.documentType == "receipt" ? 0.6 : 0.1)
    let slope = isScan ? random.normal() * 0.006 : 0
    let gluing = random.chance(0.12) ? 0.05 : 0
    for page in tagged.document.pages.indices {
      var words: [Word] = []
      var tags: [TaggedDocument.Tag?] = []
      for (word, tag) in zip(tagged.document.pages[page].words, tagged.tags[page]) {
        var word = word
        if isScan {
          if tag == nil, random.chance(0.015) { continue }
          if random.chance(0.04) { word.text = misread(word.text, &random) }
          let shift = slope * word.bbox.x0, height = word.bbox.height
          word.bbox.y0 += shift + random.normal() * 0.04 * height
          word.bbox.y1 += shift + random.normal() * 0.04 * height
          word.confidence = 0.8
        }
        // "Total:" and "12.00" become one word.
        if let last = words.last, let before = tags.last, before == nil, tag != nil, random.chance(gluing),
          abs(last.bbox.y0 - word.bbox.y0) < 2, word.bbox.x0 - last.bbox.x1 < word.bbox.height
        {
          var glued = tag!
          glued.skipped = last.text.count
          words[words.count - 1].text += word.text
          words[words.count - 1].bbox = last.bbox.union(word.bbox)
          tags[tags.count - 1] = glued
          continue
        }
        words.append(word)
        tags.append(tag)
      }
      tagged.document.pages[page].words = words
      tagged.tags[page] = tags
    }
  }

  private static func misread(_ text: String, _ random: inout CounterBasedRandom) -> String {
    var characters = Array(text)
    let swaps: [Character: Character] = [
      "0": "O", "O": "0", "1": "l", "l": "1", "5": "S", "S": "5", "8": "B", "B": "8", "i": "1", "e": "c", "m": "n",
      ",": ".", "n": "r",
    ]
    let at = random.integer(0...characters.count - 1)
    if let swap = swaps[characters[at]] { characters[at] = swap }
    return String(characters)
  }
}
