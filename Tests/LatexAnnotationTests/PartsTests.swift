import DocumentModel
import Foundation
import PDFReader
import Testing

import LatexAnnotation

/// The program that parses: it stands beside the test bundle.
private let child = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
  .appendingPathComponent("docq-ingestor")

@Suite struct SourceTests {
  private func project(_ files: [String: String]) throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    for (name, text) in files {
      let file = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    return folder
  }

  @Test func inputsStandWhereTheyWereNamed() throws {
    let folder = try project([
      "main.tex": "A \\input{parts/one} B\n% \\input{two}\n\\verb|\\input{two}| \\include{two}\n\\input parts/one \n",
      "parts/one.tex": "one\n\\endinput\nnever", "two.tex": "two",
    ])
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = try SourceFlattener(root: folder).flatten("main.tex").text
    #expect(
      text == """
        A %
        one
        \\docqI{} B
        % \\input{two}
        \\verb|\\input{two}| %
        \\clearpage
        two
        \\clearpage
        \\docqI{}
        %
        one
        \\docqI{} 

        """)
  }

  @Test func aFileOutsideTheProjectIsNotRead() throws {
    let folder = try project(["paper/main.tex": "\\input{../secret}", "secret.tex": "secret"])
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = try SourceFlattener(root: folder.appendingPathComponent("paper")).flatten("main.tex").text
    #expect(!text.contains("secret\n"))
  }

  @Test func aFileThatIncludesItselfEnds() throws {
    let folder = try project(["main.tex": "x\\input{main}"])
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect(try SourceFlattener(root: folder).flatten("main.tex").text.count < 1000)
  }

  @Test(arguments: [
    ("\\title{A\\thanks{b}}", "\\title{\\docqB{title}A\\thanks{b}\\docqE{title}}"),
    ("\\caption[short]{ Long. }", "\\caption[short]{ \\docqB{cap}Long.\\docqE{cap} }"),
    ("$$x$$", "\\docqD$$\\docqS0x\\docqD$$\\docqS0"),
    ("% $$x$$", "% $$x$$"),
    ("\\begin{verbatim}$$\\end{verbatim}", "\\begin{verbatim}$$\\end{verbatim}"),
    ("\\renewcommand{\\caption}[1]{x}", "\\renewcommand{\\caption}[1]{x}"),
    ("\\$$x$", "\\$$x$"),
  ])
  func marksStandInTheirPlaces(source: String, marked: String) {
    #expect(String(decoding: SourceMarker.mark(Array(source.utf8)), as: UTF8.self) == marked)
  }
}

@Suite struct JPEGTests {
  /// The oracle is poppler: the picture is put into a PDF, which is rendered pixel by pixel.
  @Test func aDecoderSeesThePictureThatWasEncoded() throws {
    let (width, height) = (90, 53)
    var rgb: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        rgb += [UInt8(x * 255 / width), UInt8(y * 255 / height), x / 20 % 2 == 0 ? 240 : 20]
      }
    }
    let drawn = try #require(PixelImage([UInt8(width), 0, 0, 0, UInt8(height), 0, 0, 0] + rgb))
    let jpeg = try #require(drawn.jpeg())
    let content = "q \(width) 0 0 \(height) 0 0 cm /I Do Q"
    var pdf = Data(
      """
      %PDF-1.4
      1 0 obj <</Type/Catalog /Pages 2 0 R>> endobj
      2 0 obj <</Type/Pages /Kids [3 0 R] /Count 1>> endobj
      3 0 obj <</Type/Page /Parent 2 0 R /MediaBox [0 0 \(width) \(height)] /Contents 4 0 R
        /Resources <</XObject <</I 5 0 R>>>>>> endobj
      4 0 obj <</Length \(content.utf8.count)>> stream
      \(content)
      endstream endobj
      5 0 obj <</Type/XObject /Subtype/Image /Width \(width) /Height \(height) /BitsPerComponent 8
        /ColorSpace/DeviceRGB /Filter/DCTDecode /Length \(jpeg.count)>> stream

      """.utf8)
    pdf += Data(jpeg) + Data("\nendstream endobj\ntrailer <</Root 1 0 R /Size 6>>\n%%EOF\n".utf8)
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).pdf")
    try pdf.write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    var options = PDFReadOptions()
    options.imageDPI = 72
    options.imageFormat = .pixels
    let seen = Seen()
    _ = try PDFReader(childExecutable: child).read(file, options: options, onImage: { seen.set($1) })
    let image = try #require(PixelImage(seen.bytes))
    #expect(image.width == width && image.height == height)
    let differences = zip(image.rgb, rgb).map { abs(Int($0) - Int($1)) }
    #expect(Double(differences.reduce(0, +)) / Double(differences.count) < 4)
  }

  private final class Seen: @unchecked Sendable {
    private(set) var bytes: [UInt8] = []
    func set(_ value: [UInt8]) { bytes = value }
  }
}
