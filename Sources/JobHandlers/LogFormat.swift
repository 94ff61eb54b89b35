import Foundation
import Logging

/// One way of logging for every docq program: lines on standard error. `DOCQ_LOG_LEVEL` sets the level,
/// `DOCQ_LOG_FORMAT=json` makes every line a JSON object.
public enum LogFormat {
  public static func makeLogger(_ label: String) -> Logger {
    let environment = ProcessInfo.processInfo.environment
    var logger = Logger(label: label) { label in
      if environment["DOCQ_LOG_FORMAT"] == "json" { return JSONLogHandler(label: label) }
      return StreamLogHandler.standardError(label: label)
    }
    let level = environment["DOCQ_LOG_LEVEL"].flatMap(Logger.Level.init(rawValue:))
    logger.logLevel = level ?? .info
    return logger
  }
}

/// One JSON object a line: `time` (RFC 3339, UTC), `level`, `program`, `message`, and the metadata under their own names.
struct JSONLogHandler: LogHandler {
  var logLevel = Logger.Level.info
  var metadata = Logger.Metadata()
  let label: String

  init(label: String) { self.label = label }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var fields = metadata.merging(event.metadata ?? [:]) { _, new in new }.mapValues { Self.json($0) }
    fields["time"] = Date.now.formatted(.iso8601.time(includingFractionalSeconds: true))
    fields["level"] = event.level.rawValue
    fields["program"] = label
    fields["message"] = event.message.description
    guard
      let line = try? JSONSerialization.data(withJSONObject: fields, options: [.sortedKeys, .withoutEscapingSlashes])
    else { return }
    // One write for the line and its end: several programs share standard error.
    try? FileHandle.standardError.write(contentsOf: line + Data("\n".utf8))
  }

  private static func json(_ value: Logger.MetadataValue) -> Any {
    switch value {
    case .string(let text): text
    case .stringConvertible(let value): value.description
    case .array(let values): values.map(json)
    case .dictionary(let values): values.mapValues(json)
    }
  }
}
