import Foundation
import JobQueue
import Testing

@Suite struct DoorbellTests {
  @Test func aRingEndsAWaitThatWouldLastForMinutes() async throws {
    let folder = try TemporaryFolder()
    let data = try DataFolder.open(folder.url)
    let bells = try (0..<3).map { _ in try DoorbellListener(data) }
    await withTaskGroup(of: Void.self) { group in
      for bell in bells {
        let generation = bell.generation
        group.addTask { await bell.wait(after: generation, timeout: .seconds(600)) }
      }
      Doorbell(data).ring()
    }
    #expect(bells.allSatisfy { $0.generation > 0 })
  }

  @Test func aRingBeforeTheWaitIsNotMissed() async throws {
    let folder = try TemporaryFolder()
    let bell = try DoorbellListener(try DataFolder.open(folder.url))
    let generation = bell.generation
    bell.ring()
    await bell.wait(after: generation, timeout: .seconds(600))
    #expect(bell.generation == generation + 1)
  }

  @Test func waitsEndByThemselvesEachInItsTime() async throws {
    let folder = try TemporaryFolder()
    let bell = try DoorbellListener(try DataFolder.open(folder.url))
    await withTaskGroup(of: Void.self) { group in
      for milliseconds in [0, 300, 20, 100, -5, 20] {
        group.addTask { await bell.wait(after: bell.generation, timeout: .milliseconds(milliseconds)) }
      }
    }
    #expect(bell.generation == 0)
  }

  @Test func theStoreRingsAcrossConnections() async throws {
    let folder = try TemporaryFolder()
    let data = try DataFolder.open(folder.url)
    let bell = try DoorbellListener(data)
    let store = try SQLiteJobStore(data: data)
    let generation = bell.generation
    async let waiting: Void = bell.wait(after: generation, timeout: .seconds(600))
    try await store.add()
    await waiting
    #expect(bell.generation > generation)
  }

  @Test func socketsGoWithTheirListenersAndDeadOnesAreRemoved() async throws {
    let folder = try TemporaryFolder()
    let data = try DataFolder.open(folder.url)
    do {
      let bell = try DoorbellListener(data)
      #expect(try bells(data).count == 1)
      withExtendedLifetime(bell) {}
    }
    #expect(try bells(data) == [])
    // A socket whose process died stays as a file that nobody listens at.
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = data.run.appendingPathComponent("1-dead.bell").path
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(bound == 0)
    close(descriptor)
    #expect(try bells(data) == ["1-dead.bell"])
    Doorbell(data).ring()
    #expect(try bells(data) == [])
  }

  @Test func foldersDeeperThanASocketsPathWork() async throws {
    let folder = try TemporaryFolder()
    let deep = folder.url.appendingPathComponent(String(repeating: "deep/", count: 40))
    let data = try DataFolder.open(deep)
    let bell = try DoorbellListener(data)
    let generation = bell.generation
    async let waiting: Void = bell.wait(after: generation, timeout: .seconds(600))
    Doorbell(data).ring()
    await waiting
    #expect(bell.generation > generation)
  }

  private func bells(_ data: DataFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: data.run.path).filter { $0.hasSuffix(".bell") }
  }
}
