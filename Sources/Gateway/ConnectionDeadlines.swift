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

  private enum Phase { case waiting, head, body, answering }

  private let limits: Limits
  private let onClose: @Sendable () -> Void
  private var phase = Phase.waiting
  private var timer: Scheduled<Void>?
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
      timer?.cancel()
      timer = nil
    }
    context.fireChannelRead(data)
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
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
    plan(context, limits.head) { $0.close($1) }
  }

  fileprivate func isReady() { readyAt = readyAt ?? .now() }

  private func startWindow(_ context: ChannelHandlerContext) {
    bytes = 0
    waited = .zero
    if readyAt != nil { readyAt = .now() }
    plan(context, limits.window) { handler, context in
      var waited = handler.waited
      if let since = handler.readyAt { waited = waited + (NIODeadline.now() - since) }
      let expected = Int(Double(waited.nanoseconds) / 1e9 * Double(handler.limits.bodyBytesPerSecond))
      // A sender that we keep waiting ourselves is not slow.
      if waited.nanoseconds > handler.limits.window.nanoseconds / 2, handler.bytes < expected {
        handler.close(context)
      } else {
        handler.startWindow(context)
      }
    }
  }

  private func plan(
    _ context: ChannelHandlerContext, _ delay: TimeAmount,
    _ action: @escaping @Sendable (ConnectionDeadlines, ChannelHandlerContext) -> Void
  ) {
    timer?.cancel()
    // Both live on this event loop, where the timer fires.
    let both = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: delay) { action(both.value.handler, both.value.context) }
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
