import DocumentModel
import Extraction
import Foundation
import Testing

/// A recognised page: every line of text with a gap of two spaces between its cells.
private func scan(_ lines: [String]) -> Document {
  var page = Page(index: 0, width: 300, height: Double(lines.count) * 20 + 40)
  page.styles = [TextStyle(font: "", size: 10)]
  page.textSource = .ocr
  for (row, line) in lines.enumerated() {
    var x = 10.0
    for word in line.split(separator: " ", omittingEmptySubsequences: false) {
      if word.isEmpty {
        x += 60
        continue
      }
      let width = 6 * Double(word.count), y = 20 + 20 * Double(row)
      page.words.append(
        Word(text: String(word), bbox: Rect(x0: x, y0: y, x1: x + width, y1: y + 12), style: 0, confidence: 0.9))
      x += width + 4
    }
  }
  return Document(fileName: "scan.png", pageCount: 1, pages: [page])
}

@Suite struct ReceiptTests {
  @Test func misreadLettersAreToldFromValues() throws {
    let result = try DocumentExtractor().extract(
      scan([
        "lim ah kow", "KEDAI MAKAN SON BHD (123456-X)", "NO. 12, JALAN BESAR,", "43000 KAJANG, SELANGOR",
        "TEL: 03-8736 1234",
        "TAX INVOICE", "Date: l2/O3/2018", "NASI LEMAK  12. 40", "TEH TARIK  5.00", "Sub Total  17.40",
        "Tatal (incl. GST)  17. 40",
        "CASH  20.00", "CHANGE  2.60", "THANK YOU",
      ]), schema: .receipt)
    #expect(result.fields["total"]?.value.number == 17.4)
    #expect(result.fields["date"]?.value.text == "2018-03-12")
    #expect(result.fields["vendor_name"]?.value.text == "KEDAI MAKAN SDN BHD")
    #expect(result.notes?.contains { $0.contains("OCR") } == true)
  }

  @Test(arguments: [
    ("RMS.OO", "RM5.00"), ("l5/O3/2018", "15/03/2018"), ("I2.5O", "12.50"), ("D.I.Y.", "D.I.Y."), ("SO", "SO"),
    ("OIL", "OIL"), ("B/L", "B/L"), ("SOLD.", "SOLD."), ("12.50", "12.50"),
  ]) func onlyAmountsAndDatesAreRepaired(text: String, expected: String) {
    #expect(Misreading.repaired(text) == expected)
  }

  @Test(arguments: [
    (["ABC", "SON", "BHD"], ["ABC", "SDN", "BHD"]), (["ABC", "SDN", "BHO"], ["ABC", "SDN", "BHD"]),
    (["ABC", "PTY", "LTD"], ["ABC", "PTY", "LTD"]), (["THE", "LTD"], ["THE", "LTD"]), (["BHD"], ["BHD"]),
  ]) func formsOfFirmsArePutRight(words: [String], expected: [String]) {
    #expect(LegalForms.corrected(words) == expected)
  }

  @Test func wordsAreAlikeByOneLetterAtMost() {
    #expect(Misreading.isAlike("tatal", "total", recognised: true))
    #expect(!Misreading.isAlike("tatal", "total", recognised: false))
    #expect(!Misreading.isAlike("tot", "tax", recognised: true))
    #expect(!Misreading.isAlike("totem", "total", recognised: true))
  }

  @Test func slashesReadAsLettersAreDates() {
    #expect(ValueParsing.date("05t31t20", dayFirst: false) == "2020-05-31")
    #expect(TokenTypes("05t31t20", folded: "00t00t00").flags.contains(.date))
    #expect(!TokenTypes("A05t31", folded: "a00t00").flags.contains(.date))
  }
}
