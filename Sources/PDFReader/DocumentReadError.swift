/// Why a document could not be read. Each names the file and says what can be done.
public enum DocumentReadError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be opened; `reason` is the system's.
  case unreadable(file: String, reason: String)
  case empty(file: String)
  /// `looksLike` says what the first bytes look like ("a GIF image").
  case notPDF(file: String, looksLike: String)
  case tooLarge(file: String, bytes: Int, limit: Int)
  case encrypted(file: String)
  case wrongPassword(file: String)
  case damaged(file: String, reason: String)
  case noSuchPage(file: String, page: Int, pageCount: Int)
  case badPageSelection(text: String)
  /// A picture of more pixels than are read.
  case imageTooLarge(file: String, width: Int, height: Int, limit: Int)
  /// Not a list of language names such as "eng+deu".
  case badLanguage(text: String)
  /// Text recognition has no data for a language on this machine.
  case missingLanguage(name: String, installed: [String])
  /// The parser used more than its seconds; `processorTime` tells of which kind.
  case timedOut(file: String, seconds: Double, processorTime: Bool)
  case crashed(file: String, signal: Int32)
  case outOfMemory(file: String, limit: Int)
  /// The parser's answer is longer than allowed or not well-formed.
  case badAnswer(file: String, reason: String)
  case cancelled(file: String)
  /// The executable that should parse cannot be started or is not one that can.
  case childMissing(path: String, reason: String)

  /// A stable word for programs.
  public var code: String {
    switch self {
    case .unreadable: "unreadable"
    case .empty: "empty"
    case .notPDF: "not_pdf"
    case .tooLarge: "too_large"
    case .encrypted: "encrypted"
    case .wrongPassword: "wrong_password"
    case .damaged: "damaged"
    case .noSuchPage: "no_such_page"
    case .badPageSelection: "bad_page_selection"
    case .imageTooLarge: "image_too_large"
    case .badLanguage: "bad_language"
    case .missingLanguage: "missing_language"
    case .timedOut: "timed_out"
    case .crashed: "parser_crashed"
    case .outOfMemory: "out_of_memory"
    case .badAnswer: "bad_answer"
    case .cancelled: "cancelled"
    case .childMissing: "parser_missing"
    }
  }

  /// Something that one page may have caused, so that the others can be read.
  var mayBeOfOnePage: Bool {
    switch self {
    case .crashed, .outOfMemory, .badAnswer: true
    default: false
    }
  }

  public var description: String {
    switch self {
    case .unreadable(let file, let reason): "\(file) cannot be opened: \(reason)"
    case .empty(let file): "\(file) is empty (0 bytes)"
    case .notPDF(let file, let looksLike):
      "\(file) is not a PDF: it looks like \(looksLike). PDF, PNG, JPEG and TIFF files are read"
    case .tooLarge(let file, let bytes, let limit):
      "\(file) has \(bytes) bytes; at most \(limit) are read. Split it, or raise the limit"
    case .encrypted(let file): "\(file) is encrypted: give its password (--password, or the form field password)"
    case .wrongPassword(let file): "\(file) is encrypted and the password given does not open it"
    case .damaged(let file, let reason): "\(file) is damaged: \(reason)"
    case .noSuchPage(let file, let page, let count):
      "\(file) has no page \(page): it has \(count) page\(count == 1 ? "" : "s")"
    case .badPageSelection(let text): "\"\(text)\" is not a page selection: write numbers from 1 like 1-3,7 or 5-"
    case .imageTooLarge(let file, let width, let height, let limit):
      "\(file) has \(width) x \(height) pixels; at most \(limit / 1_000_000) million are read. Make it smaller"
    case .badLanguage(let text):
      "\"\(text.prefix(80))\" is not a choice of languages: write tesseract's names like eng or eng+deu"
    case .missingLanguage(let name, let installed):
      "text recognition has no data for '\(name)' (installed: \(installed.isEmpty ? "none" : installed.joined(separator: ", "))). "
        + "Install it with: apt install \(OCRLanguages.package(name))"
    case .timedOut(let file, let seconds, let processorTime):
      "\(file) was given up after \(Self.text(seconds)) s\(processorTime ? " of processor time" : ""); try fewer pages"
    case .crashed(let file, let signal):
      "\(file) made the PDF parser crash (signal \(signal)); nothing else was affected"
    case .outOfMemory(let file, let limit):
      "\(file) needs more than the \(limit >> 20) MiB of memory a parser may use; try fewer pages"
    case .badAnswer(let file, let reason): "\(file) could not be read: the parser's answer \(reason)"
    case .cancelled(let file): "\(file): reading was cancelled"
    case .childMissing(let path, let reason): "the PDF parser \(path) cannot be started: \(reason)"
    }
  }

  private static func text(_ seconds: Double) -> String {
    seconds.rounded() == seconds && abs(seconds) < 1e9 ? "\(Int(seconds))" : "\(seconds)"
  }
}
