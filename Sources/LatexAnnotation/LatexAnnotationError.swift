/// Why a document got no annotation. Each names the file and says what can be done.
public enum LatexAnnotationError: Error, Equatable, CustomStringConvertible {
  /// The main file cannot be opened; `reason` is the system's.
  case unreadable(file: String, reason: String)
  /// The main file is not a whole LaTeX document.
  case notLatex(file: String, reason: String)
  case tooLarge(folder: String, reason: String)
  /// A program of the TeX distribution is not there.
  case texMissing(program: String)
  /// TeX made no pages. `firstError` is the first error in its log.
  case doesNotCompile(file: String, firstError: String)
  case timedOut(file: String, seconds: Double)
  /// The marks moved something and leaving out single marks did not help.
  case notFaithful(file: String, reason: String)
  /// The compiled pages or the log say something that annotation does not understand.
  case unexpected(file: String, reason: String)
  case outputExists(folder: String)
  case cannotWrite(folder: String, reason: String)
  case cancelled(file: String)

  /// A stable word for programs.
  public var code: String {
    switch self {
    case .unreadable: "unreadable"
    case .notLatex: "not_latex"
    case .tooLarge: "too_large"
    case .texMissing: "tex_missing"
    case .doesNotCompile: "does_not_compile"
    case .timedOut: "timed_out"
    case .notFaithful: "not_faithful"
    case .unexpected: "unexpected"
    case .outputExists: "output_exists"
    case .cannotWrite: "cannot_write"
    case .cancelled: "cancelled"
    }
  }

  public var description: String {
    switch self {
    case .unreadable(let file, let reason): "\(file) cannot be opened: \(reason)"
    case .notLatex(let file, let reason): "\(file) is not a LaTeX document: \(reason)"
    case .tooLarge(let folder, let reason): "\(folder) is too large to copy: \(reason)"
    case .texMissing(let program):
      "\(program) is not installed: apt install texlive-latex-extra texlive-fonts-recommended texlive-science"
    case .doesNotCompile(let file, let firstError): "\(file) does not compile: \(firstError)"
    case .timedOut(let file, let seconds):
      "\(file) was given up: TeX took more than \(Int(seconds)) s; raise --timeout if it needs more"
    case .notFaithful(let file, let reason): "\(file) cannot be labelled faithfully: \(reason)"
    case .unexpected(let file, let reason): "\(file) cannot be labelled: \(reason)"
    case .outputExists(let folder): "\(folder) exists and is not an annotation folder: choose another -o"
    case .cannotWrite(let folder, let reason): "cannot write \(folder): \(reason)"
    case .cancelled(let file): "\(file): annotation was cancelled"
    }
  }
}
