import Foundation
import JobHandlers
import Synchronization

/// The four programs on a data folder of their own, started and killed one by one.
final class ServiceUnderTest: Sendable {
  static let workers = ["docq-ingestor", "docq-forecaster", "docq-scorer"]
  static let programs = ["docq-gateway"] + workers

  let data: URL
  let port: Int
  private let options: [String]
  private let ownsData: Bool
  private let variables: [String: String]
  private let children = Mutex<[String: ChildProcess]>([:])
  /// Its end tells the children that this program is gone, however it went.
  private let lifeline = Pipe()

  /// - Parameters:
  ///   - data: a folder to use and leave; nil for a new one that is removed at the end.
  ///   - variables: added to the environment of all programs.
  init(data: URL? = nil, gatewayOptions: [String] = [], variables: [String: String] = [:]) throws {
    self.variables = variables.merging(["DOCQ_SUPERVISED": "1", "DOCQ_THREADS": "1"]) { given, _ in given }
    ownsData = data == nil
    self.data =
      data ?? FileManager.default.temporaryDirectory.appendingPathComponent("docq-reliability-\(UUID().uuidString)")
    port = try HTTPConnection.freePort()
    options = gatewayOptions
    try FileManager.default.createDirectory(at: self.data, withIntermediateDirectories: true)
  }

  func start(_ names: [String] = ServiceUnderTest.programs) async throws {
    for name in names { try launch(name) }
    try await becomeReady()
  }

  func becomeReady(within seconds: Double = 30) async throws {
    let end = secondsNow() + seconds
    while secondsNow() < end {
      if let answer = try? HTTPConnection(port: port).send("GET", "/readyz"), answer.status == 200 { return }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw Broken("the gateway did not become ready; see \(data.path)/log")
  }

  func launch(_ name: String) throws {
    let log = open(data.appendingPathComponent("log").path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    defer { close(log) }
    let child = try ChildProcess(
      Self.folder.appendingPathComponent(name),
      ["--data", data.path] + (name == "docq-gateway" ? ["--port", "\(port)"] + options : []),
      variables: variables,
      descriptors: [lifeline.fileHandleForReading.fileDescriptor, log, log])
    children.withLock { $0[name] = child }
  }

  /// SIGKILL, and a new one in its place.
  func killAndRestart(_ name: String) async throws {
    if let child = children.withLock({ $0[name] }) {
      child.signal(SIGKILL)
      _ = await child.ended()
    }
    try launch(name)
  }

  func isRunning(_ name: String) -> Bool { children.withLock { $0[name] }?.isRunning ?? false }

  func pid(_ name: String) -> pid_t { children.withLock { $0[name] }?.pid ?? 0 }

  /// Open descriptors of a program.
  func descriptors(_ name: String) -> Int {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid(name))/fd")) ?? []).count
  }

  /// Resident memory of a program in bytes.
  func memory(_ name: String) -> Int {
    let text = (try? String(contentsOfFile: "/proc/\(pid(name))/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Processor time of a program so far, in seconds.
  func processorSeconds(_ name: String) -> Double {
    let text = (try? String(contentsOfFile: "/proc/\(pid(name))/stat", encoding: .utf8)) ?? ""
    let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Files below blobs and tmp.
  func storedFiles() -> [String] {
    ["blobs", "tmp"].flatMap { folder in
      let root = data.appendingPathComponent(folder).path
      return ((try? FileManager.default.subpathsOfDirectory(atPath: root)) ?? []).filter { path in
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder) && !isFolder.boolValue
      }
    }
  }

  /// SIGTERM to all; those that do not end are killed.
  func stop() {
    let all = children.withLock { children in
      defer { children = [:] }
      return Array(children.values)
    }
    for child in all { child.signal(SIGTERM) }
    let end = secondsNow() + 10
    for child in all {
      while child.isRunning, secondsNow() < end { usleep(10_000) }
      child.signal(SIGKILL)
      while child.isRunning { usleep(1000) }
    }
    if ownsData { try? FileManager.default.removeItem(at: data) }
  }

  /// The programs stand beside this one.
  static let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

  /// A PDF to send: one page that says `text`.
  static func page(_ text: String) -> Data {
    let stream = "BT /F1 12 Tf 72 720 Td (\(text)) Tj ET"
    let objects = [
      "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
      "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
      "<</Length \(stream.utf8.count)>>stream\n\(stream)\nendstream", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    var body = "%PDF-1.4\n"
    var places: [Int] = []
    for (index, object) in objects.enumerated() {
      places.append(body.utf8.count)
      body += "\(index + 1) 0 obj\(object)endobj\n"
    }
    let start = body.utf8.count
    body += "xref\n0 \(objects.count + 1)\n0000000000 65535 f \n"
    for place in places { body += String(format: "%010d 00000 n \n", place) }
    body += "trailer<</Size \(objects.count + 1)/Root 1 0 R>>\nstartxref\n\(start)\n%%EOF\n"
    return Data(body.utf8)
  }
}
