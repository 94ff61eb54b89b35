import Foundation
import MixtureOfExperts
import Tensor

/// The models by name.
public enum ForecastModels {
  static let baselines: [any Forecaster] = [Theta(), ETS(), SeasonalNaive(), Naive()]
  /// docq's own model, which comes with it.
  public static let standard = "docq-forecast-1"
  public static var names: [String] { [standard] + baselines.map(\.name) }

  /// Loaded once, on first use.
  private static let shipped = Result<QuantileForecaster, any Error> {
    QuantileForecaster(model: try QuantileMoE(try folder(of: standard)), name: standard)
  }

  /// Where a trained model lies.
  /// - Parameters:
  ///   - model: `standard`, an imported model's name, or a folder.
  ///   - library: where imported models are.
  /// - Throws: `ForecastError.unknownModel` or `CheckpointError`.
  public static func folder(of model: String, library: ModelLibrary? = nil) throws -> URL {
    if model == standard {
      guard let folder = Bundle.module.url(forResource: "Resources/\(standard)", withExtension: nil) else {
        throw CheckpointError.cannotOpen(standard, reason: "it is not among the installed resources")
      }
      return folder
    }
    if let imported = library?.folder(model) { return imported }
    let url = URL(fileURLWithPath: model, isDirectory: true)
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory), isDirectory.boolValue else {
      throw ForecastError.unknownModel(model)
    }
    return url
  }

  /// One of the product's own models.
  /// - Throws: `ForecastError.unknownModel` or `CheckpointError`.
  public static func named(_ name: String) throws -> any SeriesForecaster {
    if name == standard { return try shipped.get() }
    guard let model = baselines.first(where: { $0.name == name }) else { throw ForecastError.unknownModel(name) }
    return BaselineForecaster(model: model)
  }

  /// One of the product's own models, or a checkpoint.
  /// - Parameters:
  ///   - model: a name, or the folder of config.json and model.safetensors.
  ///   - library: where imported models are.
  /// - Throws: `ForecastError.unknownModel` or `CheckpointError`.
  public static func load(
    _ model: String, precision: Precision? = nil, library: ModelLibrary? = nil
  ) throws -> any SeriesForecaster {
    if names.contains(model) { return try named(model) }
    let url = try folder(of: model, library: library)
    if isQuantileModel(url) {
      return QuantileForecaster(model: try QuantileMoE(url, precision: precision), name: url.lastPathComponent)
    }
    return MoiraiForecaster(try MoiraiMoE(url, precision: precision), name: url.lastPathComponent)
  }

  /// What a trained model is, for people and scripts.
  /// - Throws: as `load`.
  public static func summary(_ folder: URL) throws -> ModelSummary {
    isQuantileModel(folder) ? try QuantileMoE(folder).summary : try MoiraiMoE(folder).summary
  }

  private static func isQuantileModel(_ folder: URL) -> Bool {
    let config = FileManager.default.contents(atPath: folder.appendingPathComponent("config.json").path) ?? Data()
    let object = try? JSONSerialization.jsonObject(with: config) as? [String: Any]
    return object?["architecture"] as? String == QuantileConfiguration.architecture
  }
}
