import Foundation

/// PDFs of one page with given words at given places, and orders made of them.
enum TextPDF {
  static func page(_ lines: [(text: String, x: Int, y: Int)]) -> Data {
    func escaped(_ text: String) -> String {
      text.replacing("\\", with: "\\\\").replacing("(", with: "\\(").replacing(")", with: "\\)")
    }
    let drawing = lines.map { "BT /F1 10 Tf 1 0 0 1 \($0.x) \($0.y) Tm (\(escaped($0.text))) Tj ET\n" }.joined()
    let objects = [
      "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
      "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
      "<< /Length \(drawing.utf8.count) >>\nstream\n\(drawing)endstream",
      "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    var text = "%PDF-1.4\n"
    var offsets: [Int] = []
    for (index, object) in objects.enumerated() {
      offsets.append(text.utf8.count)
      text += "\(index + 1) 0 obj\n\(object)\nendobj\n"
    }
    let start = text.utf8.count
    text += "xref\n0 \(objects.count + 1)\n0000000000 65535 f \n"
    for offset in offsets { text += String(format: "%010d 00000 n \n", offset) }
    text += "trailer << /Size \(objects.count + 1) /Root 1 0 R >>\nstartxref\n\(start)\n%%EOF\n"
    return Data(text.utf8)
  }

  struct Order {
    var number: String
    var day: String
    var total: Double

    /// The labels that a person would give.
    var fields: [String: Any] { ["ticket": number, "ordered_on": day, "sum": total] }

    init(_ index: Int) {
      number = "K\(4100 + 37 * index)"
      day = String(format: "2024-%02d-%02d", 1 + index % 12, 3 + index)
      total = 120.5 + 31.25 * Double(index)
    }

    /// A form that no schema of docq's knows: its labels are made up.
    func pdf(_ index: Int) -> Data {
      let shift = 9 * (index % 4)
      return TextPDF.page([
        ("Werkhof Brenner", 60, 780 - shift), ("Zettel", 60, 730 - shift), (number, 160, 730 - shift),
        ("Angenommen", 60, 712 - shift), (day, 160, 712 - shift), ("Fach", 60, 694 - shift),
        ("A\(20 + index)", 160, 694 - shift), ("Oel und Filter", 60, 640 - shift),
        (String(format: "%.2f", total - 20), 400, 640 - shift), ("Arbeit", 60, 622 - shift),
        ("20.00", 400, 622 - shift), ("Macht zusammen", 60, 580 - shift),
        (String(format: "%.2f", total), 400, 580 - shift),
      ])
    }
  }

  static let schema = """
    {"document_type": "ticket", "fields": {
      "ticket": {"type": "id", "required": true}, "ordered_on": "date",
      "sum": {"type": "amount", "key_phrases": ["total"]}}}
    """
}
