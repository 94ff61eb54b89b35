import Foundation
import JobQueue
import Testing

@Suite struct FileBlobStoreTests {
  private let folder: TemporaryFolder
  private let data: DataFolder
  private let blobs: FileBlobStore
  // SHA-256 of "abc": FIPS 180-2, appendix B.1.
  private let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

  init() throws {
    folder = try TemporaryFolder()
    data = try DataFolder.open(folder.url.appendingPathComponent("data"))
    blobs = try FileBlobStore(data: data)
  }

  private func upload(_ pieces: [String]) throws -> any BlobUpload {
    let upload = try blobs.makeUpload()
    for piece in pieces { try Data(piece.utf8).withUnsafeBytes { try upload.write($0) } }
    return upload
  }

  @Test func contentIsNamedByItsHashAndComesBack() async throws {
    let upload = try upload(["a", "", "bc"])
    #expect(upload.byteCount == 3)
    #expect(try upload.commit() == abc)
    #expect(try upload.commit() == abc, "committing twice changes nothing")
    upload.discard()
    #expect(try await blobs.read(abc) == Data("abc".utf8))
    #expect(try await blobs.exists(abc))
    #expect(folder.files("data/blobs") == ["ba/\(abc.dropFirst(2))"])
    #expect(folder.files("data/tmp") == [])
  }

  @Test func equalContentIsStoredOnce() async throws {
    for _ in 0..<3 { #expect(try blobs.put(Data("abc".utf8)) == abc) }
    #expect(folder.files("data/blobs").count == 1)
    try await blobs.delete(abc)
    #expect(folder.files("data/blobs") == [])
    await #expect(throws: BlobError.notFound(abc)) { _ = try await blobs.read(abc) }
  }

  @Test func anUploadThatEndsEarlyLeavesNothing() throws {
    do {
      let given = try upload(["abc"])
      given.discard()
      #expect(throws: BlobError.self) { _ = try given.commit() }
      _ = try upload(["abc"])  // just let go
    }
    #expect(folder.files("data/blobs") == [])
    #expect(folder.files("data/tmp") == [])
  }

  @Test func contentDeletedBeforeItsJobWasStoredIsPutBack() async throws {
    let upload = try upload(["abc"])
    #expect(try upload.commit() == abc)
    try await blobs.delete(abc)
    upload.discard()
    #expect(try await blobs.read(abc) == Data("abc".utf8))
    #expect(folder.files("data/tmp") == [])
  }

  @Test func damagedContentIsNoticedAndMendedByTheNextUpload() async throws {
    _ = try blobs.put(Data("abc".utf8))
    try await blobs.verify(abc)
    try Data("abd".utf8).write(to: try await blobs.localFile(abc))
    await #expect(throws: BlobError.corrupt(abc)) { _ = try await blobs.read(abc) }
    await #expect(throws: BlobError.corrupt(abc)) { try await blobs.verify(abc) }
    _ = try blobs.put(Data("abc".utf8))
    try await blobs.verify(abc)
    #expect(folder.files("data/tmp") == [])
  }

  @Test(arguments: ["", "../../etc/passwd", String(repeating: "g", count: 64), String(repeating: "A", count: 64)])
  func onlyHashesAreNames(_ name: String) async throws {
    await #expect(throws: BlobError.badName(name)) { _ = try await blobs.localFile(name) }
    await #expect(throws: BlobError.badName(name)) { try await blobs.delete(name) }
    await #expect(throws: BlobError.badName(name)) { _ = try await blobs.exists(name) }
  }

  @Test func uploadsOfDeadProcessesAreRemovedAndOthersStay() async throws {
    // A process that has ended: its id belongs to nobody.
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/true")
    try process.run()
    process.waitUntilExit()
    let dead = data.temporary.appendingPathComponent("\(process.processIdentifier)-left")
    try Data("half an upload".utf8).write(to: dead)
    let mine = try upload(["abc"])
    blobs.removeAbandonedUploads()
    #expect(!FileManager.default.fileExists(atPath: dead.path))
    #expect(try mine.commit() == abc)
    mine.discard()
  }

  @Test func garbageIsCollectedButNothingThatAJobNeedsOrThatIsNew() async throws {
    let store = InMemoryJobStore()
    let needed = try blobs.put(Data("needed".utf8))
    let garbage = try blobs.put(Data("garbage".utf8))
    let new = try blobs.put(Data("new".utf8))
    try await store.add(blobs: [needed])
    for name in [needed, garbage] {
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -100_000)], ofItemAtPath: try await blobs.localFile(name).path)
    }
    #expect(try await blobs.collectGarbage(store) == 1)
    #expect(try await blobs.exists(needed))
    #expect(try await blobs.exists(new))
    #expect(try await !blobs.exists(garbage))
  }

  @Test func aFullDiskIsReportedAsSuch() throws {
    // /dev/full answers every write with "no space left".
    let upload = try blobs.makeUpload()
    let name = try #require(folder.files("data/tmp").first)
    let path = data.temporary.appendingPathComponent(name).path
    let descriptor = try #require(Self.descriptor(of: path))
    let full = open("/dev/full", O_WRONLY)
    dup2(full, descriptor)
    close(full)
    #expect(throws: BlobError.diskFull) { try Data("abc".utf8).withUnsafeBytes { try upload.write($0) } }
    #expect(throws: BlobError.self) { _ = try upload.commit() }
    upload.discard()
    #expect(folder.files("data/tmp") == [])
    #expect(folder.files("data/blobs") == [])
  }

  private static func descriptor(of path: String) -> Int32? {
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return open.first {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path
    }.flatMap { Int32($0) }
  }
}
