import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Closes connections that hold the server up: a head that does not end, a body that hardly comes.
///
/// One that waits between requests is closed by Hummingbird's idle time-out.
final class ConnectionDeadlines: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart

  struct Limits: Sendable {
    /// From the first byte of a request to the end of its head.
    var head = TimeAmount.seconds(5)
    /// A body that we are ready to read has to come at this rate, looked at over `window`.
    var bodyBytesPerSecond = 512
    var window = TimeAmount.seconds(10)
  }

  private enum Phase { case waiting, head, body }

  private let limits: Limits
  private let onClose: @Sendable () -> Void
  private var phase = Phase.waiting
  /// When the phase is looked at; nil while there is nothing to wait for.
  private var deadline: NIODeadline?
  /// The next look. It stays when a deadline moves back or is met, and then plans anew: requests that follow each other
  /// within seconds, which nearly all do, share one timer.
  private var timer: (due: NIODeadline, scheduled: Scheduled<Void>)?
  private var bytes = 0
  private var readyAt: NIODeadline?
  private var waited = TimeAmount.zero

  init(limits: Limits, onClose: @escaping @Sendable () -> Void) {
    self.limits = limits
    self.onClose = onClose
  }

  func handlerAdded(context: ChannelHandlerContext) {
    // Only the front of the pipeline sees bytes that do not make a whole head yet.
    try? context.pipeline.syncOperations.addHandler(ByteWatch(self, context), position: .first)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head:
      phase = .body
      startWindow(context)
    case .body: break
    case .end:
      phase = .waiting
      deadline = nil
    }
    context.fireChannelRead(data)
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline = nil
    timer?.scheduled.cancel()
    timer = nil
    context.fireChannelInactive()
  }

  fileprivate func arrived(_ count: Int, _ context: ChannelHandlerContext) {
    bytes += count
    if let since = readyAt {
      waited = waited + (NIODeadline.now() - since)
      readyAt = nil
    }
    guard phase == .waiting else { return }
    phase = .head
    plan(context, within: limits.head)
  }

  fileprivate func isReady() { readyAt = readyAt ?? .now() }

  private func startWindow(_ context: ChannelHandlerContext) {
    bytes = 0
    waited = .zero
    if readyAt != nil { readyAt = .now() }
    plan(context, within: limits.window)
  }

  private func plan(_ context: ChannelHandlerContext, within time: TimeAmount) {
    let due = NIODeadline.now() + time
    deadline = due
    if let timer {
      guard due < timer.due else { return }
      timer.scheduled.cancel()
    }
    schedule(context, due)
  }

  private func schedule(_ context: ChannelHandlerContext, _ due: NIODeadline) {
    // Both live on this event loop, where the timer fires.
    let both = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    let scheduled = context.eventLoop.scheduleTask(deadline: due) { both.value.handler.look(both.value.context) }
    timer = (due, scheduled)
  }

  private func look(_ context: ChannelHandlerContext) {
    timer = nil
    guard let deadline else { return }
    guard deadline <= .now() else { return schedule(context, deadline) }
    guard phase == .body else { return close(context) }
    var waited = waited
    if let since = readyAt { waited = waited + (NIODeadline.now() - since) }
    let expected = Int(Double(waited.nanoseconds) / 1e9 * Double(limits.bodyBytesPerSecond))
    // A sender that we keep waiting ourselves is not slow.
    if waited.nanoseconds > limits.window.nanoseconds / 2, bytes < expected {
      close(context)
    } else {
      startWindow(context)
    }
  }

  private func close(_ context: ChannelHandlerContext) {
    onClose()
    context.close(promise: nil)
  }
}

/// Tells of bytes, and of the server's readiness for more.
private final class ByteWatch: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer

  private let deadlines: ConnectionDeadlines
  private let owner: ChannelHandlerContext

  init(_ deadlines: ConnectionDeadlines, _ owner: ChannelHandlerContext) {
    self.deadlines = deadlines
    self.owner = owner
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    deadlines.arrived(unwrapInboundIn(data).readableBytes, owner)
    context.fireChannelRead(data)
  }

  func read(context: ChannelHandlerContext) {
    deadlines.isReady()
    context.read()
  }
}
