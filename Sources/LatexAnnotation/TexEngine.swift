import CSandbox
import Foundation

/// Runs TeX and its companions on a copy of a project: no shell escape, no file outside the folder, limited time,
/// memory and output, and the whole process group ended when the time is over.
struct TexEngine {
  var folder: URL
  var fileName: String
  /// For one run of one program, in seconds.
  var timeout: Double
  var memoryBytes = 2 << 30
  var outputBytes = 256 << 20
  var isCancelled: @Sendable () -> Bool = { false }

  static func path(of program: String) -> String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
    return folders.lazy.map { "\($0)/\(program)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Runs a program in the folder. Returns its exit status.
  @discardableResult
  func run(_ program: String, _ arguments: [String], clock: Int) throws -> Int32 {
    guard let path = Self.path(of: program) else { throw LatexAnnotationError.texMissing(program: program) }
    // The shell sets the limits and becomes the program; what comes from the document is never part of its text.
    let script = """
      ulimit -v \(memoryBytes >> 10); ulimit -f \(outputBytes >> 9); ulimit -t \(Int(timeout) + 5); ulimit -c 0
      cd -- "$1" && shift && exec "$@"
      """
    let command = ["/bin/sh", "-c", script, "sh", folder.path, path] + arguments
    var environment = ProcessInfo.processInfo.environment.filter {
      !$0.key.hasPrefix("TEX") || $0.key.hasPrefix("TEXMF")
    }
    environment["openin_any"] = "p"
    environment["openout_any"] = "p"
    environment["shell_escape"] = "f"
    // Marks are read from the log: no line may be broken.
    environment["max_print_line"] = "1000000"
    environment["error_line"] = "250"
    environment["half_error_line"] = "200"
    // \today is the same in every run.
    environment["SOURCE_DATE_EPOCH"] = "\(clock)"
    environment["FORCE_SOURCE_DATE"] = "1"
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(null) }
    var argv = command.map { strdup($0) } + [nil]
    var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in argv + envp { free(text) } }
    var pid: pid_t = 0
    guard docq_spawn("/bin/sh", &argv, &envp, [null, null, null], 3, &pid) == 0 else {
      throw LatexAnnotationError.texMissing(program: program)
    }
    return try wait(for: pid)
  }

  private func wait(for pid: pid_t) throws -> Int32 {
    let deadline = ContinuousClock.now + .seconds(timeout)
    var status: Int32 = 0
    var pause: UInt32 = 2000
    defer { kill(-pid, SIGKILL) }
    while true {
      let result = waitpid(pid, &status, WNOHANG)
      if result == pid { break }
      if result < 0, errno != EINTR { return -1 }
      let late = ContinuousClock.now > deadline
      if late || isCancelled() {
        kill(-pid, SIGKILL)
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        throw late
          ? LatexAnnotationError.timedOut(file: fileName, seconds: timeout)
          : LatexAnnotationError.cancelled(file: fileName)
      }
      usleep(pause)
      pause = min(50_000, pause * 2)
    }
    return status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
  }
}

/// What TeX's log tells about errors.
struct TexLog {
  var text: String

  init(_ folder: URL, _ job: String) {
    let data = (try? Data(contentsOf: folder.appendingPathComponent(job + ".log"))) ?? Data()
    text = FlattenedSource.decode(data)
  }

  /// The first error with the line that TeX was at: "Undefined control sequence \foo (line 12)".
  var firstError: String? {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let index = lines.firstIndex(where: { $0.hasPrefix("! ") }) else { return nil }
    var message = String(lines[index].dropFirst(2)).trimmingCharacters(in: .whitespaces)
    for line in lines[(index + 1)...].prefix(12) where line.hasPrefix("l.") {
      let number = line.dropFirst(2).prefix { $0.isNumber }
      let context = line.dropFirst(2 + number.count).trimmingCharacters(in: .whitespaces)
      message += " (line \(number)\(context.isEmpty ? "" : ", at \"\(context.suffix(60))\""))"
      break
    }
    return message
  }

  var errorCount: Int { text.split(separator: "\n").count { $0.hasPrefix("! ") } }

  var asksForAnotherRun: Bool {
    ["Rerun to get", "Rerun LaTeX", "rerun LaTeX", "Label(s) may have changed", "Please rerun"].contains {
      text.contains($0)
    }
  }
}
