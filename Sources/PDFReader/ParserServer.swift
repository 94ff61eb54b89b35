import CSandbox
import Foundation
import Synchronization

/// The process that forks a parser for each document: started with the first one, it has loaded poppler and the fonts,
/// so that a document costs milliseconds to begin instead of tens of them. It ends with this process.
final class ParserServer: Sendable {
  private static let servers = Mutex<[String: ParserServer]>([:])

  /// The server of an executable; started when it is first needed.
  static func of(_ executable: String) -> ParserServer {
    servers.withLock { servers in
      if let known = servers[executable] { return known }
      let new = ParserServer(executable)
      servers[executable] = new
      return new
    }
  }

  private let executable: String
  /// This end of the server's socket; -1 while there is none.
  private let socket = Mutex<Int32>(-1)

  private init(_ executable: String) { self.executable = executable }

  /// Starts the process without waiting for it; what goes wrong shows with the first document.
  func prepare() {
    socket.withLock { socket in
      if socket < 0 { _ = connect(&socket) }
    }
  }

  /// Forks a parser.
  ///
  /// - Parameters:
  ///   - descriptors: document, answer, messages, and where the wait status goes at the end.
  ///   - handle: a pidfd.
  /// - Returns: 0 or an errno value.
  func fork(_ task: String, _ descriptors: [Int32], _ pid: inout pid_t, _ handle: inout Int32) -> Int32 {
    socket.withLock { socket in
      // A server that somebody killed is started once more.
      for attempt in 0..<2 {
        if socket < 0 {
          let status = connect(&socket)
          guard status == 0 else { return status }
        }
        let bytes = Array(task.utf8)
        let status = docq_request_child(socket, bytes, bytes.count, descriptors, &pid, &handle)
        let isGone = [EPIPE, ECONNRESET, ENOTCONN].contains(status)
        guard isGone, attempt == 0 else { return status }
        close(socket)
        socket = -1
      }
      return ECHILD
    }
  }

  private func connect(_ socket: inout Int32) -> Int32 {
    var pair: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
      return errno
    }
    let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
    var pid: pid_t = 0
    let status = Self.start(executable, [ParserChild.serverArgument], descriptors: [pair[1], null, null], &pid)
    close(pair[1])
    close(null)
    if status == 0 {
      socket = pair[0]
      StartPriority.give(to: pid)
    } else {
      close(pair[0])
    }
    return status
  }

  /// Starts the executable with what the dynamic linker and tesseract need in its environment, and nothing else.
  static func start(_ executable: String, _ arguments: [String], descriptors: [Int32], _ pid: inout pid_t) -> Int32 {
    var arguments: [UnsafeMutablePointer<CChar>?] =
      (["docq-parser"] + arguments).map { (text: String) in strdup(text) } + [nil]
    var environment: [UnsafeMutablePointer<CChar>?] =
      [
        "LANG=C.UTF-8", "PATH=/usr/bin:/bin", "OMP_THREAD_LIMIT=1", "OPENBLAS_NUM_THREADS=1",
        // Memory for the pictures of one page serves the next page.
        "MALLOC_MMAP_THRESHOLD_=67108864", "MALLOC_TRIM_THRESHOLD_=67108864",
      ].map { (text: String) in strdup(text) } + [nil]
    // The dynamic linker needs the Swift libraries where they are not in a standard place.
    if let path = getenv("LD_LIBRARY_PATH") {
      environment.insert(strdup("LD_LIBRARY_PATH=" + String(cString: path)), at: 0)
    }
    defer { for text in arguments + environment { free(text) } }
    return docq_spawn(executable, &arguments, &environment, descriptors, Int32(descriptors.count), &pid)
  }
}

/// The priority ("nice") that this process was started with; the threads of libdispatch have the usual one.
public enum StartPriority {
  /// - Parameter id: a process or a thread; 0 is the calling thread.
  public static func give(to id: pid_t = 0) {
    let which = __priority_which_t(PRIO_PROCESS.rawValue)
    setpriority(which, id_t(id), getpriority(which, id_t(getpid())))
  }
}
