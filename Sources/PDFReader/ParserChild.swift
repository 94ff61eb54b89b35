import CSandbox
import DocumentModel
import Foundation

/// The process that parses: a fork of the same executable, started again with a hidden first argument.
public enum ParserChild {
  static let probeArgument = "__sandbox-probe"
  static let serverArgument = "__parser-server"

  /// What the child is told, as JSON.
  struct Task: Codable {
    var options: PDFReadOptions
    var limits: ParserLimits
    var parent: Int32
  }

  /// Call it first in `main` of every executable that reads documents: it returns at once unless the process was
  /// started to parse, and then never.
  ///
  /// Descriptors: 0 the document, 1 the answer, 2 messages.
  public static func runIfRequested() {
    let arguments = CommandLine.arguments
    guard arguments.count >= 2 else { return }
    switch arguments[1] {
    case serverArgument where arguments.count == 2:
      // Fonts and character maps are loaded before the doors close, and cost nothing later.
      PopplerParser.warmUp()
      warmUp()
      let server = getpid()
      guard let text = docq_serve_forks(0) else { exit(64) }
      parse(String(cString: text), parent: server, isProbe: false)
    case probeArgument where arguments.count == 3:
      PopplerParser.warmUp()
      parse(arguments[2], parent: nil, isProbe: true)
    default: return
    }
  }

  /// Makes the runtime look up once what every task needs.
  private static func warmUp() {
    let task = Task(options: PDFReadOptions(), limits: ParserLimits(), parent: 0)
    if let text = try? JSONEncoder().encode(task) { _ = try? JSONDecoder().decode(Task.self, from: text) }
  }

  private static func parse(_ text: String, parent: pid_t?, isProbe: Bool) -> Never {
    guard let task = try? JSONDecoder().decode(Task.self, from: Data(text.utf8)) else { exit(64) }
    var limits = docq_limits(
      address_space_bytes: UInt64(task.limits.addressSpaceBytes), cpu_seconds: UInt64(cpuSeconds(task)),
      file_bytes: UInt64(task.limits.outputFileBytes), open_files: 64, parent_pid: parent ?? task.parent)
    let active = docq_enter_sandbox(&limits)
    let output = FrameOutput()
    var hello = FrameEncoder(.hello)
    hello.append(frameMagic)
    hello.append(UInt32(bitPattern: active))
    output.send(hello)
    if isProbe {
      output.send(SandboxProbe.attempt())
      exit(0)
    }
    let data = input()
    let kind = InputCheck.kind([UInt8](data.prefix(1029)))
    if let kind, kind != .pdf {
      ImageParser(kind: kind, options: task.options, output: output).run(data)
    } else {
      PopplerParser(options: task.options, output: output).run(data)
    }
    // Nothing is left to be written, and the system takes memory back faster than destructors give it.
    _exit(0)
  }

  /// The document on descriptor 0.
  private static func input() -> Data {
    var status = stat()
    if fstat(0, &status) == 0, status.st_size > 0,
      let mapped = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, 0, 0), mapped != MAP_FAILED
    {
      return Data(bytesNoCopy: mapped, count: Int(status.st_size), deallocator: .none)
    }
    return FileHandle(fileDescriptor: 0).readDataToEndOfFile()
  }

  /// The kernel's limit is the last resort: the parent counts page by page.
  private static func cpuSeconds(_ task: Task) -> Int {
    let pages = Double(min(10_000, max(1, task.options.maxPages)))
    let recognition = task.options.ocr.mode == .never ? 0 : max(0, task.options.ocr.secondsPerPage)
    return task.limits.cpuSeconds + Int(min(1e6, pages * (task.limits.secondsForEachPage + recognition)))
  }
}

/// Writes frames to descriptor 1; ends the process when nobody reads them any more.
final class FrameOutput {
  func send(_ frame: consuming FrameEncoder) {
    let bytes = frame.finished()
    bytes.withUnsafeBytes { buffer in
      var rest = buffer
      while !rest.isEmpty {
        let count = write(1, rest.baseAddress, rest.count)
        if count < 0 {
          if errno == EINTR { continue }
          exit(1)
        }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
      }
    }
  }

  /// Says which page is next, or that its text is about to be recognised.
  func begin(_ page: Int, isRecognizing: Bool = false) {
    var frame = FrameEncoder(.begin)
    frame.append(page)
    frame.append(isRecognizing)
    send(frame)
  }

  /// The picture of a part of a page as PNG.
  func send(_ crop: PageCrop, _ picture: Raster) {
    guard let png = picture.png() else { return }
    var frame = FrameEncoder(.image, reserving: png.count + 16)
    frame.append(crop.id)
    frame.append(data: png)
    send(frame)
  }

  func send(preview picture: Raster?, of page: Int) {
    guard let jpeg = picture?.jpeg(quality: 75) else { return }
    var frame = FrameEncoder(.preview, reserving: jpeg.count + 16)
    frame.append(page)
    frame.append(data: jpeg)
    send(frame)
  }

  func warn(_ text: String) {
    var frame = FrameEncoder(.warning)
    frame.append(text)
    send(frame)
  }

  /// `code` is one of "encrypted", "wrong_password", "damaged", "no_such_page".
  func fail(_ code: String, _ detail: String, number: Int = 0, count: Int = 0) -> Never {
    var frame = FrameEncoder(.failure)
    frame.append(code)
    frame.append(detail)
    frame.append(number)
    frame.append(count)
    send(frame)
    exit(0)
  }
}

/// Tries what a hostile document's code would try.
enum SandboxProbe {
  static let attempts = ["socket", "read-file", "write-file", "execute"]

  static func attempt() -> FrameEncoder {
    var frame = FrameEncoder(.probe)
    let network = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    frame.append(network >= 0)
    let reading = open("/etc/passwd", O_RDONLY)
    frame.append(reading >= 0)
    let path = "/tmp/docq-probe-\(getpid())"
    let writing = open(path, O_WRONLY | O_CREAT, 0o600)
    if writing >= 0 { unlink(path) }
    frame.append(writing >= 0)
    var child: pid_t = 0
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
    frame.append(posix_spawn(&child, "/bin/true", nil, nil, &arguments, nil) == 0)
    return frame
  }
}
