import Foundation
import Tensor

/// The models that docq brings, and those in folders.
public enum ExtractorModels {
  public static let standard = "docq-extract-1"

  /// Folder of the shipped model; nil in a build without it.
  public static var shippedFolder: URL? {
    let folder = Bundle.module.bundleURL.appendingPathComponent("Resources/\(standard)")
    return FileManager.default.fileExists(atPath: folder.appendingPathComponent("model.safetensors").path)
      ? folder : nil
  }

  private static let shipped = Result<LearnedExtractor?, any Error> {
    try shippedFolder.map { try LearnedExtractor($0) }
  }

  /// - Parameter name: "rules", "docq-extract-1" or a folder.
  /// - Returns: nil for "rules".
  /// - Throws: `CheckpointError`.
  public static func named(_ name: String) throws -> LearnedExtractor? {
    switch name {
    case "rules": return nil
    case standard: return try shipped.get()
    default: return try LearnedExtractor(URL(fileURLWithPath: name, isDirectory: true))
    }
  }
}
