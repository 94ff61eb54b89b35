import Foundation

/// A file of named arrays in the safetensors format (https://github.com/huggingface/safetensors), read through a memory
/// map: opening reads the header only.
public final class SafeTensors: @unchecked Sendable {
  public enum ElementType: String, Sendable {
    case float64 = "F64"
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int64 = "I64"
    case int32 = "I32"
    case int8 = "I8"
    case uint8 = "U8"
    case bool = "BOOL"

    public var size: Int {
      switch self {
      case .float64, .int64: 8
      case .float32, .int32: 4
      case .float16, .bfloat16: 2
      case .int8, .uint8, .bool: 1
      }
    }
  }

  public struct Entry: Sendable, Equatable {
    public var type: ElementType
    public var shape: [Int]
    var range: Range<Int>

    public var count: Int { shape.reduce(1, *) }
  }

  public let fileName: String
  public let entries: [String: Entry]
  public let metadata: [String: String]
  private let map: UnsafeRawPointer
  private let length: Int

  /// - Throws: `CheckpointError` for a file that cannot be opened or is not in the format.
  public init(_ url: URL) throws {
    fileName = url.lastPathComponent
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CheckpointError.cannotOpen(fileName, reason: String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size >= 8 else {
      throw CheckpointError.malformed(fileName, reason: "it is no file of at least 8 bytes")
    }
    length = Int(status.st_size)
    guard let map = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, 0), map != MAP_FAILED else {
      throw CheckpointError.cannotOpen(fileName, reason: String(cString: strerror(errno)))
    }
    self.map = UnsafeRawPointer(map)
    do {
      (entries, metadata) = try Self.header(self.map, length: length, fileName: fileName)
    } catch {
      munmap(map, length)
      throw error
    }
  }

  deinit { munmap(UnsafeMutableRawPointer(mutating: map), length) }

  private static func header(
    _ map: UnsafeRawPointer, length: Int, fileName: String
  ) throws -> (entries: [String: Entry], metadata: [String: String]) {
    let headerLength = map.loadUnaligned(as: UInt64.self).littleEndian
    guard headerLength >= 2, headerLength <= UInt64(min(length - 8, 100 << 20)) else {
      throw CheckpointError.malformed(
        fileName,
        reason: "its header says \(headerLength) bytes, the file has \(length): it is cut off or no safetensors")
    }
    let start = 8 + Int(headerLength)
    let json = Data(bytes: map + 8, count: Int(headerLength))
    guard let object = try? JSONSerialization.jsonObject(with: json) as? [String: Any] else {
      throw CheckpointError.malformed(fileName, reason: "its header is no JSON object")
    }
    var entries: [String: Entry] = [:]
    for (name, value) in object where name != "__metadata__" {
      entries[name] = try entry(name, value, start: start, length: length, fileName: fileName)
    }
    return (entries, object["__metadata__"] as? [String: String] ?? [:])
  }

  private static func entry(
    _ name: String, _ value: Any, start: Int, length: Int, fileName: String
  ) throws -> Entry {
    func bad(_ reason: String) -> CheckpointError { .badTensor(name, file: fileName, reason: reason) }
    guard let value = value as? [String: Any], let typeName = value["dtype"] as? String,
      let shape = value["shape"] as? [Int], let offsets = value["data_offsets"] as? [Int], offsets.count == 2
    else { throw bad("its dtype, shape or data_offsets is missing") }
    guard let type = ElementType(rawValue: typeName) else {
      throw bad("its type is '\(typeName.prefix(40))', which is not known here")
    }
    var bytes = type.size
    for size in shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflow else { throw bad("its shape is \(shape)") }
      bytes = product
    }
    guard offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= length - start, offsets[1] - offsets[0] == bytes
    else {
      throw bad(
        "its shape \(shape) of \(type.rawValue) needs \(bytes) bytes, the file has \(offsets) of \(length - start): "
          + "the file is cut off or damaged")
    }
    return Entry(type: type, shape: shape, range: start + offsets[0]..<start + offsets[1])
  }

  // MARK: - Reading

  public var names: [String] { entries.keys.sorted() }

  /// - Throws: `CheckpointError.missing`.
  public func entry(_ name: String) throws -> Entry {
    guard let entry = entries[name] else { throw CheckpointError.missing(name, file: fileName) }
    return entry
  }

  /// An array as Float32, copied out of the map.
  ///
  /// I8 arrays [outputs, ...] with a companion `NAME.scale` [outputs] are multiplied out.
  /// - Parameter shape: what it must have; nil takes any.
  public func floats(_ name: String, shape: [Int]? = nil) throws -> Tensor {
    let entry = try entry(name)
    if let shape, entry.shape != shape {
      throw CheckpointError.wrongShape(name, file: fileName, expected: shape, found: entry.shape)
    }
    let result = Tensor(shape: entry.shape, zeroed: false)
    let (source, target) = (map + entry.range.lowerBound, result.pointer)
    func convert(_ size: Int, _ value: (UnsafeRawPointer) -> Float) {
      for index in 0..<entry.count { target[index] = value(source + size * index) }
    }
    switch entry.type {
    case .float32: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: 4 * entry.count)
    case .float64: convert(8) { Float($0.loadUnaligned(as: Double.self)) }
    case .float16: convert(2) { Float($0.loadUnaligned(as: Float16.self)) }
    case .bfloat16: convert(2) { Float(bitPattern: UInt32($0.loadUnaligned(as: UInt16.self)) << 16) }
    case .int8: convert(1) { Float($0.load(as: Int8.self)) }
    case .uint8, .bool: convert(1) { Float($0.load(as: UInt8.self)) }
    case .int32: convert(4) { Float($0.loadUnaligned(as: Int32.self)) }
    case .int64: convert(8) { Float($0.loadUnaligned(as: Int64.self)) }
    }
    if entry.type == .int8, entries[name + ".scale"] != nil, let outputs = entry.shape.first, outputs > 0 {
      let scale = try floats(name + ".scale", shape: [outputs])
      for row in 0..<outputs { for index in 0..<result.rowSize { result.row(row)[index] *= scale.pointer[row] } }
    }
    return result
  }

  /// The values of an F32 array where they stand in the map; nil where they must be converted first.
  public func mapped(_ name: String) -> UnsafePointer<Float>? {
    guard let entry = entries[name], entry.type == .float32, entry.range.lowerBound % 4 == 0 else { return nil }
    return (map + entry.range.lowerBound).assumingMemoryBound(to: Float.self)
  }

  /// Whole numbers of an integer or boolean array.
  public func integers(_ name: String) throws -> [Int] {
    let entry = try entry(name)
    let source = map + entry.range.lowerBound
    return try (0..<entry.count).map { index in
      switch entry.type {
      case .int64: Int(source.loadUnaligned(fromByteOffset: 8 * index, as: Int64.self))
      case .int32: Int(source.loadUnaligned(fromByteOffset: 4 * index, as: Int32.self))
      case .int8: Int(source.load(fromByteOffset: index, as: Int8.self))
      case .uint8, .bool: Int(source.load(fromByteOffset: index, as: UInt8.self))
      default:
        throw CheckpointError.badTensor(name, file: fileName, reason: "it holds \(entry.type.rawValue), not integers")
      }
    }
  }

  /// The precision that keeps what the file has.
  public func precision(of name: String) -> Precision {
    switch entries[name]?.type {
    case .bfloat16: .bfloat16
    case .int8: .int8
    default: .float32
    }
  }

  /// Lets the system take back the pages of an array that has been read and is not needed again: its bytes stay in the
  /// page cache, but no longer count as this program's memory.
  public func releasePages(of name: String) {
    guard let range = entries[name]?.range else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = range.lowerBound / page * page
    madvise(UnsafeMutableRawPointer(mutating: map + start), range.upperBound - start, MADV_DONTNEED)
  }

  // MARK: - Writing

  /// Writes tensors to a file, through a temporary one beside it.
  ///
  /// Matrices (two dimensions and more) are written in `precision`, everything else in F32.
  public static func write(
    _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:], precision: Precision = .float32,
    to url: URL
  ) throws {
    var header: [String: Any] = metadata.isEmpty ? [:] : ["__metadata__": metadata]
    var body = Data()
    func add(_ name: String, _ type: ElementType, _ shape: [Int], _ data: Data) {
      header[name] = [
        "dtype": type.rawValue, "shape": shape, "data_offsets": [body.count, body.count + data.count],
      ]
      body += data
    }
    for (name, tensor) in tensors {
      let isMatrix = tensor.shape.count >= 2
      switch isMatrix ? precision : .float32 {
      case .float32: add(name, .float32, tensor.shape, Data(buffer: tensor.buffer))
      case .bfloat16:
        let halves = tensor.buffer.map { value -> UInt16 in
          let bits = value.bitPattern
          if value.isNaN { return UInt16(bits >> 16 | 64) }
          return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16)
        }
        add(name, .bfloat16, tensor.shape, halves.withUnsafeBufferPointer { Data(buffer: $0) })
      case .int8, .int8Products:
        var scales: [Float] = []
        var bytes: [Int8] = []
        for row in 0..<tensor.rows {
          let values = UnsafeBufferPointer(start: tensor.row(row), count: tensor.rowSize)
          let scale = (values.map { abs($0) }.max() ?? 0) / 127
          scales.append(scale)
          bytes += values.map { scale > 0 ? Int8(($0 / scale).rounded()) : 0 }
        }
        add(name, .int8, tensor.shape, bytes.withUnsafeBufferPointer { Data(buffer: $0) })
        add(name + ".scale", .float32, [tensor.rows], scales.withUnsafeBufferPointer { Data(buffer: $0) })
      }
    }
    var json = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes])
    // Arrays begin at multiples of 8.
    json.append(Data(repeating: 32, count: (8 - json.count % 8) % 8))
    let length = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) }
    try (length + json + body).write(to: url, options: .atomic)
  }
}

/// What is wrong with a checkpoint.
public enum CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
  case cannotOpen(String, reason: String)
  case malformed(String, reason: String)
  case badTensor(String, file: String, reason: String)
  case missing(String, file: String)
  case wrongShape(String, file: String, expected: [Int], found: [Int])
  case badConfiguration(String, key: String, reason: String)

  public var description: String {
    switch self {
    case .cannotOpen(let file, let reason): "\(file) cannot be opened: \(reason)"
    case .malformed(let file, let reason): "\(file) is not a checkpoint in the safetensors format: \(reason)"
    case .badTensor(let name, let file, let reason): "\(file), tensor '\(name)': \(reason)"
    case .missing(let name, let file): "\(file) has no tensor '\(name)'"
    case .wrongShape(let name, let file, let expected, let found):
      "\(file), tensor '\(name)': its shape is \(found), the configuration needs \(expected)"
    case .badConfiguration(let file, let key, let reason): "\(file), '\(key)': \(reason)"
    }
  }
}
