import Foundation
import HTTPTypes
import Hummingbird
import JobQueue

/// The Open Inference Protocol, version 2 (KServe), for the forecaster and the scorer: tensors in, tensors out.
///
/// A call is a job like any other, waited for. https://github.com/kserve/open-inference-protocol
struct InferRoutes: Sendable {
  let gateway: Gateway

  var routes: [Route] {
    [
      Route(method: .get, path: "/v2", isVersioned: false, access: .open) { _, _ in
        try json(["name": "docq", "version": "2", "extensions": [String]()])
      },
      Route(method: .get, path: "/v2/health/live", isVersioned: false, access: .open) { _, _ in
        try json(["live": true])
      },
      Route(method: .get, path: "/v2/health/ready", isVersioned: false, access: .open) { _, _ in
        _ = try await gateway.store.counts()
        return try json(["ready": !gateway.draining.hasBegun], status: gateway.draining.hasBegun ? 503 : 200)
      },
      Route(method: .get, path: "/v2/models/{model}", isVersioned: false) { _, context in
        try json(try model(context).metadata)
      },
      Route(method: .get, path: "/v2/models/{model}/ready", isVersioned: false) { _, context in
        let model = try model(context)
        return try json(["name": model.rawValue, "ready": !gateway.draining.hasBegun])
      },
      Route(method: .post, path: "/v2/models/{model}/infer", isVersioned: false) { request, context in
        try await infer(request, context)
      },
    ]
  }

  private func model(_ context: Gateway.Context) throws -> InferModel {
    let name = try context.parameters.require("model")
    guard let model = InferModel(rawValue: name) else {
      throw Problem(404, "no-such-model", "there is no model '\(name.prefix(80))'; there are forecaster and scorer")
    }
    return model
  }

  private func json(_ value: [String: Any], status: Int = 200) throws -> Response {
    let body = try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys, .withoutEscapingSlashes])
    return JSONOutput.data(body, contentType: "application/json", status: .init(code: status))
  }

  private func infer(_ request: Request, _ context: Gateway.Context) async throws -> Response {
    let model = try model(context)
    let type = (request.headers[.contentType] ?? "application/json").prefix { $0 != ";" }.lowercased()
    guard type == "application/json" else {
      throw Problem(415, "media-type", "'\(type.prefix(80))' cannot be read; send application/json")
    }
    let body = try await SubmitRoutes.collect(request, limit: gateway.configuration.maxJSONBytes)
    let call = try InferCall(try RequestValidation.parse(body))
    let submit = SubmitRoutes(gateway: gateway)
    let job: Job
    switch model {
    case .forecaster:
      job = try await submit.enqueue(.forecast, try call.forecastPayload(), blobs: [], request, context)
    case .scorer:
      job = try await submit.enqueue(.impact, try call.impactPayload(), blobs: [], request, context)
    }
    let waiter = JobWaiter(store: gateway.store, changes: gateway.changes)
    let done = try await waiter.wait(for: job.id, seconds: gateway.configuration.maxWait)
    guard done.state.isFinal else {
      throw Problem(
        503, "not-finished",
        "job \(job.id) is not done after \(gateway.configuration.maxWait) s; it goes on: "
          + "see \(JobView.path(job.id))", headers: [HTTPField(name: .retryAfter, value: "5")])
    }
    guard done.state == .succeeded, let result = try await gateway.store.result(done.id) else {
      let failure = done.failure
      let isInput = failure?.permanent == true && failure?.code != "lost"
      throw Problem(isInput ? 422 : 500, failure?.code ?? "failed", failure?.message ?? "job \(job.id) failed")
    }
    let outputs = try model == .forecaster ? InferCall.forecastOutputs(result.body) : InferCall.scores(result.body)
    var answer: [String: Any] = [
      "model_name": model.rawValue, "id": call.id ?? done.id, "outputs": outputs, "parameters": ["job": done.id],
    ]
    if let version = InferCall.modelName(result.body) { answer["model_version"] = version }
    return try json(answer)
  }
}

/// The models that can be called.
enum InferModel: String {
  case forecaster, scorer

  /// As `GET /v2/models/NAME` shows it. -1 stands for any length.
  var metadata: [String: Any] {
    func tensor(_ name: String, _ type: String, _ shape: [Int]) -> [String: Any] {
      ["name": name, "datatype": type, "shape": shape]
    }
    let (inputs, outputs): ([[String: Any]], [[String: Any]]) =
      switch self {
      case .forecaster:
        (
          [tensor("target", "FP64", [-1, -1])],
          [tensor("quantiles", "FP64", [-1, -1, -1]), tensor("mean", "FP64", [-1, -1])]
        )
      case .scorer:
        ([tensor("title", "BYTES", [-1]), tensor("abstract", "BYTES", [-1])], [tensor("score", "FP64", [-1])])
      }
    return ["name": rawValue, "versions": ["1"], "platform": "docq", "inputs": inputs, "outputs": outputs]
  }
}

/// A call's tensors.
struct InferCall {
  private struct Tensor {
    var shape: [Int]
    var datatype: String
    /// Row-major.
    var data: [Any]
  }

  let id: String?
  private let inputs: [String: Tensor]
  private let parameters: [String: Any]

  init(_ value: Any) throws {
    guard let object = value as? [String: Any], let list = object["inputs"] as? [Any] else {
      throw Self.invalid("/inputs", "must be a list of tensors")
    }
    id = (object["id"] as? String).map { String($0.prefix(200)) }
    parameters = object["parameters"] as? [String: Any] ?? [:]
    var inputs: [String: Tensor] = [:]
    for (index, entry) in list.enumerated() {
      let pointer = "/inputs/\(index)"
      guard let entry = entry as? [String: Any], let name = entry["name"] as? String else {
        throw Self.invalid("\(pointer)/name", "must be a text")
      }
      let shape = (entry["shape"] as? [Any])?.map { ($0 as? NSNumber).flatMap { Int(exactly: $0.doubleValue) } ?? -1 }
      guard let shape, !shape.isEmpty, shape.count <= 3, shape.allSatisfy({ (1...10_000_000).contains($0) }) else {
        throw Self.invalid("\(pointer)/shape", "must be a list of one to three whole numbers from 1 on")
      }
      guard let datatype = entry["datatype"] as? String, let data = entry["data"] as? [Any] else {
        throw Self.invalid("\(pointer)/data", "a tensor has a datatype and its data as JSON")
      }
      let flat = Self.flat(data, depth: 0)
      guard flat.count == shape.reduce(1, { $0.multipliedReportingOverflow(by: $1).partialValue }) else {
        throw Self.invalid("\(pointer)/data", "has \(flat.count) values; the shape says otherwise")
      }
      inputs[name] = Tensor(shape: shape, datatype: datatype, data: flat)
    }
    self.inputs = inputs
  }

  private static func flat(_ values: [Any], depth: Int) -> [Any] {
    depth > 3 ? values : values.flatMap { ($0 as? [Any]).map { flat($0, depth: depth + 1) } ?? [$0] }
  }

  private static func invalid(_ pointer: String, _ detail: String) -> Problem {
    let field = Problem.Field(pointer: pointer, detail: detail)
    return Problem(422, "invalid-tensor", field.description, errors: [field])
  }

  /// `target` [series x time]; parameters `horizon`, `quantiles` (a list, or text with commas) and `model`.
  func forecastPayload() throws -> ForecastPayload {
    guard let target = inputs["target"], ["FP32", "FP64", "INT32", "INT64"].contains(target.datatype),
      target.shape.count <= 2
    else { throw Self.invalid("/inputs", "the forecaster needs 'target', FP32 or FP64, of shape [series, time]") }
    let length = target.shape.last ?? 1
    let series = stride(from: 0, to: target.data.count, by: length).enumerated().map { index, start in
      ["id": "\(index)", "target": Array(target.data[start..<start + length])] as [String: Any]
    }
    let body = try RequestValidation.forecast(try JSONSerialization.data(withJSONObject: series))
    var horizon: Int?
    if let value = parameters["horizon"] {
      let whole = (value as? NSNumber).flatMap { Int(exactly: $0.doubleValue) }
      guard let whole, (1...RequestValidation.maxHorizon).contains(whole) else {
        throw Self.invalid("/parameters/horizon", "must be a whole number from 1 to \(RequestValidation.maxHorizon)")
      }
      horizon = whole
    }
    var levels: [Double]?
    if let value = parameters["quantiles"] {
      let found =
        (value as? String)?.split(separator: ",").map { Double($0) ?? -1 }
        ?? (value as? [Any])?.map { ($0 as? NSNumber)?.doubleValue ?? -1 }
      guard let found, !found.isEmpty, found.allSatisfy({ $0 > 0 && $0 < 1 }) else {
        throw Self.invalid("/parameters/quantiles", "must be numbers between 0 and 1")
      }
      levels = found
    }
    return ForecastPayload(
      series: body, model: parameters["model"] as? String, horizon: horizon, quantileLevels: levels)
  }

  /// `title` [articles] and, when given, `abstract` [articles].
  func impactPayload() throws -> ImpactPayload {
    guard let titles = inputs["title"], titles.datatype == "BYTES", let texts = titles.data as? [String] else {
      throw Self.invalid("/inputs", "the scorer needs 'title', BYTES, one text for each article")
    }
    let abstracts = inputs["abstract"]?.data as? [String]
    guard inputs["abstract"] == nil || abstracts?.count == texts.count else {
      throw Self.invalid("/inputs", "'abstract' must be BYTES with one text for each title")
    }
    let articles = texts.enumerated().map { index, title in
      ["id": "\(index)", "title": title, "abstract": abstracts?[index] ?? ""]
    }
    return try RequestValidation.impact(try JSONSerialization.data(withJSONObject: ["articles": articles]))
  }

  // MARK: - Answers

  private static func lines(_ body: Data) throws -> [[String: Any]] {
    try body.split(separator: UInt8(ascii: "\n")).compactMap {
      try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any]
    }
  }

  static func modelName(_ body: Data) -> String? { (try? lines(body))?.first?["model"] as? String }

  /// `quantiles` [series x steps x levels] and `mean` [series x steps].
  static func forecastOutputs(_ body: Data) throws -> [[String: Any]] {
    let forecasts = try lines(body)
    let mean = forecasts.map { $0["mean"] as? [Any] ?? [] }
    let quantiles = forecasts.map { $0["quantiles"] as? [[Any]] ?? [] }
    let levels = forecasts.first?["quantile_levels"] as? [Any] ?? []
    let steps = mean.first?.count ?? 0
    return [
      [
        "name": "quantiles", "datatype": "FP64", "shape": [forecasts.count, steps, levels.count],
        "data": quantiles.flatMap { $0.flatMap { $0 } }, "parameters": ["quantile_levels": levels],
      ],
      ["name": "mean", "datatype": "FP64", "shape": [forecasts.count, steps], "data": mean.flatMap { $0 }],
    ]
  }

  static func scores(_ body: Data) throws -> [[String: Any]] {
    let report = try JSONSerialization.jsonObject(with: body) as? [String: Any]
    let scores = (report?["scores"] as? [[String: Any]] ?? []).map { $0["score"] ?? NSNull() }
    return [["name": "score", "datatype": "FP64", "shape": [scores.count], "data": scores]]
  }
}
