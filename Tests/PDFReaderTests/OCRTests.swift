import DocumentModel
import Foundation
import Testing

import PDFReader

private let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appendingPathComponent("Fixtures")
private let child = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
  .appendingPathComponent("docq-ingestor")

private func read(_ file: URL, _ ocr: OCROptions = OCROptions(), imageDPI: Double? = nil) throws -> Document {
  try PDFReader(childExecutable: child).read(file, options: PDFReadOptions(imageDPI: imageDPI, ocr: ocr))
}

private func temporaryFile(_ name: String, _ bytes: some Sequence<UInt8>) throws -> URL {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  let file = folder.appendingPathComponent(name)
  try Data(bytes).write(to: file)
  return file
}

/// Scans of one paragraph: straight, on its side, on its head, at an angle; and two pages of TIFF.
@Suite struct OCRTests {
  /// Every letter of the paragraph, as its text layer has it.
  private func words(of document: Document) -> Set<String> { Set(document.pages.flatMap(\.words).map(\.text)) }

  @Test(arguments: ["straight.png", "left.png", "down.jpg", "right.png", "skewed.png"])
  func scansAreReadFromEverySide(_ name: String) throws {
    let document = try read(fixtures.appendingPathComponent("scans/\(name)"))
    let page = try #require(document.pages.first)
    let truth = try read(fixtures.appendingPathComponent("pdf/minimal.pdf"), .never)
    let found = words(of: document).intersection(words(of: truth)).count
    #expect(Double(found) > 0.9 * Double(words(of: truth).count))
    #expect(page.textSource == .ocr)
    #expect(page.words.allSatisfy { ($0.confidence ?? -1) >= 0 && ($0.confidence ?? 2) <= 1 })
    #expect(page.words.allSatisfy { $0.bbox.x0 >= 0 && $0.bbox.x1 <= page.width && $0.bbox.y1 <= page.height })
    #expect(page.height < page.width)
    let turns = ["left.png": 1, "down.jpg": 2, "right.png": 3][name] ?? 0
    #expect((page.straightening?.quarterTurns ?? 0) == turns)
    #expect(abs((page.straightening?.degrees ?? 0) - (name == "skewed.png" ? -3 : 0)) < 0.4)
    // "Lorem" begins the paragraph.
    let first = try #require(page.words.first { $0.text == "Lorem" })
    #expect(first.bbox.x0 < 0.2 * page.width && first.bbox.y0 < 0.4 * page.height)
  }

  @Test func everyPictureOfATIFFIsAPage() throws {
    let document = try read(fixtures.appendingPathComponent("scans/two-pages.tiff"))
    #expect(document.pageCount == 2 && document.pages.count == 2)
    #expect(document.pages.allSatisfy { $0.words.contains { $0.text == "dolor" } })
    #expect(document.metadata.formatVersion == "TIFF")
  }

  @Test func pagesOfAPDFWithoutTextAreRecognized() throws {
    let file = fixtures.appendingPathComponent("scans/scan.pdf")
    #expect(try read(file, .never).pages[0].words.isEmpty)
    let document = try read(file)
    #expect(document.pages[0].textSource == .ocr && words(of: document).contains("consetetur"))
  }

  @Test func textOfTheFileIsReadAgainOnlyWhenAskedFor() throws {
    let file = fixtures.appendingPathComponent("pdf/minimal.pdf")
    #expect(try read(file).pages[0].textSource == .embedded)
    let again = try read(file, OCROptions(mode: .always))
    #expect(again.pages[0].textSource == .ocr && words(of: again).contains("consetetur"))
  }

  @Test func languagesWithoutDataAreNamedWithTheirPackage() throws {
    #expect(try OCRLanguages.parse("eng") == ["eng"])
    #expect(throws: DocumentReadError.badLanguage(text: "eng;rm -rf")) { try OCRLanguages.parse("eng;rm -rf") }
    let missing = #expect(throws: DocumentReadError.self) { try OCRLanguages.parse("eng+tlh_xx") }
    #expect(missing?.description.contains("apt install tesseract-ocr-tlh-xx") == true)
  }

  @Test func picturesThatCannotBeReadEndInAnError() throws {
    let png = try Data(contentsOf: fixtures.appendingPathComponent("scans/straight.png"))
    let cut = try temporaryFile("cut.png", png.prefix(png.count / 2))
    #expect(throws: DocumentReadError.self) { try read(cut) }
    // Width and height stand in the header: 60,000 x 60,000.
    var huge = png
    huge.replaceSubrange(16..<24, with: [0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60])
    #expect(
      throws: DocumentReadError.imageTooLarge(file: "huge.png", width: 60_000, height: 60_000, limit: 100_000_000)
    ) { try read(try temporaryFile("huge.png", huge)) }
    #expect(throws: DocumentReadError.self) { try read(try temporaryFile("head.jpg", [0xFF, 0xD8, 0xFF, 0xE0])) }
    let tiff = try temporaryFile("ring.tiff", [0x49, 0x49, 0x2A, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 0])
    #expect(throws: DocumentReadError.self) { try read(tiff) }
  }

  @Test func noiseIsNotRecognizedForEver() throws {
    var generator = SystemRandomNumberGenerator()
    var noise: [UInt8] = []
    // A TIFF without compression: 1000 x 1000 random grey pixels.
    let pixels = (0..<1_000_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    func entry(_ tag: UInt16, _ kind: UInt16, _ value: UInt32) -> [UInt8] {
      var bytes: [UInt8] = []
      for number in [tag, kind] { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
      for number in [1, value] { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
      return bytes
    }
    let entries = [
      entry(256, 3, 1000), entry(257, 3, 1000), entry(258, 3, 8), entry(259, 3, 1), entry(262, 3, 1),
      entry(273, 4, 200),
      entry(277, 3, 1), entry(278, 3, 1000), entry(279, 4, 1_000_000),
    ]
    noise += [0x49, 0x49, 0x2A, 0, 8, 0, 0, 0, UInt8(entries.count), 0]
    for entry in entries { noise += entry }
    noise += [UInt8](repeating: 0, count: 200 - noise.count)
    noise += pixels
    let document = try read(try temporaryFile("noise.tiff", noise))
    #expect(document.warnings.contains { $0.contains("noise") })
    #expect(document.pages[0].words.isEmpty)
  }
}
