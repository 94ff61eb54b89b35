import ArgumentParser
import Forecasting
import Foundation
import ImpactScoring
import JobHandlers
import JobQueue
import LatexAnnotation
import PDFReader
import Tensor

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check programs, data folder, sandbox, models and port; say what to do about what is wrong.",
    discussion: """
      EXAMPLE
        docq doctor --data /srv/docq --port 8080
      """)

  @Option(help: "The data folder to check.")
  var data = DataFolder.defaultPath
  @Option(help: "The port to check.")
  var port = 8080
  @Flag(help: "Print JSON.")
  var json = false

  struct Finding: Encodable {
    var check: String
    var ok: Bool
    var detail: String
  }

  func run() async throws {
    let findings = [
      programs(), folder(), try await queue(), sandbox(), impactModel(), forecaster(), tex(), portState(),
    ]
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      try Output.write(try encoder.encode(findings) + Data("\n".utf8), to: nil)
    } else {
      try Output.write(findings.map { "\($0.ok ? "ok  " : "BAD ")  \($0.check): \($0.detail)\n" }.joined())
    }
    if findings.contains(where: { !$0.ok }) { throw CommandFailure(status: 1, message: "") }
  }

  private func programs() -> Finding {
    let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    let missing = ["docq-gateway", "docq-ingestor", "docq-forecaster", "docq-scorer"].filter {
      !FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent($0).path)
    }
    return Finding(
      check: "programs", ok: missing.isEmpty,
      detail: missing.isEmpty
        ? "all five stand in \(folder.path)"
        : "missing in \(folder.path): \(missing.joined(separator: ", ")); run make build")
  }

  private func folder() -> Finding {
    do {
      let folder = try DataFolder.open(URL(fileURLWithPath: data))
      let space = try FileManager.default.attributesOfFileSystem(forPath: folder.root.path)
      let free = (space[.systemFreeSize] as? NSNumber)?.int64Value ?? 0
      let enough = free > 1 << 30
      return Finding(
        check: "data folder", ok: enough,
        detail: "\(folder.root.path), \(free >> 30) GiB free" + (enough ? "" : "; uploads need more room"))
    } catch {
      return Finding(check: "data folder", ok: false, detail: "\(error)")
    }
  }

  private func queue() async throws -> Finding {
    do {
      let store = try SQLiteJobStore(data: try DataFolder.open(URL(fileURLWithPath: data)))
      let settings = try store.durabilitySettings()
      let counts = try await store.counts().values.reduce(0) { $0 + $1.values.reduce(0, +) }
      let ok = settings["journal_mode"] == "wal" && settings["synchronous"] == "2"
      return Finding(
        check: "queue", ok: ok,
        detail:
          "\(counts) job(s); journal \(settings["journal_mode"] ?? "?"), synchronous \(settings["synchronous"] == "2" ? "FULL" : settings["synchronous"] ?? "?")"
      )
    } catch {
      return Finding(check: "queue", ok: false, detail: "\(error)")
    }
  }

  private func sandbox() -> Finding {
    do {
      let status = try SandboxStatus.probe()
      let limits = ParserLimits()
      // Fonts have to be readable; where the kernel has no Landlock, so is the rest.
      let serious = status.breaches.filter { $0 != "read-file" }
      let detail = [
        status.active.joined(separator: ", "),
        "at most \(limits.addressSpaceBytes >> 30) GiB of memory, \(limits.cpuSeconds) s of processor time, no process of its own",
        serious.isEmpty
          ? "tried in vain: network, writing files, starting programs"
          : "a parser could still: \(serious.joined(separator: ", ")); use a newer kernel",
        status.breaches.contains("read-file")
          ? "this kernel has no Landlock: a parser could read this user's other files"
          : "reads nothing but fonts and data of tesseract",
      ]
      return Finding(check: "sandbox", ok: serious.isEmpty, detail: detail.joined(separator: "; "))
    } catch {
      return Finding(check: "sandbox", ok: false, detail: "\(error)")
    }
  }

  private func impactModel() -> Finding {
    do {
      let model = try ImpactModel.shipped()
      return Finding(
        check: "models", ok: true, detail: "\(model.name) loads; percentiles refer to \(model.referenceSet)")
    } catch {
      return Finding(check: "models", ok: false, detail: "\(error)")
    }
  }

  private func forecaster() -> Finding {
    do {
      let summary = try ForecastModels.summary(try ForecastModels.folder(of: ForecastModels.standard))
      try BLAS.open()
      return Finding(
        check: "models", ok: true,
        detail: "\(ForecastModels.standard) loads, "
          + String(format: "%.1f million parameters; ", Double(summary.parameters) / 1e6)
          + "\(Kernels.name) kernels, OpenBLAS with those of \(BLAS.core), \(Parallel.threads) thread(s)")
    } catch {
      return Finding(check: "models", ok: false, detail: "\(error)")
    }
  }

  private func tex() -> Finding {
    // Only `docq annotate` needs it.
    let path = LatexAnnotator.texPath()
    return Finding(
      check: "tex", ok: true,
      detail: path.map { "\($0) is there for docq annotate" }
        ?? "pdflatex is not installed; docq annotate needs it: apt install texlive-latex-extra texlive-science")
  }

  private func portState() -> Finding {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(clamping: port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    return Finding(
      check: "port", ok: true,
      detail: status == 0
        ? "something answers on 127.0.0.1:\(port) (a running docq, or another program)" : "127.0.0.1:\(port) is free")
  }
}
