import DocumentModel
import Foundation

// What `docq ingest` writes for one document, page by page; files appear when they are whole.

/// One file of one format, or standard output.
final class FormatFile: PageWriter {
  private let writer: any PageWriter
  private let result: ResultWriter

  init(_ document: Document, _ format: DocumentFormat, _ figures: [Int: String], to path: String?) throws {
    let result = try ResultWriter(path)
    self.result = result
    writer = try DocumentWriter.writer(of: document, as: format, figures: figures) { try result.write($0) }
  }

  func add(_ page: Page) throws { try writer.add(page) }

  func finish() throws {
    try writer.finish()
    try result.finish()
  }
}

/// DocGenome's four files in a folder of their own.
final class DocGenomeFolder: PageWriter {
  private let document: Document
  private let folder: String

  init(_ document: Document, _ folder: String) { (self.document, self.folder) = (document, folder) }

  func add(_ page: Page) {}

  func finish() throws {
    try Output.makeFolder(folder)
    for part in try DocumentWriter.docGenomeFiles(document) {
      try Output.write(part.data, to: "\(folder)/\(part.name)")
    }
  }
}

/// Tables as CSV, a file for each: "report.table1.csv", "report.table2.csv", ...
final class TableFiles: PageWriter {
  private let base: String
  private var count = 0

  init(_ base: String) { self.base = base }

  func add(_ page: Page) throws {
    for table in page.regions.compactMap(\.table) {
      count += 1
      try Output.write(Data(TableWriter.csv(table).utf8), to: "\(base).table\(count).csv")
    }
  }

  func finish() {}
}
