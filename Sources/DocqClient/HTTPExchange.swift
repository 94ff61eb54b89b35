import CCurl
import Foundation

/// One HTTP request through libcurl.
struct HTTPExchange {
  enum Body {
    case none
    case data(Data, contentType: String)
    /// Streamed from the disk.
    case file(URL, contentType: String)
  }

  struct Answer {
    var status: Int
    var contentType: String
    var body: Data
  }

  var method: String
  var url: String
  var headers: [String] = []
  var body = Body.none
  /// Seconds without an answer after which the server counts as gone.
  var timeout = 90
  /// File of certificates (PEM) that a server's may be signed by; nil for the system's.
  var caCertificate: String?
  /// Called with the fraction of the upload that was sent.
  var onUpload: (@Sendable (Double) -> Void)?

  private static let initialized: Void = { curl_global_init(Int(CURL_GLOBAL_DEFAULT)) }()

  private final class Transfer {
    var received = Data()
    var source: FileHandle?
    var onUpload: (@Sendable (Double) -> Void)?
  }

  /// Performs the request, blocking.
  func perform() throws -> Answer {
    _ = Self.initialized
    guard let handle = curl_easy_init() else { throw DocqClientError.unexpected("libcurl cannot start") }
    defer { curl_easy_cleanup(handle) }
    let transfer = Transfer()
    transfer.onUpload = onUpload
    let context = Unmanaged.passUnretained(transfer).toOpaque()
    _ = docq_curl_set_string(handle, CURLOPT_URL, url)
    _ = docq_curl_set_string(handle, CURLOPT_CUSTOMREQUEST, method)
    _ = docq_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
    _ = docq_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
    _ = docq_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT, 10)
    _ = docq_curl_set_long(handle, CURLOPT_LOW_SPEED_LIMIT, 1)
    _ = docq_curl_set_long(handle, CURLOPT_LOW_SPEED_TIME, timeout)
    if let caCertificate { _ = docq_curl_set_string(handle, CURLOPT_CAINFO, caCertificate) }
    _ = docq_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
    _ = docq_curl_set_data_callback(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      guard let bytes, let context else { return 0 }
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      transfer.received.append(UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self), count: size * count)
      return size * count
    }
    var list: UnsafeMutablePointer<curl_slist>?
    defer { curl_slist_free_all(list) }
    for header in headers + ["Expect:"] { list = curl_slist_append(list, header) }
    try attachBody(to: handle, transfer, context, &list)
    _ = docq_curl_set_pointer(handle, CURLOPT_HTTPHEADER, list)

    let code = curl_easy_perform(handle)
    if code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE {
      throw DocqClientError.untrusted(
        server: url, reason: String(cString: curl_easy_strerror(code)), caCertificate: caCertificate)
    }
    guard code == CURLE_OK else {
      throw DocqClientError.unreachable(server: url, reason: String(cString: curl_easy_strerror(code)))
    }
    var status = 0
    _ = docq_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
    var type: UnsafeMutablePointer<CChar>?
    _ = docq_curl_get_string(handle, CURLINFO_CONTENT_TYPE, &type)
    return Answer(status: status, contentType: type.map { String(cString: $0) } ?? "", body: transfer.received)
  }

  private func attachBody(
    to handle: UnsafeMutableRawPointer, _ transfer: Transfer, _ context: UnsafeMutableRawPointer,
    _ list: inout UnsafeMutablePointer<curl_slist>?
  ) throws {
    switch body {
    case .none: break
    case .data(let data, let contentType):
      list = curl_slist_append(list, "Content-Type: \(contentType)")
      _ = docq_curl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(data.count))
      data.withUnsafeBytes { bytes in
        // libcurl copies the bytes here.
        _ = docq_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
      }
    case .file(let file, let contentType):
      list = curl_slist_append(list, "Content-Type: \(contentType)")
      guard let source = try? FileHandle(forReadingFrom: file), let size = try? source.seekToEnd() else {
        throw DocqClientError.cannotRead(file: file.lastPathComponent)
      }
      try source.seek(toOffset: 0)
      transfer.source = source
      _ = docq_curl_set_long(handle, CURLOPT_UPLOAD, 1)
      _ = docq_curl_set_offset(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(size))
      _ = docq_curl_set_pointer(handle, CURLOPT_READDATA, context)
      _ = docq_curl_set_data_callback(handle, CURLOPT_READFUNCTION) { buffer, size, count, context in
        guard let buffer, let context else { return 0 }
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        guard let chunk = try? transfer.source?.read(upToCount: size * count) else { return 0 }
        chunk.copyBytes(to: UnsafeMutableRawPointer(buffer).assumingMemoryBound(to: UInt8.self), count: chunk.count)
        return chunk.count
      }
      _ = docq_curl_set_long(handle, CURLOPT_NOPROGRESS, 0)
      _ = docq_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context)
      _ = docq_curl_set_progress_callback(handle) { context, _, _, total, sent in
        guard let context, total > 0 else { return 0 }
        Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().onUpload?(Double(sent) / Double(total))
        return 0
      }
    }
  }
}
