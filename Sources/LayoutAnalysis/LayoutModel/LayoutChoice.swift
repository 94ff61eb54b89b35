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
    let pages = PagesInMemory()
    let layout = PagedLayout(self, store: pages)
    do {
      for page in document.pages { try layout.add(page) }
      document.pages = []
      document = try layout.finish(document).whole()
    } catch {
      preconditionFailure("pages in memory are always there: \(error)")
    }
  }

  /// Loads the model, so that it is there when the first document comes.
  public func prepare() { _ = model }

  /// The model that is used; nil for rules.
  var model: LayoutModel? {
    switch self {
    case .model: LayoutModel.shipped
    case .rules: nil
    case .other(let model): model
    }
  }

  /// Pages need their ink.
  public var seesImages: Bool { model?.configuration.seesImage ?? false }

  var usesModel: Bool { model != nil }

  /// A model is wanted and cannot be read.
  var lacksModel: Bool { if case .model = self { LayoutModel.shipped == nil } else { false } }
}
