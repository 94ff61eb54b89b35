import Foundation
import Synchronization

/// What people see on standard error: messages, and a progress line when it is a terminal.
enum Terminal {
  static let isInteractive = isatty(STDERR_FILENO) == 1
  private static let lineIsOpen = Mutex(false)

  static func error(_ message: String) { write("docq: " + message + "\n") }
  static func note(_ message: String) { write(message + "\n") }

  /// Replaces the progress line. Silent when standard error is not a terminal.
  static func progress(_ fraction: Double, _ text: String) {
    guard isInteractive else { return }
    let width = 24
    let filled = Int((min(1, max(0, fraction)) * Double(width)).rounded())
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    lineIsOpen.withLock { open in
      try? FileHandle.standardError.write(contentsOf: Data("\r\u{1B}[2K\(bar) \(text)".utf8))
      open = true
    }
  }

  static func clearProgress() {
    lineIsOpen.withLock { open in
      if open { try? FileHandle.standardError.write(contentsOf: Data("\r\u{1B}[2K".utf8)) }
      open = false
    }
  }

  /// Whoever closed standard error (`2>&1 | head`) does not want to know: that ends nothing.
  private static func write(_ text: String) {
    clearProgress()
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}

/// Writes results to a file or to standard output.
enum Output {
  /// Writes to `path` (atomically: never a half-written file), or to standard output when nil or "-".
  static func write(_ data: Data, to path: String?) throws {
    guard let path, path != "-" else {
      try standardOutput(data)
      return
    }
    do {
      try data.write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw CommandFailure.failed("cannot write \(path): \(reason(error))")
    }
  }

  static func write(_ text: String, to path: String? = nil) throws {
    try write(Data(text.utf8), to: path)
  }

  /// A closed pipe (`docq ... | head`) ends the command without a message.
  private static func standardOutput(_ data: Data) throws {
    do {
      try FileHandle.standardOutput.write(contentsOf: data)
    } catch {
      throw CommandFailure(status: 1, message: "")
    }
  }

  static func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw CommandFailure.failed("cannot create the folder \(path): \(reason(error))")
    }
  }

  /// The system's words for a file error, without Foundation's wrapping.
  static func reason(_ error: any Error) -> String {
    if let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error {
      return reason(underlying)
    }
    return (error as NSError).localizedDescription
  }
}

/// Results that are written as they are ready: to standard output, or to a file that appears when all are there.
final class ResultWriter {
  private let path: String?
  private let partial: String
  private var handle: FileHandle?

  init(_ path: String?) throws {
    self.path = path == "-" ? nil : path
    partial = (path ?? "") + ".partial"
    guard let path = self.path else { return }
    guard FileManager.default.createFile(atPath: partial, contents: nil),
      let handle = FileHandle(forWritingAtPath: partial)
    else { throw CommandFailure.failed("cannot write \(path): its folder does not exist or is not writable") }
    self.handle = handle
  }

  func write(_ data: Data) throws {
    guard let path, let handle else {
      Terminal.clearProgress()
      return try Output.write(data, to: nil)
    }
    do {
      try handle.write(contentsOf: data)
    } catch {
      throw CommandFailure.failed("cannot write \(path): \(Output.reason(error))")
    }
  }

  /// Gives a file its name; without it, nothing of it stays.
  func finish() throws {
    guard let path, let handle else { return }
    do {
      try handle.close()
      guard rename(partial, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
      self.handle = nil
    } catch {
      throw CommandFailure.failed("cannot write \(path): \(Output.reason(error))")
    }
  }

  deinit {
    if path != nil, handle != nil { try? FileManager.default.removeItem(atPath: partial) }
  }
}
