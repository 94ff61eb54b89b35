import DocumentModel
import Foundation
import PDFReader
import Testing

private let child = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
  .appendingPathComponent("docq-ingestor")

/// Three pages, "one", "two", "three"; the second one is a trap for whoever draws or reads it.
@Suite struct SlowPagesTests {
  /// - Parameters:
  ///   - trap: content of the second page before its text.
  ///   - resources: what the trap names.
  ///   - objects: further objects, from number 20 on.
  private func document(trap: String, resources: String, objects: [String]) throws -> URL {
    // No cross-reference table: readers rebuild it.
    var text = """
      %PDF-1.4
      1 0 obj <</Type/Catalog /Pages 2 0 R>> endobj
      2 0 obj <</Type/Pages /Kids [10 0 R 11 0 R 12 0 R] /Count 3>> endobj
      3 0 obj <</Type/Font /Subtype/Type1 /BaseFont/Helvetica>> endobj

      """
    for (number, word) in ["one", "two", "three"].enumerated() {
      let content = (number == 1 ? trap + "\n" : "") + "BT /F 12 Tf 20 100 Td (\(word)) Tj ET"
      text += """
        \(10 + number) 0 obj <</Type/Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents \(13 + number) 0 R
        /Resources <</Font <</F 3 0 R>> \(resources)>>>> endobj
        \(13 + number) 0 obj <</Length \(content.utf8.count)>> stream
        \(content)
        endstream endobj

        """
    }
    for (number, object) in objects.enumerated() { text += "\(20 + number) 0 obj \(object) endobj\n" }
    text += "trailer <</Root 1 0 R /Size \(20 + objects.count)>>\n%%EOF\n"
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let file = folder.appendingPathComponent("trap.pdf")
    try Data(text.utf8).write(to: file)
    return file
  }

  private func read(_ file: URL, processes: Int) throws -> Document {
    try PDFReader(limits: ParserLimits(pageSeconds: 0.5), childExecutable: child).read(
      file, options: PDFReadOptions(processes: processes))
  }

  @Test(arguments: [1, 2]) func ofAPageThatIsDrawnForEverTheTextIsRead(_ processes: Int) throws {
    // A pattern whose cells lie a thousandth of a point apart.
    let cell = "0 0 10 10 re f"
    let file = try document(
      trap: "/Pattern cs /P scn 0 0 200 200 re f", resources: "/Pattern <</P 20 0 R>>",
      objects: [
        """
        <</Type/Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 10 10] /XStep 0.001 /YStep 0.001
        /Resources <<>> /Length \(cell.utf8.count)>> stream
        \(cell)
        endstream
        """
      ])
    let document = try read(file, processes: processes)
    #expect(document.pages.map(\.index) == [0, 1, 2])
    #expect(document.pages.map { $0.words.map(\.text) } == [["one"], ["two"], ["three"]])
    #expect(document.warnings == ["page 2 took too long to be drawn: only its text was read"])
  }

  @Test func aPageThatIsReadForEverIsLeftEmpty() throws {
    // Each form paints the next one ten times, twelve deep.
    let forms = (0..<12).map { depth -> String in
      let content = depth < 11 ? String(repeating: "/X Do ", count: 10) : "BT /F 1 Tf (x) Tj ET"
      let next = depth < 11 ? "/XObject <</X \(21 + depth) 0 R>>" : ""
      return """
        <</Type/XObject /Subtype/Form /BBox [0 0 200 200] /Resources <</Font <</F 3 0 R>> \(next)>>
        /Length \(content.utf8.count)>> stream
        \(content)
        endstream
        """
    }
    let file = try document(trap: "/X Do", resources: "/XObject <</X 20 0 R>>", objects: forms)
    let document = try read(file, processes: 1)
    #expect(document.pages.map { $0.words.map(\.text) } == [["one"], [], ["three"]])
    #expect(document.warnings == ["page 2 is left empty: it took too long to be read"])
  }
}
