import DocumentModel
import Foundation
import Tensor

/// What finds the layout of a document.
public enum LayoutChoice: Sendable {
  /// The model that comes with docq.
  case model
  /// Rules, the baseline.
  case rules
  case other(LayoutModel)

  /// - Parameter name: "model", "rules", or the folder of a model.
  /// - Throws: `CheckpointError` for a folder that holds no layout model.
  public init(_ name: String) throws {
    switch name {
    case "model", "docq-layout-1": self = .model
    case "rules": self = .rules
    default: self = .other(try LayoutModel(URL(fileURLWithPath: name, isDirectory: true)))
    }
  }

  /// Fills lines and regions of every page and the document's relations. Where the shipped model cannot be read, rules
  /// do the work and the document's warnings say so.
  public func analyze(_ document: inout Document) {
    switch self {
    case .rules: RuleBasedLayout().analyze(&document)
    case .other(let model): LearnedLayout(model).analyze(&document)
    case .model:
      if let model = LayoutModel.shipped {
        LearnedLayout(model).analyze(&document)
      } else {
        RuleBasedLayout().analyze(&document)
        document.warnings.append("the layout model docq-layout-1 cannot be read: the layout was found by rules")
      }
    }
  }
}
