import CPoppler
import DocumentModel

/// What people typed, chose and ticked in a PDF form: part of the page as they see it, but not of its text.
enum FormFields {
  private static let maxFields = 5000
  private static let maxLetters = 4000

  /// Adds the values of the page's fields to its words. Boxes of words are estimates within the field.
  static func addWords(of source: OpaquePointer, to page: inout Page) {
    let list = poppler_page_get_form_field_mapping(source)
    defer { poppler_page_free_form_field_mapping(list) }
    var node = list
    var count = 0
    while let current = node, count < maxFields {
      count += 1
      node = current.pointee.next
      guard let data = current.pointee.data else { continue }
      let mapping = data.assumingMemoryBound(to: PopplerFormFieldMapping.self).pointee
      guard let field = mapping.field, let value = value(of: field), !value.isEmpty,
        let box = PageText.clipped(mapping.area, page, fromTop: false)
      else { continue }
      set(value, in: box, on: &page)
    }
  }

  private static func value(of field: OpaquePointer) -> String? {
    switch poppler_form_field_get_field_type(field) {
    case POPPLER_FORM_FIELD_TEXT:
      guard poppler_form_field_text_is_password(field) == 0 else { return nil }
      return DocumentFacts.taken(poppler_form_field_text_get_text(field))
    case POPPLER_FORM_FIELD_CHOICE:
      if let typed = DocumentFacts.taken(poppler_form_field_choice_get_text(field)), !typed.isEmpty { return typed }
      let items = min(1000, max(0, poppler_form_field_choice_get_n_items(field)))
      let chosen = (0..<items).filter { poppler_form_field_choice_is_item_selected(field, $0) != 0 }
      return chosen.compactMap { DocumentFacts.taken(poppler_form_field_choice_get_item(field, $0)) }
        .joined(separator: " ")
    case POPPLER_FORM_FIELD_BUTTON:
      guard poppler_form_field_button_get_button_type(field) != POPPLER_FORM_BUTTON_PUSH else { return nil }
      return poppler_form_field_button_get_state(field) != 0 ? "☒" : nil
    default: return nil
    }
  }

  /// Places words from the field's upper left corner on, in lines of its width.
  private static func set(_ value: String, in box: Rect, on page: inout Page) {
    let lines = value.prefix(maxLetters).split(whereSeparator: \.isNewline)
    let isTall = box.height > 30
    let size = min(10, max(4, box.height * 0.7))
    let style = TextStyle(font: "form field", size: size)
    let index = page.styles.firstIndex(of: style) ?? page.styles.count
    if index == page.styles.count { page.styles.append(style) }
    var y = isTall ? box.y0 + 2 : box.midY - size / 2
    for line in lines {
      var x = box.x0 + 2
      for word in line.split(whereSeparator: \.isWhitespace) {
        let width = Double(word.count) * size * 0.5
        if isTall, x + width > box.x1, x > box.x0 + 2 { (x, y) = (box.x0 + 2, y + 1.2 * size) }
        page.words.append(
          Word(text: String(word), bbox: Rect(x0: x, y0: y, x1: x + width, y1: y + size), style: index))
        x += width + 0.25 * size
      }
      y += 1.2 * size
    }
  }
}
