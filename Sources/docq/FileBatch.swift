import DocqClient
import Extraction
import Forecasting
import Foundation
import ImpactScoring
import JobHandlers
import JobQueue
import LatexAnnotation
import PDFReader
import Tensor

/// Runs a command over several files: a bad one is named and the rest still done.
struct FileBatch {
  var files: [String]

  /// Calls `work` with each file and a label such as "[2/5] report.pdf".
  ///
  /// - Throws: after the last file, the worst failure (status 3 for an unreadable input, else 1).
  func run(_ work: (URL, String) async throws -> Void) async throws {
    var worst: CommandFailure?
    for (index, path) in files.enumerated() {
      let file = URL(fileURLWithPath: path)
      let label = files.count > 1 ? "[\(index + 1)/\(files.count)] \(file.lastPathComponent)" : file.lastPathComponent
      do {
        guard FileManager.default.fileExists(atPath: path) else {
          throw CommandFailure.unreadable("\(path): no such file")
        }
        try await work(file, label)
      } catch {
        let failure = CommandFailure(describing: error)
        if failure.status == 4 || failure.status == 2 || files.count == 1 { throw failure }
        Terminal.error(failure.message)
        if worst == nil || failure.status == 3 { worst = failure }
      }
    }
    Terminal.clearProgress()
    if let worst { throw CommandFailure(status: worst.status, message: "") }
  }

  /// Calls `work` with each file and a label such as "[2/5] report.pdf".
  ///
  /// - Parameter parallel: so many files at a time, in any order.
  /// - Throws: after the last file, the worst failure (status 3 for an unreadable input, else 1).
  func run(parallel: Int, _ work: @escaping @Sendable (URL, String) async throws -> Void) async throws {
    var worst: CommandFailure?
    try await withThrowingTaskGroup(of: CommandFailure?.self) { group in
      func note(_ failure: CommandFailure) throws {
        if failure.status == 4 || failure.status == 2 || files.count == 1 { throw failure }
        Terminal.error(failure.message)
        if worst == nil || failure.status == 3 { worst = failure }
      }
      for (index, path) in files.enumerated() {
        if index >= max(1, parallel), let finished = try await group.next(), let failure = finished {
          try note(failure)
        }
        let label = files.count > 1 ? "[\(index + 1)/\(files.count)] " : ""
        group.addTask { await Self.failure(of: work, path, label) }
      }
      for try await case let failure? in group { try note(failure) }
    }
    Terminal.clearProgress()
    if let worst { throw CommandFailure(status: worst.status, message: "") }
  }

  private static func failure(
    of work: @Sendable (URL, String) async throws -> Void, _ path: String, _ label: String
  ) async -> CommandFailure? {
    let file = URL(fileURLWithPath: path)
    do {
      guard FileManager.default.fileExists(atPath: path) else {
        throw CommandFailure.unreadable("\(path): no such file")
      }
      try await work(file, label + file.lastPathComponent)
      return nil
    } catch {
      return CommandFailure(describing: error)
    }
  }
}

extension CommandFailure {
  /// The status and the line for anything that the product's modules throw.
  init(describing error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case DocumentReadError.badPageSelection(let text):
      self = .usage(DocumentReadError.badPageSelection(text: text).description)
    case let error as DocumentReadError: self = .unreadable(error.description)
    case let error as LatexAnnotationError: self = CommandFailure(annotation: error)
    case let error as CheckpointError: self = .unreadable(error.description)
    case let error as ForecastError:
      if case .badSeries = error { self = .unreadable(error.description) } else { self = .usage(error.description) }
    case let error as SeriesReadError: self = .unreadable(error.description)
    case let error as ArticleReadError: self = .unreadable(error.description)
    case let error as ImpactModelError: self = .unreadable(error.description)
    case let error as FieldTrainingError: self = .failed(error.description)
    case let error as ExtractionError: self = .unreadable(error.description)
    case let error as DocqClientError: self = CommandFailure(client: error)
    case let failure as JobFailure: self = .failed(failure.message)
    default: self = .failed("\(error)")
    }
  }

  init(annotation error: LatexAnnotationError) {
    switch error {
    case .unreadable, .notLatex, .tooLarge: self = .unreadable(error.description)
    case .outputExists: self = .usage(error.description)
    default: self = .failed(error.description)
    }
  }

  init(client error: DocqClientError) {
    switch error {
    case .unreachable, .untrusted: self = .unreachable(error.description)
    case .problem(let status, _, _) where [400, 413, 415, 422].contains(status): self = .unreadable(error.description)
    case .cannotRead: self = .unreadable(error.description)
    default: self = .failed(error.description)
    }
  }
}
