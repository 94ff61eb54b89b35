import CKernels
import Foundation
import Tensor
import Testing

/// Every kernel of every instruction set that this processor has, against plain loops in double precision.
@Suite struct KernelTests {
  static let tables = Kernels.Instructions.allCases.compactMap { level in level.table.map { (level.rawValue, $0) } }

  private func random(_ count: Int, seed: UInt64) -> [Float] {
    var generator = CounterBasedRandom(seed: seed)
    return (0..<count).map { _ in Float(generator.normal()) }
  }

  private func expectClose(_ found: [Float], _ truth: [Double], _ tolerance: Double, _ what: String) {
    #expect(found.count == truth.count)
    let size = max(1, truth.map { abs($0) }.max() ?? 1)
    for (index, (a, b)) in zip(found, truth).enumerated() where !(abs(Double(a) - b) <= tolerance * size) {
      Issue.record("\(what): value \(index) is \(a), not \(b)")
      return
    }
  }

  @Test func theBestTableIsAmongTheTested() {
    #expect(Self.tables.contains { $0.0 == "baseline" })
    #expect(Self.tables.contains { String(cString: $0.1.name) == Kernels.name })
  }

  @Test(arguments: Precision.allCases) func productsMatchPlainLoops(precision: Precision) {
    for (level, table) in Self.tables {
      for (rows, inputs, outputs) in [(1, 7, 5), (2, 16, 32), (3, 33, 31), (13, 64, 48), (100, 40, 65), (205, 24, 96)] {
        let x = random(rows * inputs, seed: 1), w = random(outputs * inputs, seed: 2)
        let bias = rows % 2 == 0 ? random(outputs, seed: 9) : []
        let matrix = PackedMatrix([Tensor(shape: [outputs, inputs], w)], bias: bias, precision: precision)
        // Every second row, backwards, onto what is there.
        let picked = stride(from: rows - 1, through: 0, by: -2).map { Int32($0) }
        var y = random(picked.count * outputs, seed: 3)
        var truth = y.map(Double.init)
        for (index, row) in picked.enumerated() {
          for o in 0..<outputs {
            if !bias.isEmpty { truth[index * outputs + o] += Double(bias[o]) }
            for i in 0..<inputs {
              truth[index * outputs + o] += Double(x[Int(row) * inputs + i]) * Double(w[o * inputs + i])
            }
          }
        }
        y.withUnsafeMutableBufferPointer {
          matrix.multiply(
            x, stride: inputs, rows: picked, count: picked.count, into: $0.baseAddress!, stride: outputs,
            accumulate: true, kernels: table)
        }
        let tolerance = precision == .float32 ? 1e-6 : precision == .bfloat16 ? 1e-2 : 3e-2
        expectClose(y, truth, tolerance, "\(level) \(rows)x\(inputs)x\(outputs)")
      }
    }
  }

  @Test func productsInParallelEqualThoseOnOneThread() {
    for rows in [5, 400] {
      let x = random(rows * 128, seed: 4)
      let matrix = PackedMatrix([Tensor(shape: [384, 128], random(384 * 128, seed: 5))], precision: .float32)
      let (one, all) = (Tensor(rows, 384), Tensor(rows, 384))
      matrix.multiply(x, stride: 128, count: rows, into: one.pointer, stride: 384)
      matrix.multiplyInParallel(x, stride: 128, count: rows, into: all.pointer, stride: 384)
      #expect(zip(one.values, all.values).allSatisfy { abs($0 - $1) < 1e-4 })
    }
  }

  @Test func normsAndActivationsMatchPlainLoops() {
    for (level, table) in Self.tables {
      for size in [1, 5, 64, 100] {
        let x = random(3 * size, seed: 6), w = random(size, seed: 7), b = random(size, seed: 8)
        var y = x
        table.rms_norm(x, &y, 3, Int32(size), w, 1e-5)
        let rms = (0..<3).flatMap { r -> [Double] in
          let row = x[r * size..<(r + 1) * size].map(Double.init)
          let factor = 1 / (row.reduce(0) { $0 + $1 * $1 } / Double(size) + 1e-5).squareRoot()
          return zip(row, w).map { $0 * factor * Double($1) }
        }
        expectClose(y, rms, 2e-6, "\(level) rms_norm")
        table.layer_norm(x, &y, 3, Int32(size), w, b, 1e-5)
        let layer = (0..<3).flatMap { r -> [Double] in
          let row = x[r * size..<(r + 1) * size].map(Double.init)
          let mean = row.reduce(0, +) / Double(size)
          let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(size)
          return row.indices.map { (row[$0] - mean) / (variance + 1e-5).squareRoot() * Double(w[$0]) + Double(b[$0]) }
        }
        expectClose(y, layer, 5e-6, "\(level) layer_norm")
        y = x
        table.softmax(&y, 3, Int32(size))
        let soft = (0..<3).flatMap { r -> [Double] in
          let e = x[r * size..<(r + 1) * size].map { exp(Double($0)) }
          return e.map { $0 / e.reduce(0, +) }
        }
        expectClose(y, soft, 1e-6, "\(level) softmax")
        func silu(_ v: Float) -> Double { Double(v) / (1 + exp(-Double(v))) }
        y = x
        table.silu(&y, y.count)
        expectClose(y, x.map(silu), 1e-6, "\(level) silu")
        y = x
        let up = random(x.count, seed: 9)
        table.silu_multiply(&y, up, y.count)
        expectClose(y, zip(x, up).map { silu($0) * Double($1) }, 1e-6, "\(level) silu_multiply")
        y = x
        table.gelu(&y, y.count)
        let gelu = x.map { v -> Double in
          let d = Double(v)
          return 0.5 * d * (1 + tanh((2 / Double.pi).squareRoot() * (d + 0.044715 * d * d * d)))
        }
        expectClose(y, gelu, 2e-6, "\(level) gelu")
      }
      var extreme: [Float] = [-1e4, -200, -100, 0, 100, 1e4]
      table.silu(&extreme, extreme.count)
      #expect(extreme.allSatisfy(\.isFinite) && abs(extreme[1]) < 1e-3 && extreme[5] == 1e4, "\(level)")
    }
  }

  @Test func attentionMatchesPlainLoops() {
    let (heads, size, queries) = (2, 12, 3)
    for (level, table) in Self.tables {
      let q = random(queries * heads * size, seed: 10)
      let keys = random(9 * heads * size, seed: 11), values = random(9 * heads * size, seed: 12)
      let bias = random(2 * heads, seed: 13)
      let times: [Int32] = [0, 1, 2, 3, 4, 0, 1, 2, 3], variates: [Int32] = [0, 0, 0, 0, 0, 1, 1, 1, 1]
      let queryTimes: [Int32] = [2, 4, 0], queryVariates: [Int32] = [0, 1, 1]
      var out = [Float](repeating: 0, count: q.count)
      keys.withUnsafeBufferPointer { k in
        values.withUnsafeBufferPointer { v in
          times.withUnsafeBufferPointer { t in
            variates.withUnsafeBufferPointer { n in
              bias.withUnsafeBufferPointer { bias in
                func span(_ first: Int, _ count: Int) -> docq_span {
                  docq_span(
                    keys: k.baseAddress! + first * heads * size, values: v.baseAddress! + first * heads * size,
                    stride: heads * size, times: t.baseAddress! + first, variates: n.baseAddress! + first,
                    count: Int32(count))
                }
                let spans = [span(0, 4), span(4, 5)]
                spans.withUnsafeBufferPointer { spans in
                  var about = docq_attention(
                    heads: Int32(heads), head_size: Int32(size), causal: 1, rounds: 0, scale: 0.3,
                    bias: bias.baseAddress, spans: spans.baseAddress, span_count: 2)
                  table.attention(
                    &about, q, heads * size, queryTimes, queryVariates, Int32(queries), &out, heads * size)
                }
              }
            }
          }
        }
      }
      var truth: [Double] = []
      for query in 0..<queries {
        for head in 0..<heads {
          var weights = [Double](repeating: 0, count: 9)
          for key in 0..<9 where times[key] <= queryTimes[query] {
            var dot = 0.0
            for i in 0..<size {
              dot += Double(q[(query * heads + head) * size + i]) * Double(keys[(key * heads + head) * size + i])
            }
            weights[key] = exp(0.3 * dot + Double(bias[(variates[key] == queryVariates[query] ? heads : 0) + head]))
          }
          let sum = weights.reduce(0, +)
          for i in 0..<size {
            truth.append((0..<9).reduce(0) { $0 + weights[$1] / sum * Double(values[($1 * heads + head) * size + i]) })
          }
        }
      }
      expectClose(out, truth, 2e-6, "\(level) attention")
    }
  }

  @Test(arguments: [1, 31, 32, 70], [false, true])
  func attentionOfManyQueriesMatchesThatOfOne(keyCount: Int, rounds: Bool) {
    // Four queries and more go together where there is neither order nor bias; one goes through plain loops.
    let (heads, size, queries) = (2, rounds ? 64 : 48, 13)
    let row = heads * size
    for (level, table) in Self.tables {
      let q = random(queries * row, seed: 14)
      let keys = random(keyCount * row, seed: 15), values = random(keyCount * row, seed: 16)
      var together = [Float](repeating: 0, count: q.count), alone = together
      keys.withUnsafeBufferPointer { k in
        values.withUnsafeBufferPointer { v in
          let span = docq_span(
            keys: k.baseAddress!, values: v.baseAddress!, stride: row, times: nil, variates: nil, count: Int32(keyCount)
          )
          withUnsafePointer(to: span) { span in
            var about = docq_attention(
              heads: Int32(heads), head_size: Int32(size), causal: 0, rounds: rounds ? 1 : 0, scale: 0.3, bias: nil,
              spans: span, span_count: 1)
            table.attention(&about, q, row, nil, nil, Int32(queries), &together, row)
            for index in 0..<queries {
              alone.withUnsafeMutableBufferPointer { out in
                q.withUnsafeBufferPointer { q in
                  table.attention(
                    &about, q.baseAddress! + index * row, row, nil, nil, 1, out.baseAddress! + index * row, row)
                }
              }
            }
          }
        }
      }
      expectClose(together, alone.map(Double.init), rounds ? 2e-2 : 2e-5, "\(level) attention of \(queries) queries")
    }
  }

  @Test func rotationTurnsPairs() {
    for (level, table) in Self.tables {
      var x: [Float] = [1, 0, 5, 6, 0, 1, 7, 8]
      table.rotate(&x, 1, 8, 2, 4, 0, 1, [cosf(0.5)], [sinf(0.5)])
      let (c, s) = (cos(0.5), sin(0.5))
      expectClose(x, [c, s, 5, 6, -s, c, 7, 8], 1e-6, "\(level) rotate")
    }
  }

  @Test func openBLASAgreesWithThePackedProduct() throws {
    try BLAS.open()
    let a = random(20 * 30, seed: 14), b = random(40 * 30, seed: 15)
    var c = [Float](repeating: 0, count: 20 * 40)
    BLAS.product(20, 40, 30, a, 30, b, 30, transposeB: true, &c, 40)
    var d = c
    PackedMatrix([Tensor(shape: [40, 30], b)], precision: .float32)
      .multiply(a, stride: 30, count: 20, into: &d, stride: 40)
    expectClose(c, d.map(Double.init), 1e-6, "sgemm")
  }
}
