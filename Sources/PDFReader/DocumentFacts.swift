import CPoppler
import DocumentModel
import Foundation

/// What the file says about itself: metadata, outline, attachments.
enum DocumentFacts {
  static func metadata(_ document: OpaquePointer) -> Metadata {
    var metadata = Metadata()
    metadata.title = taken(poppler_document_get_title(document))
    metadata.author = taken(poppler_document_get_author(document))
    metadata.subject = taken(poppler_document_get_subject(document))
    metadata.keywords = taken(poppler_document_get_keywords(document))
    metadata.creator = taken(poppler_document_get_creator(document))
    metadata.producer = taken(poppler_document_get_producer(document))
    metadata.created = date(poppler_document_get_creation_date_time(document))
    metadata.modified = date(poppler_document_get_modification_date_time(document))
    metadata.formatVersion = taken(poppler_document_get_pdf_version_string(document))
    metadata.encrypted = Int(poppler_document_get_permissions(document).rawValue) & 0xF != 0xF
    return metadata
  }

  /// A string that poppler handed over.
  static func taken(_ text: UnsafeMutablePointer<CChar>?) -> String? {
    guard let text else { return nil }
    defer { g_free(text) }
    let value = String(cString: text).trimmingCharacters(in: .whitespacesAndNewlines)
    return value.isEmpty ? nil : String(value.prefix(10_000))
  }

  private static func date(_ time: OpaquePointer?) -> String? {
    guard let time else { return nil }
    defer { g_date_time_unref(time) }
    guard let utc = g_date_time_to_utc(time) else { return nil }
    defer { g_date_time_unref(utc) }
    return taken(g_date_time_format(utc, "%Y-%m-%dT%H:%M:%SZ"))
  }

  static func outline(_ document: OpaquePointer) -> [OutlineEntry] {
    var entries: [OutlineEntry] = []
    guard let iterator = poppler_index_iter_new(document) else { return [] }
    defer { poppler_index_iter_free(iterator) }
    walk(iterator, level: 1, document, &entries)
    return entries
  }

  private static func walk(
    _ iterator: OpaquePointer, level: Int, _ document: OpaquePointer, _ entries: inout [OutlineEntry]
  ) {
    repeat {
      guard entries.count < 20_000, level <= 32 else { return }
      if let action = poppler_index_iter_get_action(iterator) {
        let title = action.pointee.any.title.map { String(cString: $0) } ?? ""
        entries.append(OutlineEntry(title: String(title.prefix(1000)), level: level, page: page(action, document)))
        poppler_action_free(action)
      }
      if let child = poppler_index_iter_get_child(iterator) {
        walk(child, level: level + 1, document, &entries)
        poppler_index_iter_free(child)
      }
    } while poppler_index_iter_next(iterator) != 0
  }

  /// The page, from 1, that an action goes to within this document.
  static func page(_ action: UnsafeMutablePointer<PopplerAction>, _ document: OpaquePointer?) -> Int? {
    guard action.pointee.type == POPPLER_ACTION_GOTO_DEST, let destination = action.pointee.goto_dest.dest else {
      return nil
    }
    if destination.pointee.type == POPPLER_DEST_NAMED, let document, let name = destination.pointee.named_dest {
      guard let found = poppler_document_find_dest(document, name) else { return nil }
      defer { poppler_dest_free(found) }
      return found.pointee.page_num > 0 ? Int(found.pointee.page_num) : nil
    }
    return destination.pointee.page_num > 0 ? Int(destination.pointee.page_num) : nil
  }

  static func attachments(_ document: OpaquePointer, maxBytes: Int) -> [Attachment] {
    guard poppler_document_has_attachments(document) != 0 else { return [] }
    var result: [Attachment] = []
    let list = poppler_document_get_attachments(document)
    var node = list
    while let current = node, result.count < 1000 {
      if let data = current.pointee.data {
        let attachment = data.assumingMemoryBound(to: PopplerAttachment.self)
        result.append(read(attachment, maxBytes: maxBytes))
        g_object_unref(data)
      }
      node = current.pointee.next
    }
    g_list_free(list)
    return result
  }

  private final class Sink {
    var bytes: [UInt8] = []
    let limit: Int
    init(limit: Int) { self.limit = limit }
  }

  private static func read(_ attachment: UnsafeMutablePointer<PopplerAttachment>, maxBytes: Int) -> Attachment {
    let name = attachment.pointee.name.map { String(cString: $0) } ?? ""
    let last = name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
    let description = attachment.pointee.description.map { String(cString: $0) }
    let sink = Sink(limit: maxBytes)
    let saved = poppler_attachment_save_to_callback(
      attachment,
      { buffer, count, context, _ in
        guard let buffer, let context else { return 0 }
        let sink = Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
        guard sink.bytes.count + Int(count) <= sink.limit else { return 0 }
        buffer.withMemoryRebound(to: UInt8.self, capacity: Int(count)) {
          sink.bytes.append(contentsOf: UnsafeBufferPointer(start: $0, count: Int(count)))
        }
        return 1
      }, Unmanaged.passUnretained(sink).toOpaque(), nil)
    return Attachment(
      name: last.isEmpty || last == "." || last == ".." ? "attachment" : String(last.prefix(255)),
      description: description?.isEmpty == false ? description : nil,
      byteCount: saved != 0 ? sink.bytes.count : Int(attachment.pointee.size), data: saved != 0 ? sink.bytes : nil)
  }
}
