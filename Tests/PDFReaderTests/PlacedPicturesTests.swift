import DocumentModel
import Foundation
import PDFReader
import Testing

/// The program that parses: it stands beside the test bundle.
private let child = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
  .appendingPathComponent("docq-ingestor")

/// A page with streams of its own, written as a PDF without a table of its objects' places; readers mend that.
private struct SmallPDF {
  /// Attributes of the page besides its parent and content.
  var page = "/MediaBox [0 0 400 500] /Resources <</XObject <</Fm 5 0 R>>>>"
  var content = ""
  /// Objects from number 5 on: dictionary and stream.
  var objects: [(dictionary: String, stream: String)] = []

  static func form(_ box: String, _ more: String = "", stream: String = "0 0 50 40 re f") -> (String, String) {
    ("/Type/XObject /Subtype/Form /BBox [\(box)] \(more)", stream)
  }

  func read() throws -> [Rect] {
    func stream(_ number: Int, _ dictionary: String, _ text: String) -> String {
      "\(number) 0 obj <<\(dictionary) /Length \(text.utf8.count)>> stream\n\(text)\nendstream endobj"
    }
    let parts =
      [
        "%PDF-1.5", "1 0 obj <</Type/Catalog /Pages 2 0 R>> endobj",
        "2 0 obj <</Type/Pages /Kids [3 0 R] /Count 1>> endobj",
        "3 0 obj <</Type/Page /Parent 2 0 R /Contents 4 0 R \(page)>> endobj", stream(4, "", content),
      ] + objects.enumerated().map { stream(5 + $0, $1.dictionary, $1.stream) } + ["trailer <</Root 1 0 R>>", "%%EOF"]
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).pdf")
    try Data(parts.joined(separator: "\n").utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let document = try PDFReader(childExecutable: child).read(file)
    return document.pages[0].images.filter { $0.kind == .placed }.map(\.bbox)
  }
}

@Suite struct PlacedPicturesTests {
  private func isClose(_ a: Rect?, _ b: Rect) -> Bool {
    guard let a else { return false }
    return zip([a.x0, a.y0, a.x1, a.y1], [b.x0, b.y0, b.x1, b.y1]).allSatisfy { abs($0 - $1) < 0.01 }
  }

  @Test func aPlacedPictureIsWhereThePageShowsIt() throws {
    // Twice as large, its corner at (100, 300) from below.
    let pdf = SmallPDF(content: "q 2 0 0 2 100 300 cm /Fm Do Q", objects: [SmallPDF.form("0 0 50 40")])
    let found = try pdf.read()
    #expect(found.count == 1 && isClose(found.first, Rect(x0: 100, y0: 120, x1: 200, y1: 200)))
  }

  @Test func itsOwnMatrixAndTheClipCount() throws {
    let moved = SmallPDF(
      content: "q 1 0 0 1 100 100 cm /Fm Do Q", objects: [SmallPDF.form("0 0 100 80", "/Matrix [1 0 0 1 10 20]")])
    #expect(isClose(try moved.read().first, Rect(x0: 110, y0: 300, x1: 210, y1: 380)))
    let clipped = SmallPDF(
      content: "q 100 100 60 80 re W n 1 0 0 1 100 100 cm /Fm Do Q", objects: [SmallPDF.form("0 0 100 80")])
    #expect(isClose(try clipped.read().first, Rect(x0: 100, y0: 320, x1: 160, y1: 400)))
  }

  @Test func pagesAreTurnedAndCropped() throws {
    let turned = SmallPDF(
      page: "/MediaBox [0 0 400 500] /Rotate 90 /Resources <</XObject <</Fm 5 0 R>>>>",
      content: "q 1 0 0 1 0 0 cm /Fm Do Q", objects: [SmallPDF.form("0 0 50 40")])
    // The lower left corner is the upper left one after a turn to the right.
    #expect(isClose(try turned.read().first, Rect(x0: 0, y0: 0, x1: 40, y1: 50)))
    let cropped = SmallPDF(
      page: "/MediaBox [0 0 400 500] /CropBox [20 30 380 470] /Resources <</XObject <</Fm 5 0 R>>>>",
      content: "q 1 0 0 1 0 400 cm /Fm Do Q", objects: [SmallPDF.form("0 0 100 50")])
    #expect(isClose(try cropped.read().first, Rect(x0: 0, y0: 20, x1: 80, y1: 70)))
  }

  @Test func aFormAroundThePageIsLookedInto() throws {
    let pdf = SmallPDF(
      content: "/Fm Do",
      objects: [
        SmallPDF.form(
          "0 0 400 500", "/Resources <</XObject <</Inner 6 0 R>>>>", stream: "q 1 0 0 1 50 50 cm /Inner Do Q"),
        SmallPDF.form("0 0 100 80"),
      ])
    #expect(isClose(try pdf.read().first, Rect(x0: 50, y0: 370, x1: 150, y1: 450)))
    // One that holds itself ends.
    let endless = SmallPDF(
      content: "/Fm Do",
      objects: [SmallPDF.form("0 0 400 500", "/Resources <</XObject <</Fm 5 0 R>>>>", stream: "/Fm Do /Fm Do /Fm Do")])
    #expect(try endless.read().isEmpty)
  }

  @Test func smallOnesAndOnesThatAreNotPaintedAreLeftOut() throws {
    let small = SmallPDF(content: "q 0.1 0 0 0.1 100 100 cm /Fm Do Q", objects: [SmallPDF.form("0 0 100 80")])
    #expect(try small.read().isEmpty)
    let unused = SmallPDF(content: "BT (/Fm Do) Tj ET % /Fm Do", objects: [SmallPDF.form("0 0 100 80")])
    #expect(try unused.read().isEmpty)
    let odd = SmallPDF(content: "Q Q 1 2 cm ) >> /Fm Do BI ID /Fm Do", objects: [SmallPDF.form("0 nan 100")])
    #expect(try odd.read().isEmpty)
  }

  @Test func gridsTurnWithTheirPages() {
    let grid = InkGrid(cell: 4, columns: 3, rows: 2, darkness: [1, 2, 3, 4, 5, 6])
    #expect(grid?.turned(by: 1)?.darkness == [4, 1, 5, 2, 6, 3])
    #expect(grid?.turned(by: 2)?.darkness == [6, 5, 4, 3, 2, 1])
    #expect(grid?.turned(by: 3)?.darkness == [3, 6, 2, 5, 1, 4])
    #expect(grid?.turned(by: 1)?.turned(by: 3) == grid && grid?.turned(by: 4) == grid)
    #expect(InkGrid(cell: 4, columns: 3, rows: 2, darkness: [1]) == nil)
    #expect(InkGrid(cell: 4, columns: -1, rows: -1, darkness: [1]) == nil)
  }
}
