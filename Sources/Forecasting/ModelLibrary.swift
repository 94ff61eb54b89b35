import Foundation
import MixtureOfExperts
import Tensor

/// Forecasting models that the user has imported, each a folder under its name.
public struct ModelLibrary: Sendable {
  public let directory: URL

  /// - Parameter directory: need not exist.
  public init(_ directory: URL) { self.directory = directory }

  /// Names of what is there, in their order.
  public var names: [String] {
    let found = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    return found.filter { folder($0) != nil }.sorted()
  }

  /// Letters, digits, dots, dashes and underscores, none of docq's own names.
  public static func isValid(_ name: String) -> Bool {
    let allowed = name.utf8.allSatisfy {
      ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) || ($0 >= 97 && $0 <= 122) || $0 == 45 || $0 == 46 || $0 == 95
    }
    return allowed && (1...64).contains(name.utf8.count) && !name.hasPrefix(".") && !ForecastModels.names.contains(name)
  }

  /// The folder of an imported model; nil where there is none of that name.
  public func folder(_ name: String) -> URL? {
    guard Self.isValid(name) else { return nil }
    let folder = directory.appendingPathComponent(name, isDirectory: true)
    let weights = folder.appendingPathComponent("model.safetensors").path
    return FileManager.default.fileExists(atPath: weights) ? folder : nil
  }

  /// Copies a model after loading it once; an existing one of that name is replaced as a whole.
  /// - Throws: `CheckpointError` for what cannot be loaded, and what copying throws.
  public func add(_ source: URL, name: String) throws {
    guard Self.isValid(name) else {
      throw CheckpointError.cannotOpen(
        name, reason: "that name cannot be used; take up to 64 letters, digits, dots, dashes and underscores")
    }
    _ = try ForecastModels.load(source.path)
    let files = FileManager.default
    try files.createDirectory(at: directory, withIntermediateDirectories: true)
    let partial = directory.appendingPathComponent(".\(name)-\(UUID().uuidString)", isDirectory: true)
    try files.createDirectory(at: partial, withIntermediateDirectories: true)
    do {
      for file in ["config.json", "model.safetensors", "MODEL_CARD.md"] {
        let from = source.appendingPathComponent(file)
        // Copies, not links: what the name points to must not change later.
        if files.fileExists(atPath: from.path) {
          try files.copyItem(at: from.resolvingSymlinksInPath(), to: partial.appendingPathComponent(file))
        }
      }
      let target = directory.appendingPathComponent(name, isDirectory: true)
      if files.fileExists(atPath: target.path) { try files.removeItem(at: target) }
      try files.moveItem(at: partial, to: target)
    } catch {
      try? files.removeItem(at: partial)
      throw error
    }
  }
}
