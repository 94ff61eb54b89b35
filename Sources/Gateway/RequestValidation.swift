import Foundation
import JobQueue

/// Checks of JSON requests, so that a bad one is answered at once and not by a failed job.
enum RequestValidation {
  static let maxSeries = 10_000
  static let maxPoints = 1_000_000
  static let maxHorizon = 4096
  static let maxArticles = 100_000

  /// A forecast request: one object, a list of them, or one per line; returned as the bytes to keep.
  static func forecast(_ body: Data) throws -> Data {
    guard !body.isEmpty else { throw Problem(400, "empty", "the request has no body; send a series as JSON or CSV") }
    let series: [Any]
    if let one = try? parse(body) {
      series = one as? [Any] ?? [one]
    } else {
      let lines = body.split(separator: UInt8(ascii: "\n")).filter { !$0.allSatisfy { $0 <= 32 } }
      guard lines.count > 1, let first = lines.first, first.first == UInt8(ascii: "{") else {
        _ = try parse(body)
        return body
      }
      series = try lines.map { try parse(Data($0)) }
    }
    guard !series.isEmpty else { throw Problem(422, "no-series", "the list of series is empty") }
    guard series.count <= maxSeries else {
      throw Problem(422, "too-many", "\(series.count) series in one request; at most \(maxSeries)")
    }
    let isList = (try? parse(body)) is [Any]
    let errors = series.enumerated().flatMap { check($1, at: isList || series.count > 1 ? "/\($0)" : "") }
    guard errors.isEmpty else {
      throw Problem(
        422, "invalid-series", errors[0].description, errors: Array(errors.prefix(20)))
    }
    return body
  }

  private static func check(_ value: Any, at pointer: String) -> [Problem.Field] {
    guard let object = value as? [String: Any] else {
      return [.init(pointer: pointer, detail: "a series is an object with a 'target'")]
    }
    guard let target = object["target"] as? [Any] else {
      return [.init(pointer: "\(pointer)/target", detail: "must be a list of numbers or null")]
    }
    var errors: [Problem.Field] = []
    let variates = target.first is [Any] ? target : [target]
    var total = 0
    for (index, variate) in variates.enumerated() {
      let place = target.first is [Any] ? "\(pointer)/target/\(index)" : "\(pointer)/target"
      guard let values = variate as? [Any] else {
        errors.append(.init(pointer: place, detail: "must be a list of numbers or null"))
        continue
      }
      total += values.count
      if let bad = values.firstIndex(where: { !isNumberOrNull($0) }) {
        errors.append(.init(pointer: "\(place)/\(bad)", detail: "must be a finite number or null"))
      } else if values.isEmpty {
        errors.append(.init(pointer: place, detail: "is empty"))
      } else if values.allSatisfy({ $0 is NSNull }) {
        errors.append(.init(pointer: place, detail: "has no observed value: all are null"))
      }
    }
    if total > maxPoints {
      errors.append(.init(pointer: "\(pointer)/target", detail: "has \(total) values; at most \(maxPoints)"))
    }
    for key in ["past_covariates", "future_covariates"] where object[key] != nil {
      let list = object[key] as? [Any]
      let rows = list?.first is [Any] ? list?.map { $0 as? [Any] } ?? [] : [list]
      if rows.isEmpty || rows.contains(where: { $0?.allSatisfy(isNumberOrNull) != true }) {
        errors.append(.init(pointer: "\(pointer)/\(key)", detail: "must be a list of lists of numbers or null"))
      }
    }
    if let horizon = object["prediction_length"] {
      let whole = (horizon as? NSNumber).flatMap { isBoolean($0) ? nil : Int(exactly: $0.doubleValue) }
      if whole.map({ !(1...maxHorizon).contains($0) }) ?? true {
        errors.append(
          .init(pointer: "\(pointer)/prediction_length", detail: "must be a whole number from 1 to \(maxHorizon)"))
      }
    }
    return errors
  }

  /// An impact request: `{"articles": [{"title", "abstract"}]}`.
  static func impact(_ body: Data) throws -> ImpactPayload {
    guard let object = try parse(body) as? [String: Any], let list = object["articles"] as? [Any] else {
      throw Problem(
        422, "invalid-articles", "send {\"articles\": [{\"title\": ..., \"abstract\": ...}]}",
        errors: [.init(pointer: "/articles", detail: "must be a list")])
    }
    guard !list.isEmpty, list.count <= maxArticles else {
      throw Problem(422, "invalid-articles", "the list has \(list.count) articles; between 1 and \(maxArticles)")
    }
    var errors: [Problem.Field] = []
    let articles = list.enumerated().compactMap { index, value -> ImpactPayload.Article? in
      guard let article = value as? [String: Any] else {
        errors.append(.init(pointer: "/articles/\(index)", detail: "must be an object"))
        return nil
      }
      guard let title = article["title"] as? String, !title.allSatisfy(\.isWhitespace) else {
        errors.append(.init(pointer: "/articles/\(index)/title", detail: "must be a text that is not empty"))
        return nil
      }
      guard article["abstract"] == nil || article["abstract"] is String || article["abstract"] is NSNull else {
        errors.append(.init(pointer: "/articles/\(index)/abstract", detail: "must be a text"))
        return nil
      }
      let id = article["id"].flatMap { $0 as? String ?? ($0 as? NSNumber)?.stringValue }
      return ImpactPayload.Article(id: id, title: title, abstract: article["abstract"] as? String ?? "")
    }
    guard errors.isEmpty else {
      throw Problem(
        422, "invalid-articles", errors[0].description, errors: Array(errors.prefix(20)))
    }
    return ImpactPayload(articles: articles)
  }

  /// An embedding request: `{"texts": ["..."]}`.
  static func embed(_ body: Data) throws -> EmbedPayload {
    guard let object = try parse(body) as? [String: Any], let list = object["texts"] as? [Any] else {
      throw Problem(
        422, "invalid-texts", "send {\"texts\": [\"...\"]}",
        errors: [.init(pointer: "/texts", detail: "must be a list")])
    }
    guard !list.isEmpty, list.count <= maxArticles else {
      throw Problem(422, "invalid-texts", "the list has \(list.count) texts; between 1 and \(maxArticles)")
    }
    let texts = list.compactMap { $0 as? String }
    guard texts.count == list.count else {
      let place = list.firstIndex { !($0 is String) } ?? 0
      let error = Problem.Field(pointer: "/texts/\(place)", detail: "must be a text")
      throw Problem(422, "invalid-texts", error.description, errors: [error])
    }
    return EmbedPayload(texts: texts)
  }

  /// JSON with a limit on its depth, which Foundation's parser does not have.
  static func parse(_ body: Data) throws -> Any {
    var depth = 0
    var inText = false
    var escaped = false
    for byte in body {
      if escaped {
        escaped = false
      } else if inText {
        if byte == UInt8(ascii: "\\") { escaped = true } else if byte == UInt8(ascii: "\"") { inText = false }
      } else {
        switch byte {
        case UInt8(ascii: "\""): inText = true
        case UInt8(ascii: "["), UInt8(ascii: "{"):
          depth += 1
          guard depth <= 64 else { throw Problem(400, "too-deep", "the JSON is nested more than 64 levels deep") }
        case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
        default: break
        }
      }
    }
    do {
      return try JSONSerialization.jsonObject(with: body, options: [.fragmentsAllowed])
    } catch {
      let reason = (error as NSError).userInfo["NSDebugDescription"] as? String ?? "it cannot be parsed"
      throw Problem(400, "malformed-json", "the body is not JSON: \(reason)")
    }
  }

  private static func isNumberOrNull(_ value: Any) -> Bool {
    if value is NSNull { return true }
    guard let number = value as? NSNumber, !isBoolean(number) else { return false }
    return number.doubleValue.isFinite
  }

  static func isBoolean(_ number: NSNumber) -> Bool {
    // JSONSerialization gives `true` as an NSNumber; its encoding tells it from 1.
    String(cString: number.objCType) == "c"
  }
}
