import Foundation

/// Writes indented JSON with sorted keys, one element of a long list at a time.
struct PrettyJSON {
  private let output: TextOutput
  private let encoder = JSONEncoder()
  private var depth = 0

  init(_ output: TextOutput) {
    self.output = output
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  }

  /// - Parameter members: by key, in the order of the alphabet.
  func object(_ members: KeyValuePairs<String, (PrettyJSON) throws -> Void>) throws {
    output.append("{")
    for (index, member) in members.enumerated() {
      output.append((index > 0 ? ",\n" : "\n") + inner.indent + "\"\(member.key)\" : ")
      try member.value(inner)
    }
    output.append("\n\(indent)}")
  }

  func list(_ elements: some Sequence<some Encodable>) throws {
    output.append("[")
    var isEmpty = true
    for element in elements {
      output.append((isEmpty ? "\n" : ",\n") + inner.indent)
      isEmpty = false
      try inner.value(element)
      try output.endPage()
    }
    output.append(isEmpty ? "]" : "\n\(indent)]")
  }

  func value(_ value: some Encodable) throws {
    let text = String(decoding: try encoder.encode(value), as: UTF8.self)
    output.append(depth == 0 ? text : text.replacing("\n", with: "\n" + indent))
  }

  private var indent: String { String(repeating: "  ", count: depth) }

  private var inner: PrettyJSON {
    var inner = self
    inner.depth += 1
    return inner
  }
}
