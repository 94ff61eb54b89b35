/// Ends the command with a status and one line for the user.
struct CommandFailure: Error {
  var status: Int32
  var message: String

  /// The work itself failed.
  static func failed(_ message: String) -> CommandFailure { CommandFailure(status: 1, message: message) }
  /// The command line asks for something that does not exist.
  static func usage(_ message: String) -> CommandFailure { CommandFailure(status: 2, message: message) }
  /// An input is not readable as what it should be.
  static func unreadable(_ message: String) -> CommandFailure { CommandFailure(status: 3, message: message) }
  /// No server answers at the address.
  static func unreachable(_ message: String) -> CommandFailure { CommandFailure(status: 4, message: message) }
}
