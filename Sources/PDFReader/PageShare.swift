import DocumentModel
import Foundation

/// The pages that one parser reads. A page that takes it too long, or that it dies of, is read once more by another parser
/// without being drawn; where that fails as well, the page stays empty. Both are said in a warning.
final class PageShare {
  /// The parser that works now.
  private(set) var process: ParserProcess
  private let executable: String
  private let limits: ParserLimits
  private let input: Int32
  private let fileName: String
  private var options: PDFReadOptions
  /// Pages of this share that came.
  private var done = 0
  /// The page that the parser is at; nil before the first.
  private var current: Int?
  /// Its text came; pictures of it may follow.
  private var isSent = false
  private var isRecognizing = false
  private var restarts = 0
  private var slowPages = 0
  /// What to say when a page comes at the second try.
  private var note: String?
  private var pending: [(FrameKind, [UInt8])] = []

  private static let mostRestarts = 50

  /// - Parameter input: the document; it stays open as long as this object is used.
  init(executable: String, limits: ParserLimits, options: PDFReadOptions, input: Int32, fileName: String) throws {
    (self.executable, self.limits, self.options) = (executable, limits, options)
    (self.input, self.fileName) = (input, fileName)
    process = try Self.start(executable, options, limits, input)
  }

  private static func start(
    _ executable: String, _ options: PDFReadOptions, _ limits: ParserLimits, _ input: Int32
  ) throws -> ParserProcess {
    let task = ParserChild.Task(options: options, limits: limits, parent: getpid())
    return try ParserProcess(executable: executable, probing: false, task: task, input: input)
  }

  /// The next frame of the pages; never nil before `done`.
  ///
  /// - Throws: `DocumentReadError` for what makes going on useless; `FrameError`; `CancellationError`.
  func nextFrame(isCancelled: () -> Bool) throws -> (FrameKind, [UInt8]) {
    while true {
      if !pending.isEmpty { return pending.removeFirst() }
      do {
        guard
          let frame = try process.nextFrame(
            limits: limits, fileName: fileName, seconds: seconds, isCancelled: isCancelled)
        else { throw process.explainEnd(limits: limits, fileName: fileName) }
        if let frame = try taken(frame) { return frame }
      } catch is SlowPage {
        guard current != nil else {
          throw DocumentReadError.timedOut(file: fileName, seconds: seconds, processorTime: true)
        }
        slowPages += 1
        try goOn(
          after: "took too long to be "
            + (isRecognizing ? "recognised" : current == options.plainPage ? "read" : "drawn"))
      } catch let error as DocumentReadError
        where error.mayBeOfOnePage && current != nil && restarts < Self.mostRestarts
      {
        try goOn(after: error.code == "out_of_memory" ? "needs too much memory" : "made the parser crash")
      }
    }
  }

  /// Processor time that the parser has until its next frame.
  private var seconds: Double {
    if current == nil { return limits.pageSeconds + 2 }
    if isRecognizing { return options.ocr.secondsPerPage + 2 }
    if current == options.plainPage { return limits.pageSeconds / 3 }
    // Who has one page that is too slow may have many.
    return slowPages == 0 ? limits.pageSeconds : limits.pageSeconds / 6
  }

  /// Keeps account of a frame; nil for one that is of no interest to others.
  private func taken(_ frame: (kind: FrameKind, payload: [UInt8])) throws -> (FrameKind, [UInt8])? {
    switch frame.kind {
    case .begin:
      try frame.payload.withUnsafeBytes { bytes in
        var decoder = FrameDecoder(bytes)
        current = try decoder.int()
        isRecognizing = try decoder.bool()
        isSent = false
      }
      return nil
    case .document, .attachment: return restarts == 0 ? frame : nil
    case .page:
      done += 1
      isSent = true
      isRecognizing = false
      process.allowMore(limits.secondsForEachPage)
      if let note { pending.append(warning(note)) }
      note = nil
      return frame
    default: return frame
    }
  }

  /// Another parser takes up the work.
  private func goOn(after what: String) throws {
    guard let page = current else { return }
    restarts += 1
    process.end()
    if isSent {
      pending.append(warning("page \(page + 1) \(what): there is no picture of it"))
    } else if page == options.plainPage {
      var frame = FrameEncoder(.page)
      frame.append(Page(index: page, width: 612, height: 792))
      pending.append((.page, Array(frame.finished().dropFirst(frameHeaderBytes))))
      pending.append(warning("page \(page + 1) is left empty: it \(what)"))
      done += 1
      note = nil
    } else {
      options.plainPage = page
      note = "page \(page + 1) \(what): only its text was read"
    }
    options.skipped = done
    (current, isSent, isRecognizing) = (nil, false, false)
    process = try Self.start(executable, options, limits, input)
  }

  private func warning(_ text: String) -> (FrameKind, [UInt8]) {
    var frame = FrameEncoder(.warning)
    frame.append(text)
    return (.warning, Array(frame.finished().dropFirst(frameHeaderBytes)))
  }
}

/// The parser used too much time for a page.
struct SlowPage: Error {}
