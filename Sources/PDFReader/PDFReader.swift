import CSandbox
import DocumentModel
import Foundation

/// Reads PDFs and pictures in a child process that has no network, writes no file and may use only so much time and memory.
public struct PDFReader: Sendable {
  public var limits: ParserLimits
  private let executable: String

  /// - Parameter childExecutable: a program whose `main` calls `ParserChild.runIfRequested`; this one unless told.
  public init(limits: ParserLimits = ParserLimits(), childExecutable: URL? = nil) {
    self.limits = limits
    executable = childExecutable?.path ?? "/proc/self/exe"
  }

  /// Starts what parsers are made from, so that it is ready when the first document comes.
  public func prepare() { ParserServer.of(executable).prepare() }

  /// Reads a file. Blocks; `isCancelled` is asked about every 100 ms.
  ///
  /// - Parameters:
  ///   - fileName: the name in messages and in the result.
  ///   - keepPages: false to hand pages to `onPage` only, so that memory does not grow.
  ///   - onPage: called with each page, how many are done and how many will be read.
  ///   - onImage: called with page index and PNG bytes when `options.imageDPI` is set.
  ///   - onPreview: called with page index and JPEG bytes when `options.previews` is set.
  /// - Throws: `DocumentReadError`, or what a callback throws.
  public func read(
    _ file: URL, fileName: String? = nil, options: PDFReadOptions = PDFReadOptions(), keepPages: Bool = true,
    onPage: ((Page, Int, Int) throws -> Void)? = nil, onImage: ((Int, [UInt8]) throws -> Void)? = nil,
    onPreview: ((Int, [UInt8]) throws -> Void)? = nil, isCancelled: @Sendable () -> Bool = { false }
  ) throws -> Document {
    let name = fileName ?? file.lastPathComponent
    var options = options
    if options.ocr.mode != .never {
      // Without any data at all, text is read as before and pictures are named in a warning.
      if options.ocr.languages != OCRLanguages.standard || options.ocr.mode == .always {
        try OCRLanguages.check(options.ocr.languages)
      } else if OCRLanguages.installed.isEmpty {
        options.ocr.languages = []
      }
    }
    let input = try openChecked(file, name)
    defer { close(input) }
    let shares = try (0..<max(1, options.processes)).map { share in
      options.share = share
      return try PageShare(executable: executable, limits: limits, options: options, input: input, fileName: name)
    }
    defer { for share in shares { share.process.end() } }
    var document = Document(fileName: name)
    var expected = 0, done = 0
    // The shares that are not through; pages come from each in turn.
    var open = Array(shares.indices)
    var turn = 0
    do {
      while !open.isEmpty {
        let share = shares[open[turn]], isFirst = open[turn] == 0
        let (kind, payload) = try share.nextFrame(isCancelled: isCancelled)
        try payload.withUnsafeBytes { bytes in
          var frame = FrameDecoder(bytes)
          switch kind {
          case .hello:
            guard try frame.uint32() == frameMagic else {
              throw FrameError(reason: "comes from another version of docq")
            }
          case .document where isFirst:
            document.pageCount = try frame.int()
            expected = try frame.int()
            document.metadata = try frame.metadata()
            document.outline = try frame.outline()
          case .page:
            let page = try frame.page()
            done += 1
            guard done <= expected else { throw FrameError(reason: "has more pages than it said") }
            if page.textSource == .ocr { share.process.forgive(options.ocr.secondsPerPage) }
            if keepPages { document.pages.append(page) }
            try Self.pausing(shares) { try onPage?(page, done, expected) }
            turn = (turn + 1) % open.count
          case .image:
            let index = try frame.int()
            let png = try frame.data()
            try Self.pausing(shares) { try onImage?(index, png) }
            if !options.crops.isEmpty { turn = (turn + 1) % open.count }
          case .preview:
            let index = try frame.int()
            let jpeg = try frame.data()
            try Self.pausing(shares) { try onPreview?(index, jpeg) }
          case .attachment: document.attachments.append(try frame.attachment())
          case .warning:
            let warning = String(try frame.string().prefix(500))
            if document.warnings.count < 100, !document.warnings.contains(warning) { document.warnings.append(warning) }
          case .failure: throw try failure(&frame, name)
          case .done:
            open.remove(at: turn)
            turn = open.isEmpty ? 0 : turn % open.count
          case .document, .begin, .probe: break
          }
        }
      }
    } catch let error as FrameError {
      throw DocumentReadError.badAnswer(file: name, reason: error.reason)
    }
    return document
  }

  /// Time that the caller's own work takes counts against none of the parsers.
  private static func pausing(_ shares: [PageShare], _ work: () throws -> Void) rethrows {
    let before = ContinuousClock.now
    try work()
    let taken = ContinuousClock.now - before
    for share in shares { share.process.pauseClock(taken) }
  }

  private func openChecked(_ file: URL, _ name: String) throws -> Int32 {
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw DocumentReadError.unreadable(file: name, reason: String(cString: strerror(errno)))
    }
    do {
      var status = stat()
      guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        throw DocumentReadError.unreadable(file: name, reason: "it is not a file")
      }
      let size = Int(status.st_size)
      guard size > 0 else { throw DocumentReadError.empty(file: name) }
      guard size <= limits.maxInputBytes else {
        throw DocumentReadError.tooLarge(file: name, bytes: size, limit: limits.maxInputBytes)
      }
      var head = [UInt8](repeating: 0, count: min(size, 4096))
      let count = pread(descriptor, &head, head.count, 0)
      head = Array(head.prefix(max(0, count)))
      guard InputCheck.kind(Array(head.prefix(1029))) != nil else {
        throw DocumentReadError.notPDF(file: name, looksLike: InputCheck.describe(head))
      }
      return descriptor
    } catch {
      close(descriptor)
      throw error
    }
  }

  private func failure(_ frame: inout FrameDecoder, _ name: String) throws -> DocumentReadError {
    let code = try frame.string(), detail = String(try frame.string().prefix(300))
    let number = try frame.int(), count = try frame.int()
    switch code {
    case "encrypted": return .encrypted(file: name)
    case "wrong_password": return .wrongPassword(file: name)
    case "image_too_large":
      return .imageTooLarge(file: name, width: number, height: count, limit: ImageParser.maxPixels)
    case "no_such_page": return .noSuchPage(file: name, page: number, pageCount: count)
    default: return .damaged(file: name, reason: detail)
    }
  }
}

/// Which protections hold in a parsing process on this machine, found by trying.
public struct SandboxStatus: Sendable {
  /// Names of the protections in force.
  public var active: [String]
  /// What a parsing process could do that it should not: empty on a good kernel.
  public var breaches: [String]

  /// Starts a child that enters the sandbox and tries to get out.
  public static func probe(childExecutable: URL? = nil) throws -> SandboxStatus {
    let limits = ParserLimits(cpuSeconds: 5, wallSeconds: 10)
    let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { close(null) }
    let child = try ParserProcess(
      executable: childExecutable?.path ?? "/proc/self/exe", probing: true,
      task: ParserChild.Task(options: PDFReadOptions(), limits: limits, parent: getpid()), input: null)
    defer { child.end() }
    var status = SandboxStatus(active: [], breaches: [])
    var answered = false
    while let (kind, payload) = try child.nextFrame(limits: limits, fileName: "probe", isCancelled: { false }) {
      try payload.withUnsafeBytes { bytes in
        var frame = FrameDecoder(bytes)
        if kind == .hello {
          _ = try frame.uint32()
          let mask = try frame.uint32()
          let names: [(docq_protection, String)] = [
            (DOCQ_RESOURCE_LIMITS, "resource limits"), (DOCQ_NO_NEW_PRIVILEGES, "no new privileges"),
            (DOCQ_DIES_WITH_PARENT, "dies with its parent"), (DOCQ_LANDLOCK, "Landlock"), (DOCQ_SECCOMP, "seccomp"),
            (DOCQ_NOT_DUMPABLE, "not dumpable"),
          ]
          status.active = names.filter { mask & $0.0.rawValue != 0 }.map(\.1)
        } else if kind == .probe {
          answered = true
          status.breaches = try SandboxProbe.attempts.filter { _ in try frame.bool() }
        }
      }
    }
    guard answered else { throw child.explainEnd(limits: limits, fileName: "the sandbox probe") }
    return status
  }
}
