import Foundation
import Tensor
import Testing

@Suite struct SafeTensorsTests {
  private func file(_ data: Data) throws -> URL {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
    try data.write(to: url)
    return url
  }

  private func file(header: String, body: [UInt8]) throws -> URL {
    try file(withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) } + Data(header.utf8) + Data(body))
  }

  @Test(arguments: [Precision.float32, .bfloat16, .int8]) func whatIsWrittenIsRead(precision: Precision) throws {
    let matrix = Tensor(shape: [2, 3], [1, -2, 3, 0.5, 0.25, -127])
    let vector = Tensor(shape: [2], [0.1, -7])
    let url = try file(Data())
    try SafeTensors.write([("m", matrix), ("v", vector)], metadata: ["kind": "test"], precision: precision, to: url)
    let read = try SafeTensors(url)
    #expect(read.metadata == ["kind": "test"] && read.precision(of: "m") == precision)
    #expect(try read.floats("v").values == vector.values)
    for (a, b) in zip(try read.floats("m", shape: [2, 3]).values, matrix.values) {
      #expect(abs(a - b) <= abs(b) / 100 + 0.6)
    }
    let exact = try PackedMatrix(read, ["m"], shape: [2, 3])
    #expect(exact.precision == precision)
  }

  @Test func otherTypesBecomeFloats() throws {
    let header = """
      {"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"d":{"dtype":"F64","shape":[1],"data_offsets":[4,12]},
      "b":{"dtype":"BF16","shape":[1],"data_offsets":[12,14]},"i":{"dtype":"I64","shape":[1],"data_offsets":[14,22]}}
      """
    let half = [UInt8](withUnsafeBytes(of: (Float16(1.5), Float16(-2))) { Data($0) })
    let double = [UInt8](withUnsafeBytes(of: 0.25) { Data($0) })
    let whole = [UInt8](withUnsafeBytes(of: Int64(-5)) { Data($0) })
    let read = try SafeTensors(try file(header: header, body: half + double + [0x40, 0xC0] + whole))
    #expect(try read.floats("h").values == [1.5, -2] && read.floats("d").values == [0.25])
    #expect(try read.floats("b").values == [-3] && read.integers("i") == [-5])
  }

  @Test(arguments: [
    #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#,
    #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,800]}}"#,
    #"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#,
    #"{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,0]}}"#,
    #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#,
    #"{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}"#, #"{"a":3}"#,
    #"{"a":{"dtype":"F32","shape":["x"],"data_offsets":[0,4]}}"#, "[1]", "not json",
  ]) func damagedHeadersAreRefused(header: String) throws {
    let url = try file(header: header, body: [0, 0, 0, 0])
    #expect(throws: CheckpointError.self) { try SafeTensors(url) }
  }

  @Test func cutOffFilesAreRefused() throws {
    let whole = try file(Data())
    try SafeTensors.write([("m", Tensor(8, 8))], to: whole)
    let bytes = try Data(contentsOf: whole)
    for length in [0, 3, 8, 20, bytes.count - 1] {
      #expect(throws: CheckpointError.self) { try SafeTensors(try file(bytes.prefix(length))) }
    }
    #expect(throws: CheckpointError.self) { try SafeTensors(URL(fileURLWithPath: "/nowhere.safetensors")) }
    #expect(throws: CheckpointError.self) { try SafeTensors(URL(fileURLWithPath: "/tmp")) }
  }

  @Test func errorsNameTheTensor() throws {
    let url = try file(Data())
    try SafeTensors.write([("m", Tensor(2, 2))], to: url)
    let read = try SafeTensors(url)
    #expect(throws: CheckpointError.missing("x", file: url.lastPathComponent)) { try read.floats("x") }
    #expect(
      throws: CheckpointError.wrongShape("m", file: url.lastPathComponent, expected: [4], found: [2, 2])
    ) { try read.floats("m", shape: [4]) }
  }
}

@Suite struct CounterBasedRandomTests {
  /// Known answers of Random123's philox4x32-10.
  @Test func philoxGivesThePublishedNumbers() {
    let zero = CounterBasedRandom.words(seed: 0, stream: 0, position: 0)
    #expect(zero == (0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
    let ones = CounterBasedRandom.words(seed: .max, stream: .max, position: .max)
    #expect(ones == (0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
  }

  @Test func streamsAreIndependentAndRepeatable() {
    func draw(_ stream: UInt64) -> [Double] {
      var generator = CounterBasedRandom(seed: 7, stream: stream)
      return (0..<20_000).map { _ in generator.normal() }
    }
    let a = draw(1), b = draw(2)
    #expect(a == draw(1) && a != b)
    let mean = a.reduce(0, +) / 20_000, square = a.reduce(0) { $0 + $1 * $1 } / 20_000
    #expect(abs(mean) < 0.03 && abs(square - 1) < 0.05)
    #expect(abs(zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } / 20_000) < 0.03)
  }
}
