import Tensor
import Testing

@Suite struct ParallelTests {
  @Test(arguments: [0, 1, 7, 8, 1000]) func mappedValuesKeepTheirOrder(count: Int) {
    #expect(Parallel.map(Array(0..<count)) { "\($0)" } == (0..<count).map { "\($0)" })
  }
}
