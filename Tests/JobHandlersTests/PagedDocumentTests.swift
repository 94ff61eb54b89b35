import DocumentModel
import Foundation
import JobHandlers
import LayoutAnalysis
import PDFReader
import Testing

let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appendingPathComponent("Fixtures")

/// Parses in the program that stands beside the test bundle.
let ingestion = DocumentIngestion(
  childExecutable: URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
    .appendingPathComponent("docq-ingestor"))

/// Documents whose pages wait in a file, and what is written of them page by page.
@Suite struct PagedDocumentTests {
  private static let files = [
    "pdf/two-columns.pdf", "pdf/outline.pdf", "pdf/four-pages.pdf", "pdf/table.pdf", "pdf/right-to-left.pdf",
    "pdf/monthly-report.pdf", "scans/skewed.png",
  ]

  private func ingest(_ name: String, _ layout: LayoutChoice, _ store: any PageStore) throws -> PagedDocument {
    let file = fixtures.appendingPathComponent(name)
    var options = DocumentIngestion.Options()
    options.layout = layout
    return try ingestion.ingestPages(file, fileName: file.lastPathComponent, options: options, store: store)
  }

  @Test(arguments: files) func pagesInAFileBecomeTheSameDocument(_ name: String) throws {
    for layout in [LayoutChoice.model, .rules] {
      let inMemory = try ingest(name, layout, PagesInMemory()).whole()
      let store = PageFile(keeping: 1)
      let streamed = try ingest(name, layout, store)
      #expect(store.count == inMemory.pages.count)
      #expect(streamed.outline.pages.allSatisfy { $0.regions.allSatisfy { $0.table?.cells.isEmpty ?? true } })
      for format in DocumentFormat.allCases {
        var text = Data()
        let writer = try DocumentWriter.writer(of: streamed.outline, as: format) { text += $0 }
        try streamed.forEachPage { try writer.add($0) }
        try writer.finish()
        #expect(text == (try DocumentWriter.write(inMemory, as: format)), "\(format)")
      }
    }
  }

  /// The same by `LayoutChoice.analyze` from a document that was read as a whole, with words on every page while headings and
  /// relations are found.
  @Test(arguments: files) func outlinesAreEnoughForRelations(_ name: String) throws {
    let streamed = try ingest(name, .rules, PagesInMemory()).whole()
    let file = fixtures.appendingPathComponent(name)
    var options = DocumentIngestion.Options()
    options.analyzesLayout = false
    var read = try ingestion.ingest(file, fileName: file.lastPathComponent, options: options)
    RuleBasedLayout().analyze(&read)
    #expect(read.relations == streamed.relations)
    #expect(read.regions.map(\.text) == streamed.regions.map(\.text))
  }

  @Test(arguments: files) func jsonIsWhatAnEncoderWrites(_ name: String) throws {
    var document = try ingest(name, .model, PagesInMemory()).whole()
    document.warnings = ["a \"quoted\" \\ line\n\u{1}\u{1F}\u{7F} é 🜁 </p>"]
    document.pages[0].label = "iv\t"
    document.pages[0].words.append(
      Word(text: "\u{8}x", bbox: Rect(x0: -0.005, y0: 1.005, x1: 1e7 / 3, y1: 2), style: 0, confidence: 0.333))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let expected = String(decoding: try encoder.encode(document), as: UTF8.self)
    let written = String(decoding: try DocumentWriter.write(document, as: .json), as: UTF8.self)
    #expect(written == expected)
  }

  @Test func aFolderThatCannotBeWrittenIsNamed() throws {
    let store = PageFile(keeping: 1, folder: "/nonexistent")
    try store.append(Page(index: 0, width: 10, height: 10))
    let error = #expect(throws: TemporaryBytesError.self) { try store.append(Page(index: 1, width: 10, height: 10)) }
    #expect(error?.description.contains("No such file or directory") == true)
    #expect(store.count == 1)
  }
}
