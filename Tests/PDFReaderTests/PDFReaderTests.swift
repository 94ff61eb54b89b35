import DocumentModel
import Foundation
import Synchronization
import Testing

import PDFReader

private let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appendingPathComponent("Fixtures")

/// The program that parses: it stands beside the test bundle.
private let child = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
  .appendingPathComponent("docq-ingestor")

private func read(_ name: String, options: PDFReadOptions = PDFReadOptions(), limits: ParserLimits = ParserLimits())
  throws -> Document
{ try PDFReader(limits: limits, childExecutable: child).read(fixtures.appendingPathComponent(name), options: options) }

private func temporaryFile(_ name: String, _ bytes: Data) throws -> URL {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  let file = folder.appendingPathComponent(name)
  try bytes.write(to: file)
  return file
}

@Suite struct PDFReaderTests {
  @Test func wordsHaveTextBoxAndStyle() throws {
    let document = try read("pdf/minimal.pdf")
    #expect(document.pageCount == 1)
    let page = try #require(document.pages.first)
    #expect(abs(page.width - 595.28) < 0.5 && abs(page.height - 841.89) < 0.5)
    // Box from `pdftotext -bbox`: "Lorem" begins the first paragraph.
    let word = try #require(page.words.first { $0.text == "Lorem" })
    #expect(word.bbox.width > 15 && word.bbox.height > 5)
    #expect(page.style(of: word).font.contains("CM"))
    #expect(page.words.allSatisfy { $0.bbox.x0 >= 0 && $0.bbox.x1 <= page.width && $0.bbox.y1 <= page.height })
  }

  @Test func textFromRightToLeftIsWholeAndInItsPlace() throws {
    let page = try #require(read("pdf/right-to-left.pdf").pages.first)
    #expect(page.words.contains { $0.text.contains("habibi") && $0.bbox.x0 < 110 && $0.bbox.width > 20 })
    // The first line is lost when the page is selected from its upper left corner.
    #expect(page.words.count { $0.text.unicodeScalars.contains("\u{062D}") } == 2)
    #expect(!page.words.contains { $0.text.unicodeScalars.contains { (0x202A...0x202E).contains($0.value) } })
  }

  @Test func valuesOfFormFieldsAreWords() throws {
    // No cross-reference table: readers rebuild it.
    let form = """
      %PDF-1.4
      1 0 obj <</Type/Catalog /Pages 2 0 R /AcroForm <</Fields [4 0 R 5 0 R] /DR <<>> /DA (/Helv 10 Tf)>>>> endobj
      2 0 obj <</Type/Pages /Kids [3 0 R] /Count 1>> endobj
      3 0 obj <</Type/Page /Parent 2 0 R /MediaBox [0 0 200 300] /Annots [4 0 R 5 0 R]>> endobj
      4 0 obj <</Type/Annot /Subtype/Widget /FT/Tx /T(name) /V(Ada Lovelace) /Rect [20 250 150 265] /P 3 0 R>> endobj
      5 0 obj <</Type/Annot /Subtype/Widget /FT/Tx /Ff 8192 /T(pin) /V(secret) /Rect [20 200 150 215] /P 3 0 R>> endobj
      trailer <</Root 1 0 R /Size 6>>
      %%EOF
      """
    let file = try temporaryFile("form.pdf", Data(form.utf8))
    let page = try #require(PDFReader(childExecutable: child).read(file).pages.first)
    #expect(page.words.map(\.text) == ["Ada", "Lovelace"])
    #expect(page.words.allSatisfy { $0.bbox.y0 >= 35 && $0.bbox.y1 <= 50 && $0.bbox.x0 >= 20 && $0.bbox.x1 <= 150 })
  }

  @Test func metadataAndOutlineAreRead() throws {
    let document = try read("pdf/outline.pdf")
    #expect(document.metadata.producer?.contains("pdfTeX") == true)
    #expect(document.outline.count >= 3)
    #expect(document.outline.allSatisfy { $0.level >= 1 && ($0.page ?? 1) <= document.pageCount })
  }

  @Test func selectedPagesOnlyAreRead() throws {
    let document = try read("pdf/four-pages.pdf", options: PDFReadOptions(pages: try PageSelection("2,4-")))
    #expect(document.pages.map(\.index) == [1, 3])
    #expect(document.pageCount == 4)
    #expect(throws: DocumentReadError.noSuchPage(file: "four-pages.pdf", page: 9, pageCount: 4)) {
      try read("pdf/four-pages.pdf", options: PDFReadOptions(pages: try PageSelection("9")))
    }
    #expect(throws: DocumentReadError.self) { try PageSelection("3-1") }
    #expect(throws: DocumentReadError.self) { try PageSelection("x") }
  }

  @Test func encryptedFilesAskForTheirPassword() throws {
    #expect(throws: DocumentReadError.encrypted(file: "encrypted.pdf")) { try read("pdf/encrypted.pdf") }
    #expect(throws: DocumentReadError.wrongPassword(file: "encrypted.pdf")) {
      try read("pdf/encrypted.pdf", options: PDFReadOptions(password: "wrong"))
    }
    let document = try read("pdf/encrypted.pdf", options: PDFReadOptions(password: "openpassword"))
    #expect(!document.pages[0].words.isEmpty)
  }

  @Test func attachmentsComeWithTheirBytes() throws {
    let document = try read("invoices/basic.pdf")
    let xml = try #require(document.attachments.first { $0.name.hasSuffix(".xml") })
    let text = String(decoding: try #require(xml.data), as: UTF8.self)
    #expect(text.contains("CrossIndustryInvoice"))
  }

  @Test func ruledTablesHaveRulings() throws {
    let page = try #require(try read("pdf/table.pdf").pages.first)
    #expect(page.rulings.contains { $0.isHorizontal && $0.bbox.width > 100 })
  }

  @Test func pagesAreRenderedAsPNG() throws {
    nonisolated(unsafe) var images: [[UInt8]] = []
    _ = try PDFReader(childExecutable: child).read(
      fixtures.appendingPathComponent("pdf/minimal.pdf"), options: PDFReadOptions(imageDPI: 72),
      onImage: { images.append($1) })
    let png = try #require(images.first)
    #expect(Array(png.prefix(4)) == [0x89, 0x50, 0x4E, 0x47])
    // Width and height stand big-endian behind the signature.
    #expect(Int(png[18]) << 8 | Int(png[19]) == 596)
  }

  @Test func manyDocumentsAreReadAtATime() throws {
    let counts = Mutex<[Int]>([])
    DispatchQueue.concurrentPerform(iterations: 40) { number in
      let name = ["pdf/minimal.pdf", "pdf/four-pages.pdf", "pdf/table.pdf"][number % 3]
      let pages = (try? read(name, options: PDFReadOptions(processes: 1 + number % 2)))?.pages.count ?? -1
      counts.withLock { $0.append(pages) }
    }
    #expect(counts.withLock { $0 }.allSatisfy { $0 > 0 })
  }

  @Test func processesShareThePagesOfOneDocument() throws {
    let alone = try read("pdf/four-pages.pdf"),
      shared = try read("pdf/four-pages.pdf", options: PDFReadOptions(processes: 2))
    #expect(shared.pages.map(\.index) == alone.pages.map(\.index))
    #expect(shared.pages.map { $0.words.map(\.text) } == alone.pages.map { $0.words.map(\.text) })
    #expect(shared.attachments.count == alone.attachments.count)
  }

  @Test func whatIsNoPDFIsNamed() throws {
    let text = try temporaryFile("notes.pdf", Data("hello".utf8))
    #expect(throws: DocumentReadError.notPDF(file: "notes.pdf", looksLike: "plain text")) {
      try PDFReader(childExecutable: child).read(text)
    }
    let empty = try temporaryFile("empty.pdf", Data())
    #expect(throws: DocumentReadError.empty(file: "empty.pdf")) { try PDFReader(childExecutable: child).read(empty) }
    #expect(throws: DocumentReadError.self) {
      try PDFReader(childExecutable: child).read(URL(fileURLWithPath: "/nonexistent.pdf"))
    }
  }

  @Test func truncatedFilesEndInAnErrorOrAWarning() throws {
    let whole = try Data(contentsOf: fixtures.appendingPathComponent("pdf/table.pdf"))
    for part in [2000, whole.count / 3, whole.count - 600] {
      let file = try temporaryFile("cut.pdf", whole.prefix(part))
      do {
        let document = try PDFReader(childExecutable: child).read(file)
        #expect(document.warnings.contains { $0.contains("cut off") })
      } catch let error as DocumentReadError { #expect(error.code == "damaged") }
    }
  }

  @Test func limitsEndTheChild() throws {
    #expect(throws: DocumentReadError.timedOut(file: "table.pdf", seconds: 0.001, processorTime: false)) {
      try read("pdf/table.pdf", limits: ParserLimits(wallSeconds: 0.001))
    }
    // An image of 34 MB does not fit into 4 MiB: the page goes on without it, or another child reads its text.
    let little = ParserLimits(addressSpaceBytes: 4 << 20)
    let cramped = try? read("pdf/table.pdf", options: PDFReadOptions(imageDPI: 300), limits: little)
    #expect(
      cramped?.warnings.contains {
        $0.contains("could not be rendered") || $0.contains("only its text was read") || $0.contains("is left empty")
          || $0.contains("there is no picture of it")
      } ?? true)
    #expect(try read("pdf/table.pdf", options: PDFReadOptions(imageDPI: 300)).warnings.isEmpty)
    #expect(throws: DocumentReadError.tooLarge(file: "table.pdf", bytes: 162131, limit: 1000)) {
      try read("pdf/table.pdf", limits: ParserLimits(maxInputBytes: 1000))
    }
  }

  @Test func cancellingStopsTheChild() throws {
    #expect(throws: CancellationError.self) {
      try PDFReader(childExecutable: child).read(
        fixtures.appendingPathComponent("pdf/table.pdf"), isCancelled: { true })
    }
  }

  @Test func theSandboxHolds() throws {
    let status = try SandboxStatus.probe(childExecutable: child)
    #expect(status.active.contains("resource limits") && status.active.contains("no new privileges"))
    #expect(!status.breaches.contains("socket"))
    #expect(!status.breaches.contains("write-file"))
    #expect(!status.breaches.contains("execute"))
  }

  @Test func readingLeavesNoDescriptorsOpen() throws {
    func open() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
    _ = try read("pdf/minimal.pdf")
    let before = try open()
    for _ in 0..<40 { _ = try read("pdf/minimal.pdf") }
    // Other tests run beside this one; a leak is at least one for each document.
    #expect(try open() < before + 40)
  }
}
