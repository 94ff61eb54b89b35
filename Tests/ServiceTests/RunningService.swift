import DocqClient
import Foundation
import Testing

let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()
let products = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
  .deletingLastPathComponent()

let browser = "/usr/bin/chromium-headless-shell"

/// A real service on a free port with a data folder of its own.
final class RunningService: Sendable {
  let client: DocqClient
  let data: URL
  let port: Int
  private let process: Process

  /// - Parameters:
  ///   - options: more of `docq serve`.
  ///   - folder: a data folder to go on with; nil for a new one.
  ///   - variables: added to the environment.
  ///   - caCertificate: what signed the service's certificate, where it speaks HTTPS.
  init(
    _ options: [String] = [], data folder: URL? = nil, variables: [String: String] = [:], caCertificate: String? = nil
  ) async throws {
    data =
      folder ?? FileManager.default.temporaryDirectory.appendingPathComponent("docq-\(UUID().uuidString)")
    port = try Self.freePort()
    process = Process()
    process.executableURL = products.appendingPathComponent("docq")
    process.arguments = ["serve", "--data", data.path, "--port", "\(port)"] + options
    process.environment = ProcessInfo.processInfo.environment.merging(variables) { _, new in new }
    try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
    _ = FileManager.default.createFile(atPath: data.appendingPathComponent("log").path, contents: nil)
    process.standardError = FileHandle(forWritingAtPath: data.appendingPathComponent("log").path)
    try process.run()
    let scheme = caCertificate == nil ? "http" : "https"
    client = DocqClient(server: URL(string: "\(scheme)://127.0.0.1:\(port)")!, caCertificate: caCertificate)
    for _ in 0..<200 {
      if (try? await client.get("/readyz")) != nil { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    Issue.record("the service did not become ready")
  }

  /// Ids of the processes with this data folder on their command line.
  func processes(_ name: String) -> [pid_t] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return all.compactMap { pid_t($0) }.filter { pid in
      guard let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else { return false }
      let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
      return words.first?.hasSuffix("/\(name)") == true && words.contains(data.path)
    }
  }

  /// Stops it as an operator would and returns whether everything ended.
  func stop() async throws -> Bool {
    process.terminate()
    for _ in 0..<200 {
      if !process.isRunning, processes("docq-gateway").isEmpty, processes("docq-ingestor").isEmpty {
        try? FileManager.default.removeItem(at: data)
        return process.terminationReason == .exit && process.terminationStatus == 0
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    return false
  }

  /// Sends bytes and hangs up.
  func send(_ text: String) throws {
    let descriptor = try connection(toPort: port)
    defer { close(descriptor) }
    try FileHandle(fileDescriptor: descriptor).write(contentsOf: Data(text.utf8))
  }

  /// Files under blobs and tmp.
  func storedFiles() -> [String] {
    ["blobs", "tmp"].flatMap { folder -> [String] in
      let found = FileManager.default.enumerator(atPath: data.appendingPathComponent(folder).path)
      return (found?.allObjects as? [String] ?? []).filter { $0.count > 10 }
    }
  }

  private static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(descriptor, $0, length)
        _ = getsockname(descriptor, $0, &length)
      }
    }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}

typealias Outcome = (status: Int32, output: String, errors: String)

func launch(_ executable: String, _ arguments: [String], input: String? = nil) throws -> Outcome {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: executable)
  process.arguments = arguments
  let (output, errors, stdin) = (Pipe(), Pipe(), Pipe())
  process.standardOutput = output
  process.standardError = errors
  process.standardInput = stdin
  try process.run()
  if let input { stdin.fileHandleForWriting.write(Data(input.utf8)) }
  try stdin.fileHandleForWriting.close()
  let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  let messages = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  return (process.terminationStatus, text, messages)
}
