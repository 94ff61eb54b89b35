import Foundation
import Logging

/// One way of logging for every docq program: lines on standard error, level from `DOCQ_LOG_LEVEL`.
public enum LogFormat {
  public static func makeLogger(_ label: String) -> Logger {
    var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
    let level = ProcessInfo.processInfo.environment["DOCQ_LOG_LEVEL"].flatMap(Logger.Level.init(rawValue:))
    logger.logLevel = level ?? .info
    return logger
  }
}
