import Foundation
import HTTPTypes
import Hummingbird
import JobQueue
import NIOCore

/// A document that arrived, and the form fields that came with it.
///
/// Call `finish` once a job refers to the blob (or the request failed): nothing of the upload stays behind.
struct ReceivedUpload {
  var document: UploadedDocument
  var fields: [String: String]
  fileprivate var upload: any BlobUpload

  func finish() { upload.discard() }
}

/// Takes a document from a request, raw or as multipart/form-data, to the blob store piece by piece.
struct UploadReceiver {
  let blobs: any BlobStore
  let limit: Int
  let metrics: GatewayMetrics

  func receive(_ request: Request) async throws -> ReceivedUpload {
    if let declared = request.headers[.contentLength].flatMap({ Int($0) }), declared > limit {
      throw tooLarge(rawFileName(request))
    }
    let declared = request.headers[.contentLength].flatMap { Int($0) } ?? 0
    if let free = blobs.freeBytes, free < declared + DiskReserve.margin { throw BlobError.diskFull }
    let contentType = request.headers[.contentType] ?? "application/octet-stream"
    let mediaType = contentType.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
    switch mediaType {
    case "application/octet-stream", "application/x-www-form-urlencoded",
      _ where Self.isDocument(mediaType):
      // curl --data-binary without a header calls any bytes a form.
      return try await receiveRaw(request)
    case "multipart/form-data":
      return try await receiveForm(request, contentType)
    default:
      throw Problem(
        415, "media-type",
        "'\(mediaType.prefix(80))' cannot be read; send application/pdf, image/png, image/jpeg, image/tiff or multipart/form-data"
      )
    }
  }

  /// True for the media types of the files that are documents.
  static func isDocument(_ mediaType: String) -> Bool {
    ["application/pdf", "application/x-pdf", "image/png", "image/jpeg", "image/tiff"].contains(mediaType)
  }

  private func receiveRaw(_ request: Request) async throws -> ReceivedUpload {
    let name = rawFileName(request)
    let upload = try blobs.makeUpload()
    do {
      var sniffer = ContentSniffer(fileName: sanitized(name))
      for try await buffer in WholeBody(request.body) {
        try sniffer.look(at: buffer.readableBytesView)
        try write(buffer.readableBytesView, to: upload, name)
      }
      return try commit(upload, sniffer, fields: [:])
    } catch {
      upload.discard()
      throw error
    }
  }

  private func receiveForm(_ request: Request, _ contentType: String) async throws -> ReceivedUpload {
    let upload = try blobs.makeUpload()
    do {
      var parser = try MultipartParser(contentType: contentType)
      var sniffer: ContentSniffer?
      var fields: [String: String] = [:]
      var field: (name: String, value: [UInt8])?
      var inFile = false
      var total = 0
      for try await buffer in WholeBody(request.body) {
        total += buffer.readableBytes
        // Form fields and boundaries on top of the file.
        guard total <= limit + (1 << 20) else { throw tooLarge(sniffer?.fileName) }
        for event in try parser.feed(buffer.readableBytesView) {
          switch event {
          case .part(let name, let fileName, _):
            inFile = fileName != nil || name == "file"
            if inFile {
              guard sniffer == nil else {
                throw Problem(400, "several-files", "one file a request, please: this form has several")
              }
              sniffer = ContentSniffer(fileName: sanitized(fileName))
            } else {
              field = (name, [])
            }
          case .content(let bytes):
            if inFile {
              try sniffer?.look(at: bytes)
              try write(bytes, to: upload, sniffer?.fileName)
            } else {
              field?.value += bytes
              guard field?.value.count ?? 0 <= 65536 else {
                throw Problem(413, "too-large", "the form field '\(field?.name ?? "")' is larger than 64 KiB")
              }
            }
          case .partEnd:
            if let done = field { fields[done.name] = String(decoding: done.value, as: UTF8.self) }
            field = nil
            inFile = false
          case .end: break
          }
        }
      }
      try parser.finish()
      guard let sniffer else {
        throw Problem(400, "no-file", "the form has no file; send it as the field 'file'")
      }
      return try commit(upload, sniffer, fields: fields)
    } catch let error as MultipartParser.Malformed {
      upload.discard()
      throw Problem(400, "malformed-form", "the multipart/form-data body is malformed: \(error.reason)")
    } catch {
      upload.discard()
      throw error
    }
  }

  private func write(_ bytes: some Sequence<UInt8>, to upload: any BlobUpload, _ name: String?) throws {
    func store(_ raw: UnsafeRawBufferPointer) throws {
      guard upload.byteCount + raw.count <= limit else { throw tooLarge(name) }
      try upload.write(raw)
    }
    let done: Void? = try bytes.withContiguousStorageIfAvailable { try store(UnsafeRawBufferPointer($0)) }
    if done == nil { try Array(bytes).withUnsafeBytes(store) }
  }

  private func commit(
    _ upload: any BlobUpload, _ sniffer: ContentSniffer, fields: [String: String]
  ) throws -> ReceivedUpload {
    try sniffer.finish()
    let size = upload.byteCount
    let blob = try upload.commit()
    metrics.countUpload(size)
    return ReceivedUpload(
      document: UploadedDocument(blob: blob, fileName: sniffer.fileName), fields: fields, upload: upload)
  }

  private func tooLarge(_ name: String?) -> Problem {
    Problem(
      413, "too-large",
      "\(name.map(sanitized) ?? "the upload") is larger than \(limit) bytes (\(limit >> 20) MiB); split it")
  }

  /// The name that came with a raw body: in the query or the Content-Disposition.
  private func rawFileName(_ request: Request) -> String? {
    request.uri.queryParameters["filename"].map(String.init)
      ?? request.headers[.contentDisposition].flatMap { HeaderParameters.value("filename", of: $0) }
  }

  /// The last part of a name as a browser or a person sent it, without control characters.
  private func sanitized(_ name: String?) -> String {
    let last = (name ?? "").split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
    let clean = last.unicodeScalars.filter { $0.value >= 32 && $0.value != 127 }
    let text = String(String.UnicodeScalarView(clean)).prefix(200)
    return text.isEmpty || text == "." || text == ".." ? "upload.pdf" : String(text)
  }
}

/// Looks at the first bytes: what is no PDF and no picture of a page is refused before it takes any work.
struct ContentSniffer {
  let fileName: String
  private var head: [UInt8] = []
  private var isEmpty = true

  init(fileName: String) { self.fileName = fileName }

  mutating func look(at bytes: some Sequence<UInt8>) throws {
    guard head.count < 1024 else { return }
    for byte in bytes.prefix(1024 - head.count) {
      head.append(byte)
      isEmpty = false
    }
    if head.count == 1024 { try checkIsDocument() }
  }

  func finish() throws {
    guard !isEmpty else { throw Problem(400, "empty", "\(fileName) is empty: it has no bytes") }
    try checkIsDocument()
  }

  private func checkIsDocument() throws {
    let pictures: [[UInt8]] = [
      [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], [0xFF, 0xD8, 0xFF], [0x49, 0x49, 0x2A, 0],
      [0x4D, 0x4D, 0, 0x2A],
    ]
    if pictures.contains(where: { head.starts(with: $0) }) { return }
    let marker = Array("%PDF-".utf8)
    let found = head.indices.contains { head[$0...].starts(with: marker) }
    guard found else {
      throw Problem(
        415, "not-a-pdf", "\(fileName) is not a PDF: it looks like \(guess). PDF, PNG, JPEG and TIFF files are read")
    }
  }

  private var guess: String {
    let signatures: [([UInt8], String)] = [
      ([0x89, 0x50, 0x4E, 0x47], "a damaged PNG image"),
      (Array("PK\u{3}\u{4}".utf8), "a ZIP file or an Office document"), (Array("GIF8".utf8), "a GIF image"),
      ([0x1F, 0x8B], "a gzip file"), (Array("{\\rtf".utf8), "an RTF document"),
    ]
    if let known = signatures.first(where: { head.starts(with: $0.0) }) { return known.1 }
    let text = String(decoding: head.prefix(512), as: UTF8.self).lowercased()
    if text.contains("<html") || text.contains("<!doctype html") { return "an HTML page" }
    return head.contains(0) ? "binary data of another kind" : "plain text"
  }
}

/// A request's body; a connection that closes before its end is the sender's affair and no failure of docq.
struct WholeBody: AsyncSequence {
  private let body: RequestBody

  init(_ body: RequestBody) { self.body = body }

  struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate var parts: RequestBody.AsyncIterator

    mutating func next() async throws -> ByteBuffer? {
      do {
        return try await parts.next()
      } catch {
        throw Problem(400, "aborted", "the connection closed before the end of the body")
      }
    }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(parts: body.makeAsyncIterator()) }
}
