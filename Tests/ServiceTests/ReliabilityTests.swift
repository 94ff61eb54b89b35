import Foundation
import Testing

/// Short runs of the programs in Benchmarks/Reliability; `make soak` runs the long ones. They print seeds and figures and
/// end with 1 when something promised did not hold. Figures of speed are printed and not judged.
@Suite(.serialized) struct ReliabilityTests {
  @Test(arguments: [
    ["storm", "--seconds", "6", "--kills", "12", "--jobs", "20"],
    ["idle", "--connections", "500", "--slow", "50", "--requests", "50"], ["uploads", "--count", "60"],
    ["enqueue", "--count", "200", "--rounds", "1"], ["pickup", "--jobs", "40", "--idle-seconds", "2"],
    ["requests", "--seconds", "1", "--connections", "4"], ["disk-errors", "--seconds", "3"],
    ["soak", "--minutes", "0.2", "--rate", "5"],
  ])
  func whatIsPromisedHolds(_ arguments: [String]) throws {
    let result = try launch(products.appendingPathComponent("docq-reliability").path, arguments)
    print(result.output, terminator: "")
    #expect(result.status == 0, "\(result.output)\(result.errors)")
  }
}
