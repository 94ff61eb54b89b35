import Foundation

/// Labelled pages of one document as bytes, so that its PDF is read once.
///
/// Little endian: "dql", version, pages; for each page lines, then features, coordinates, hashes (count and values), labels.
extension LabelledPage {
  private static let magic: UInt32 = 0x6471_6C00 + UInt32(LineFeatures.version)

  package static func encoded(_ pages: [LabelledPage]) -> Data {
    var data = Data()
    func put<Value>(_ values: [Value]) { values.withUnsafeBytes { data.append(contentsOf: $0) } }
    put([magic, UInt32(pages.count)])
    for page in pages {
      put([UInt32(page.lines)])
      put(page.features)
      put(page.coordinates[0])
      put(page.coordinates[1])
      put(page.hashes.map { UInt8($0.count) })
      put(page.hashes.flatMap { $0 })
      put(page.classes)
      put(page.continues)
      put(page.resumes)
    }
    return data
  }

  /// - Returns: nil for bytes of another version, or damaged ones.
  package static func decoded(_ data: Data) -> [LabelledPage]? {
    var position = 0
    func take<Value: BitwiseCopyable>(_: Value.Type, _ count: Int) -> [Value]? {
      let size = count * MemoryLayout<Value>.size
      guard count >= 0, position + size <= data.count else { return nil }
      defer { position += size }
      return [Value](unsafeUninitializedCapacity: count) { buffer, filled in
        data.copyBytes(
          to: UnsafeMutableRawBufferPointer(buffer),
          from: data.startIndex + position..<data.startIndex + position + size)
        filled = count
      }
    }
    guard let head = take(UInt32.self, 2), head[0] == magic else { return nil }
    var result: [LabelledPage] = []
    for _ in 0..<head[1] {
      guard let lines = take(UInt32.self, 1).map({ Int($0[0]) }), lines < 100_000,
        let features = take(Float.self, lines * LineFeatures.countWithImage), let x = take(Float.self, lines),
        let y = take(Float.self, lines), let counts = take(UInt8.self, lines),
        let hashes = take(UInt16.self, counts.reduce(0) { $0 + Int($1) }), let classes = take(Int8.self, lines),
        let continues = take(Int8.self, lines), let resumes = take(Int8.self, lines)
      else { return nil }
      var words: [[UInt16]] = [], start = 0
      for count in counts {
        words.append(Array(hashes[start..<start + Int(count)]))
        start += Int(count)
      }
      result.append(
        LabelledPage(
          features: features, coordinates: [x, y], hashes: words, classes: classes, continues: continues,
          resumes: resumes))
    }
    return result
  }
}
